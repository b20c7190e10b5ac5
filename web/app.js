// app.js: the page around the engine.
//
// One state object (store.js), one render(state), here. Everything that is
// computed is computed by the engine (Go and WGSL, in worker.js). To read on:
//
//     actions.js    what a view may ask for, and links to a run
//     chat.js       a conversation, turn after turn
//     runs.js       runs and what is asked about one: requests, and what their events do to the state
//     needle.js     the table of found and forgotten
//     measure.js    this device in figures
//     queue.js      one long request at a time
//     engines.js    the worker, and the model in it; recorded.js: what stands there before
//     models.js     models by name: the catalogue, what is kept here, downloads (download.js, part.js, disk.js)
//     form.js       what was chosen: checked, from and to the URL, into a request
//     faults.js     what is wrong with it, and the way there; drop.js: what is dragged here
//     protocol.js   what page and engine say to each other
//     views/        one drawing each, in the order of the page

import { actions, begin, readLink } from "./actions.js";
import { byId, watch } from "./dom.js";
import { acceptDrops } from "./drop.js";
import { drawFaults } from "./faults.js";
import { showRecording } from "./recorded.js";
import { drawWith, set, state } from "./store.js";
import { createBallots } from "./views/ballots.js";
import { createBytesChart, createQualityChart } from "./views/charts.js";
import { createControl } from "./views/control.js";
import { createFade } from "./views/fade.js";
import { createMap } from "./views/map.js";
import { createMeasure } from "./views/measure.js";
import { createMethod } from "./views/method.js";
import { createModel } from "./views/model.js";
import { createModels } from "./views/models.js";
import { createNeedle } from "./views/needle.js";
import { createOccupancy } from "./views/occupancy.js";
import { createPrompt } from "./views/prompt.js";
import { createStrip } from "./views/strip.js";
import { createSummary } from "./views/summary.js";
import { createTexts } from "./views/texts.js";
import { createToken } from "./views/token.js";

/** @typedef {import("./store.js").State} State */

// 1. Render: every view draws what it shows, and leaves the DOM alone where nothing changed.

/** @type {((state: State) => void)[]} */
const views = [
    createModel(byId("model-view"), actions),
    createMeasure(byId("measure-view"), actions),
    createModels(byId("models-view"), actions),
    createPrompt(byId("prompt-view"), actions),
    createMethod(byId("method-view"), actions),
    createSummary(byId("summary-view"), actions),
    createTexts(byId("texts-view"), actions),
    createToken(byId("token-view"), actions),
    createFade(byId("fade-view"), actions),
    createBytesChart(byId("bytes-view")),
    createQualityChart(byId("quality-view")),
    createOccupancy(byId("occupancy-view"), actions),
    createStrip(byId("strip-view"), actions),
    createMap(byId("map-view"), actions),
    createBallots(byId("ballots-view"), actions),
    createNeedle(byId("needle-view"), actions),
    createControl(byId("control-view"), actions),
];

const changed = watch();

/** @param {State} s */
function drawNote(s) {
    if (!changed(s.run?.link, s.recordedNote)) return;
    const note = byId("recorded");
    note.hidden = !s.run?.link.recorded;
    note.textContent = `You see a recording: ${s.recordedNote} Everything below can be pointed at and moved. Press Run to do it on your own machine.`;
}

/** @param {State} s */
function render(s) {
    for (const draw of [...views, drawFaults, drawNote]) {
        try {
            draw(s);
        } catch (error) {
            reportError(error); // the others go on
        }
    }
}

// 2. Start.

/** @param {string} message */
function sayWrong(message) {
    const status = `Something went wrong in the page: ${message}.`;
    if (state.status !== status) set({ status });
}

function start() {
    byId("not-started").remove();
    drawWith(render);
    for (const link of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-jump]"))) {
        link.addEventListener("click", (event) => {
            event.preventDefault();
            byId(link.dataset.jump ?? "").focus();
        });
    }
    acceptDrops(actions.openFiles);
    addEventListener("unhandledrejection", ({ reason }) => sayWrong(reason?.message ?? reason));
    // A notice of the browser's own, as that it observes a size once more in the next frame, has no error.
    addEventListener("error", ({ error, message }) => {
        if (error) sayWrong(message);
    });
    addEventListener("hashchange", () => readLink());
    const linked = readLink();
    set({});
    void showRecording(linked);
    void begin();
}

start();

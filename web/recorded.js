// recorded.js: the run that the page opens on, while the engine loads.

import { openRecording, unpack } from "./link.js";
import { isFound } from "./presets.js";
import { beginRun, onAnswer, onRunEvent } from "./runs.js";
import { set, setForm, showing, state, written } from "./store.js";

/** @typedef {import("./store.js").Needle} Needle */

/** @param {boolean} keepForm  a link has filled the form: leave it */
export async function showRecording(keepForm) {
    try {
        const answer = await fetch("recorded.json");
        if (!answer.ok) throw new Error(`the server says ${answer.status}`);
        /** @type {import("./link.js").Recording} */
        const recording = JSON.parse(await answer.text(), unpack);
        const link = openRecording(recording);
        if (!recording.loaded.loaded || state.run) return;
        const request = recording.request;
        const sampler = request.sampler ?? { temperature: 0, top_k: 0, top_p: 0.9, min_p: 0, repeat_penalty: 1 };
        set({
            recordedNote: recording.note,
            methods: state.methods.length > 0 ? state.methods : recording.loaded.loaded.methods,
        });
        if (!keepForm) {
            setForm({
                preset: recording.fact ? "fact" : "free",
                length: "short",
                depth: "25",
                fact: recording.fact ?? "",
                answer: recording.answer ?? "",
                prompt: request.prompt ?? "",
                question: request.question ?? "",
                method: request.method ?? "kvmerger",
                budget: request.budget ? String(request.budget) : "",
                options: { ...request.options },
                kv: request.kv ?? "f16",
                seed: String(request.seed ?? 1),
                n: String(request.n ?? 60),
                pins: request.pins ?? [],
                temperature: String(sampler.temperature),
                top_k: String(sampler.top_k),
                top_p: String(sampler.top_p),
                min_p: String(sampler.min_p),
                repeat_penalty: String(sampler.repeat_penalty),
            });
        }
        beginRun(
            link,
            recording.loaded.loaded,
            { ...request, do: "run" },
            recording.answer ?? "",
            recording.fact ?? "",
        );
        await link.ask({ ...request, do: "run" }, onRunEvent);
        // One of each of the smaller questions was recorded too.
        for (const { request: r } of recording.exchanges) {
            if (r.method !== request.method || r.budget !== request.budget) continue;
            if (r.do === "map") set({ selected: { layer: r.layer ?? 0, head: r.head ?? 0 } });
            if (r.do === "map" || r.do === "cell") await link.ask(r, onAnswer);
        }
        const ballots = recording.exchanges.find(({ request: r }) => r.do === "ballots");
        if (!showing(link)) return;
        ballots?.events.forEach(onAnswer);
        const kls = written().map((t) => t.kl);
        set({ hovered: kls.indexOf(Math.max(...kls)), needle: recordedNeedle(recording) });
    } catch (error) {
        set({ status: `The recorded run could not be shown (${error instanceof Error ? error.message : error}).` });
    }
}

/**
 * The recorded texts as a row of the table of found and forgotten.
 * @param {import("./link.js").Recording} recording
 * @returns {Needle | null}
 */
function recordedNeedle(recording) {
    const { method: name } = recording.request;
    const { answer } = recording;
    if (!name || !answer) return null;
    /** @type {Object<string, string>} */
    const cells = {};
    const sizes = [];
    for (const { request: r, events } of recording.exchanges) {
        if (r.method !== name || !r.budget || (r.do !== "run" && r.do !== "replan")) continue;
        sizes.push(r.budget);
        const written = events.map((e) => e.token?.text ?? "").join("");
        cells[`0.25/${r.budget}`] = isFound(written, answer) ? "found" : "forgotten";
    }
    return { depths: [0.25], sizes: sizes.sort((a, b) => b - a), cells, method: name, running: false, note: "" };
}

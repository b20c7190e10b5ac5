// app.js: the page around the engine.
//
// One state object, one render(state). Everything that is computed is computed
// by the engine (Go and WGSL, in worker.js); this file turns clicks into
// requests, events into state, and state into a drawing. Order below:
//
//     1 state    2 engines: the recording, then the worker    3 runs
//     4 smaller questions    5 what the views may ask for    6 render    7 start

import { byId, watch } from "./dom.js";
import { check, defaults, fromHash, toHash, toRequest } from "./form.js";
import { closedLink, openRecording, openWorker, unpack } from "./link.js";
import { findFact, hideFact, presets } from "./presets.js";
import { byteOffset, count } from "./format.js";
import { createBallots } from "./views/ballots.js";
import { createBytesChart, createQualityChart } from "./views/charts.js";
import { createControl } from "./views/control.js";
import { createFade } from "./views/fade.js";
import { createMap } from "./views/map.js";
import { createMethod } from "./views/method.js";
import { createModel } from "./views/model.js";
import { createNeedle } from "./views/needle.js";
import { createOccupancy } from "./views/occupancy.js";
import { createPrompt } from "./views/prompt.js";
import { createStrip } from "./views/strip.js";
import { createSummary } from "./views/summary.js";
import { createTexts } from "./views/texts.js";
import { createToken } from "./views/token.js";

/** @typedef {import("./protocol.js").Request} Request */
/** @typedef {import("./protocol.js").Event} Event */
/** @typedef {import("./form.js").Form} Form */
/** @typedef {import("./link.js").Link} Link */

/**
 * A prompt that was read, the plan in force, and what was written under it.
 * @typedef {object} Run
 * @property {Link} link         the engine that has its caches
 * @property {import("./protocol.js").Loaded} loaded
 * @property {Request} request   the run or replan that led here
 * @property {import("./protocol.js").PromptToken[]} prompt
 * @property {import("./protocol.js").Plan | null} plan
 * @property {import("./protocol.js").Token[]} tokens
 * @property {import("./protocol.js").Report | null} report
 * @property {boolean} stale     the plan is newer than the tokens
 * @property {import("./protocol.js").Span | null} fact  where the hidden fact lies
 * @property {string} answer     and what shows that it was found
 */

/** @typedef {{depths: number[], sizes: number[], cells: Object<string, string>, method: string, running: boolean, note: string}} Needle */

/**
 * @typedef {object} State
 * @property {Form} form
 * @property {import("./form.js").Faults} faults
 * @property {string} status       one sentence at the top of the page
 * @property {import("./protocol.js").Loaded | null} loaded   by the worker
 * @property {string} fileName     of the loaded model; "" is the built-in one
 * @property {import("./protocol.js").Method[]} methods
 * @property {{text: string, done: number, total: number} | null} loading
 * @property {{text: string, done: number, total: number} | null} reading
 * @property {string} busy         what the engine is doing: "", run, replan, plan, branch, load
 * @property {boolean} paused      step by step, waiting for the next step
 * @property {Run | null} run
 * @property {string} recordedNote
 * @property {{layer: number, head: number}} selected
 * @property {number} hovered      index of a generated token, -1: none
 * @property {number} held         likewise, after a click
 * @property {number} word         index of a prompt token under the pointer, -1: none
 * @property {import("./protocol.js").Cell | null} cell
 * @property {import("./protocol.js").SimilarityMap | null} map
 * @property {import("./protocol.js").Ballots | null} ballots
 * @property {Needle | null} needle
 */

// 1. State.

/** @type {State} */
let state = {
    form: { ...defaults }, faults: {}, status: "", loaded: null, fileName: "", methods: [], loading: null, reading: null, busy: "", paused: false,
    run: null, recordedNote: "", selected: { layer: 0, head: 0 }, hovered: -1, held: -1, word: -1,
    cell: null, map: null, ballots: null, needle: null,
};

let drawing = false;

/** @param {Partial<State>} change */
function set(change) {
    state = { ...state, ...change };
    if (drawing) return;
    drawing = true;
    // A hidden page gets no animation frames; its state must not wait for them.
    const draw = () => {
        if (!drawing) return;
        drawing = false;
        render(state);
    };
    if (document.hidden) setTimeout(draw);
    else requestAnimationFrame(draw);
}

/** @param {Partial<Run>} change */
function setRun(change) {
    if (state.run) set({ run: { ...state.run, ...change } });
}

/** @param {Partial<Form>} change */
function setForm(change) {
    const form = { ...state.form, ...change };
    const faults = state.methods.length > 0 ? check(form, state.methods) : {};
    set({ form, faults });
}

const method = () => state.methods.find((m) => m.name === state.form.method);

// 2. Engines. The page opens on a recording and starts the worker meanwhile.

/** @type {Link | null} */
let engine = null;
/** @type {File | null} the file behind the loaded model; null: the built-in one */
let file = null;
/** @type {boolean} a link asks for a run as soon as its model is there */
let wanted = false;

async function showRecording() {
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
        if (!wanted) {
            setForm({
                preset: recording.fact ? "fact" : "free", length: "short", depth: "25", fact: recording.fact ?? "", answer: recording.answer ?? "",
                prompt: request.prompt ?? "", question: request.question ?? "", method: request.method ?? "kvmerger",
                budget: request.budget ? String(request.budget) : "", options: { ...request.options }, kv: request.kv ?? "f16",
                seed: String(request.seed ?? 1), n: String(request.n ?? 60), pins: request.pins ?? [],
                temperature: String(sampler.temperature), top_k: String(sampler.top_k), top_p: String(sampler.top_p),
                min_p: String(sampler.min_p), repeat_penalty: String(sampler.repeat_penalty),
            });
        }
        beginRun(link, recording.loaded.loaded, { ...request, do: "run" }, recording.answer ?? "", recording.fact ?? "");
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
    const answer = recording.answer?.toLowerCase();
    if (!name || !answer) return null;
    /** @type {Object<string, string>} */
    const cells = {};
    const sizes = [];
    for (const { request: r, events } of recording.exchanges) {
        if (r.method !== name || !r.budget || r.do !== "run" && r.do !== "replan") continue;
        sizes.push(r.budget);
        cells[`0.25/${r.budget}`] = events.map((e) => e.token?.text ?? "").join("").toLowerCase().includes(answer) ? "found" : "forgotten";
    }
    return { depths: [0.25], sizes: sizes.sort((a, b) => b - a), cells, method: name, running: false, note: "" };
}

function written() {
    return state.run?.tokens ?? [];
}

/** @param {Link} link */
function showing(link) {
    return state.run?.link === link;
}

function startWorker() {
    set({ loading: { text: "Loading the engine", done: 0, total: 0 } });
    engine = openWorker((event) => {
        if (event.progress) set({ loading: { text: "Loading the engine", done: event.progress.done, total: event.progress.total } });
        if (event.failed?.field === "engine") {
            engine = null; // Run starts a new one
            set({ loading: null, loaded: null });
        }
        if (event.failed) set({ status: event.failed.message });
    });
    return engine;
}

/** @param {File | null} next */
async function loadModel(next) {
    const link = engine ?? startWorker();
    const name = next?.name ?? "";
    const device = ["auto", "gpu", "cpu"].includes(state.form.device) ? state.form.device : "auto";
    await exclusive({ do: "load", name, device }, (event) => {
        if (event.progress) set({ loading: { text: `Loading ${name || "the built-in model"}`, done: event.progress.done, total: event.progress.total } });
        if (event.loaded) {
            file = next;
            set({ loaded: event.loaded, fileName: name, methods: event.loaded.methods });
            setForm({ model: name });
            if (state.run && !state.run.link.recorded) setRun({ link: closedLink("Another model was loaded: press Run to read the prompt with it.") });
        }
        if (event.failed) fail({ ...event.failed, field: event.failed.field || "model" });
    }, link, next ?? undefined);
    set({ loading: null });
}

/** Loads, then runs what a link asked for. @param {File | null} next */
async function openModel(next) {
    const want = wanted ? state.form.model : "";
    if (wanted && next) wanted = next.name === want;
    await loadModel(next);
    if (!wanted || !state.loaded) return;
    if (want !== state.form.model) {
        setForm({ model: want });
        set({ faults: { ...state.faults, model: `This link was made with ${want}: open that file here to reproduce it.` } });
        return;
    }
    const faults = { ...linkFaults, ...check(state.form, state.methods) };
    set({ faults });
    wanted = false;
    if (Object.keys(faults).length === 0) await run(false);
}

// 3. Runs.

/** @type {Promise<Event> | null} */
let current = null;
/** @type {Link | null} whose request `current` is */
let currentLink = null;
let newest = 0;
/** @type {boolean} whether the reader stopped the request in progress */
let stopped = false;

/**
 * Asks for one of the long things. A run in progress is stopped first; of
 * several wishes that wait only the newest is sent.
 * @param {Request} request
 * @param {(event: Event) => void} onEvent
 * @param {Link} link
 * @param {File} [withFile]
 * @returns {Promise<Event | null>} the last event; null: overtaken by a newer wish
 */
async function exclusive(request, onEvent, link, withFile) {
    const mine = ++newest;
    while (current) {
        if (state.busy !== "plan" && state.busy !== "load") currentLink?.interrupt("stop");
        await current;
    }
    if (mine !== newest) return null;
    set({ busy: request.do, paused: false, status: "", faults: state.methods.length > 0 ? check(state.form, state.methods) : state.faults });
    currentLink = link;
    stopped = false;
    current = link.ask(request, onEvent, withFile);
    const last = await current;
    current = null;
    set({ busy: "", paused: false, reading: null });
    return last;
}

/**
 * @param {Link} link
 * @param {import("./protocol.js").Loaded} loaded
 * @param {Request} request
 * @param {string} answer
 * @param {string} fact
 */
function beginRun(link, loaded, request, answer, fact) {
    set({
        run: { link, loaded, request, prompt: [], plan: null, tokens: [], report: null, stale: false, answer,
            fact: findFact(request.prompt ?? "", fact) },
        hovered: -1, held: -1, word: -1, cell: null, map: null, ballots: null, reading: null,
        selected: state.selected.layer < loaded.model.layers && state.selected.head < loaded.model.kv_heads ? state.selected : { layer: 0, head: 0 },
    });
}

/** @param {Event} event */
function onRunEvent(event) {
    const r = state.run;
    if (!r) return;
    if (event.progress) {
        const { done, total, unit } = event.progress;
        set({ reading: { text: `Reading the prompt: ${done} of ${total} ${unit}`, done, total } });
    }
    if (event.prompt) setRun({ prompt: event.prompt.tokens });
    if (event.plan) {
        const stays = state.cell && event.plan.method === r.plan?.method;
        setRun({ plan: event.plan, stale: r.tokens.length > 0 });
        set({ reading: null, cell: null, ballots: event.plan.method === r.plan?.method ? null : state.ballots });
        if (stays && state.cell) takeApartAt(state.cell.layer, state.cell.head, state.cell.pivot);
        if (event.plan.method !== "gvote") set({ ballots: null });
    }
    if (event.token) {
        const tokens = (state.run?.stale ? [] : r.tokens).slice(0, event.token.index);
        tokens.push(event.token);
        setRun({ tokens, stale: false });
        if (r.request.step_by_step) set({ paused: true });
    }
    if (event.done) setRun({ report: event.done.method ? event.done : r.report });
    if (event.failed) fail(event.failed);
}

/** @param {import("./protocol.js").Failed} failed */
function fail(failed) {
    if (failed.message === "stopped") { // by the button, or to make way for a newer wish
        if (stopped) set({ status: `Stopped after ${count(state.run?.tokens.length ?? 0, "token")}.` });
        return;
    }
    const message = failed.message.endsWith(".") ? failed.message : `${failed.message}.`;
    const field = failed.field || (/\bbudget\b/.test(failed.message) ? "budget" : "");
    if (field && document.querySelector(`[data-fault="${CSS.escape(field)}"]`)) set({ faults: { ...state.faults, [field]: message } });
    else set({ status: message });
}

/** Whether the form can be sent; says what is wrong where it cannot. */
function checked() {
    const faults = check(state.form, state.methods);
    set({ faults });
    const bad = Object.keys(faults)[0];
    if (bad) {
        const control = document.querySelector(`[data-control="${CSS.escape(bad)}"]`);
        if (control instanceof HTMLElement) control.focus();
    }
    return !bad;
}

/** Reads the prompt, compresses, writes. @param {boolean} stepByStep */
async function run(stepByStep) {
    if (!engine || !state.loaded) await loadModel(file);
    const loaded = state.loaded;
    if (!engine || !loaded || !checked()) return;
    setForm({ model: state.fileName });
    const request = toRequest(state.form, method());
    if (stepByStep) request.step_by_step = true;
    history.replaceState(null, "", toHash(state.form));
    const link = engine;
    const { answer, fact } = state.form;
    const before = state.run;
    let begun = false;
    await exclusive(request, (event) => {
        if (!begun && event.failed && before) { // refused before anything was read: the last run stays
            fail(event.failed);
            return;
        }
        if (!begun && !event.progress) {
            begun = true;
            beginRun(link, loaded, request, answer, fact);
        }
        if (!begun && event.progress) {
            const { done, total, unit } = event.progress;
            set({ reading: { text: `Reading the prompt: ${done} of ${total} ${unit}`, done, total } });
            return;
        }
        onRunEvent(event);
    }, link);
}

/**
 * Compresses what was read in another way: nothing is read again.
 * @param {boolean} generate
 */
async function replan(generate) {
    const r = state.run;
    if (!r || !checked()) return;
    const form = toRequest(state.form, method());
    // What was read stays: the prompt, the type of its cache and the pins' place in it.
    const request = { ...form, do: generate ? "replan" : "plan", prompt: r.request.prompt, kv: r.request.kv };
    if (generate && !r.link.recorded) history.replaceState(null, "", toHash({ ...state.form, prompt: r.request.prompt ?? "" }));
    await exclusive(request, (event) => {
        if (event.plan) setRun({ request: { ...request, do: "run" }, fact: state.run?.fact ?? null });
        onRunEvent(event);
    }, r.link);
}

/** Goes on with another token in both columns. @param {number} token @param {number} choice */
async function branch(token, choice) {
    const r = state.run;
    if (!r) return;
    const from = r.tokens[token];
    const candidate = [...from.top, ...from.top_full].find((c) => c.id === choice);
    if (!candidate || !checked()) return;
    const { n, seed, sampler } = toRequest(state.form, method());
    // Both caches are fed the left text up to here; the engine's tokens follow the chosen one.
    const before = [...r.tokens.slice(0, token), { ...from, id: choice, text: candidate.text, logprob: candidate.logprob, delta_nll: NaN }]
        .map((t) => ({ ...t, full_text: t.text }));
    let begun = false;
    await exclusive({ do: "branch", token, choice, n, seed, sampler }, (event) => {
        if (event.token && !begun) {
            begun = true;
            setRun({ tokens: before, stale: false });
        }
        onRunEvent(event.token ? { ...event, token: { ...event.token, index: state.run?.tokens.length ?? 0 } } : event);
    }, r.link);
}

// 4. Smaller questions about the cache of a run.

/** @param {Event} event */
function onAnswer(event) {
    if (event.cell) set({ cell: event.cell });
    if (event.map) set({ map: event.map });
    if (event.ballots) set({ ballots: event.ballots });
    if (event.failed) fail(event.failed);
}

/** @param {Request} request */
function askAbout(request) {
    const r = state.run;
    if (r) void r.link.ask(request, onAnswer);
}

/** Takes the row apart into which a slot went. @param {number} layer @param {number} head @param {number} slot */
function takeApartAt(layer, head, slot) {
    const plan = state.run?.plan;
    const row = plan?.heads[layer * plan.kv_heads + head]?.row[slot] ?? -1;
    if (row >= 0) askAbout({ do: "cell", layer, head, row });
}

/** Runs one prompt per depth and one plan per size, and looks for the answer. */
async function needle() {
    const m = method();
    if (!m || !state.form.fact.trim() || !state.form.answer.trim()) {
        set({ faults: { ...state.faults, needle: "Hide a fact first, and say which word shows that it was found." } });
        return;
    }
    const adaptive = m.name === "gvote";
    if (!m.takes_budget && !adaptive) {
        set({ faults: { ...state.faults, needle: `${m.name} has no size to vary: choose another method.` } });
        return;
    }
    if (!engine || !state.loaded) await loadModel(file);
    if (!engine || !state.loaded || !checked()) return;
    const link = engine, loaded = state.loaded;
    const { fact, answer } = state.form;
    const depths = [0.25, 0.5, 0.75, 1];
    const sizes = adaptive ? [1, 0.95, 0.8, 0.5, 0.2] : [1, 0.7, 0.5, 0.35, 0.2, 0.1];
    /** @type {Needle} */
    let table = { depths, sizes, cells: {}, method: m.name, running: true, note: "" };
    set({ needle: table });
    const { eps: _, ...options } = state.form.options; // a budget chooses eps
    for (const depth of depths) {
        for (const size of sizes) {
            const prompt = hideFact(fact, depth, state.form.length === "long");
            const form = adaptive ? { ...state.form, prompt, pins: [], budget: "", options: { ...options, p_nuc: String(size) } }
                : { ...state.form, prompt, pins: [], options, budget: String(size) };
            const request = { ...toRequest(form, m), do: size === sizes[0] ? "run" : "replan", n: Math.min(24, Number(state.form.n)) };
            if (request.do === "run") beginRun(link, loaded, request, answer, fact);
            const last = await exclusive(request, onRunEvent, link);
            const text = state.run?.tokens.map((t) => t.text).join("") ?? "";
            if (!last || last.failed || !state.needle?.running) {
                set({ needle: { ...table, running: false, note: last?.failed ? last.failed.message : "Stopped." } });
                return;
            }
            const found = text.toLowerCase().includes(answer.trim().toLowerCase());
            table = { ...table, cells: { ...table.cells, [`${depth}/${size}`]: found ? "found" : "forgotten" } };
            set({ needle: table });
        }
    }
    set({ needle: { ...table, running: false } });
}

// 5. What the views may ask for.

export const actions = {
    setForm,
    run: () => void run(false),
    step: () => {
        if (state.paused || state.run?.request.step_by_step && state.busy) {
            set({ paused: false });
            currentLink?.interrupt("step");
        } else void run(true);
    },
    stop: () => {
        if (state.needle?.running) set({ needle: { ...state.needle, running: false } });
        stopped = true;
        currentLink?.interrupt("stop");
    },
    replan: () => void replan(true),
    plan: () => void replan(false),
    branch: (/** @type {number} */ token, /** @type {number} */ choice) => void branch(token, choice),
    needle: () => void needle(),
    /** @param {FileList | File[]} files */
    openFiles: (files) => {
        const [first] = files;
        if (files.length !== 1) set({ faults: { ...state.faults, model: `${count(files.length, "file")} at once: open one .gguf file.` } });
        else if (!/\.gguf$/i.test(first.name)) set({ faults: { ...state.faults, model: `${first.name} is not a .gguf file.` } });
        else void openModel(first);
    },
    builtIn: () => void openModel(null),
    /** @param {string} device */
    setDevice: (device) => {
        setForm({ device });
        void loadModel(file);
    },
    /** @param {string} key */
    choosePreset: (key) => {
        const preset = presets.find((p) => p.key === key);
        if (!preset) return;
        if (key === "fact") {
            const fact = state.form.fact || "Tim liked to eat cake.";
            setForm({ preset: key, fact, answer: state.form.answer || "cake", question: preset.question, pins: [],
                prompt: hideFact(fact, Number(state.form.depth) / 100 || 0, state.form.length === "long") });
        } else setForm({ preset: key, prompt: preset.prompt, question: preset.question, fact: "", answer: "", pins: [] });
    },
    /** @param {Partial<Form>} change */
    hide: (change) => {
        const form = { ...state.form, ...change };
        const depth = Number(form.depth);
        setForm({ ...change, pins: [], prompt: depth >= 0 && depth <= 100 ? hideFact(form.fact, depth / 100, form.length === "long") : form.prompt });
    },
    /** Pins a stretch of the prompt, in UTF-16 units of the text area. @param {number} from @param {number} to */
    pinText: (from, to) => actions.pin({ from: byteOffset(state.form.prompt, from), to: byteOffset(state.form.prompt, to) }),
    /** @param {import("./protocol.js").Span} span */
    pin: (span) => {
        if (span.from >= span.to) return;
        const same = (/** @type {import("./protocol.js").Span} */ p) => p.from === span.from && p.to === span.to;
        if (!state.form.pins.some(same)) setForm({ pins: [...state.form.pins, span].sort((a, b) => a.from - b.from) });
    },
    /** @param {number} index */
    unpin: (index) => setForm({ pins: state.form.pins.filter((_, i) => i !== index) }),
    /** @param {string} name */
    chooseMethod: (name) => {
        const m = state.methods.find((x) => x.name === name);
        setForm({ method: name, options: {}, budget: m?.takes_budget ? state.form.budget || "0.35" : "" });
    },
    /** @param {string} key @param {string} value */
    setOption: (key, value) => {
        const options = { ...state.form.options };
        const preset = method()?.options.find((o) => o.key === key)?.default ?? "";
        if (value === preset || value.trim() === "" && preset !== "") delete options[key];
        else options[key] = value;
        setForm({ options });
    },
    /** The one control: a share, from 0.05 to 1. @param {number} share @param {boolean} released */
    resize: (share, released) => {
        if (state.form.method === "gvote") setForm({ options: { ...state.form.options, p_nuc: String(share) } });
        else {
            const { eps: _, ...options } = state.form.options; // a budget chooses eps
            setForm({ budget: String(share), options });
        }
        void replan(released);
    },
    /** @param {number} index */
    hover: (index) => {
        if (state.hovered !== index) set({ hovered: index });
    },
    /** @param {number} index */
    hold: (index) => set({ held: state.held === index ? -1 : index }),
    /** @param {number} index */
    word: (index) => {
        if (state.word !== index) set({ word: index });
    },
    /** @param {number} layer @param {number} head */
    select: (layer, head) => set({
        selected: { layer, head },
        cell: state.cell?.layer === layer && state.cell.head === head ? state.cell : null,
    }),
    /** @param {number} slot */
    takeApart: (slot) => takeApartAt(state.selected.layer, state.selected.head, slot),
    drawMap: () => askAbout({ do: "map", ...state.selected }),
    fetchBallots: () => askAbout({ do: "ballots", ...state.selected }),
    exportReport: () => {
        const report = state.run?.report;
        if (!report) return;
        const url = URL.createObjectURL(new Blob([JSON.stringify(report, null, 1)], { type: "application/json" }));
        const link = document.createElement("a");
        link.href = url;
        link.download = `keyfold-${report.method.name}.json`;
        link.click();
        setTimeout(() => URL.revokeObjectURL(url), 10_000);
    },
    copyLink: async () => {
        const url = new URL(toHash(state.form), location.href).href;
        try {
            await navigator.clipboard.writeText(url);
            set({ status: "The link is on the clipboard." });
        } catch {
            history.replaceState(null, "", toHash(state.form));
            set({ status: "The clipboard is closed to this page; the link is in the address bar." });
        }
    },
};

/** @typedef {typeof actions} Actions */

// 6. Render: every view draws what it shows, and leaves the DOM alone where nothing changed.

/** @type {((state: State) => void)[]} */
const views = [
    createModel(byId("model-view"), actions),
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
function render(s) {
    for (const view of views) view(s);
    if (!changed(s.status, s.faults, s.run?.link, s.recordedNote)) return;
    const unplaced = Object.entries(s.faults).filter(([key]) => !document.querySelector(`[data-fault="${CSS.escape(key)}"]`));
    byId("status").textContent = [s.status, ...unplaced.map(([, sentence]) => sentence)].filter(Boolean).join(" ");
    for (const place of document.querySelectorAll("[data-fault]")) {
        const sentence = s.faults[place.getAttribute("data-fault") ?? ""] ?? "";
        if (place.textContent !== sentence) place.textContent = sentence;
    }
    for (const control of document.querySelectorAll("[data-control]")) {
        const bad = s.faults[control.getAttribute("data-control") ?? ""];
        if (bad) control.setAttribute("aria-invalid", "true");
        else control.removeAttribute("aria-invalid");
    }
    const note = byId("recorded");
    note.hidden = !s.run?.link.recorded;
    note.textContent = `You see a recording: ${s.recordedNote} Everything below can be pointed at and moved. Press Run to do it on your own machine.`;
}

// 7. Start.

/** @type {import("./form.js").Faults} */
let linkFaults = {};

function start() {
    for (const link of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-jump]"))) {
        link.addEventListener("click", (event) => {
            event.preventDefault();
            byId(link.dataset.jump ?? "").focus();
        });
    }
    addEventListener("dragover", (event) => {
        event.preventDefault();
        document.body.classList.add("dragging");
    });
    addEventListener("dragleave", (event) => {
        if (!event.relatedTarget) document.body.classList.remove("dragging");
    });
    addEventListener("drop", (event) => {
        event.preventDefault();
        document.body.classList.remove("dragging");
        if (event.dataTransfer?.files.length) actions.openFiles(event.dataTransfer.files);
    });
    addEventListener("unhandledrejection", (event) => set({ status: `Something went wrong in the page: ${event.reason?.message ?? event.reason}.` }));
    addEventListener("hashchange", () => readLink());
    readLink();
    set({});
    void showRecording();
    void openModel(null);
}

/** Takes the form from the URL, if it holds one. */
function readLink() {
    const link = fromHash(location.hash);
    if (!link) return;
    linkFaults = link.faults;
    wanted = true;
    set({ form: link.form, faults: link.faults });
    if (state.loaded) void openModel(file);
}

start();


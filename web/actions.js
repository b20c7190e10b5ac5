// actions.js: everything that a view may ask for, and links to a run.

import { newChat, say, takeBack } from "./chat.js";
import { file, loadModel } from "./engines.js";
import { check, fromHash, longestLink, modelInHash, parseNumber, resized, showLink, toHash } from "./form.js";
import { goTo } from "./faults.js";
import { byteOffset, bytes, count, isolated, plain } from "./format.js";
import { compare, copyFigures, measure } from "./measure.js";
import { download, forget, keptFile, modelNamed, openShelf, pause, pointTo, removeFile } from "./models.js";
import { needle } from "./needle.js";
import { hidden, hideFact, presets } from "./presets.js";
import { step, stop } from "./queue.js";
import { askAbout, branch, repin, replan, run, takeApartAt } from "./runs.js";
import { chatting, method, set, setForm, state } from "./store.js";

/** @typedef {import("./form.js").Form} Form */

/** @type {boolean} whether a link asks for a run as soon as its model is there */
let wanted = false;

/**
 * Loads, then runs what a link asked for.
 * @param {File | null} next
 * @param {boolean} [chosen]  by the reader, now: another one than the link's ends its wish
 */
async function openModel(next, chosen = true) {
    const want = wanted ? state.form.model : "";
    if (wanted && next && chosen) wanted = next.name === want;
    await loadModel(next);
    if (!wanted || !state.loaded) return;
    if (want !== state.form.model) {
        setForm({ model: want });
        askFor(want);
        return;
    }
    const faults = { ...linkFaults, ...check(state.form, state.methods) };
    set({ faults });
    wanted = false;
    const bad = Object.keys(faults)[0];
    if (bad) goTo(bad, faults[bad]);
    else await write(false);
}

/** Reads and writes what is in the form: a prompt, or a chat from its first turn. @param {boolean} stepByStep */
function write(stepByStep) {
    return state.form.mode === "chat" ? say(stepByStep, true) : run(stepByStep);
}

/** Compresses again and writes anew. A chat has all its turns again. */
function again() {
    return chatting() ? say(false, true) : replan(true);
}

/** Says which model a link needs. @param {string} name */
function askFor(name) {
    const model = modelNamed(name);
    if (!model) {
        refuseFile(`This link was made with ${isolated(plain(name))}: open that file here to reproduce it.`);
        return;
    }
    const { title, size, licence } = model.entry;
    set({ status: `This link was made with ${title} (${bytes(size)}, ${licence}): download it to reproduce the run.` });
    pointTo(name);
}

/**
 * Opens a model by its name in the catalogue.
 * @param {string} name
 * @param {boolean} [chosen]
 */
async function openNamed(name, chosen = true) {
    try {
        await openModel(await keptFile(name), chosen);
    } catch (error) {
        refuseFile(`${isolated(plain(name))} could not be opened: ${error instanceof Error ? error.message : error}.`);
    }
}

/** @param {string} sentence */
function refuseFile(sentence) {
    set({ faults: { ...state.faults, model: sentence } });
    goTo("model", sentence);
}

/** @type {import("./form.js").Faults} */
let linkFaults = {};

/** Takes the form from the URL, if it holds one. */
export function readLink() {
    const link = fromHash(location.hash);
    if (!link) {
        if (state.loaded) showNamed(modelInHash(location.hash));
        return false;
    }
    linkFaults = link.faults;
    wanted = true;
    set({ typed: true, form: { ...link.form, method: link.form.method || state.opening.method }, faults: link.faults });
    if (state.loaded) void openLinked();
    return true;
}

/** Opens the model of a link where it is here, else the one at hand. */
async function openLinked() {
    const { model } = state.form;
    if (model !== state.fileName && modelNamed(model)?.whole) await openNamed(model, false);
    else await openModel(model === "" ? null : file, false);
}

/** Opens the model that a link is to, or shows what it takes to have it. @param {string} name */
function showNamed(name) {
    const model = modelNamed(name);
    if (model?.whole) void openNamed(name);
    else if (model) pointTo(name);
    else if (name !== "") refuseFile(`There is no model ${isolated(plain(name))} in the catalogue.`);
}

/** Begins with the model of a link where it is here, else with the built-in one. */
export async function begin() {
    const linked = modelInHash(location.hash);
    const name = wanted ? state.form.model : linked;
    const shelf = openShelf();
    if (name !== "") await shelf;
    const here = modelNamed(name)?.whole;
    const known = modelNamed(linked) !== undefined;
    if (known && !here) showNamed(linked);
    await openNamed(here ? name : "", false);
    if (!known) showNamed(linked);
}

export const actions = {
    setForm,
    run: () => void write(false),
    step: () => {
        if (state.paused || (state.run?.request.step_by_step && state.busy)) step();
        else void write(true);
    },
    stop,
    measure: () => void measure(),
    compare: () => void compare(),
    copyFigures: () => void copyFigures(),
    /** Sends what the reader has written, unless there is nothing or the model is writing. */
    say: () => {
        const writing = state.busy !== "" && state.busy !== "plan";
        if (!writing && !state.chat.asking && state.form.draft.trim() !== "") void say(false, false);
    },
    newChat,
    takeBack,
    /** What the reader types. @param {Partial<Form>} change */
    type: (change) => {
        if (!state.typed) set({ typed: true });
        setForm(change);
    },
    /** @param {string} mode */
    setMode: (mode) => {
        const refused = mode === "chat" ? (state.loaded?.chat?.refused ?? "") : "";
        actions.type({ mode: refused ? "text" : mode });
        set({ faults: { ...state.faults, mode: refused ? `No chat: ${refused}.` : "" } });
    },
    replan: () => void again(),
    plan: () => void replan(false),
    branch: (/** @type {number} */ token, /** @type {number} */ choice) => void branch(token, choice),
    needle: () => void needle(),
    /** @param {FileList | File[]} files */
    openFiles: (files) => {
        const [first] = files;
        if (files.length !== 1) refuseFile(`${count(files.length, "file")} at once: open one .gguf file.`);
        else if (!/\.gguf$/i.test(first.name)) refuseFile(`${isolated(plain(first.name))} is not a .gguf file.`);
        else void openModel(first);
    },
    builtIn: () => void openModel(null),
    /** @param {string} name */
    openNamed: (name) => void openNamed(name),
    /** @param {string} name */
    download: async (name) => {
        await download(name);
        const model = modelNamed(name);
        if (!model?.whole) return;
        if (wanted && state.form.model === name) await openNamed(name);
        else set({ status: `${model.entry.title} is here: press Load to use it.` });
    },
    pause,
    /** @param {string} name */
    forget: (name) => void forget(name),
    /** @param {string} name */
    removeFile: (name) => void removeFile(name),
    /** @param {string} device */
    setDevice: (device) => {
        setForm({ device });
        void loadModel(file);
    },
    /** @param {string} key */
    choosePreset: (key) => {
        const preset = presets.find((p) => p.key === key);
        if (!preset) return;
        set({ typed: true });
        if (key === "fact") {
            // A fact of the reader's own comes with their question.
            const own = state.form.fact !== "" && state.form.answer !== "";
            const { fact, answer, question } = own ? state.form : hidden;
            setForm({
                preset: key,
                fact,
                answer,
                question,
                pins: [],
                prompt: hideFact(fact, parseNumber(state.form.depth) / 100 || 0, state.form.length === "long"),
            });
        } else
            setForm({ preset: key, prompt: preset.prompt, question: preset.question, fact: "", answer: "", pins: [] });
    },
    /** @param {Partial<Form>} change */
    hide: (change) => {
        const form = { ...state.form, ...change };
        const depth = parseNumber(form.depth);
        setForm({
            ...change,
            pins: [],
            prompt: depth >= 0 && depth <= 100 ? hideFact(form.fact, depth / 100, form.length === "long") : form.prompt,
        });
    },
    /** Pins a stretch of the prompt, in UTF-16 units of the text area. @param {number} from @param {number} to */
    pinText: (from, to) =>
        actions.pin({ from: byteOffset(state.form.prompt, from), to: byteOffset(state.form.prompt, to) }),
    /** @param {import("./protocol.js").Span} span */
    pin: (span) => {
        if (span.from >= span.to) return;
        const same = (/** @type {import("./protocol.js").Span} */ p) => p.from === span.from && p.to === span.to;
        if (!state.form.pins.some(same)) repin([...state.form.pins, span].sort((a, b) => a.from - b.from));
    },
    /** @param {number} index */
    unpin: (index) => repin(state.form.pins.filter((_, i) => i !== index)),
    /** @param {string} name */
    chooseMethod: (name) => {
        const m = state.methods.find((x) => x.name === name);
        const budget = m?.takes_budget ? state.form.budget || String(state.opening.budget) : "";
        setForm({ method: name, options: {}, budget });
    },
    /** @param {string} key @param {string} value */
    setOption: (key, value) => {
        const options = { ...state.form.options };
        const preset = method()?.options.find((o) => o.key === key)?.default ?? "";
        if (value === preset || (value.trim() === "" && preset !== "")) delete options[key];
        else options[key] = value;
        setForm({ options });
    },
    /** The one control: a share, from 0.05 to 1. @param {number} share @param {boolean} released */
    resize: (share, released) => {
        const m = method();
        if (m) setForm(resized(state.form, m, share));
        void (released ? again() : replan(false));
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
    select: (layer, head) =>
        set({
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
        const hash = toHash(state.form);
        if (state.form.mode === "chat" && hash.length > longestLink) {
            set({
                status: `The chat is too long for a link: ${hash.length} characters, want at most ${longestLink}.`,
            });
            return;
        }
        const url = new URL(hash, location.href).href;
        try {
            await navigator.clipboard.writeText(url);
            set({ status: "The link is on the clipboard." });
        } catch {
            showLink(state.form);
            set({ status: "The clipboard is closed to this page; the link is in the address bar." });
        }
    },
};

/** @typedef {typeof actions} Actions */

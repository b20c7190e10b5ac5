// measure.js: this device in figures, for docs/devices.md. Every row is one request to the
// engine, which leaves the run on the page as it is. Nothing is sent anywhere.

import { builtIn, engine, onLoaded } from "./engines.js";
import { count, isolated, plain, sentence } from "./format.js";
import { exclusive } from "./queue.js";
import { set, setMeasuring, state } from "./store.js";

/** @typedef {import("./protocol.js").Event} Event */

/**
 * A row to be measured: the model that is handed over, on its device, or without one that in use.
 * @typedef {object} Wish
 * @property {string} what
 * @property {string} [name]
 * @property {string} [device]
 */

/** What is measured: the built-in model on either device, and the model in use. @returns {Wish[]} */
function wishes() {
    const own = { what: "the built-in model", name: builtIn };
    return [
        { ...own, what: `${own.what} on the GPU`, device: "gpu" },
        { ...own, what: `${own.what} on the CPU`, device: "cpu" },
        ...(state.fileName ? [{ what: isolated(plain(state.fileName)) }] : []),
    ];
}

/** How far a request is, as a sentence's end. @param {import("./protocol.js").Progress} progress */
function far({ step, done, total, unit }) {
    const steps = { prompt: "reading", decode: "writing", match: "comparing with the CPU" };
    if (unit !== "tokens") return "loading";
    return `${steps[/** @type {keyof typeof steps} */ (step)] ?? step}, ${done} of ${count(total, "token")}`;
}

/** What an event says of a device that was lost, and opened again. @param {Event} event */
function noteDevice({ loaded, failed }) {
    if (loaded) onLoaded(loaded);
    if (failed?.lost) set({ lost: true });
}

/**
 * Measures one row after the other; a run that is wanted meanwhile comes first, and ends it.
 * @param {{prefill?: number, n?: number}} [size]  tokens to read and to write; the engine's own without
 */
export async function measure(size = {}) {
    if (!engine || !state.loaded) return;
    setMeasuring({ rows: [], failures: [], adapter: await adapterInfo(), json: "" });
    for (const { what, ...request } of wishes()) {
        if (!engine) break;
        setMeasuring({ running: `Measuring ${what} \u2026` });
        const last = await exclusive(
            { do: "measure", ...size, ...request },
            (event) => {
                noteDevice(event);
                if (event.progress) setMeasuring({ running: `Measuring ${what}: ${far(event.progress)}` });
                if (event.measured) setMeasuring({ rows: [...state.measuring.rows, event.measured] });
            },
            engine,
            request.name,
        );
        if (!last || last.failed?.message === "stopped") break;
        if (last.failed) {
            const failure = { what, message: sentence(plain(last.failed.message)) };
            setMeasuring({ failures: [...state.measuring.failures, failure] });
        }
    }
    setMeasuring({ running: "" });
}

/** Compares the device in use with the CPU on a text. */
export async function compare() {
    if (!engine || !state.loaded) return;
    const { loaded } = state;
    const say = (/** @type {string} */ text) => set({ matched: { loaded, text } });
    const last = await exclusive(
        { do: "match" },
        (event) => {
            noteDevice(event);
            if (event.progress) say(`Comparing: ${far(event.progress)}`);
            if (event.match) say(matchText(event.match));
        },
        engine,
    );
    if (last?.failed) say(sentence(plain(last.failed.message)));
}

/** @param {import("./protocol.js").Match} match */
export function matchText({ tokens, same, largest_logit_difference: difference }) {
    return `${same} of ${count(tokens, "first choice")} on a text are the CPU\u2019s; logits differ by ${difference.toPrecision(2)} at most.`;
}

/**
 * What the browser says of the adapter that the engine takes; null: nothing.
 * @typedef {{vendor: string, architecture: string, device: string, description: string, fallback: boolean}} Adapter
 */

/** @returns {Promise<Adapter | null>} */
async function adapterInfo() {
    const { gpu } = /** @type {any} */ (navigator);
    try {
        const info = (await gpu?.requestAdapter({ powerPreference: "high-performance" }))?.info;
        if (!info) return null;
        const { vendor, architecture, device, description } = info;
        return { vendor, architecture, device, description, fallback: info.isFallbackAdapter === true };
    } catch {
        return null;
    }
}

/** The figures as docs/devices.md describes them. */
export function figures() {
    const { rows, failures, adapter } = state.measuring;
    const date = new Date().toISOString().slice(0, 10);
    return JSON.stringify({ form: 1, date, browser: navigator.userAgent, adapter, rows, failures }, null, 1);
}

/** Copies the figures; where that is not allowed, they are shown. */
export async function copyFigures() {
    const json = figures();
    try {
        await navigator.clipboard.writeText(json);
        set({ status: "The figures are on the clipboard." });
    } catch {
        setMeasuring({ json });
    }
}

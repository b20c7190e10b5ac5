// engines.js: the engine in the worker, and the model in the engine.

import { closedLink, openWorker } from "./link.js";
import { goTo } from "./faults.js";
import { count, isolated, plain } from "./format.js";
import { exclusive, fail } from "./queue.js";
import { offer, set, setForm, setRun, state } from "./store.js";

/** @typedef {import("./link.js").Link} Link */

/** @type {Link | null} */
export let engine = null;
/** @type {File | null} the file behind the loaded model; null: the built-in one */
export let file = null;

/** The built-in model, beside the page. */
export const builtIn = "keyfold.gguf";

function startWorker() {
    set({ loading: { text: "Loading the engine", done: 0, total: 0 } });
    engine = openWorker((event) => {
        if (event.progress)
            set({ loading: { text: "Loading the engine", done: event.progress.done, total: event.progress.total } });
        if (event.failed?.field === "engine") {
            engine = null; // Run starts a new one
            set({ loading: null, loaded: null });
        }
        if (event.failed) set({ status: plain(event.failed.message) });
    });
    return engine;
}

/** @type {string} the device that was asked for when the loaded model was opened */
let asked = "auto";

/** Takes over what the engine has opened. @param {import("./protocol.js").Loaded} loaded */
export function onLoaded(loaded) {
    set({ loaded, lost: false, loading: null });
    offer(loaded);
    // A model that can be talked to is talked to, unless the reader has begun with something else.
    if (loaded.chat.family && !state.typed) setForm({ mode: "chat" });
    if (!loaded.chat.family && state.form.mode === "chat" && state.form.messages.length === 0) setForm({ mode: "text" });
}

/** @param {import("./protocol.js").Progress} progress @param {string} name  of the model's file */
export function showLoading({ step, done, total, unit }, name) {
    const what = name ? isolated(plain(name)) : "the built-in model";
    if (unit === "kernels") {
        const doing = step === "compile" ? "Compiling" : "Testing";
        set({ loading: { text: `${doing} ${count(total, "kernel")}`, done: 0, total: 0 } });
    } else set({ loading: { text: `${step === "fetch" ? "Fetching" : "Loading"} ${what}`, done, total } });
}

/** From this size on the engine closes the model in use before it loads another: see besideBytes in session. */
const large = 256 * 2 ** 20;

/** Opens a model; the old one stays where that fails, unless the new one is large. @param {File | null} next */
export async function loadModel(next) {
    const kept = state.run && !state.run.link.recorded;
    const question = "This model is large: the one in use is closed first, and its run cannot go on. Open it?";
    if (next && next.size > large && kept && !confirm(question)) return;
    const link = engine ?? startWorker();
    const name = next?.name ?? "";
    const device = ["auto", "gpu", "cpu"].includes(state.form.device) ? state.form.device : "auto";
    const again = state.loaded !== null && next === file; // on another device
    await exclusive(
        { do: "load", name: name || builtIn, device },
        (event) => {
            if (event.progress) showLoading(event.progress, name);
            if (event.loaded) {
                file = next;
                asked = device;
                set({ fileName: name });
                onLoaded(event.loaded);
                setForm({ model: name });
                if (state.run && !state.run.link.recorded)
                    setRun({ link: closedLink("Another model was loaded: press Run to read the prompt with it.") });
            }
            if (event.failed) {
                if (again) setForm({ device: asked });
                fail({ ...event.failed, field: event.failed.field || (again ? "device" : "model") });
                if (next && !again) goTo("model", event.failed.message);
            }
        },
        link,
        next ?? builtIn,
    );
}

// engines.js: the engine in the worker, and the model in the engine.

import { closedLink, openWorker } from "./link.js";
import { exclusive, fail } from "./queue.js";
import { offer, set, setForm, setRun, state } from "./store.js";

/** @typedef {import("./link.js").Link} Link */

/** @type {Link | null} */
export let engine = null;
/** @type {File | null} the file behind the loaded model; null: the built-in one */
export let file = null;

/** The built-in model, beside the page. */
const builtIn = "keyfold.gguf";

function startWorker() {
    set({ loading: { text: "Loading the engine", done: 0, total: 0 } });
    engine = openWorker((event) => {
        if (event.progress)
            set({ loading: { text: "Loading the engine", done: event.progress.done, total: event.progress.total } });
        if (event.failed?.field === "engine") {
            engine = null; // Run starts a new one
            set({ loading: null, loaded: null });
        }
        if (event.failed) set({ status: event.failed.message });
    });
    return engine;
}

/** Opens a model; the old one stays where that fails. @param {File | null} next */
export async function loadModel(next) {
    const link = engine ?? startWorker();
    const name = next?.name ?? "";
    const device = ["auto", "gpu", "cpu"].includes(state.form.device) ? state.form.device : "auto";
    await exclusive(
        { do: "load", name: name || builtIn, device },
        (event) => {
            if (event.progress)
                set({
                    loading: {
                        text: `${event.progress.step === "fetch" ? "Fetching" : "Loading"} ${name || "the built-in model"}`,
                        done: event.progress.done,
                        total: event.progress.total,
                    },
                });
            if (event.loaded) {
                file = next;
                set({ loaded: event.loaded, fileName: name });
                offer(event.loaded);
                setForm({ model: name });
                if (state.run && !state.run.link.recorded)
                    setRun({ link: closedLink("Another model was loaded: press Run to read the prompt with it.") });
            }
            if (event.failed) fail({ ...event.failed, field: event.failed.field || "model" });
        },
        link,
        next ?? builtIn,
    );
    set({ loading: null });
}

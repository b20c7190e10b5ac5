// needle.js: the table of what was found and what was forgotten: one request, which the
// engine answers with the table each time that a cell is filled.

import { engine, file, loadModel } from "./engines.js";
import { sizable, toRequest } from "./form.js";
import { sentence } from "./format.js";
import { depths, hideFact } from "./presets.js";
import { checked, exclusive, fail } from "./queue.js";
import { onPreparation } from "./runs.js";
import { method, set, state } from "./store.js";

/** Has the fact of the form looked for at each depth, in caches of several sizes. */
export async function needle() {
    const m = method();
    const { fact, answer, length } = state.form;
    const refuse = (/** @type {string} */ fault) => set({ faults: { ...state.faults, needle: fault } });
    if (!m || !fact.trim() || !answer.trim()) {
        refuse("Hide a fact first, and say which word shows that it was found.");
        return;
    }
    if (!sizable(m)) {
        refuse(`${m.name} has no size to vary: choose another method.`);
        return;
    }
    if (!engine || !state.loaded) await loadModel(file);
    if (!engine || !state.loaded || !checked()) return;
    const { question, options, kv, seed, sampler, n = 24 } = toRequest(state.form, m);
    const texts = depths.map((depth) => hideFact(fact, depth, length === "long"));
    const last = await exclusive(
        { do: "needle", texts, question, answer, method: m.name, options, kv, seed, n: Math.min(24, n), sampler },
        (event) => {
            onPreparation(event);
            if (event.needle && state.loaded)
                set({
                    reading: null,
                    needle: { table: event.needle, loaded: state.loaded, answer, running: true, note: "" },
                });
            if (event.failed && event.failed.message !== "stopped") fail(event.failed);
        },
        engine,
    );
    const note = last?.failed ? sentence(last.failed.message) : "";
    if (last && state.needle) set({ needle: { ...state.needle, running: false, note } });
}

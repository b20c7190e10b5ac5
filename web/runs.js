// runs.js: runs, plans and branches, and the smaller questions about a cache:
// requests to the engine, and what its events do to the state.

import { engine, file, loadModel, onLoaded, showLoading } from "./engines.js";
import { showLink, toRequest, toSettings } from "./form.js";
import { findFact } from "./presets.js";
import { checked, exclusive, fail } from "./queue.js";
import { chatting, method, methodNamed, set, setForm, setLastTurn, setRun, state } from "./store.js";

/** @typedef {import("./protocol.js").Request} Request */
/** @typedef {import("./protocol.js").Event} Event */
/** @typedef {import("./link.js").Link} Link */

/**
 * @param {Link} link
 * @param {import("./protocol.js").Loaded} loaded
 * @param {Request} request
 * @param {string} answer
 * @param {string} fact
 */
export function beginRun(link, loaded, request, answer, fact) {
    // A table of what was found is about one model, one answer and one method.
    const n = state.needle;
    if (n && (n.loaded !== loaded || n.answer !== answer || n.table.method !== request.method)) set({ needle: null });
    set({
        run: {
            link,
            loaded,
            request,
            prompt: [],
            plan: null,
            tokens: [],
            report: null,
            stale: false,
            answer,
            fact: findFact(request.prompt ?? "", fact),
        },
        hovered: -1,
        held: -1,
        word: -1,
        cell: null,
        map: null,
        ballots: null,
        reading: null,
        selected:
            state.selected.layer < loaded.model.layers && state.selected.head < loaded.model.kv_heads
                ? state.selected
                : { layer: 0, head: 0 },
    });
}

/** @param {import("./protocol.js").Progress} progress */
export function showReading({ done, total, unit }) {
    set({ reading: { text: `Reading the prompt: ${done} of ${total} ${unit}`, done, total } });
}

/** @param {Event} event */
export function onRunEvent(event) {
    const r = state.run;
    if (!r) return;
    if (event.progress) showReading(event.progress);
    if (event.prompt) setRun({ prompt: event.prompt.tokens });
    if (event.plan) {
        const stays = state.cell && event.plan.method === r.plan?.method;
        setRun({ plan: event.plan, report: null, stale: r.tokens.length > 0 });
        const outdated = event.plan.method === r.plan?.method || !methodNamed(event.plan.method)?.votes;
        set({ reading: null, cell: null, ballots: outdated ? null : state.ballots });
        if (stays && state.cell) takeApartAt(state.cell.layer, state.cell.head, state.cell.pivot);
    }
    if (event.turn) setLastTurn({ turn: event.turn });
    if (event.token) {
        const tokens = (state.run?.stale ? [] : r.tokens).slice(0, event.token.index);
        tokens.push(event.token);
        setRun({ tokens, stale: false });
        if (chatting()) setLastTurn({ answer: tokens.map((t) => t.text).join("") });
        if (r.request.step_by_step) set({ paused: true });
    }
    if (event.done) setRun({ report: event.done.method ? event.done : r.report });
    if (event.failed) fail(event.failed);
}

/** Reads the prompt, compresses, writes. @param {boolean} stepByStep */
export async function run(stepByStep) {
    if (!engine || !state.loaded) await loadModel(file);
    if (!engine || !state.loaded || !checked()) return;
    setForm({ model: state.fileName });
    const request = toRequest(state.form, method());
    if (stepByStep) request.step_by_step = true;
    showLink(state.form);
    const link = engine;
    const { answer, fact } = state.form;
    const before = state.run;
    let begun = false;
    await exclusive(
        request,
        (event) => {
            if (!begun && event.failed && before) fail(event.failed); // refused before anything was read: the last run stays
            else if (!begun && !onPreparation(event)) {
                begun = true;
                if (state.loaded) beginRun(link, state.loaded, request, answer, fact);
            }
            if (begun) onRunEvent(event);
        },
        link,
    );
}

/**
 * What comes before a run, and whether the event was that: a model that is opened again
 * because its device was lost, and the reading of the prompt.
 * @param {Event} event
 */
export function onPreparation({ progress, loaded }) {
    if (progress && progress.unit !== "tokens") showLoading(progress, state.fileName);
    else if (progress) showReading(progress);
    if (loaded) onLoaded(loaded);
    return progress !== undefined || loaded !== undefined;
}

/**
 * Compresses what was read in another way: nothing is read again.
 * @param {boolean} generate  not in a chat: that has all its turns again
 */
export async function replan(generate) {
    const r = state.run;
    if (!r || !checked()) return;
    // What was read stays: the prompt, the type of its cache and the pins' place in it.
    const { prompt, kv, messages } = r.request;
    const of = messages ? { ...toSettings(state.form, method()), messages } : { ...toRequest(state.form, method()), prompt };
    const request = { ...of, do: generate ? "replan" : "plan", kv };
    if (generate && !r.link.recorded) showLink({ ...state.form, prompt: prompt ?? "" });
    await exclusive(
        request,
        (event) => {
            if (event.plan) setRun({ request: { ...request, do: "run" }, fact: state.run?.fact ?? null });
            onRunEvent(event);
        },
        r.link,
    );
}

/**
 * Changes the pins; what was read of the same prompt is compressed again with them.
 * @param {import("./protocol.js").Span[]} pins
 */
export function repin(pins) {
    setForm({ pins });
    const r = state.run;
    if (r && !chatting() && !r.link.recorded && r.prompt.length > 0 && r.request.prompt === state.form.prompt)
        void replan(true);
}

/** Goes on with another token in both columns. @param {number} token @param {number} choice */
export async function branch(token, choice) {
    const r = state.run;
    if (!r) return;
    const from = r.tokens[token];
    const candidate = [...from.top, ...from.top_full].find((c) => c.id === choice);
    if (!candidate || !checked()) return;
    const { n, seed, sampler } = toSettings(state.form, method());
    // Both caches are fed the left text up to here; the engine's tokens follow the chosen one.
    const before = [
        ...r.tokens.slice(0, token),
        { ...from, id: choice, text: candidate.text, logprob: candidate.logprob, delta_nll: NaN },
    ].map((t) => ({ ...t, full_text: t.text }));
    let begun = false;
    await exclusive(
        { do: "branch", token, choice, n: n && Math.max(1, n - token - 1), seed, sampler }, // n counts what stands before, too
        (event) => {
            if (event.token && !begun) {
                begun = true;
                setRun({ tokens: before, report: null, stale: false });
            }
            onRunEvent(
                event.token ? { ...event, token: { ...event.token, index: state.run?.tokens.length ?? 0 } } : event,
            );
        },
        r.link,
    );
}

/** @param {Event} event */
export function onAnswer(event) {
    if (event.cell) set({ cell: event.cell });
    if (event.map) set({ map: event.map });
    if (event.ballots) set({ ballots: event.ballots });
    if (event.failed) fail(event.failed);
}

/** @param {Request} request */
export function askAbout(request) {
    const r = state.run;
    if (r) void r.link.ask(request, onAnswer);
}

/** Takes the row apart into which a slot went. @param {number} layer @param {number} head @param {number} slot */
export function takeApartAt(layer, head, slot) {
    const plan = state.run?.plan;
    const row = plan?.heads[layer * plan.kv_heads + head]?.row[slot] ?? -1;
    if (row >= 0) askAbout({ do: "cell", layer, head, row });
}

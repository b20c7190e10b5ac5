// queue.js: one long request at a time, and what becomes of a failed one.

import { check } from "./form.js";
import { goTo, hasPlace } from "./faults.js";
import { count, plain } from "./format.js";
import { set, state } from "./store.js";

/** @typedef {import("./protocol.js").Request} Request */
/** @typedef {import("./protocol.js").Event} Event */
/** @typedef {import("./link.js").Link} Link */

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
 * @param {File | string} [withFile]
 * @returns {Promise<Event | null>} the last event; null: overtaken by a newer wish
 */
export async function exclusive(request, onEvent, link, withFile) {
    const mine = ++newest;
    while (current) {
        if (state.busy !== "plan" && state.busy !== "load") currentLink?.interrupt("stop");
        await current;
    }
    if (mine !== newest) return null;
    set({
        busy: request.do,
        paused: false,
        status: "",
        faults: state.methods.length > 0 ? check(state.form, state.methods) : state.faults,
    });
    currentLink = link;
    stopped = false;
    current = link.ask(request, onEvent, withFile);
    const last = await current;
    current = null;
    set({ busy: "", paused: false, reading: null, loading: null });
    return last;
}

/** Stops the request in progress. */
export function stop() {
    stopped = true;
    currentLink?.interrupt("stop");
}

/** Lets a run that goes step by step make its next token. */
export function step() {
    set({ paused: false });
    currentLink?.interrupt("step");
}

/** Says why a request failed. @param {import("./protocol.js").Failed} failed */
export function fail(failed) {
    if (failed.lost) set({ lost: true });
    if (failed.message === "stopped") {
        // by the button, or to make way for a newer wish
        if (stopped) set({ status: `Stopped after ${count(state.run?.tokens.length ?? 0, "token")}.` });
        return;
    }
    const said = plain(failed.message);
    const message = /[.!?]$/.test(said) ? said : `${said}.`;
    const field = failed.field || (/\bbudget\b/.test(said) ? "budget" : "");
    if (!field || !hasPlace(field)) {
        set({ status: message });
        return;
    }
    set({ faults: { ...state.faults, [field]: message } });
    if (failed.usage) goTo(field, message);
}

/** Whether the form can be sent; says what is wrong where it cannot. */
export function checked() {
    const faults = check(state.form, state.methods);
    set({ faults });
    const bad = Object.keys(faults)[0];
    if (bad) goTo(bad, faults[bad]);
    return !bad;
}

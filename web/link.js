// link.js: asking an engine. There are two kinds of engine, and the page cannot
// tell them apart: the worker, and a recording of what it once said.

import { sizeOf } from "./form.js";

/** @typedef {import("./protocol.js").Request} Request */
/** @typedef {import("./protocol.js").Event} Event */
/** @typedef {import("./protocol.js").Failed} Failed */

/**
 * @typedef {object} Link
 * @property {boolean} recorded
 * @property {(request: Request, onEvent: (event: Event) => void, file?: Blob | string) => Promise<Event>} ask
 *   file: a model to load, or the name of one beside the page; resolves with the last event, which is done or failed; never rejects
 * @property {(what: "stop" | "step") => void} interrupt  for the request being answered
 * @property {() => void} close
 */

/**
 * @param {number} id
 * @param {string} message
 * @param {string} [field]
 * @returns {Event}
 */
const failure = (id, message, field = "") => ({ id, failed: { message, usage: false, field, lost: false } });

/**
 * Starts the engine in a worker.
 * @param {(event: Event) => void} onNews  progress of the engine itself, and its end (failed)
 * @returns {Link}
 */
export function openWorker(onNews) {
    const worker = new Worker(new URL("worker.js", import.meta.url));
    /** @type {Map<number, {onEvent: (event: Event) => void, resolve: (event: Event) => void}>} */
    const open = new Map();
    let nextID = 1;
    let dead = "";

    /** @param {string} message */
    function die(message) {
        if (dead) return;
        dead = message;
        worker.terminate();
        for (const [id, request] of open) request.resolve(failure(id, message));
        open.clear();
        onNews(failure(0, message, "engine"));
    }
    worker.addEventListener("error", (event) => {
        event.preventDefault();
        die(`The engine stopped: ${event.message || "its script could not be loaded"}.`);
    });
    worker.addEventListener("messageerror", () => die("The engine stopped: a message could not be read."));
    worker.addEventListener("message", (/** @type {MessageEvent<Event>} */ { data }) => {
        if (data.id === 0) {
            if (data.failed?.field === "engine") die(data.failed.message);
            else onNews(data);
            return;
        }
        const request = open.get(data.id);
        if (!request) return; // of a request that has ended
        request.onEvent(data);
        if (data.done || data.failed) {
            open.delete(data.id);
            request.resolve(data);
        }
    });

    return {
        recorded: false,
        ask(request, onEvent, file) {
            const id = nextID++;
            if (dead) {
                const event = failure(id, dead);
                onEvent(event);
                return Promise.resolve(event);
            }
            return new Promise((resolve) => {
                open.set(id, { onEvent, resolve });
                worker.postMessage({ request: { ...request, id }, file });
            });
        },
        interrupt(what) {
            if (!dead) worker.postMessage({ interrupt: what });
        },
        close() {
            dead ||= "The engine was closed.";
            worker.terminate();
        },
    };
}

/**
 * The place of an engine that is gone.
 * @param {string} message
 * @returns {Link}
 */
export function closedLink(message) {
    return {
        recorded: false,
        async ask(_, onEvent) {
            const event = failure(0, message);
            onEvent(event);
            return event;
        },
        interrupt() {},
        close() {},
    };
}

/**
 * @typedef {object} Recording
 * @property {string} note      what was recorded, where and when; one sentence
 * @property {Event} loaded
 * @property {Request} request  the run that the page opens on
 * @property {string} [fact]    the sentence hidden in its prompt
 * @property {string} [answer]  and the word that shows that it was found
 * @property {{request: Request, events: Event[]}[]} exchanges
 */

/**
 * Undoes what record.mjs packed: lists of numbers, one byte each. For JSON.parse. A number
 * that is none is null in a recording, as in the engine's own JSON.
 * @param {string} _
 * @param {any} value
 */
export function unpack(_, value) {
    if (!Array.isArray(value?.packed)) return value === null ? NaN : value;
    const [text, plus, times] = value.packed;
    return Array.from(atob(text), (c) => c.charCodeAt(0) / times - plus);
}

/**
 * Answers from a recording: with the exchange that is nearest to the request,
 * or with a sentence that says that it was not recorded.
 * @param {Recording} recording
 * @returns {Link}
 */
export function openRecording(recording) {
    /** @param {Request} request */
    function find(request) {
        const same = recording.exchanges.filter(({ request: r }) => {
            switch (request.do) {
                case "plan":
                case "replan":
                case "run":
                    return (r.do === "run" || r.do === "replan" || r.do === "plan") && r.method === request.method;
                case "cell":
                case "map":
                case "ballots":
                    return (
                        r.do === request.do &&
                        r.layer === request.layer &&
                        r.head === request.head &&
                        (request.do !== "cell" || r.row === request.row) &&
                        r.budget === shown.budget &&
                        r.method === shown.method
                    );
                default:
                    return false;
            }
        });
        const method = recording.loaded.loaded?.methods.find((m) => m.name === request.method);
        const size = (/** @type {Request} */ r) => sizeOf(method, r.options, r.budget) || 1;
        same.sort((a, b) => Math.abs(size(a.request) - size(request)) - Math.abs(size(b.request) - size(request)));
        return same[0];
    }
    let shown = recording.request;
    return {
        recorded: true,
        async ask(request, onEvent) {
            const exchange = find(request);
            await null; // an answer never comes before the caller goes on
            if (!exchange) {
                const event = failure(0, "This was not recorded: press Run to have the engine do it.");
                onEvent(event);
                return event;
            }
            if (exchange.request.method) shown = exchange.request;
            const events =
                request.do === "plan" ? exchange.events.filter((e) => e.prompt || e.plan || e.done) : exchange.events;
            events.forEach(onEvent);
            return events[events.length - 1];
        },
        interrupt() {},
        close() {},
    };
}

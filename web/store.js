// store.js: the one state object of the page, and how it changes.

import { check, defaults } from "./form.js";

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

/**
 * A table of what was found and what was forgotten.
 * @typedef {object} Needle
 * @property {import("./protocol.js").Needle} table
 * @property {import("./protocol.js").Loaded} loaded   the model that it is about
 * @property {string} answer                           what was looked for
 * @property {boolean} running
 * @property {string} note                             why it ended early
 */

/**
 * A chat as far as it has come.
 * @typedef {object} Chat
 * @property {ChatTurn[]} turns
 * @property {string} settings   that the turns were had under
 * @property {Link | null} link  the engine that has their caches; null: none has, so the chat begins again
 * @property {string} note       why it began again
 * @property {boolean} asking    whether turns are being had, one or several
 */

/**
 * @typedef {object} ChatTurn
 * @property {string} said
 * @property {string} answer
 * @property {import("./protocol.js").Turn | null} turn
 */

/**
 * This device in figures, as far as they are there (measure.js).
 * @typedef {object} Measuring
 * @property {import("./protocol.js").Measured[]} rows
 * @property {{what: string, message: string}[]} failures  what could not be measured, and why
 * @property {import("./measure.js").Adapter | null} adapter
 * @property {string} running    what is being measured; "": nothing
 * @property {string} json       the figures, where the clipboard is closed
 */

/**
 * @typedef {object} State
 * @property {Form} form
 * @property {import("./form.js").Faults} faults
 * @property {string} status       one sentence at the top of the page
 * @property {import("./protocol.js").Loaded | null} loaded   by the worker
 * @property {boolean} lost        the device of the loaded model: the next run opens it again
 * @property {string} fileName     of the loaded model; "" is the built-in one
 * @property {import("./models.js").Shelf} shelf  models by name
 * @property {import("./protocol.js").Method[]} methods
 * @property {import("./protocol.js").Opening} opening  what is chosen until the reader does
 * @property {{text: string, done: number, total: number} | null} loading
 * @property {{text: string, done: number, total: number} | null} reading
 * @property {string} busy         what the engine is doing: "", run, chat, turn, replan, plan, branch, needle, load, match, measure
 * @property {boolean} paused      step by step, waiting for the next step
 * @property {Run | null} run
 * @property {Chat} chat
 * @property {boolean} typed       the reader has chosen what to begin with
 * @property {string} recordedNote
 * @property {{layer: number, head: number}} selected
 * @property {number} hovered      index of a generated token, -1: none
 * @property {number} held         likewise, after a click
 * @property {number} word         index of a prompt token under the pointer, -1: none
 * @property {import("./protocol.js").Cell | null} cell
 * @property {import("./protocol.js").SimilarityMap | null} map
 * @property {import("./protocol.js").Ballots | null} ballots
 * @property {Needle | null} needle
 * @property {Measuring} measuring
 * @property {{loaded: import("./protocol.js").Loaded, text: string} | null} matched  how far a device agrees with the CPU
 */

/** @type {State} */
export let state = {
    form: { ...defaults },
    faults: {},
    status: "",
    loaded: null,
    lost: false,
    fileName: "",
    shelf: { models: [], others: [], usage: 0, quota: 0, persisted: false, fault: "", pointed: { name: "" } },
    methods: [],
    opening: { method: "", budget: 0 },
    loading: null,
    reading: null,
    busy: "",
    paused: false,
    run: null,
    chat: { turns: [], settings: "", link: null, note: "", asking: false },
    typed: false,
    recordedNote: "",
    selected: { layer: 0, head: 0 },
    hovered: -1,
    held: -1,
    word: -1,
    cell: null,
    map: null,
    ballots: null,
    needle: null,
    measuring: { rows: [], failures: [], adapter: null, running: "", json: "" },
    matched: null,
};

let drawing = false;
/** @type {(state: State) => void} */
let render = () => {};

/** Says who draws the state. @param {(state: State) => void} draw */
export function drawWith(draw) {
    render = draw;
}

/** @param {Partial<State>} change */
export function set(change) {
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
export function setRun(change) {
    if (state.run) set({ run: { ...state.run, ...change } });
}

/** @param {Partial<Measuring>} change */
export function setMeasuring(change) {
    set({ measuring: { ...state.measuring, ...change } });
}

/** @param {Partial<Chat>} change */
export function setChat(change) {
    set({ chat: { ...state.chat, ...change } });
}

/** Changes the last turn of the chat. @param {Partial<ChatTurn>} change */
export function setLastTurn(change) {
    const { turns } = state.chat;
    setChat({ turns: [...turns.slice(0, -1), { ...turns[turns.length - 1], ...change }] });
}

/** @param {Partial<Form>} change */
export function setForm(change) {
    const form = { ...state.form, ...change };
    const faults = state.methods.length > 0 ? check(form, state.methods) : {};
    set({ form, faults });
}

/**
 * Takes over what an engine offers. A form in which no method is chosen gets the one
 * that the engine opens with.
 * @param {import("./protocol.js").Loaded} loaded
 */
export function offer({ methods, opening }) {
    set({ methods, opening });
    if (state.form.method === "") setForm({ method: opening.method });
}

/** @param {string | undefined} name */
export const methodNamed = (name) => state.methods.find((m) => m.name === name);

/** The method that is chosen, once the engine has named it. */
export const method = () => methodNamed(state.form.method);

/** What was written in the run shown now. */
export function written() {
    return state.run?.tokens ?? [];
}

/** Whether the run shown now is the last turn of the chat. */
export const chatting = () => state.run?.request.messages !== undefined;

/** Whether the run shown now is this engine's. @param {Link} link */
export function showing(link) {
    return state.run?.link === link;
}

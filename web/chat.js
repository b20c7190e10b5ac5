// chat.js: a conversation, turn after turn. The engine keeps its compressed cache from one
// turn to the next and reads only what is new; where that cannot be, the chat begins again
// from its first turn, so that it is always what its link reproduces.

import { engine, file, loadModel } from "./engines.js";
import { showLink, toSettings } from "./form.js";
import { goTo } from "./faults.js";
import { checked, exclusive, fail } from "./queue.js";
import { beginRun, onPreparation, onRunEvent } from "./runs.js";
import { chatting, method, set, setChat, setForm, state } from "./store.js";

/** @typedef {import("./link.js").Link} Link */
/** @typedef {import("./protocol.js").Message} Message */

/** What turns depend on besides what is said. @param {import("./form.js").Form} form */
export const settingsOf = (form) => JSON.stringify([form.system, toSettings(form, method())]);

/** Why the chat cannot go on from where it is; "": it can. */
function whyAgain() {
    const { turns, settings, link } = state.chat;
    if (turns.length === 0) return "";
    if (turns.some(({ said }, i) => said !== state.form.messages[i])) return "an earlier message has changed";
    if (settings !== settingsOf(state.form)) return "the method or a setting has changed";
    if (link === null || link !== engine || !chatting() || state.run?.link !== link)
        return "the engine no longer has its cache";
    return "";
}

/**
 * Says the draft, if there is one, and has all turns that have no answer yet.
 * @param {boolean} stepByStep
 * @param {boolean} fromFirst  has those that have one again, too
 */
export async function say(stepByStep, fromFirst) {
    if (!engine || !state.loaded) await loadModel(file);
    if (!engine || !state.loaded || !checked()) return;
    const { refused } = state.loaded.chat;
    const { draft, messages } = state.form;
    const next = draft.trim() === "" ? messages : [...messages, draft];
    const fault = refused ? `No chat: ${refused}.` : next.length === 0 ? "Write a message first." : "";
    if (fault) {
        set({ faults: { ...state.faults, messages: fault } });
        goTo("messages", fault);
        return;
    }
    setForm({ model: state.fileName, messages: next, draft: draft.trim() === "" ? draft : "" });
    const had = state.chat.turns.length;
    const why = whyAgain();
    if (fromFirst || why || had === 0 || had === next.length)
        setChat({ turns: [], settings: settingsOf(state.form), link: engine });
    setChat({ note: had > 0 && why ? `The chat began again from its first turn: ${why}.` : "" });
    showLink(state.form);
    const link = engine,
        mine = ++newest;
    setChat({ asking: true });
    for (let i = state.chat.turns.length; i < next.length; i++) if (!(await haveTurn(i, link, stepByStep))) break;
    if (mine === newest) setChat({ asking: false });
}

/** Counts wishes: a newer one ends those before it. */
let newest = 0;

/**
 * Asks the engine for a turn, and reports whether its answer came to its end.
 * @param {number} i
 * @param {Link} link
 * @param {boolean} stepByStep
 */
async function haveTurn(i, link, stepByStep) {
    const said = state.form.messages[i];
    /** @type {Message[]} */
    const messages = [{ role: "user", content: said }];
    const { system } = state.form;
    if (i === 0 && system.trim() !== "") messages.unshift({ role: "system", content: system });
    const request = { ...toSettings(state.form, method()), do: i === 0 ? "chat" : "turn", messages };
    if (stepByStep) request.step_by_step = true;
    let begun = false;
    const last = await exclusive(
        request,
        (event) => {
            if (!begun && event.failed) fail(event.failed);
            else if (!begun && !onPreparation(event)) {
                begun = true;
                if (state.loaded) beginRun(link, state.loaded, request, "", "");
                setChat({ link, turns: [...state.chat.turns, { said, answer: "", turn: null }] });
            }
            if (begun) onRunEvent(event);
        },
        link,
    );
    if (!last?.failed) return last?.done?.stop !== undefined && last.done.stop.reason !== "cancelled";
    setChat({ link: null }); // the engine has given the chat up
    if (!begun) {
        // What was not read is the reader's to change; what was to come after it, too.
        const { faults, form } = state;
        if (form.draft === "") setForm({ messages: form.messages.slice(0, i), draft: said });
        set({ faults }); // of the engine
    }
    return false;
}

/** Forgets what was said, but not how the model should answer. */
export function newChat() {
    setForm({ messages: [], draft: "" });
    setChat({ turns: [], link: null, note: "" });
    goTo("messages", "");
}

/** Takes a message back to change it, and with it all after it. @param {number} i */
export function takeBack(i) {
    const { messages } = state.form;
    setForm({ messages: messages.slice(0, i), draft: messages[i] });
    goTo("messages", "");
}

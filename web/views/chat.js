// chat.js: a conversation with a model that was made to answer, and what each of its turns
// has read and kept.

import { settingsOf } from "../chat.js";
import { h, watch } from "../dom.js";
import { bytes, count, percent } from "../format.js";
import { field, sync } from "./prompt.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createChat(root, actions) {
    const system = h("textarea", {
        id: "system",
        dir: "auto",
        rows: "2",
        oninput: () => actions.type({ system: system.value }),
    });
    const log = h("div", { class: "chat", role: "log", "aria-label": "Conversation", tabindex: "0" });
    const note = h("p", { class: "quiet small", role: "status" });
    const message = h("textarea", {
        id: "message",
        dir: "auto",
        rows: "2",
        "data-control": "messages",
        "aria-describedby": "message-note fault-messages",
        oninput: () => actions.type({ draft: message.value }),
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            actions.say();
        },
    });
    const send = h("button", { type: "button", id: "send", class: "primary", text: "Send", onclick: () => actions.say() });
    const stop = h("button", { type: "button", id: "stop-chat", text: "Stop", onclick: () => actions.stop() });
    const fresh = h("button", { type: "button", id: "new-chat", text: "New chat", onclick: () => actions.newChat() });
    root.append(
        field("System message", system, "How the model should answer. May be empty."),
        log,
        note,
        h("label", { for: "message", text: "Your message" }),
        message,
        h("p", {
            id: "message-note",
            class: "quiet small",
            text: "Enter sends, Shift+Enter begins a new line. Each turn reads only what is new, behind the cache that the turn before compressed.",
        }),
        h("p", { id: "fault-messages", class: "fault", role: "alert", "data-fault": "messages" }),
        h("div", { class: "actions" }, send, stop, fresh),
    );

    const changed = watch(),
        talked = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        const f = s.form;
        const writing = s.chat.asking || (s.busy !== "" && s.busy !== "load");
        if (talked(f.messages, s.chat.turns, writing)) {
            const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 40;
            drawTurns(log, s, writing, actions);
            log.setAttribute("aria-busy", String(writing)); // an answer is read out when it is there
            if (atEnd) log.scrollTop = log.scrollHeight;
        }
        if (!changed(f, s.chat, s.busy, s.loaded)) return;
        sync(system, f.system);
        sync(message, f.draft);
        const other = s.chat.turns.length > 0 && s.chat.settings !== settingsOf(f);
        note.textContent = other
            ? "With other settings the chat begins again from its first turn, when the next message is sent or Run is pressed."
            : s.chat.note;
        send.disabled = writing || s.busy === "load" || f.draft.trim() === "";
        stop.disabled = !writing;
        fresh.disabled = writing || f.messages.length === 0;
    };
}

/**
 * Draws what was said and answered. Turns that stay keep their elements.
 * @param {HTMLElement} log
 * @param {import("../store.js").State} s
 * @param {boolean} writing
 * @param {import("../actions.js").Actions} actions
 */
function drawTurns(log, s, writing, actions) {
    const { messages } = s.form;
    while (log.children.length > messages.length) log.lastElementChild?.remove();
    messages.forEach((said, i) => {
        const had = s.chat.turns[i]?.said === said ? s.chat.turns[i] : undefined;
        let article = /** @type {HTMLElement | undefined} */ (log.children[i]);
        if (!article) {
            const change = h("button", {
                type: "button",
                class: "quiet-button small",
                text: "Change",
                "aria-label": `Change message ${i + 1}`,
                onclick: () => actions.takeBack(i),
            });
            article = h(
                "div",
                { class: "turn" },
                h("p", { class: "said", dir: "auto" }, h("strong", { text: "You" }), h("span"), change),
                h("p", { class: "answer", dir: "auto" }, h("strong", { text: "Model" }), h("span")),
                h("p", { class: "facts small" }),
            );
            log.append(article);
        }
        const [you, model] = article.querySelectorAll("span");
        set(you, said);
        set(model, had?.answer ?? (writing ? "\u2026" : ""));
        const change = article.querySelector("button");
        if (change) change.disabled = writing;
        set(/** @type {HTMLElement} */ (article.lastElementChild), had?.turn ? describe(had.turn) : "");
    });
}

/** @param {HTMLElement} element @param {string} text */
function set(element, text) {
    if (element.textContent !== text) element.textContent = text;
}

/** @param {import("../protocol.js").Turn} t */
function describe(t) {
    const had = t.tokens - t.read;
    return (
        `Turn ${t.index + 1}: read ${count(t.read, "token")}${had > 0 ? `, the other ${had} were in the cache` : ""}. ` +
        `Slots: ${t.slots_before.toLocaleString("en")} before, ${t.slots_after.toLocaleString("en")} after, ${percent(t.slots_after / t.slots_full)} of a full cache \u00B7 ` +
        `${bytes(t.bytes_occupied)} of ${bytes(t.bytes_full)}.`
    );
}

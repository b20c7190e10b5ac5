// prompt.js: the text to read, a question behind it, and what must not be forgotten; or a chat.

import { h, roving, watch } from "../dom.js";
import { count, quoted, spanText } from "../format.js";
import { presets } from "../presets.js";
import { createChat } from "./chat.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createPrompt(root, actions) {
    const modes = ["text", "chat"].map((mode) =>
        h("button", {
            type: "button",
            role: "radio",
            "data-mode": mode,
            tabindex: "-1",
            text: mode === "chat" ? "Chat" : "Text",
            onclick: () => actions.setMode(mode),
        }),
    );
    const modeRadios = h("div", { class: "segments", role: "radiogroup", "aria-label": "Text or chat", "data-control": "mode" }, ...modes);
    roving(modeRadios, "button");
    const textPart = h("div"),
        chatPart = h("div");
    const drawChat = createChat(chatPart, actions);

    const buttons = presets.map((p) =>
        h("button", {
            type: "button",
            role: "radio",
            "data-key": p.key,
            tabindex: "-1",
            text: p.label,
            onclick: () => actions.choosePreset(p.key),
        }),
    );
    const radios = h("div", { class: "segments", role: "radiogroup", "aria-label": "What to begin with" }, ...buttons);
    roving(radios, "button");

    const fact = h("input", {
        type: "text",
        id: "fact",
        dir: "auto",
        maxlength: "300",
        oninput: () => actions.hide({ fact: fact.value }),
    });
    const answer = h("input", {
        type: "text",
        id: "answer",
        dir: "auto",
        maxlength: "80",
        oninput: () => actions.setForm({ answer: answer.value }),
    });
    const depth = h("input", {
        type: "range",
        id: "depth",
        min: "0",
        max: "100",
        step: "5",
        "data-control": "depth",
        oninput: () => actions.hide({ depth: depth.value }),
    });
    const length = h(
        "select",
        { id: "length", onchange: () => actions.hide({ length: length.value }) },
        h("option", { value: "short", text: "a short text" }),
        h("option", { value: "long", text: "a long text" }),
    );
    const depthText = h("output", { for: "depth", class: "number" });
    const hiding = h(
        "div",
        { class: "fields" },
        field("Your fact", fact, "One sentence, hidden in a text. Change the question below with it."),
        field("The word that shows it was found", answer, "Looked for in the first line that is written, in either case."),
        h(
            "p",
            { class: "field" },
            h("label", { for: "depth", text: "Where it is hidden" }),
            h("span", { class: "row" }, depth, depthText, length),
        ),
        h("p", { class: "fault", role: "alert", "data-fault": "depth" }),
    );

    const prompt = h("textarea", {
        id: "prompt-text",
        dir: "auto",
        rows: "7",
        spellcheck: "false",
        "data-control": "prompt",
        "aria-describedby": "prompt-note fault-prompt",
        oninput: () => actions.type({ prompt: prompt.value, pins: [] }),
        onselect: () => selection(),
        onkeyup: () => selection(),
        onmouseup: () => selection(),
    });
    const question = h("textarea", {
        id: "question",
        dir: "auto",
        rows: "3",
        spellcheck: "false",
        "data-control": "question",
        oninput: () => actions.type({ question: question.value }),
    });
    const pinButton = h("button", {
        type: "button",
        disabled: true,
        text: "Never forget the selection",
        onclick: () => actions.pinText(prompt.selectionStart, prompt.selectionEnd),
    });
    const pins = h("ul", { class: "pins", "aria-label": "Pinned", "data-control": "pins" });
    function selection() {
        pinButton.disabled = prompt.selectionStart === prompt.selectionEnd;
    }
    const size = h("span", { class: "quiet" });

    root.append(
        modeRadios,
        h("p", { class: "fault", role: "alert", "data-fault": "mode" }),
        textPart,
        chatPart,
    );
    textPart.append(
        radios,
        hiding,
        h(
            "div",
            { class: "columns wide-left" },
            h(
                "div",
                {},
                h("label", { for: "prompt-text", text: "Prompt" }),
                prompt,
                h("p", { id: "prompt-note", class: "quiet small" }, "Read once, then compressed. ", size),
                h("p", { id: "fault-prompt", class: "fault", role: "alert", "data-fault": "prompt" }),
            ),
            h(
                "div",
                {},
                h("label", { for: "question", text: "Question" }),
                question,
                h("p", {
                    class: "quiet small",
                    text: "Read behind the compressed prompt, so the method cannot know it. Models continue text: end where the answer should begin. The built-in one was taught \u201cQuestion: \u2026?\u201d and \u201cAnswer:\u201d, on two lines.",
                }),
                h("p", { class: "fault", role: "alert", "data-fault": "question" }),
                h("p", {}, pinButton),
                h("p", {
                    class: "quiet small",
                    text: "Select words in the prompt, here or in the token strip below. No method may fold or drop them.",
                }),
                pins,
                h("p", { class: "fault", role: "alert", "data-fault": "pins" }),
            ),
        ),
    );

    const changed = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        const f = s.form;
        drawChat(s);
        if (!changed(f, s.loaded)) return;
        modes.forEach((b) => {
            const on = b.dataset.mode === f.mode;
            b.setAttribute("aria-checked", String(on));
            b.tabIndex = on ? 0 : -1;
        });
        textPart.hidden = f.mode !== "text";
        chatPart.hidden = f.mode !== "chat";
        buttons.forEach((b) => {
            const on = b.dataset.key === f.preset;
            b.setAttribute("aria-checked", String(on));
            b.tabIndex = on ? 0 : -1;
        });
        hiding.hidden = f.preset !== "fact";
        sync(fact, f.fact);
        sync(answer, f.answer);
        sync(depth, f.depth);
        depthText.textContent = `${f.depth} % into`;
        sync(length, f.length);
        length.setAttribute("aria-label", "Length of the text");
        sync(prompt, f.prompt);
        sync(question, f.question);
        const inBytes = new TextEncoder().encode(f.prompt).length;
        size.textContent = `${count(inBytes, "byte")} of text${s.loaded ? `; the model’s context is ${count(s.loaded.context, "token")}` : ""}.`;
        pins.replaceChildren(
            ...f.pins.map((pin, i) =>
                h(
                    "li",
                    {},
                    h("bdi", { text: spanText(f.prompt, pin) }),
                    h("button", {
                        type: "button",
                        "aria-label": `Unpin ${quoted(spanText(f.prompt, pin))}`,
                        text: "\u00D7",
                        onclick: () => actions.unpin(i),
                    }),
                ),
            ),
        );
    };
}

/**
 * A labelled control with a line about it.
 * @param {string} label
 * @param {HTMLElement} control
 * @param {string} note
 */
export function field(label, control, note) {
    return h(
        "p",
        { class: "field" },
        h("label", { for: control.id, text: label }),
        control,
        h("span", { class: "quiet small", text: note }),
    );
}

/**
 * Shows a value in a control without moving the caret of somebody who types.
 * @param {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} control
 * @param {string} value
 */
export function sync(control, value) {
    if (control.value !== value) control.value = value;
}

// texts.js: what is written with the compressed cache, beside what the full
// cache would have written, and where they part.

import { explain, h, roving, watch } from "../dom.js";
import { count, quoted, visible } from "../format.js";
import { isFound } from "../presets.js";
import { shownToken } from "./token.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createTexts(root, actions) {
    const left = h("p", {
        class: "text",
        dir: "auto",
        "aria-label": "Written with the compressed cache; each token can be pointed at",
    });
    const right = h("p", { class: "text", dir: "auto" });
    const verdict = h("p", { class: "verdict", "aria-live": "polite" });
    roving(left, ".token");
    /** @param {globalThis.Event} event */
    const at = (event) => {
        const token = /** @type {HTMLElement} */ (event.target).closest(".token");
        return token instanceof HTMLElement ? Number(token.dataset.index) : -1;
    };
    // The last token pointed at stays shown, so that its alternatives can be reached.
    for (const kind of ["mouseover", "focusin"]) {
        left.addEventListener(kind, (event) => {
            if (at(event) >= 0) actions.hover(at(event));
        });
    }
    left.addEventListener("click", (event) => {
        if (at(event) >= 0) actions.hold(at(event));
    });
    left.addEventListener("keydown", (event) => {
        if ((event.key !== "Enter" && event.key !== " ") || at(event) < 0) return;
        event.preventDefault();
        actions.hold(at(event));
    });
    const columns = h(
        "div",
        { class: "columns texts" },
        h("div", {}, h("h4", { text: "Compressed cache" }), left),
        h("div", {}, h("h4", { text: "Full cache" }), right),
    );
    root.append(
        verdict,
        columns,
        explain(
            "How are these two texts made?",
            "The prompt is read once. The left text is written with a compressed copy of its cache, the right one with the full cache, with the same seed; draws depend only on seed, position and token, so that small differences rarely change the token.",
            "The mark shows the first token that differs. From there on each column follows its own text. Point at a token to see what else could have stood there; click it to hold it, and click an alternative to go on from there.",
        ),
    );

    /** @type {HTMLElement[]} */
    let spans = [];
    const changed = watch(),
        marked = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        const r = s.run;
        const tokens = r?.tokens ?? [];
        if (changed(r?.tokens, r?.request.question, r?.stale, r?.plan, r?.report, s.busy)) {
            const question = r?.request.question ?? "";
            const parted = tokens.findIndex((t) => t.full_text !== t.text);
            while (spans.length > tokens.length) spans.pop()?.remove();
            if (spans.length === 0) left.replaceChildren(h("span", { class: "question", text: question }));
            else if (left.firstChild && left.firstChild.textContent !== question)
                left.firstChild.textContent = question;
            tokens.forEach((token, i) => {
                if (!spans[i]) {
                    spans[i] = h("span", {
                        class: "token",
                        role: "button",
                        tabindex: i === 0 ? "0" : "-1",
                        "data-index": i,
                    });
                    left.append(spans[i]);
                }
                if (spans[i].textContent !== token.text) spans[i].textContent = token.text;
                if (token.text.trim() === "") spans[i].setAttribute("aria-label", `token ${visible(token.text)}`);
                else spans[i].removeAttribute("aria-label");
                spans[i].classList.toggle("parted", i === parted);
                spans[i].classList.toggle("after", parted >= 0 && i > parted);
            });
            right.replaceChildren(
                h("span", { class: "question", text: question }),
                ...tokens
                    .filter((t) => t.full_text !== "")
                    .map((t) => {
                        const i = tokens.indexOf(t);
                        return h("span", {
                            class: i === parted ? "token parted" : parted >= 0 && i > parted ? "token after" : "token",
                            text: t.full_text,
                        });
                    }),
            );
            columns.classList.toggle("stale", r?.stale ?? false);
            verdict.replaceChildren(...say(s, parted));
        }
        if (marked(shownToken(s), s.held, spans.length)) {
            spans.forEach((span, i) => {
                span.classList.toggle("shown", i === shownToken(s));
                span.classList.toggle("held", i === s.held);
                span.setAttribute("aria-pressed", String(i === s.held));
            });
        }
    };
}

/**
 * One sentence about the two texts.
 * @param {import("../store.js").State} s
 * @param {number} parted
 * @returns {(Node | string)[]}
 */
function say(s, parted) {
    const r = s.run;
    if (!r || r.tokens.length === 0) return [s.busy ? "" : "Nothing is written yet."];
    if (r.stale) return ["These texts were written under the last plan; let go of the control to write anew."];
    const out =
        parted < 0
            ? [`Both caches wrote the same ${count(r.tokens.length, "token")}.`]
            : [`The texts part at token ${parted + 1}.`];
    if (r.report?.stop) out.push(` ${ended(r.report.stop, r.tokens)}`);
    if (r.answer.trim() === "" || !r.fact) return out;
    const compressed = isFound(r.tokens.map((t) => t.text).join(""), r.answer),
        full = isFound(r.tokens.map((t) => t.full_text).join(""), r.answer);
    const what = quoted(r.answer.trim());
    if (compressed) out.push(` ${what} was found${full ? " by both" : " by the compressed cache only"}.`);
    else
        out.push(
            full
                ? ` ${what} was forgotten: the full cache finds it, the compressed one does not.`
                : ` ${what} was found by neither: this model does not answer even with its full cache.`,
        );
    return out;
}

/**
 * What ended the left text. An empty one needs it most.
 * @param {import("../protocol.js").Stop} stop
 * @param {import("../protocol.js").Token[]} tokens
 */
function ended({ reason, token, piece }, tokens) {
    const text = tokens.every((t) => t.text === "") ? "The left text is empty" : "The left text ends here";
    switch (reason) {
        case "token":
            return `${text}: the model ended it with token ${token}, ${quoted(piece ?? "")}.`;
        case "length":
            return `${text}: there are as many tokens as were asked for.`;
        case "context":
            return `${text}: the context is full.`;
    }
    return `${text}: it was stopped.`;
}

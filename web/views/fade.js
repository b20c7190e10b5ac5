// fade.js: the prompt over all heads: what is folded or dropped fades, and
// what the token that is looked at attended to is tinted. Words selected here
// can be pinned.

import { explain, h, watch } from "../dom.js";
import { fraction, percent, quoted } from "../format.js";
import { fates, share, slotsOf } from "../plan.js";
import { shownToken } from "./token.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createFade(root, actions) {
    const strip = h("p", {
        class: "strip fade",
        dir: "auto",
        tabindex: "0",
        "aria-label": "The prompt, token by token; select words to pin them",
    });
    const about = h("p", { class: "facts small", "aria-live": "off" });
    const pin = h("button", { type: "button", disabled: true, text: "Never forget the selection" });
    const verdict = h("p", { class: "verdict" });
    const attention = h("p", { class: "small quiet" });
    root.append(
        verdict,
        strip,
        about,
        attention,
        h("p", { class: "row" }, pin),
        explain(
            "How is this drawn?",
            "Every KV head of every layer decides for itself. A token is as dark as its share of a slot, mean over all heads: 1 where it has one of its own, 1/n where n tokens are folded into one, 0 where it was dropped. The mean over all tokens is kept / total. The hidden fact is underlined, pinned words have a line above them.",
            "The tint is the attention that the token looked at above paid to each prompt token: mean over all layers and heads of the compressed cache, a folded slot’s share divided among its tokens by their Gaussian weights; the strongest is fully tinted.",
        ),
    );

    /** @returns {import("../protocol.js").Span | null} */
    function selected() {
        const selection = getSelection();
        if (!selection || selection.isCollapsed || selection.rangeCount === 0) return null;
        const range = selection.getRangeAt(0);
        const inside = spans.filter(
            (span) => range.intersectsNode(span) && (!span.firstChild || range.comparePoint(span.firstChild, 0) <= 0),
        );
        if (!strip.contains(range.commonAncestorContainer) || inside.length === 0) return null;
        const first = prompt[spans.indexOf(inside[0])],
            last = prompt[spans.indexOf(inside[inside.length - 1])];
        return first && last && first.from < last.to ? { from: first.from, to: last.to } : null;
    }
    document.addEventListener("selectionchange", () => {
        pin.disabled = selected() === null;
    });
    pin.addEventListener("mousedown", (event) => event.preventDefault()); // keeps the selection
    pin.addEventListener("click", () => {
        const span = selected();
        if (span) actions.pin(span);
    });
    strip.addEventListener("mouseover", (event) => {
        const token = /** @type {HTMLElement} */ (event.target).closest("[data-slot]");
        actions.word(token instanceof HTMLElement ? Number(token.dataset.slot) : -1);
    });
    strip.addEventListener("mouseleave", () => actions.word(-1));
    strip.addEventListener("keydown", (event) => {
        // the arrow keys walk through the tokens
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step || event.shiftKey || prompt.length === 0) return;
        event.preventDefault();
        actions.word(Math.max(0, Math.min(prompt.length - 1, word + step)));
    });

    /** @type {HTMLElement[]} */
    let spans = [];
    /** @type {import("../protocol.js").PromptToken[]} */
    let prompt = [];
    let word = -1;
    const textChanged = watch(),
        planChanged = watch(),
        tintChanged = watch(),
        wordChanged = watch(),
        pinsChanged = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        const r = s.run,
            plan = r?.plan ?? null;
        prompt = r?.prompt ?? [];
        const whole = plan !== null && prompt.length === plan.slots;
        if (textChanged(prompt)) {
            spans = prompt.map((t, i) => h("span", { "data-slot": i, text: t.text }));
            strip.replaceChildren(...spans);
        }
        const fact = slotsOf(prompt, r?.fact ?? null);
        const factAgain = planChanged(plan, prompt, r?.fact);
        if (factAgain && !plan) verdict.textContent = "";
        if (factAgain && plan && whole) {
            spans.forEach((span, i) => {
                span.style.setProperty("--held", share(plan, i).toFixed(3));
                span.classList.toggle("fact", fact.includes(i));
            });
            verdict.textContent = sayFact(plan, fact);
        }
        if (pinsChanged(s.form.pins, prompt, r?.request.pins)) {
            const pinned = new Set(s.form.pins.flatMap((p) => slotsOf(prompt, p)));
            spans.forEach((span, i) => span.classList.toggle("pinned", pinned.has(i)));
        }
        const index = shownToken(s),
            token = r?.tokens[index];
        if (tintChanged(token, prompt)) {
            const attended = token && token.attended.length === prompt.length ? token.attended : [];
            const most = Math.max(1e-9, ...attended.filter(Number.isFinite));
            spans.forEach((span, i) => span.style.setProperty("--tint", String(fraction(attended[i] ?? 0, most))));
            attention.textContent =
                attended.length > 0 && token
                    ? `Tinted: what token ${index + 1}, ${quoted(token.text)}, attended to; at most ${percent(most, 1)} on one token.`
                    : token
                      ? `What token ${index + 1} attended to was not measured: it was drawn from what reading had left.`
                      : "";
        }
        if (wordChanged(s.word, plan, prompt)) {
            word = s.word;
            spans.forEach((span, i) => span.classList.toggle("pointed", i === s.word));
            const t = prompt[s.word];
            if (t && plan && whole) {
                const f = fates(plan, s.word);
                about.textContent = `${quoted(t.text)} \u00B7 slot ${s.word} of ${plan.slots} \u00B7 of ${plan.heads.length} heads ${f.kept} keep it, ${f.pivot + f.folded} hold it folded with neighbours, ${f.dropped} dropped it \u00B7 ${percent(share(plan, s.word))} of a slot on average.`;
            } else about.textContent = "Point at a word, or walk with the arrow keys, to see what became of it.";
        }
    };
}

/**
 * What became of the hidden fact, over all heads.
 * @param {import("../protocol.js").Plan} plan
 * @param {number[]} fact
 */
function sayFact(plan, fact) {
    if (fact.length === 0) return "";
    const sum = { kept: 0, pivot: 0, folded: 0, dropped: 0 };
    for (const slot of fact) {
        const f = fates(plan, slot);
        sum.kept += f.kept;
        sum.pivot += f.pivot;
        sum.folded += f.folded;
        sum.dropped += f.dropped;
    }
    const all = fact.length * plan.heads.length;
    return `Your fact is ${fact.length} tokens in ${plan.heads.length} heads: ${percent(sum.kept / all, 1)} kept as they were, ${percent((sum.pivot + sum.folded) / all, 1)} folded, ${percent(sum.dropped / all, 1)} dropped.`;
}

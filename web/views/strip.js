// strip.js: one head, slot by slot: kept, folded into which pivot, dropped, and the
// votes for it; and a folded slot taken apart into its words and weights.

import { explain, h, roving, watch } from "../dom.js";
import { decimal, fraction, percent, quoted, visible } from "../format.js";
import { fate, headOf } from "../plan.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createStrip(root, actions) {
    const layer = h("select", { id: "layer", onchange: () => actions.select(Number(layer.value), Number(head.value)) });
    const head = h("select", { id: "head", onchange: () => actions.select(Number(layer.value), Number(head.value)) });
    const counts = h("p", { class: "facts" });
    const strip = h("p", {
        class: "strip slots",
        dir: "auto",
        role: "group",
        "aria-label": "Slots of this head; arrow keys walk, Enter takes a folded slot apart",
    });
    const about = h("p", { class: "facts small" });
    const cell = h("div", { class: "cell", hidden: true, "aria-live": "polite" });
    roving(strip, ".slot");
    const legend = h(
        "p",
        { class: "legend small" },
        h("span", { class: "slot kept", text: "kept" }),
        " in a slot of its own  ",
        h("span", { class: "slot pivot set-a", text: "pivot" }),
        h("span", { class: "slot folded set-a", text: " and folded" }),
        " share one slot  ",
        h("span", { class: "slot dropped", text: "dropped" }),
        "  ",
        h("span", { class: "slot kept voted legend-vote", text: "votes" }),
        " as a bar below",
    );
    root.append(
        h(
            "p",
            { class: "row" },
            h("label", { for: "layer", text: "Layer" }),
            layer,
            h("label", { for: "head", text: "KV head" }),
            head,
        ),
        counts,
        strip,
        about,
        legend,
        cell,
        explain(
            "How is this decided?",
            "KVMerger (compress/kvmerger.go): runs of neighbouring slots whose keys have a cosine above eps become one merging set, unless they are recent or among the most attended; the set’s most attended slot is the pivot, and gives the new row its position. With a budget, eps is found by bisection.",
            "The Gaussian weights of a set: w ∝ exp(−‖k_pivot − k‖² / 2σ²), normalised to 1; the new key and value are the weighted means, and ln n is added to the row’s attention logit so that it counts for its n tokens (values=count).",
            "GVote (compress/gvote.go): the bar under a slot is its votes, of all query heads and samples together; a slot with one vote stays.",
            "cos is the cosine of a slot’s key with the one before; attention is the sum this slot received from all prompt queries, mean over the query heads of the group.",
        ),
    );

    /** @param {globalThis.Event} event */
    const at = (event) => {
        const slot = /** @type {HTMLElement} */ (event.target).closest("[data-slot]");
        return slot instanceof HTMLElement ? Number(slot.dataset.slot) : -1;
    };
    strip.addEventListener("mouseover", (event) => actions.word(at(event)));
    strip.addEventListener("mouseleave", () => actions.word(-1));
    strip.addEventListener("focusin", (event) => actions.word(at(event)));
    strip.addEventListener("click", (event) => {
        if (at(event) >= 0) actions.takeApart(at(event));
    });
    strip.addEventListener("keydown", (event) => {
        if ((event.key !== "Enter" && event.key !== " ") || at(event) < 0) return;
        event.preventDefault();
        actions.takeApart(at(event));
    });

    /** @type {HTMLElement[]} */
    let spans = [];
    const shape = watch(),
        text = watch(),
        drawn = watch(),
        pointed = watch(),
        opened = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        const r = s.run,
            plan = r?.plan ?? null,
            prompt = r?.prompt ?? [];
        if (shape(plan?.layers, plan?.kv_heads)) {
            const numbers = (/** @type {number} */ n) =>
                Array.from({ length: n }, (_, i) => h("option", { value: i, text: String(i) }));
            layer.replaceChildren(...numbers(plan?.layers ?? 0));
            head.replaceChildren(...numbers(plan?.kv_heads ?? 0));
        }
        layer.value = String(s.selected.layer);
        head.value = String(s.selected.head);
        if (text(prompt)) {
            spans = prompt.map((t, i) =>
                h("span", {
                    role: "button",
                    tabindex: i === 0 ? "0" : "-1",
                    "data-slot": i,
                    text: t.text === "" ? "\u2205" : t.text,
                }),
            );
            strip.replaceChildren(...spans);
        }
        const p = plan && prompt.length === plan.slots ? headOf(plan, s.selected.layer, s.selected.head) : null;
        if (drawn(p, prompt)) {
            const tally = { kept: 0, pivot: 0, folded: 0, dropped: 0 };
            const votes = p?.votes ?? [];
            const most = Math.max(1, ...votes);
            let shade = false,
                before = -2;
            spans.forEach((span, i) => {
                if (!p) return;
                const f = fate(p, i);
                tally[f]++;
                if (p.row[i] !== before && (f === "pivot" || f === "folded")) shade = !shade; // neighbouring sets look different
                before = p.row[i];
                span.className = `slot ${f}${f === "pivot" || f === "folded" ? (shade ? " set-a" : " set-b") : ""}${votes[i] ? " voted" : ""}`;
                span.style.setProperty("--votes", String((votes[i] ?? 0) / most));
                span.setAttribute("aria-label", `${visible(prompt[i].text)}, ${f}`);
            });
            counts.textContent =
                p && plan
                    ? `${p.pivot.length} of ${plan.slots} slots (${percent(p.pivot.length / plan.slots)}): ${tally.kept} kept as they were, ` +
                      `${tally.pivot + tally.folded} folded into ${tally.pivot}, ${tally.dropped} dropped.${p.b_step?.length ? ` GVote’s single-step budgets of its query heads: ${p.b_step.join(", ")} keys.` : ""}`
                    : "";
        }
        if (pointed(s.word, p, prompt)) {
            spans.forEach((span, i) => span.classList.toggle("pointed", i === s.word));
            about.textContent =
                p && prompt[s.word]
                    ? describe(p, prompt, s.word)
                    : "Point at a slot. Click a folded one to take it apart.";
        }
        if (opened(s.cell, prompt)) {
            cell.hidden = !s.cell;
            if (s.cell) cell.replaceChildren(...takeApart(s.cell, prompt));
        }
    };
}

/**
 * @param {import("../protocol.js").PlanHead} p
 * @param {import("../protocol.js").PromptToken[]} prompt
 * @param {number} slot
 */
function describe(p, prompt, slot) {
    const f = fate(p, slot);
    const parts = [`${quoted(prompt[slot].text)} \u00B7 slot ${slot}`];
    if (f === "folded")
        parts.push(
            `folded into slot ${p.pivot[p.row[slot]]}, ${quoted(prompt[p.pivot[p.row[slot]]]?.text ?? "")}, with ${p.n[p.row[slot]] - 1} in all`,
        );
    else if (f === "pivot") parts.push(`pivot of ${p.n[p.row[slot]]} tokens`);
    else parts.push(f);
    if (p.votes?.length) parts.push(`${p.votes[slot]} votes`);
    if (p.mass?.length) parts.push(`attention ${decimal(p.mass[slot], 3)}`);
    if (p.cosine?.length && slot > 0) parts.push(`cos ${decimal(p.cosine[slot], 3)} with the slot before`);
    return parts.join(" \u00B7 ");
}

/**
 * @param {import("../protocol.js").Cell} c
 * @param {import("../protocol.js").PromptToken[]} prompt
 */
function takeApart(c, prompt) {
    const most = Math.max(...c.weights.filter(Number.isFinite), 1e-9);
    return [
        h("h4", {
            text: `Layer ${c.layer}, KV head ${c.head}, row ${c.row}: ${c.n === 1 ? "one token" : `${c.n} tokens in one slot`}`,
        }),
        h(
            "table",
            { class: "weights" },
            h(
                "thead",
                {},
                h(
                    "tr",
                    {},
                    h("th", { scope: "col", text: "slot" }),
                    h("th", { scope: "col", text: "word" }),
                    h("th", { scope: "col", text: "weight" }),
                    ...(c.value_weights ? [h("th", { scope: "col", text: "of its value" })] : []),
                    h("th", { scope: "col", "aria-label": "as a bar" }),
                ),
            ),
            h(
                "tbody",
                {},
                ...c.slots.map((slot, i) => {
                    const bar = h("span", { class: "bar" });
                    bar.style.setProperty("--share", String(fraction(c.weights[i], most)));
                    return h(
                        "tr",
                        { class: slot === c.pivot ? "pivot" : "" },
                        h("td", { class: "number", text: String(slot) }),
                        h(
                            "td",
                            {},
                            h("bdi", { text: visible(prompt[slot]?.text ?? "") }),
                            slot === c.pivot && c.n > 1 ? "  (pivot)" : "",
                        ),
                        h("td", { class: "number", text: percent(c.weights[i], 1) }),
                        ...(c.value_weights ? [h("td", { class: "number", text: percent(c.value_weights[i], 1) })] : []),
                        h("td", { class: "bar-cell" }, bar),
                    );
                }),
            ),
        ),
        h("p", {
            class: "small quiet",
            text:
                c.rule === "explicit"
                    ? `The key is the sum of the keys by these weights, the value of the values${c.value_weights ? " by those in their own column" : ""}; attention adds ${decimal(c.bias, 3)} to this row’s logit.`
                    : c.rule === "gaussian"
                    ? `σ = ${decimal(c.sigma, 3)}, the width of the Gaussian, in the units of a key’s norm; attention adds ${decimal(c.bias, 3)} to this row’s logit.`
                    : "Kept bit for bit as it was.",
        }),
    ];
}

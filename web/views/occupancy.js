// occupancy.js: layer by KV head, how many slots are kept, or how much of the
// hidden fact. A table, so that a screen reader can walk it.

import { explain, h, roving, watch } from "../dom.js";
import { percent } from "../format.js";
import { fate, headOf, slotsOf } from "../plan.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createOccupancy(root, actions) {
    let ofFact = false;
    /** @type {import("../store.js").State | null} */
    let latest = null;
    const toggle = h("div", { class: "segments small", role: "radiogroup", "aria-label": "What is counted" });
    const buttons = ["all slots", "the hidden fact"].map((text, i) =>
        h("button", {
            type: "button",
            role: "radio",
            text,
            onclick: () => {
                ofFact = i === 1;
                if (latest) draw(latest);
            },
        }),
    );
    toggle.append(...buttons);
    roving(toggle, "button");
    const table = h("table", { class: "heat" });
    const note = h("p", { class: "small quiet" });
    root.append(
        toggle,
        h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Slots per layer and KV head" }, table),
        note,
        explain(
            "How is this computed?",
            "Each cell is one KV head of one layer: its slots right after compression, of the slots it had. Under “the hidden fact” it counts the fact’s tokens that head still holds: kept in a slot of their own, or folded into one with neighbours.",
            "“alike” is the share of neighbouring keys of a layer with a cosine above 0.75 before compression, KVMerger’s premise: where it is low, what is merged follows from the budget, not from similarity. It is there once a run has ended and the method measures it (engine/report.go).",
        ),
    );

    /** @param {import("../store.js").State} s */
    function draw(s) {
        const r = s.run,
            plan = r?.plan;
        buttons.forEach((b, i) => {
            b.setAttribute("aria-checked", String(ofFact === (i === 1)));
            b.tabIndex = ofFact === (i === 1) ? 0 : -1;
        });
        const fact = slotsOf(r?.prompt ?? [], r?.fact ?? null);
        toggle.hidden = fact.length === 0;
        const counting = ofFact && fact.length > 0;
        note.textContent = plan
            ? counting
                ? "Stronger: more of the fact is held. Choose a cell to see that head below."
                : "Stronger: more slots kept. Choose a cell to see that head below."
            : "";
        if (!plan) {
            table.replaceChildren();
            return;
        }
        const alike = s.run?.report?.method.similar_neighbours;
        const header = h(
            "tr",
            {},
            h("th", { scope: "col", text: "layer" }),
            ...Array.from({ length: plan.kv_heads }, (_, i) =>
                h("th", { scope: "col", text: `head ${i}` }),
            ),
            h("th", { scope: "col", text: alike ? "alike" : "" }),
        );
        const rows = Array.from({ length: plan.layers }, (_, layer) =>
            h(
                "tr",
                {},
                h("th", { scope: "row", text: String(layer) }),
                ...Array.from({ length: plan.kv_heads }, (_, head) => {
                    const p = headOf(plan, layer, head);
                    const chosen = s.selected.layer === layer && s.selected.head === head;
                    let share = p.pivot.length / plan.slots,
                        text = String(p.pivot.length),
                        label = `layer ${layer}, KV head ${head}: ${text} of ${plan.slots} slots kept`;
                    if (counting) {
                        const found = fact.map((slot) => fate(p, slot));
                        const kept = found.filter((f) => f === "kept").length,
                            folded = found.filter((f) => f === "pivot" || f === "folded").length;
                        share = (kept + folded) / fact.length;
                        text =
                            kept + folded === 0
                                ? "forgotten"
                                : folded === 0
                                  ? `${kept} kept`
                                  : kept === 0
                                    ? `${folded} folded`
                                    : `${kept} + ${folded} folded`;
                        label = `layer ${layer}, KV head ${head}: of the fact’s ${fact.length} tokens ${kept} kept, ${folded} folded`;
                    }
                    const button = h("button", {
                        type: "button",
                        class: chosen ? "chosen" : "",
                        "aria-pressed": String(chosen),
                        "aria-label": label,
                        text,
                        onclick: () => actions.select(layer, head),
                    });
                    button.style.setProperty("--v", share.toFixed(3));
                    button.classList.toggle("dark-cell", share > 0.55);
                    return h("td", {}, button);
                }),
                h("td", { class: "number quiet", text: alike ? percent(alike[layer]) : "" }),
            ),
        );
        const focused = table.contains(document.activeElement)
            ? document.activeElement?.getAttribute("aria-label")?.split(":")[0]
            : null;
        table.replaceChildren(h("thead", {}, header), h("tbody", {}, ...rows));
        if (focused)
            /** @type {HTMLElement | null} */ (
                table.querySelector(`button[aria-label^="${CSS.escape(focused)}"]`)
            )?.focus();
    }
    const changed = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        latest = s;
        if (changed(s.run?.plan, s.selected, s.run?.fact, s.run?.prompt, s.run?.report)) draw(s);
    };
}

// needle.js: where a hidden fact is found again, by its depth in the text and the
// size of the cache (session/needle.go).

import { explain, h, watch } from "../dom.js";
import { percent, quoted } from "../format.js";
import { depths } from "../presets.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createNeedle(root, actions) {
    const button = h("button", { type: "button", text: "Fill the table", onclick: () => actions.needle() });
    const table = h("table", { class: "heat needle" });
    const note = h("p", { class: "small quiet" });
    root.append(
        h("p", { class: "row" }, button),
        h("p", { class: "fault", role: "alert", "data-fault": "needle" }),
        h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Found or forgotten" }, table),
        note,
        explain(
            "How is this computed?",
            "The fact is put at four depths of the text. Each text is read once; its cache is forked and compressed to each size, the question is read behind it, and up to 24 tokens are written. Found: your word is in their first line. The first column is the uncompressed cache: where it says forgotten, the model itself cannot answer, and the others say nothing about compression.",
        ),
    );
    const changed = watch(),
        enabled = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        if (enabled(s.form.preset, s.needle?.running, s.loaded, s.form.answer)) {
            button.disabled = s.form.preset !== "fact" || s.needle?.running === true || !s.loaded;
            note.textContent =
                s.form.preset !== "fact"
                    ? "Choose “Hide a fact” above first."
                    : s.needle
                      ? ""
                      : `Looks for ${quoted(s.form.answer)} in the first line that is written: one reading per depth, one run per cell.`;
        }
        const n = s.needle;
        if (!changed(n)) return;
        table.replaceChildren(...(n ? draw(n) : []));
        if (n?.note) note.textContent = n.note;
    };
}

/**
 * The parts of the table.
 * @param {import("../store.js").Needle} n
 */
function draw({ table: { method, option, sizes, found }, running }) {
    const header = (/** @type {number} */ size) => (size >= 1 ? "full" : option ? String(size) : percent(size));
    const outcome = (/** @type {boolean | undefined} */ it) =>
        it === undefined ? (running ? "…" : "") : it ? "found" : "forgotten";
    const cell = (/** @type {boolean | undefined} */ it) =>
        h("td", { class: it === undefined ? "" : outcome(it), text: outcome(it) });
    return [
        h("caption", { text: `${method}, by ${option || "budget (kept / total)"}` }),
        h(
            "thead",
            {},
            h(
                "tr",
                {},
                h("th", { scope: "col", text: "depth" }),
                ...sizes.map((size) => h("th", { scope: "col", text: header(size) })),
            ),
        ),
        h(
            "tbody",
            {},
            ...depths.map((depth, i) =>
                h(
                    "tr",
                    {},
                    h("th", { scope: "row", text: percent(depth) }),
                    ...sizes.map((_, j) => cell(found[i]?.[j])),
                ),
            ),
        ),
    ];
}

// measure.js: this device in figures: one row per model and device, to look at and to copy.

import { h, watch } from "../dom.js";
import { decimal, duration, plain } from "../format.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createMeasure(root, actions) {
    const begin = h("button", { type: "button", text: "Measure", onclick: () => actions.measure() });
    const stop = h("button", { type: "button", text: "Stop", onclick: () => actions.stop() });
    const copy = h("button", { type: "button", text: "Copy as JSON", onclick: () => actions.copyFigures() });
    const doing = h("span", { class: "quiet", role: "status" });
    const table = h("table", { class: "figures" });
    const scroll = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Figures of this device" }, table);
    const failures = h("ul", { class: "small" });
    const json = h("textarea", { readonly: true, rows: "8", "aria-label": "The figures as JSON" });
    root.append(
        h(
            "details",
            { class: "measure-box" },
            h("summary", { text: "Measure this device" }),
            h("p", {
                class: "small quiet",
                text: "How fast the built-in model reads 512 tokens and writes 128, on the GPU and on the CPU, and likewise the model in use if that is another; what a wait and a kernel cost; and how often the GPU chooses the token that the CPU would. That takes seconds on a GPU, up to minutes on a CPU. Nothing is sent: the figures stay here until you copy them.",
            }),
            h("p", { class: "row" }, begin, stop, copy, doing),
            scroll,
            failures,
            json,
        ),
    );
    const changed = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        const m = s.measuring;
        if (!changed(m, s.loaded, s.busy === "load")) return;
        begin.disabled = !s.loaded || m.running !== "" || s.busy === "load";
        stop.hidden = m.running === "";
        copy.hidden = m.running !== "" || (m.rows.length === 0 && m.failures.length === 0);
        doing.textContent = m.running;
        scroll.hidden = m.rows.length === 0;
        table.replaceChildren(...draw(m.rows));
        failures.hidden = m.failures.length === 0;
        failures.replaceChildren(...m.failures.map((f) => h("li", { text: `Not measured: ${f.what}. ${f.message}` })));
        json.hidden = m.json === "";
        if (json.value !== m.json) json.value = m.json;
    };
}

/** The parts of the table. @param {import("../protocol.js").Measured[]} rows */
function draw(rows) {
    const columns = ["model", "device", "reads, tokens/s", "writes, tokens/s", "a wait", "a dispatch", "CPU match"];
    return [
        h("thead", {}, h("tr", {}, ...columns.map((text) => h("th", { scope: "col", text })))),
        h(
            "tbody",
            {},
            ...rows.map(({ model, weights, device, figures: { overhead, cpu_match: match, ...f } }) =>
                h(
                    "tr",
                    {},
                    h("th", { scope: "row", text: `${plain(model.name)}, ${weights}`, dir: "auto" }),
                    h("td", { text: device.kind === "gpu" ? plain(device.adapter) : "CPU", dir: "auto" }),
                    h("td", { class: "number", text: rate(f.prompt_tok_per_s) }),
                    h("td", { class: "number", text: rate(f.decode_tok_per_s) }),
                    h("td", { class: "number", text: overhead ? duration(overhead.wait_ms) : "" }),
                    h("td", { class: "number", text: overhead ? `${decimal(overhead.dispatch_us, 1)} \u00B5s` : "" }),
                    h("td", { class: "number", text: match ? `${match.same} of ${match.tokens}` : "" }),
                ),
            ),
        ),
    ];
}

/** @param {number} perSecond */
const rate = (perSecond) => decimal(perSecond, perSecond < 100 ? 1 : 0);

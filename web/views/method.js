// method.js: how to compress, how to draw tokens, and the buttons that start it.

import { h, roving, watch } from "../dom.js";
import { sentence } from "../format.js";
import { field, sync } from "./prompt.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createMethod(root, actions) {
    const radios = h("div", {
        class: "segments",
        role: "radiogroup",
        "aria-label": "Method",
        "data-control": "method",
    });
    roving(radios, "button");
    const line = h("p", { class: "method-line" });
    const options = h("div", { class: "options", "data-control": "options" });
    const optionsBox = h("details", {}, h("summary", { text: "Options of this method" }), options);

    /** @param {keyof import("../form.js").Form} key @param {string} label @param {string} note @param {import("../dom.js").Props} [props] */
    function number(key, label, note, props = {}) {
        const input = h("input", {
            type: "text",
            inputmode: "decimal",
            id: key,
            autocomplete: "off",
            "data-control": key,
            "aria-describedby": `fault-${key}`,
            ...props,
            oninput: () => actions.setForm({ [key]: input.value.trim() }),
        });
        const box = h(
            "div",
            { class: "number-field" },
            field(label, input, note),
            h("p", { id: `fault-${key}`, class: "fault", role: "alert", "data-fault": key }),
        );
        return { key, input, box };
    }
    const budget = number(
        "budget",
        "Budget",
        "kept / total over all layers and KV heads, 0 to 1. Empty: the method’s own rule.",
    );
    const n = number("n", "Length", "tokens to write at most");
    const seed = number("seed", "Seed", "same seed, same draws, on every device");
    const sampling = [
        number("temperature", "Temperature", "0 always takes the likeliest token"),
        number("top_k", "Top-k", "of the k likeliest; 0: off"),
        number("top_p", "Top-p", "of the fewest that hold this much probability; 1: off"),
        number("min_p", "Min-p", "only those with this share of the likeliest’s probability; 0: off"),
        number("repeat_penalty", "Repeat penalty", "1: off"),
    ];
    const all = [budget, n, seed, ...sampling];
    const kv = h(
        "select",
        { id: "kv", "data-control": "kv", onchange: () => actions.setForm({ kv: kv.value }) },
        h("option", { value: "f16", text: "f16: 2 bytes" }),
        h("option", { value: "f32", text: "f32: 4 bytes" }),
        h("option", { value: "q8_0", text: "q8_0: 1.06 bytes" }),
        h("option", { value: "q4_0", text: "q4_0: 0.56 bytes" }),
    );

    const runButton = h("button", {
        type: "button",
        id: "run",
        class: "primary",
        text: "Run",
        onclick: () => actions.run(),
    });
    const stopButton = h("button", { type: "button", id: "stop", text: "Stop", onclick: () => actions.stop() });
    const stepButton = h("button", { type: "button", id: "step", text: "Step", onclick: () => actions.step() });
    const againButton = h("button", {
        type: "button",
        id: "again",
        text: "Compress again",
        onclick: () => actions.replan(),
    });
    const bar = h("progress", { "aria-label": "Reading", max: "1" });
    const doing = h("span", { class: "quiet", role: "status" });

    root.append(
        radios,
        h("p", { class: "fault", role: "alert", "data-fault": "method" }),
        line,
        h(
            "div",
            { class: "number-row" },
            budget.box,
            n.box,
            seed.box,
            h(
                "div",
                { class: "number-field" },
                field("Cache type", kv, "bytes per element of a key or value"),
                h("p", { class: "fault", role: "alert", "data-fault": "kv" }),
            ),
        ),
        optionsBox,
        h("p", { class: "fault", role: "alert", "data-fault": "options" }),
        h(
            "details",
            { id: "sampling", "data-control": "sampler" },
            h("summary", { text: "Sampling" }),
            h("div", { class: "number-row" }, ...sampling.map((x) => x.box)),
        ),
        h("p", { class: "fault", role: "alert", "data-fault": "sampler" }),
        h("div", { class: "actions" }, runButton, stepButton, stopButton, againButton, bar, doing),
        h("p", {
            class: "quiet small",
            text: "Run reads the prompt, compresses its cache and writes. Step writes one token per press. Compress again takes the prompt that was read, with the method and the question as they stand: nothing is read twice.",
        }),
    );

    const methodsChanged = watch(),
        optionsChanged = watch(),
        changed = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        if (methodsChanged(s.methods)) {
            radios.replaceChildren(
                ...s.methods.map((m) =>
                    h("button", {
                        type: "button",
                        role: "radio",
                        "data-name": m.name,
                        tabindex: "-1",
                        text: m.name,
                        onclick: () => actions.chooseMethod(m.name),
                    }),
                ),
            );
        }
        const f = s.form;
        const m = s.methods.find((x) => x.name === f.method);
        if (optionsChanged(m)) {
            options.replaceChildren(
                ...(m?.options ?? []).map((o) => {
                    const input = h("input", {
                        type: "text",
                        id: `opt-${o.key}`,
                        autocomplete: "off",
                        spellcheck: "false",
                        placeholder: o.default || "none",
                        "data-option": o.key,
                        "aria-describedby": `about-${o.key}`,
                        oninput: () => actions.setOption(o.key, input.value),
                    });
                    return h(
                        "div",
                        { class: "option" },
                        h("label", { for: input.id }, h("code", { text: o.key })),
                        input,
                        h(
                            "p",
                            { id: `about-${o.key}`, class: "small" },
                            o.meaning,
                            h("span", {
                                class: "quiet",
                                text: ` \u00B7 ${o.want}; ${o.default === "" ? "none" : o.default} unless given.`,
                            }),
                            o.differs
                                ? h("span", { class: "differs", text: ` Differs from the paper: ${o.differs}.` })
                                : "",
                        ),
                    );
                }),
            );
            optionsBox.hidden = !m || m.options.length === 0;
            line.textContent = m ? sentence(m.line) : "";
        }
        if (!changed(f, s.methods, s.busy, s.paused, s.reading, s.run, s.loading)) return;
        radios.querySelectorAll("button").forEach((button, i) => {
            const on = button.dataset.name === f.method;
            button.setAttribute("aria-checked", String(on));
            button.tabIndex = on || (!m && i === 0) ? 0 : -1;
        });
        for (const { key, input } of all) sync(input, String(f[key]));
        budget.input.disabled = m !== undefined && !m.takes_budget && f.budget === "";
        sync(kv, f.kv);
        for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (options.querySelectorAll("input"))) {
            const given = f.options[input.dataset.option ?? ""] ?? "";
            if (document.activeElement !== input) sync(input, given);
        }
        const writing = s.busy !== "" && s.busy !== "load";
        runButton.disabled = s.busy === "load" && !s.loaded;
        stepButton.textContent = s.paused ? "Next token" : "Step";
        stepButton.disabled = runButton.disabled || (writing && !s.paused && !s.run?.request.step_by_step);
        stopButton.disabled = !writing;
        againButton.disabled = !s.run?.prompt.length;
        bar.hidden = !s.reading;
        if (s.reading && s.reading.total > 0) {
            bar.max = s.reading.total;
            bar.value = s.reading.done;
        }
        doing.textContent = s.reading
            ? s.reading.text
            : s.paused
              ? "Waiting for the next step."
              : s.busy === "plan"
                ? "Planning …"
                : s.busy === "match" || s.busy === "measure"
                  ? "Measuring …"
                  : writing
                    ? "Writing …"
                    : "";
    };
}

// control.js: the one control. It compresses the cache that was read again and
// again: a plan while it moves, a text when it is let go.

import { explain, h, watch } from "../dom.js";
import { sizable, sizeOf } from "../form.js";
import { bytes, capital, decimal, duration, isolated, percent, plain } from "../format.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createControl(root, actions) {
    const range = h("input", {
        type: "range",
        id: "size",
        min: "5",
        max: "100",
        step: "1",
        "aria-describedby": "size-note",
        oninput: () => actions.resize(Number(range.value) / 100, false),
        onchange: () => actions.resize(Number(range.value) / 100, true),
    });
    const label = h("label", { id: "control-title", for: "size" });
    const asked = h("output", { for: "size", class: "number" });
    const note = h("span", { id: "size-note", class: "quiet" });
    root.append(
        h("div", { class: "control-line" }, label, range, asked),
        h("div", { class: "control-line small" }, note),
        h("p", { class: "fault", "data-fault": "budget" }),
        explain(
            "What does this do?",
            "The prompt was read once and its full cache is kept. While you move, the method plans anew on a copy and every view follows; when you let go, the question is asked and answered again. With a budget, keyfold finds the plan whose kept / total is nearest below it; with GVote you move p_nuc, and the ratio is what falls out.",
        ),
    );
    const changed = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        const plan = s.run?.plan;
        if (!changed(s.form, s.methods, plan, s.run?.prompt, s.run?.stale, s.busy)) return;
        const m = s.methods.find((x) => x.name === s.form.method);
        const able = (s.run?.prompt.length ?? 0) > 0 && sizable(m);
        range.disabled = !able;
        label.textContent = m?.size ? `${capital(m.size.label)} (${m.size.option})` : "Budget";
        const ownRule = !m?.size && s.form.budget === "";
        const size = ownRule ? (plan?.ratio ?? 1) : sizeOf(m, s.form.options, s.form.budget);
        if (Number.isFinite(size) && !range.matches(":active"))
            range.value = String(Math.round(100 * Math.min(1, size)));
        asked.textContent = !able
            ? "–"
            : m?.size
              ? decimal(size, 2)
              : ownRule
                ? "by its own rule"
                : percent(size);
        range.setAttribute("aria-valuetext", asked.textContent);
        note.textContent = !plan
            ? "Nothing is compressed yet."
            : !able
              ? `${isolated(plain(s.form.method))} has no size to set.`
              : `${plan.method} keeps ${percent(plan.ratio, 1)} of the slots \u00B7 ${bytes(plan.bytes_occupied)} of ${bytes(plan.bytes_full)} \u00B7 planned and applied in ${duration(plan.ms)}${s.run?.stale && s.busy !== "replan" ? " \u00B7 let go to write" : ""}`;
    };
}

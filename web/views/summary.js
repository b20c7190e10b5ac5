// summary.js: the run in five numbers, and how each comes about.

import { explain, h, watch } from "../dom.js";
import { bytes, decimal, duration, nats, percent } from "../format.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createSummary(root, actions) {
    const numbers = h("dl", { class: "numbers" });
    const exportButton = h("button", {
        type: "button",
        id: "export",
        text: "Export the report (JSON)",
        onclick: () => actions.exportReport(),
    });
    const linkButton = h("button", {
        type: "button",
        id: "copy-link",
        text: "Copy a link to this run",
        onclick: () => void actions.copyLink(),
    });
    const differs = h("ul", { class: "small quiet" });
    const differsBox = h(
        "details",
        { class: "how" },
        h("summary", { text: "How this run differs from its paper" }),
        differs,
    );
    root.append(
        numbers,
        h("p", { class: "row" }, exportButton, linkButton),
        differsBox,
        explain(
            "How are these computed?",
            "Kept / total: slots of the compressed prompt over slots before, all layers and KV heads together (compress/). Smaller is less memory.",
            "Cache: bytes in occupied slots now, measured on the live buffers, each slot with its key, its value and 12 bytes for position, n and bias; beside it what the same text takes in a full cache (engine/cache.go).",
            "KL: at each written token, the Kullback–Leibler divergence of the compressed cache’s next-token distribution from the full cache’s, both fed the same tokens; the mean, in nats. 0 is no difference (engine/quality.go).",
            "Same first choice: the share of written tokens where both caches find the same token likeliest.",
            "Speed: written tokens over the time from the first to the last, with the full cache run beside it, so about half of what the compressed cache alone would do.",
        ),
    );

    const changed = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        const r = s.run,
            plan = r?.plan;
        if (!changed(plan, r?.tokens, r?.report, r?.stale)) return;
        const last = r && !r.stale ? r.tokens[r.tokens.length - 1] : undefined;
        const occupied = last?.bytes_occupied ?? plan?.bytes_occupied ?? NaN,
            full = last?.bytes_full ?? plan?.bytes_full ?? NaN;
        const q = r?.stale ? undefined : r?.report?.quality;
        const t = r?.stale ? undefined : r?.report?.timing;
        const cut = r?.stale ? undefined : r?.report?.cache?.saturated;
        /** @type {[string, string, string][]} */
        const list = [
            [
                "Kept / total",
                plan ? percent(plan.ratio, 1) : "–",
                plan ? `of ${plan.slots * plan.heads.length} slots` : "",
            ],
            [
                "Cache",
                bytes(occupied),
                `of ${bytes(full)} in full${cut ? `; ${cut.elements} of ${cut.of} elements in the first slots are larger than its type holds and were cut` : ""}`,
            ],
            ["KL, mean", q ? nats(q.kl_mean) : "–", q ? `95th percentile ${nats(q.kl_p95)}` : ""],
            ["Same first choice", q ? percent(q.top1) : "–", q ? `perplexity × ${decimal(q.ppl_ratio, 3)}` : ""],
            [
                "Speed",
                t && t.tok_per_s > 0 ? `${decimal(t.tok_per_s, 1)} tokens/s` : "–",
                t
                    ? `prompt ${duration(t.prefill_ms)}, compression ${duration(t.compress_ms)}`
                    : plan
                      ? `compression ${duration(plan.ms)}`
                      : "",
            ],
        ];
        numbers.replaceChildren(
            ...list.map(([name, value, note]) =>
                h(
                    "div",
                    {},
                    h("dt", { text: name }),
                    h("dd", {}, h("strong", { text: value }), h("span", { text: note })),
                ),
            ),
        );
        exportButton.disabled = !r?.report;
        differsBox.hidden = !plan || plan.differs.length === 0;
        differs.replaceChildren(...(plan?.differs ?? []).map((text) => h("li", { text })));
    };
}

// charts.js: lines over written tokens. The library is uPlot, from our own origin.

import uPlot from "../vendor/uPlot.esm.js";
import { cssVariable, explain, h, watch } from "../dom.js";
import { bytes, nats, percent } from "../format.js";

/**
 * A chart that follows the width of its place and the colours of the page.
 * @param {HTMLElement} root
 * @param {string} label
 * @param {any[]} series
 * @param {any[]} axes
 * @param {any} scales
 */
function createChart(root, label, series, axes, scales) {
    const place = h("div", { class: "chart", role: "img", "aria-label": label });
    root.append(place);
    const look = {
        stroke: () => cssVariable("--quiet"),
        font: "12px system-ui, sans-serif",
        grid: { stroke: () => cssVariable("--line"), width: 1 },
        ticks: { stroke: () => cssVariable("--line"), width: 1, size: 4 },
    };
    const chart = new uPlot(
        {
            width: 320,
            height: 220,
            scales,
            padding: [10, 8, 0, 0],
            cursor: { y: false, points: { size: 6 } },
            legend: { live: true },
            series: [
                {
                    label: "token",
                    value: (/** @type {any} */ _, /** @type {number | null} */ v) =>
                        v === null || v === undefined ? "–" : String(v),
                },
                ...series,
            ],
            axes: [
                {
                    ...look,
                    label: "tokens written",
                    incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
                    labelSize: 18,
                    labelFont: "12px system-ui, sans-serif",
                    size: 34,
                },
                ...axes.map((axis) => ({ ...look, ...axis })),
            ],
        },
        /** @type {any} */ ([[], ...series.map(() => [])]),
        place,
    );
    new ResizeObserver(() => {
        const width = Math.floor(place.clientWidth);
        if (width > 0 && width !== chart.width) chart.setSize({ width, height: 220 });
    }).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.redraw());
    return { chart, place };
}

/**
 * @param {string} label
 * @param {string} colour  a CSS variable
 * @param {number[]} dash
 * @param {(v: number) => string} format
 * @param {any} [more]
 */
function line(label, colour, dash, format, more = {}) {
    return {
        label,
        stroke: () => cssVariable(colour),
        width: 1.75,
        dash,
        points: { show: false },
        value: (/** @type {any} */ _, /** @type {number | null} */ v) =>
            v === null || v === undefined ? "–" : format(v),
        ...more,
    };
}

/** A number, or a gap in its line. @param {number} v */
const orGap = (v) => (Number.isFinite(v) ? v : null);

/** @param {HTMLElement} root */
export function createBytesChart(root) {
    const { chart, place } = createChart(
        root,
        "Bytes of the cache over written tokens",
        [
            line("occupied", "--accent", [], bytes, { width: 2.5 }),
            line("allocated", "--accent", [2, 3], bytes),
            line("peak", "--quiet", [6, 4], bytes),
            line("full", "--ink", [], bytes),
        ],
        [{ size: 62, values: (/** @type {any} */ _, /** @type {number[]} */ ticks) => ticks.map(bytes) }],
        {
            x: { time: false },
            y: {
                range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ high) => [
                    0,
                    Math.max(1, high) * 1.08,
                ],
            },
        },
    );
    root.append(
        explain(
            "How is this measured?",
            "On live buffers. Occupied: slots in use, each 2 × head_dim × bytes per element + 12 bytes. Allocated: what the buffers hold, regions of a multiple of 16 slots per head that grow by 64. Peak: the most allocated so far, while the old and the new cache of a layer exist together. Full: what the same text occupies uncompressed. Token 0 is right after compression. The caches kept for comparison are not counted.",
        ),
    );
    const changed = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        const r = s.run,
            plan = r?.plan;
        if (!changed(plan, r?.tokens, r?.stale)) return;
        const points = [...(plan ? [plan] : []), ...(r && !r.stale ? r.tokens : [])];
        chart.setData(
            /** @type {any} */ ([
                points.map((_, i) => i),
                points.map((p) => p.bytes_occupied),
                points.map((p) => p.bytes_allocated),
                points.map((p) => p.bytes_peak),
                points.map((p) => p.bytes_full),
            ]),
        );
        const last = points[points.length - 1];
        if (last)
            place.setAttribute(
                "aria-label",
                `Bytes of the cache over written tokens; now ${bytes(last.bytes_occupied)} occupied, ${bytes(last.bytes_allocated)} allocated, ${bytes(last.bytes_peak)} at the peak, ${bytes(last.bytes_full)} in full.`,
            );
    };
}

/** @param {HTMLElement} root */
export function createQualityChart(root) {
    const { chart, place } = createChart(
        root,
        "Quality over written tokens",
        [
            line("KL", "--accent", [], nats, { width: 2.5 }),
            line("delta NLL", "--ink", [], nats, { width: 1.25 }),
            line("same first choice", "--quiet", [2, 3], (v) => (v === 1 ? "yes" : "no"), {
                scale: "same",
                width: 0,
                points: {
                    show: true,
                    size: 5,
                    stroke: () => cssVariable("--quiet"),
                    fill: () => cssVariable("--quiet"),
                },
            }),
        ],
        [
            {
                size: 62,
                values: (/** @type {any} */ _, /** @type {number[]} */ ticks) =>
                    ticks.map((v) => String(Number(v.toPrecision(3)))),
                label: "nats",
                labelSize: 18,
                labelFont: "12px system-ui, sans-serif",
            },
            { show: false, scale: "same" },
        ],
        { x: { time: false }, y: {}, same: { range: () => [-0.05, 1.04] } },
    );
    root.append(
        explain(
            "How is this computed?",
            "Both caches are fed the same tokens, those of the left text. KL: divergence of the two next-token distributions, in nats, never negative. Delta NLL: −ln p of the written token under the compressed cache minus that under the full one; below 0 the compressed cache expected it more. Dots at the top: both find the same token likeliest; at the bottom: they do not (engine/quality.go).",
        ),
    );
    const changed = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        const r = s.run;
        if (!changed(r?.tokens, r?.stale)) return;
        const tokens = r && !r.stale ? r.tokens.map((t, i) => ({ t, i: i + 1 })) : [];
        chart.setData(
            /** @type {any} */ ([
                tokens.map((x) => x.i),
                tokens.map((x) => orGap(x.t.kl)),
                tokens.map((x) => orGap(x.t.delta_nll)),
                tokens.map((x) => (x.t.top1 ? 1 : 0)),
            ]),
        );
        const same = tokens.filter((x) => x.t.top1).length;
        if (tokens.length > 0)
            place.setAttribute(
                "aria-label",
                `Quality over ${tokens.length} written tokens: KL last ${nats(tokens[tokens.length - 1].t.kl)}, the same first choice in ${percent(same / tokens.length)}.`,
            );
    };
}

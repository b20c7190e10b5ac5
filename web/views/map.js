// map.js: the cosine of every pair of keys of a head, with the merging sets on it.

import { cssVariable, explain, h, watch } from "../dom.js";
import { decimal, fraction, quoted } from "../format.js";
import { headOf, sets } from "../plan.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createMap(root, actions) {
    const button = h("button", { type: "button", text: "Draw this head’s map", onclick: () => actions.drawMap() });
    const canvas = h("canvas", {
        class: "map",
        width: "1",
        height: "1",
        role: "img",
        "aria-label": "Map of key similarities; none drawn yet",
    });
    const about = h("p", { class: "facts small" });
    root.append(
        h("p", { class: "row" }, button),
        canvas,
        about,
        explain(
            "How is this computed?",
            "Pixel (i, j) is the cosine of the keys in slots i and j, after rotation, before compression, from no colour at 0 or less to full colour at 1. The frames on the diagonal are the merging sets of the plan in force: KVMerger only ever folds neighbours, and only where the band along the diagonal is strong.",
        ),
    );
    /** @type {import("../store.js").State | null} */
    let latest = null;
    canvas.addEventListener("mousemove", (event) => {
        const map = latest?.map,
            prompt = latest?.run?.prompt ?? [];
        if (!map) return;
        const box = canvas.getBoundingClientRect();
        const i = Math.floor(((event.clientY - box.top) / box.height) * map.slots),
            j = Math.floor(((event.clientX - box.left) / box.width) * map.slots);
        const cosine = map.cosine[i * map.slots + j];
        if (cosine !== undefined)
            about.textContent = `slots ${i} ${quoted(prompt[i]?.text ?? "")} and ${j} ${quoted(prompt[j]?.text ?? "")}: cos ${decimal(cosine, 3)}`;
    });

    function draw() {
        const s = latest,
            map = s?.map,
            context = canvas.getContext("2d");
        canvas.hidden = !map;
        if (!s || !map || !context) return;
        const scale = Math.max(1, Math.floor(720 / map.slots));
        const size = map.slots * scale;
        canvas.width = canvas.height = size;
        const [r, g, b] = rgb(cssVariable("--accent")),
            [pr, pg, pb] = rgb(cssVariable("--paper"));
        const image = context.createImageData(map.slots, map.slots);
        map.cosine.forEach((cosine, i) => {
            const v = Math.max(0, Math.min(1, fraction(cosine, 1)));
            image.data.set([pr + (r - pr) * v, pg + (g - pg) * v, pb + (b - pb) * v, 255], 4 * i);
        });
        const small = new OffscreenCanvas(map.slots, map.slots);
        small.getContext("2d")?.putImageData(image, 0, 0);
        context.imageSmoothingEnabled = false;
        context.drawImage(small, 0, 0, size, size);
        const plan = s.run?.plan;
        const head = plan && plan.slots === map.slots ? headOf(plan, map.layer, map.head) : null;
        const runs = head ? sets(head) : [];
        context.strokeStyle = cssVariable("--ink");
        context.lineWidth = 2;
        for (const { from, to } of runs)
            context.strokeRect(from * scale, from * scale, (to - from) * scale, (to - from) * scale);
        canvas.setAttribute(
            "aria-label",
            `Cosine of all pairs of ${map.slots} keys of layer ${map.layer}, KV head ${map.head}, with ${runs.length} merging sets framed on the diagonal`,
        );
        about.textContent = `Layer ${map.layer}, KV head ${map.head}: ${map.slots} slots, ${runs.length} merging sets. Point at it for a pair.`;
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    const changed = watch(),
        labelled = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        latest = s;
        if (changed(s.map, s.run?.plan)) draw();
        if (labelled(s.selected, !s.run?.plan, s.map)) {
            button.disabled = !s.run?.plan;
            button.textContent = `Draw the map of layer ${s.selected.layer}, KV head ${s.selected.head}`;
            if (!s.map) about.textContent = "Not drawn yet: it holds every pair of slots.";
        }
    };
}

/** A colour as numbers. @param {string} colour  #rrggbb */
function rgb(colour) {
    return [1, 3, 5].map((i) => Number.parseInt(colour.slice(i, i + 2), 16));
}

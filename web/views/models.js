// models.js: the drawer with the models that go by a name. Size and licence stand beside
// every button that downloads.

import { explain, h, watch } from "../dom.js";
import { bytes, count, percent, plain } from "../format.js";
import { state } from "../store.js";

/** @typedef {import("../models.js").Model} Model */
/** @typedef {import("../actions.js").Actions} Actions */

/**
 * @param {HTMLElement} root
 * @param {Actions} actions
 */
export function createModels(root, actions) {
    const summary = h("summary");
    const fault = h("p", { class: "fault", role: "alert" });
    const list = h("ul", { class: "models" });
    const others = h("ul", { class: "models" });
    const room = h("p", { class: "facts" });
    const drawer = h(
        "details",
        { class: "drawer" },
        summary,
        fault,
        list,
        others,
        room,
        explain(
            "Where they come from, and where they stay",
            "A model comes from the repository on the hub that its title leads to, when you press Download and not before. You can pause, close this page and resume. When all of it is here its sha256 is compared with the catalogue's: only then does it get its name.",
            "It stays in this browser's own storage for this address, and works offline. Clearing the site's data deletes it.",
        ),
    );
    root.append(drawer);

    /** @type {Map<string, ReturnType<typeof createRow>>} */
    const rows = new Map();
    let { pointed } = state.shelf;
    const changed = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        if (!changed(s.shelf, s.loaded, s.fileName)) return;
        const { shelf } = s;
        for (const { entry } of shelf.models) {
            if (rows.has(entry.name)) continue;
            const row = createRow(entry, actions);
            rows.set(entry.name, row);
            list.append(row.element);
        }
        for (const model of shelf.models) {
            const name = model.entry.source ? model.entry.name : "";
            rows.get(model.entry.name)?.draw(model, s.loaded !== null && s.fileName === name, shelf.fault !== "");
        }
        const here = shelf.models.filter((m) => m.whole).length;
        summary.textContent = `Models by name: ${shelf.models.length}, ${here} of them here`;
        fault.textContent = shelf.fault;
        others.replaceChildren(...shelf.others.map((file) => createStray(file, actions)));
        const kept = sum(shelf.models.map((m) => m.kept)) + sum(shelf.others.map((f) => f.size));
        room.textContent = shelf.quota > 0 ? roomText(kept, shelf) : "";
        const row = rows.get(shelf.pointed.name);
        if (row && shelf.pointed !== pointed) {
            pointed = shelf.pointed;
            drawer.open = true;
            row.focus();
        }
    };
}

/** @param {number[]} numbers */
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

/** @param {number} kept @param {import("../models.js").Shelf} shelf */
function roomText(kept, { usage, quota, persisted }) {
    const stays = persisted
        ? "It keeps them until you delete them."
        : kept > 0
          ? "When the disk gets full it may delete them."
          : "";
    return `Models here: ${bytes(kept)}. By its own word this browser has room for ${bytes(Math.max(0, quota - usage))} more. ${stays}`.trim();
}

/**
 * @param {import("../models.js").Entry} entry
 * @param {Actions} actions
 */
function createRow(entry, actions) {
    const { name, title, licence } = entry;
    const main = h("button", { type: "button", onclick: () => act[main.dataset.act ?? ""]?.() });
    const drop = h("button", { type: "button", class: "quiet-button", onclick: () => ask(true) });
    const sure = h("button", { type: "button", onclick: () => (ask(false), actions.forget(name)) });
    const back = h("button", { type: "button", class: "quiet-button", text: "Keep it", onclick: () => ask(false) });
    const question = h("span", { class: "row", hidden: true }, sure, back);
    const bar = h("progress", { "aria-label": `Progress of ${title}`, max: String(entry.size) });
    const progressText = h("span", { class: "quiet" });
    const progress = h("p", { class: "progress" }, bar, progressText);
    const fault = h("p", { class: "fault", role: "alert" });
    /** @type {Object<string, () => void>} */
    const act = {
        download: () => actions.download(name),
        pause: () => actions.pause(name),
        load: () => (entry.source ? actions.openNamed(name) : actions.builtIn()),
    };

    /** Asks before something is deleted. @param {boolean} asking */
    function ask(asking) {
        question.hidden = !asking;
        drop.hidden = asking;
        (asking ? back : main).focus();
    }
    const element = h(
        "li",
        { "data-model": name },
        h(
            "div",
            {},
            h("p", { class: "model-name" }, titleOf(entry), " ", h("code", { class: "quiet small", text: name })),
            h("p", { class: "facts" }, `${facts(entry)} Licence: `, outside(entry.licence_url, licence), "."),
            h("p", { class: "small", text: `Good for ${entry.good_for}.` }),
            progress,
            fault,
        ),
        h("div", { class: "row" }, main, drop, question),
    );
    return {
        element,
        focus: () => main.focus(),
        /** @param {Model} model @param {boolean} loaded @param {boolean} closed  nothing can be kept */
        draw(model, loaded, closed) {
            const { label, what } = offer(model, loaded);
            main.dataset.act = what;
            main.textContent = label;
            main.setAttribute("aria-label", `${label}: ${title}, ${bytes(entry.size)}, ${licence}`);
            main.disabled = what === "" || (closed && what === "download");
            const deletable = entry.source !== undefined && model.kept > 0 && model.doing === "";
            if (!deletable) question.hidden = true;
            drop.hidden = !deletable || !question.hidden;
            drop.textContent = model.whole ? "Delete" : "Discard";
            drop.setAttribute("aria-label", `${drop.textContent} ${title}`);
            sure.textContent = `${drop.textContent} ${bytes(model.kept)}`;
            const checking = model.doing === "check";
            const done = checking ? model.checked : model.kept;
            progress.hidden = model.doing === "" ? model.whole || model.kept === 0 : model.doing === "elsewhere";
            bar.value = done;
            progressText.textContent = `${checking ? "Checking: " : ""}${bytes(done)} of ${bytes(entry.size)} (${percent(done / entry.size)})`;
            if (fault.textContent !== model.fault) fault.textContent = model.fault;
        },
    };
}

/**
 * What the button of a model says and does.
 * @param {Model} model
 * @param {boolean} loaded
 */
function offer({ entry, whole, kept, doing }, loaded) {
    if (doing === "fetch") return { label: "Pause", what: "pause" };
    if (doing === "check") return { label: "Checking", what: "" };
    if (doing === "elsewhere") return { label: "In another tab", what: "" };
    if (whole) return loaded ? { label: "Loaded", what: "" } : { label: "Load", what: "load" };
    if (kept > 0) return { label: "Resume", what: "download" };
    return { label: `Download ${bytes(entry.size)}`, what: "download" };
}

/** @param {import("../models.js").Entry} entry */
function facts({ size, parameters, context, kv_bytes, source }) {
    const millions = Math.round(parameters / 1e6);
    const many = millions < 1000 ? `${millions} million` : `${(millions / 1000).toFixed(1)} billion`;
    const download = source ? `${bytes(size)} to download` : `${bytes(size)}, comes with the page`;
    return `${download}, about as much in memory, and ${bytes(kv_bytes)} of cache for each token. ${many} parameters, context ${count(context, "token")}.`;
}

/** @param {import("../models.js").Entry} entry */
function titleOf({ title, source }) {
    const hub = document.querySelector("meta[name=hub]")?.getAttribute("content");
    return source ? outside(`${hub}/${source}`, title) : title;
}

/** A link out of this page, which stays. @param {string} url @param {string} text */
const outside = (url, text) => h("a", { href: url, target: "_blank", rel: "noopener noreferrer", text });

/**
 * A file that the catalogue does not name.
 * @param {{name: string, size: number}} file
 * @param {Actions} actions
 */
function createStray({ name, size }, actions) {
    return h(
        "li",
        {},
        h("p", {}, h("code", { text: plain(name) }), ` ${bytes(size)}, of another catalogue`),
        h("button", {
            type: "button",
            class: "quiet-button",
            text: "Delete",
            "aria-label": `Delete ${plain(name)}`,
            onclick: () => actions.removeFile(name),
        }),
    );
}

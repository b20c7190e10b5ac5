// models.js: models that go by a name: the catalogue beside the page, what of it is kept in
// this browser, and downloads.
//
// A model is kept in the folder models of the origin's own storage (OPFS) as
// NAME-SHA256.gguf, with as much of its sha256 as tells it from the same name's file in
// another catalogue. Until it is whole and checked it has .part behind its name, so that
// what has the name of a model is that model.

import { fetchRest, Wrong } from "./download.js";
import { openPart } from "./part.js";
import { set, state } from "./store.js";

/**
 * A model of the catalogue: models.Entry in Go.
 * @typedef {object} Entry
 * @property {string} name
 * @property {string} title
 * @property {string} [source]    OWNER/REPO on the hub; none: built in
 * @property {string} [revision]
 * @property {string} file
 * @property {number} size
 * @property {string} sha256
 * @property {string} licence
 * @property {string} licence_url
 * @property {number} context
 * @property {number} parameters
 * @property {number} kv_bytes    of the cache for each token, in f16
 * @property {string} good_for
 */

/**
 * What there is of a model here.
 * @typedef {object} Model
 * @property {Entry} entry
 * @property {boolean} whole
 * @property {number} kept      bytes
 * @property {"" | "fetch" | "check" | "elsewhere"} doing  elsewhere: another tab downloads it
 * @property {number} checked   bytes
 * @property {string} fault     why the last download ended
 */

/**
 * @typedef {object} Shelf
 * @property {Model[]} models
 * @property {{name: string, size: number}[]} others  files that the catalogue does not name
 * @property {number} usage     bytes of this origin
 * @property {number} quota     that it may have
 * @property {boolean} persisted
 * @property {string} fault     why nothing can be kept
 * @property {{name: string}} pointed  the model that a link is to; another object is another time
 */

/** @param {Partial<Shelf>} change */
const setShelf = (change) => set({ shelf: { ...state.shelf, ...change } });

/** @param {string} name @param {Partial<Model>} change */
const setModel = (name, change) =>
    setShelf({ models: state.shelf.models.map((m) => (m.entry.name === name ? { ...m, ...change } : m)) });

/** The model of a name in the catalogue. @param {string} name */
export const modelNamed = (name) => state.shelf.models.find((m) => m.entry.name === name);

/** @param {Entry} entry */
const fileName = ({ name, sha256 }) => `${name}-${sha256.slice(0, 12)}.gguf`;

/** @param {Entry} entry */
const lockName = (entry) => `keyfold ${fileName(entry)}`;

const folder = async () => (await navigator.storage.getDirectory()).getDirectoryHandle("models", { create: true });

/** Tells other tabs that a file came or went. */
const news = new BroadcastChannel("keyfold models");
news.onmessage = () => void look();

/** @type {Map<string, AbortController>} downloads of this tab */
const downloads = new Map();

/** Shows the model of a link. @param {string} name */
export const pointTo = (name) => setShelf({ pointed: { name } });

/** Reads the catalogue, and what is here. */
export async function openShelf() {
    /** @type {Entry[]} */
    let catalogue;
    try {
        const answer = await fetch("catalogue.json");
        if (!answer.ok) throw new Error(`the server says ${answer.status}`);
        catalogue = await answer.json();
    } catch (error) {
        setShelf({ fault: `The catalogue could not be fetched: ${reason(error)}.` });
        return;
    }
    setShelf({
        models: catalogue.map((entry) => ({
            entry,
            whole: !entry.source,
            kept: 0,
            doing: "",
            checked: 0,
            fault: "",
        })),
    });
    await look();
}

/** Looks at what is kept, and at who is downloading. */
async function look() {
    try {
        /** @type {Map<string, number>} */
        const sizes = new Map();
        for await (const [name, handle] of (await folder()).entries()) {
            if (handle instanceof FileSystemFileHandle) sizes.set(name, (await handle.getFile()).size);
        }
        const { usage = 0, quota = 0 } = await navigator.storage.estimate();
        const persisted = await navigator.storage.persisted();
        const { held = [] } = await navigator.locks.query();
        const models = state.shelf.models.map((m) => {
            const name = fileName(m.entry);
            const whole = !m.entry.source || sizes.get(name) === m.entry.size;
            const kept = sizes.get(name) ?? sizes.get(`${name}.part`) ?? 0;
            sizes.delete(name);
            sizes.delete(`${name}.part`);
            if (downloads.has(m.entry.name)) return m;
            const locked = held.some((lock) => lock.name === lockName(m.entry));
            if (locked) void navigator.locks.request(lockName(m.entry), () => {}).then(look); // that tab is done, or gone
            return { ...m, whole, kept, doing: /** @type {Model["doing"]} */ (locked ? "elsewhere" : "") };
        });
        const others = [...sizes].map(([name, size]) => ({ name, size }));
        setShelf({ models, others, usage, quota, persisted, fault: "" });
    } catch (error) {
        setShelf({
            fault: `This browser keeps no files for this page (${reason(error)}). You can open a .gguf file instead.`,
        });
    }
}

/** @param {unknown} error */
const reason = (error) => (error instanceof Error ? error.message : String(error));

/** The file of a model that is here, under its name in the catalogue. @param {string} name */
export async function keptFile(name) {
    const model = modelNamed(name);
    if (!model?.whole || !model.entry.source) return null;
    const handle = await (await folder()).getFileHandle(fileName(model.entry));
    return new File([await handle.getFile()], name); // it refers to the bytes
}

/**
 * Downloads a model, or what is missing of it.
 * @param {string} name
 */
export async function download(name) {
    const model = modelNamed(name);
    if (!model || model.whole || downloads.has(name)) return;
    const controller = new AbortController();
    downloads.set(name, controller);
    setModel(name, { doing: "fetch", fault: "" });
    const persisted = await navigator.storage.persist().catch(() => false);
    setShelf({ persisted });
    await navigator.locks.request(lockName(model.entry), { ifAvailable: true }, async (lock) => {
        news.postMessage("");
        if (lock) setModel(name, { fault: await fetchModel(model.entry, controller.signal) });
    });
    downloads.delete(name);
    await look();
    news.postMessage("");
}

/** Ends a download for now. @param {string} name */
export function pause(name) {
    downloads.get(name)?.abort();
}

/**
 * @param {Entry} entry
 * @param {AbortSignal} signal
 * @returns {Promise<string>}  what went wrong
 */
async function fetchModel(entry, signal) {
    /** @type {import("./part.js").Part | null} */
    let part = null;
    try {
        part = await openPart(fileName(entry), entry.size);
        setModel(entry.name, { kept: part.at });
        await fetchRest(part, { url: urlOf(entry), size: entry.size }, signal, (kept) =>
            setModel(entry.name, { kept }),
        );
        setModel(entry.name, { doing: "check", checked: 0 });
        const sum = await part.check((checked) => setModel(entry.name, { checked }));
        if (sum !== entry.sha256) throw new Wrong(`What came is another file: its sha256 is ${sum}.`);
        await part.keep();
        return "";
    } catch (error) {
        const wrong = error instanceof Wrong;
        await (wrong ? part?.discard() : part?.close())?.catch(() => {});
        return signal.aborted ? "" : sentence(error, wrong);
    }
}

/** @param {Entry} entry */
function urlOf({ source, revision, file }) {
    const hub = document.querySelector("meta[name=hub]")?.getAttribute("content");
    return `${hub}/${source}/resolve/${revision}/${file}`;
}

/** @param {unknown} error @param {boolean} wrong */
function sentence(error, wrong) {
    if (error instanceof DOMException && error.name === "QuotaExceededError")
        return "This browser has no room for the file. Delete a model, or make room on the disk; what came so far is kept.";
    if (error instanceof DOMException && error.name === "NoModificationAllowedError")
        return "Another tab is writing this file.";
    return `${reason(error).replace(/\.?$/, ".")}${wrong ? " Nothing of it was kept." : ""}`;
}

/**
 * Deletes what is here of a model.
 * @param {string} name
 */
export async function forget(name) {
    const model = modelNamed(name);
    if (!model) return;
    try {
        await removeFile(fileName(model.entry) + (model.whole ? "" : ".part"));
        setModel(name, { fault: "" });
    } catch (error) {
        setModel(name, { fault: sentence(error, false) });
    }
}

/**
 * Deletes a file of the folder.
 * @param {string} name
 */
export async function removeFile(name) {
    await (await folder()).removeEntry(name);
    await look();
    news.postMessage("");
}

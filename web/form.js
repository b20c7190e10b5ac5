// form.js: what the reader chose, as typed; from and to the URL; and into a
// request. Whatever a person can type, or find in a link, is checked here and
// refused with one sentence that names the control.

import { isolated, plain } from "./format.js";

/** @typedef {import("./protocol.js").Request} Request */
/** @typedef {import("./protocol.js").Method} Method */
/** @typedef {import("./protocol.js").Span} Span */

/**
 * Everything in the controls. Numbers stay as they were typed.
 * @typedef {object} Form
 * @property {string} model     file name; "" is the built-in model
 * @property {string} device
 * @property {string} mode      text or chat
 * @property {string} system    chat: how the model should answer
 * @property {string[]} messages  chat: what was said, turn after turn
 * @property {string} draft     chat: what is about to be said
 * @property {string} preset
 * @property {string} prompt
 * @property {string} question
 * @property {string} fact      the sentence that was hidden
 * @property {string} answer    what shows that it was found
 * @property {string} length    of the story that it is hidden in: short or long
 * @property {string} depth     where it was hidden, in percent
 * @property {string} method
 * @property {string} budget    "" where none is given
 * @property {Object<string, string>} options  only what was given
 * @property {string} kv
 * @property {string} seed
 * @property {string} n
 * @property {string} temperature
 * @property {string} top_k
 * @property {string} top_p
 * @property {string} min_p
 * @property {string} repeat_penalty
 * @property {Span[]} pins
 */

/** Control -> one sentence about it. @typedef {Object<string, string>} Faults */

/** @type {Form} */
export const defaults = {
    model: "",
    device: "auto",
    mode: "text",
    system: "",
    messages: [],
    draft: "",
    preset: "free",
    prompt: "",
    question: "",
    fact: "",
    answer: "",
    length: "short",
    depth: "25",
    method: "", // the one that the engine opens with
    budget: "",
    options: {},
    kv: "f16",
    seed: "1",
    n: "60",
    temperature: "0",
    top_k: "0",
    top_p: "0.9",
    min_p: "0",
    repeat_penalty: "1",
    pins: [],
};

/** @type {Object<string, {label: string, low: number, high: number, above?: boolean, whole?: boolean, want: string}>} */
const numbers = {
    seed: { label: "The seed", low: 0, high: 4294967295, whole: true, want: "a whole number from 0 to 4294967295" },
    n: { label: "The length", low: 1, high: 65536, whole: true, want: "a whole number of tokens from 1 to 65536" },
    budget: {
        label: "The budget",
        low: 0,
        high: 1,
        above: true,
        want: "kept / total, more than 0 and at most 1, or nothing",
    },
    depth: { label: "The depth", low: 0, high: 100, want: "a number from 0 to 100 percent" },
    temperature: { label: "The temperature", low: 0, high: 100, want: "a number from 0 to 100" },
    top_k: { label: "Top-k", low: 0, high: 1000000, whole: true, want: "a whole number, 0 for off" },
    top_p: { label: "Top-p", low: 0, high: 1, above: true, want: "more than 0 and at most 1" },
    min_p: { label: "Min-p", low: 0, high: 1, want: "a number from 0 to 1" },
    repeat_penalty: {
        label: "The repeat penalty",
        low: 0,
        high: 100,
        above: true,
        want: "a number above 0, at most 100",
    },
};

/** @type {Object<string, string[]>} */
const choices = { device: ["auto", "gpu", "cpu"], kv: ["f16", "f32", "q8_0", "q4_0"], mode: ["text", "chat"] };

/**
 * The number that somebody typed, with a point or a decimal comma; NaN where it is none.
 * @param {string} text
 * @param {boolean} [whole]  digits alone: a comma in them would group thousands
 */
export function parseNumber(text, whole) {
    const form = whole ? /^\d+$/ : /^[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?$/i;
    return form.test(text.trim()) ? Number(text.trim().replace(",", ".")) : NaN;
}

/** Whether a method can keep more or less. @param {Method | undefined} m */
export const sizable = (m) => m !== undefined && (m.takes_budget || m.size !== undefined);

/**
 * The share that a method is asked to keep: its budget, or the value of the option that
 * sizes it; NaN where it goes by its own rule.
 * @param {Method | undefined} m
 * @param {Object<string, string> | undefined} options
 * @param {string | number | undefined} budget
 */
export function sizeOf(m, options, budget) {
    const option = m?.options.find((o) => o.key === m.size?.option);
    return parseNumber(String(option ? (options?.[option.key] ?? option.default) : (budget ?? "")));
}

/**
 * What changes in a form if a method is to keep another share.
 * @param {Form} form
 * @param {Method} m
 * @param {number} share
 * @returns {Partial<Form>}
 */
export function resized(form, m, share) {
    const options = { ...form.options };
    if (m.size) return { options: { ...options, [m.size.option]: String(share) } };
    for (const o of m.options) if (o.by_budget) delete options[o.key];
    return { budget: String(share), options };
}

/**
 * Checks a form against what the engine can do.
 * @param {Form} form
 * @param {Method[]} methods
 * @returns {Faults}
 */
export function check(form, methods) {
    /** @type {Faults} */
    const faults = {};
    for (const [key, spec] of Object.entries(numbers)) {
        const text = String(form[/** @type {keyof Form} */ (key)]).trim();
        if (key === "budget" && text === "") continue;
        const value = parseNumber(text, spec.whole);
        const ok = value <= spec.high && (spec.above ? value > spec.low : value >= spec.low);
        if (!ok) faults[key] = `${spec.label} is ${text === "" ? "empty" : brief(text)}, want ${spec.want}.`;
    }
    for (const [key, allowed] of Object.entries(choices)) {
        const value = String(form[/** @type {keyof Form} */ (key)]);
        if (!allowed.includes(value)) faults[key] = `${brief(value)} is not one of ${allowed.join(", ")}.`;
    }
    const method = methods.find((m) => m.name === form.method);
    if (!method) {
        faults.method = `There is no method ${brief(form.method)}; there are ${methods.map((m) => m.name).join(", ")}.`;
    } else {
        for (const key of Object.keys(form.options)) {
            if (!method.options.some((o) => o.key === key)) {
                faults.method = `${method.name} has no option ${brief(key)}.`;
            }
        }
        if (!method.takes_budget && form.budget.trim() !== "") {
            faults.budget = `${method.name} takes no budget: leave it empty.`;
        }
    }
    const length = new TextEncoder().encode(form.prompt).length;
    if (form.mode === "text" && form.pins.some((p) => !(p.from >= 0 && p.from < p.to && p.to <= length))) {
        faults.pins = "A pin lies outside the prompt; remove it.";
    }
    return faults;
}

/** @param {string} text */
function brief(text) {
    return isolated(plain(text.length > 40 ? `${text.slice(0, 40)}\u2026` : text));
}

/**
 * The options as the engine reads them: with a point where one that wants a number has
 * a decimal comma. Others may be lists.
 * @param {Object<string, string>} options
 * @param {Method | undefined} method
 */
function withPoints(options, method) {
    const out = { ...options };
    for (const { key, want } of method?.options ?? []) {
        if (key in out && /\bnumber\b/.test(want) && Number.isFinite(parseNumber(out[key])))
            out[key] = out[key].trim().replace(",", ".");
    }
    return out;
}

/**
 * The request to read the prompt of a checked form.
 * @param {Form} form
 * @param {Method | undefined} method
 * @returns {Request}
 */
export function toRequest(form, method) {
    const { prompt, question, pins } = form;
    return { ...toSettings(form, method), do: "run", prompt, question, pins };
}

/**
 * What a checked form asks for besides the text.
 * @param {Form} form
 * @param {Method | undefined} method
 */
export function toSettings(form, method) {
    const typed = (/** @type {keyof Form} */ key) => parseNumber(String(form[key]), numbers[key].whole);
    /** @type {Omit<Request, "do">} */
    const request = {
        method: form.method,
        options: withPoints(form.options, method),
        kv: form.kv,
        seed: typed("seed"),
        n: typed("n"),
        sampler: {
            temperature: typed("temperature"),
            top_k: typed("top_k"),
            top_p: typed("top_p"),
            min_p: typed("min_p"),
            repeat_penalty: typed("repeat_penalty"),
        },
    };
    if (method?.takes_budget && form.budget.trim() !== "") request.budget = typed("budget");
    return request;
}

const inLink = [
    "model",
    "device",
    "method",
    "budget",
    "mode",
    "system",
    "prompt",
    "question",
    "fact",
    "answer",
    "seed",
    "n",
    "kv",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repeat_penalty",
];

/** What a link holds of a text alone, and of a chat alone. @type {Object<string, string[]>} */
const onlyOf = { text: ["prompt", "question", "fact", "answer"], chat: ["mode", "system"] };

/** A link to a chat is at most so long, and has at most so many turns. */
export const longestLink = 8000;
const mostMessages = 100;

/**
 * The part of a URL behind "#" that reproduces a run, or a chat by having its turns again.
 * @param {Form} form
 */
export function toHash(form) {
    const query = new URLSearchParams();
    const chat = form.mode === "chat";
    const others = onlyOf[chat ? "text" : "chat"];
    for (const key of inLink) {
        const value = /** @type {string} */ (form[/** @type {keyof Form} */ (key)]);
        if (!others.includes(key) && (value !== "" || key === "question")) query.set(key, value);
    }
    for (const [key, value] of Object.entries(form.options)) query.set(`opt.${key}`, value);
    if (chat) for (const message of form.messages) query.append("say", message);
    else for (const pin of form.pins) query.append("pin", `${pin.from}:${pin.to}`);
    return `#${query}`;
}

/** Shows the link to a run in the address bar; one that is too long is not shown. @param {Form} form */
export function showLink(form) {
    const hash = toHash(form);
    history.replaceState(null, "", form.mode === "chat" && hash.length > longestLink ? "#" : hash);
}

/** The model that a link is to, if it is not one to a run. @param {string} hash */
export function modelInHash(hash) {
    const query = new URLSearchParams(hash.replace(/^#/, ""));
    return fromHash(hash) ? "" : (query.get("model") ?? "");
}

/**
 * Reads a link. It asks for a run of its prompt, or for the turns of its chat; what it does
 * not mention has its default.
 * @param {string} hash
 * @returns {{form: Form, faults: Faults} | null}  null: not a link to a run
 */
export function fromHash(hash) {
    const query = new URLSearchParams(hash.replace(/^#/, ""));
    if (!query.has("prompt") && !query.has("method")) return null;
    /** @type {Form} */
    const form = { ...defaults, budget: "", options: {}, pins: [], messages: [] };
    /** @type {Faults} */
    const faults = {};
    for (const [key, value] of query) {
        const pin = key === "pin" ? /^(\d{1,9}):(\d{1,9})$/.exec(value) : null;
        if (inLink.includes(key)) /** @type {any} */ (form)[key] = value;
        else if (key.startsWith("opt.")) form.options[key.slice(4)] = value;
        else if (key === "say") form.messages.push(value);
        else if (pin) form.pins.push({ from: Number(pin[1]), to: Number(pin[2]) });
        else if (key === "pin") faults.pins = `The link's pin ${brief(value)} is not FROM:TO in bytes.`;
        else faults.link = `The link speaks of ${brief(key)}, which this page does not know.`;
    }
    if (form.messages.length > mostMessages)
        faults.messages = `The link holds ${form.messages.length} messages, want at most ${mostMessages}.`;
    if (form.fact !== "") form.preset = "fact";
    return { form, faults };
}

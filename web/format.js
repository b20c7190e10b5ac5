// format.js: numbers and texts as the page writes them. Pure functions.

/**
 * Bytes with a unit, exact below 10 kB.
 * @param {number} bytes
 */
export function bytes(bytes) {
    if (!Number.isFinite(bytes)) return "–";
    if (bytes < 10_000) return `${bytes} B`;
    if (bytes < 1_000_000) return `${(bytes / 1e3).toFixed(bytes < 100_000 ? 1 : 0)} kB`;
    if (bytes < 1e9) return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
    return `${(bytes / 1e9).toFixed(2)} GB`;
}

/**
 * A share as a percentage.
 * @param {number} share
 * @param {number} [digits]
 */
export function percent(share, digits = 0) {
    return Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : "–";
}

/**
 * Milliseconds, or seconds from one on.
 * @param {number} ms
 */
export function duration(ms) {
    if (!Number.isFinite(ms)) return "–";
    return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/**
 * Nats to three significant digits.
 * @param {number} value
 */
export function nats(value) {
    if (!Number.isFinite(value)) return "–";
    const digits = Math.abs(value) >= 1 ? 2 : Math.abs(value) >= 0.1 ? 3 : 4;
    return `${value < 0 ? "\u2212" : ""}${Math.abs(value).toFixed(digits)} nats`;
}

/**
 * The text of a token so that it can be seen: line ends and the empty token
 * get a sign, spaces stay.
 * @param {string} text
 */
export function visible(text) {
    return text === "" ? "\u2205" : text.replaceAll("\n", "\u21B5");
}

/**
 * The text of a token between quotes, for sentences and labels.
 * @param {string} text
 */
export function quoted(text) {
    return `\u201C${text.replaceAll("\n", "\u21B5")}\u201D`;
}

/**
 * How many bytes of UTF-8 the first `units` UTF-16 units of a text take.
 * @param {string} text
 * @param {number} units
 */
export function byteOffset(text, units) {
    return new TextEncoder().encode(text.slice(0, units)).length;
}

/**
 * The text of a span of bytes.
 * @param {string} text
 * @param {import("./protocol.js").Span} span
 */
export function spanText(text, span) {
    return new TextDecoder().decode(new TextEncoder().encode(text).subarray(span.from, span.to));
}

/** A text that begins with a capital. @param {string} text */
export function capital(text) {
    return text === "" ? "" : text[0].toUpperCase() + text.slice(1);
}

/**
 * A remark as a sentence: a capital, unless it begins with a name, and a full stop.
 * @param {string} text
 */
export function sentence(text) {
    if (text === "") return "";
    const begun = text.startsWith("auto ") ? text : capital(text);
    return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/**
 * "1 token", "2 tokens".
 * @param {number} n
 * @param {string} word
 */
export function count(n, word) {
    return `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
}

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
    const size = Math.abs(value).toFixed(digits);
    return `${value < 0 && Number(size) > 0 ? "\u2212" : ""}${size} nats`;
}

/**
 * A number with so many digits behind the point.
 * @param {number} value
 * @param {number} digits
 */
export function decimal(value, digits) {
    return Number.isFinite(value) ? value.toFixed(digits) : "–";
}

/**
 * A part of a whole, for drawing: 0 where one of them is no number.
 * @param {number} part
 * @param {number} whole
 */
export function fraction(part, whole) {
    const share = part / whole;
    return Number.isFinite(share) ? share : 0;
}

/** Control characters, and what reorders the text around it. */
const commands = /[\p{Cc}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;
/** All that has no sign of its own. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/** A character as Go writes it (engine/untrusted). @param {string} character */
function escaped(character) {
    const hex = /** @type {number} */ (character.codePointAt(0)).toString(16);
    if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
    return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/**
 * The text of a token so that it can be seen: line ends, control characters and the
 * empty token get a sign, spaces stay.
 * @param {string} text
 */
export function visible(text) {
    return text === "" ? "\u2205" : text.replaceAll("\n", "\u21B5").replace(commands, escaped);
}

/**
 * A text as a part of a sentence, whose direction it leaves alone.
 * @param {string} text
 */
export const isolated = (text) => `\u2068${text}\u2069`;

/**
 * The text of a token between quotes, for sentences and labels.
 * @param {string} text
 */
export function quoted(text) {
    return `\u201C${isolated(text === "" ? "" : visible(text))}\u201D`;
}

/**
 * A name of a file, of something in it or of something in a link: nothing that cannot
 * be seen. Messages of the engine hold such names too.
 * @param {string} text
 */
export function plain(text) {
    return text.replace(unseen, escaped);
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

// download.js: the network's side of a download: it goes on behind a broken connection, and
// refuses in a sentence what cannot be the file.
//
// It runs in the page and not in a worker, because the page's policy (index.html) holds for the
// page's own requests alone. Whether the bytes are the right ones is decided by their
// sha256, later; so it does not matter here who sent them.

/** @typedef {import("./part.js").Part} Part */

/** What will not be better at the next try. */
export class Refused extends Error {}

/** What came is not what was asked for: nothing of it is kept. */
export class Wrong extends Refused {}

/** What may be better at the next try. */
class Broken extends Error {}

/** Milliseconds before each further try; one that got further begins them anew. */
export const waits = [500, 1000, 2000, 4000];

/**
 * Fetches what a part lacks of its file.
 * @param {Part} part
 * @param {{url: string, size: number}} from
 * @param {AbortSignal} signal
 * @param {(done: number) => void} onProgress
 */
export async function fetchRest(part, from, signal, onProgress) {
    let furthest = part.at;
    let failures = 0;
    while (part.at < from.size) {
        try {
            await fetchOn(part, from, signal, onProgress);
        } catch (error) {
            if (signal.aborted || !(error instanceof Broken)) throw error;
            if (part.at > furthest) failures = 0;
            furthest = Math.max(furthest, part.at);
            if (failures === waits.length) throw error;
            await sleep(waits[failures++], signal);
        }
    }
}

/**
 * One request: as far as it gets.
 * @param {Part} part
 * @param {{url: string, size: number}} from
 * @param {AbortSignal} signal
 * @param {(done: number) => void} onProgress
 */
async function fetchOn(part, { url, size }, signal, onProgress) {
    const answer = await request(url, part.at, signal);
    const { host } = new URL(answer.url || url);
    refuseBadAnswer(answer, host, part.at, size);
    let known = answer.status === 200 ? part.at : 0; // bytes at the begin of the whole file, from a host without ranges
    const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (answer.body).getReader();
    try {
        for (;;) {
            const { done, value } = await broken(reader.read(), `The connection to ${host} broke.`);
            if (done) break;
            const bytes = value.subarray(Math.min(known, value.length));
            known -= value.length - bytes.length;
            if (part.at + bytes.length > size) throw new Wrong(`${host} sends more than the file's ${size} bytes.`);
            await part.write(bytes);
            onProgress(part.at);
        }
    } finally {
        reader.cancel().catch(() => {});
    }
    if (part.at < size) throw new Broken(`${host} ends after ${part.at} of ${size} bytes.`);
}

/**
 * Asks for a file from a byte on. A request with a range gets bytes as they lie in the file,
 * never compressed ones.
 * @param {string} url
 * @param {number} at
 * @param {AbortSignal} signal
 */
async function request(url, at, signal) {
    const { host } = new URL(url);
    let forbidden = false;
    const listen = (/** @type {SecurityPolicyViolationEvent} */ event) => {
        forbidden ||= event.blockedURI === url; // where a redirect leads is not told
    };
    document.addEventListener("securitypolicyviolation", listen);
    try {
        return await broken(
            fetch(url, {
                signal,
                headers: { Range: `bytes=${at}-` },
                cache: "no-store",
                credentials: "omit",
                referrerPolicy: "no-referrer",
            }),
            `${host} could not be reached.${navigator.onLine ? "" : " This machine is offline."}`,
        );
    } catch (error) {
        await sleep(100, signal); // the event comes after the failure
        if (forbidden) throw new Refused(`${host} leads to a host that this page's policy does not allow.`);
        throw error;
    } finally {
        document.removeEventListener("securitypolicyviolation", listen);
    }
}

/**
 * Throws unless an answer can be the file from a byte on. Headers that a host does not show
 * to pages are null.
 * @param {Response} answer
 * @param {string} host
 * @param {number} at
 * @param {number} size
 */
function refuseBadAnswer(answer, host, at, size) {
    const { status, headers } = answer;
    if (status === 429) throw new Broken(`${host} has too many requests at the moment (429): try again later.`);
    if (status === 408 || status >= 500) throw new Broken(`${host} cannot answer at the moment (${status}).`);
    if (status === 416) throw new Wrong(`${host} has fewer bytes than the ${size} of the catalogue's file.`);
    if (status !== 200 && status !== 206) throw new Refused(`${host} does not give the file away (${status}).`);
    if (/^text\/html\b/.test(headers.get("Content-Type") ?? ""))
        throw new Refused(`${host} answers with a web page instead of the file; perhaps this network asks for a login.`);
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("Content-Range") ?? "") ?? [];
    if (status === 206 && from !== undefined && Number(from) !== at)
        throw new Refused(`${host} sends bytes from ${from} on, and was asked for those from ${at} on.`);
    const length = headers.get("Content-Length");
    const said = total ?? (length === null ? null : Number(length) + (status === 206 ? at : 0));
    if (said !== null && Number(said) !== size)
        throw new Refused(`${host} has a file of ${said} bytes, and the catalogue's has ${size}.`);
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {string} sentence  where it fails
 */
const broken = (promise, sentence) =>
    promise.catch((/** @type {Error} */ error) => {
        throw error.name === "AbortError" ? error : new Broken(sentence);
    });

/** @param {number} ms @param {AbortSignal} signal */
const sleep = (ms, signal) =>
    new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, ms);
        signal.addEventListener("abort", () => {
            clearTimeout(timer);
            reject(signal.reason);
        });
    });

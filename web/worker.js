// worker.js: the engine's side of the page. It loads Go's glue and the engine
// from its own folder and passes messages on, unread:
//
//     page   postMessage({request, file})  ->  keyfold.handle(JSON, Blob or null)
//     page   postMessage({interrupt})      ->  keyfold.interrupt("stop" or "step"), for the request being answered
//     engine keyfoldEmit(JSON)             ->  postMessage(event)
//
// A file is a Blob, or the name of one in this folder, which is fetched first.
// Until the engine runs, requests wait. Events about the engine itself have id
// 0; the one that ends it has the field "engine".

const self_ = /** @type {any} */ (globalThis);

/** @typedef {{request?: {id: number}, file?: Blob | string, interrupt?: string}} Message */

/** @type {Message[] | null} */
let waiting = [];

/** Go writes null in the place of a number that JSON does not have. @param {string} _ @param {any} value */
const withNumbers = (_, value) => (value === null ? NaN : value);

self_.keyfoldEmit = (/** @type {string} */ json) =>
    postMessage(json.includes("null") ? JSON.parse(json, withNumbers) : JSON.parse(json));

addEventListener("message", ({ data }) => {
    if (waiting) waiting.push(data);
    else handle(data);
});

/** @param {Message} message */
async function handle({ request, file, interrupt }) {
    if (interrupt) self_.keyfold.interrupt(interrupt);
    if (!request) return;
    if (typeof file === "string") {
        try {
            file = await (await fetchFile(file, "", request.id, "fetch")).blob();
        } catch (error) {
            const message = `The model could not be fetched: ${error instanceof Error ? error.message : error}.`;
            postMessage({ id: request.id, failed: { message, usage: false, field: "model", lost: false } });
            return;
        }
    }
    self_.keyfold.handle(JSON.stringify(request), file ?? null);
}

/** @param {string} message */
function fail(message) {
    postMessage({ id: 0, failed: { message, usage: false, field: "engine", lost: false } });
}

/**
 * Fetches a file of this folder and says how far it is. The body is handed on as
 * a stream of the right type, whatever type the server gave it.
 * @param {string} name
 * @param {string} type
 * @param {number} id    of the request that the progress belongs to
 * @param {string} step
 */
async function fetchFile(name, type, id, step) {
    const answer = await fetch(name);
    if (!answer.ok || !answer.body) throw new Error(`${name}: the server says ${answer.status}`);
    // The length is that of the compressed body where there is one: then it is no total.
    const total = answer.headers.get("Content-Encoding") ? 0 : Number(answer.headers.get("Content-Length"));
    let done = 0;
    const counter = new TransformStream({
        transform(chunk, controller) {
            done += chunk.byteLength;
            postMessage({ id, progress: { step, done, total, unit: "bytes" } });
            controller.enqueue(chunk);
        },
    });
    return new Response(answer.body.pipeThrough(counter), { headers: { "Content-Type": type } });
}

const fetchEngine = () => fetchFile("keyfold.wasm", "application/wasm", 0, "engine");

async function compileEngine() {
    try {
        return await WebAssembly.compileStreaming(fetchEngine());
    } catch {
        return WebAssembly.compile(await (await fetchEngine()).arrayBuffer());
    }
}

/** @returns {Promise<WebAssembly.Module | null>} null where the browser has no vector instructions */
async function compileVector() {
    const answer = await fetch("vector.wasm");
    if (!answer.ok) throw new Error(`vector.wasm: the server says ${answer.status}`);
    const body = await answer.arrayBuffer();
    return WebAssembly.validate(body) ? WebAssembly.compile(body) : null;
}

async function start() {
    self_.importScripts("wasm_exec.js", "vector.js", "gpu.js");
    const [program, vector] = await Promise.all([compileEngine(), compileVector()]);
    const go = new self_.Go();
    const instance = await self_.instantiate(go, program, vector);
    self_.wasm = { instance }; // a test looks at its memory
    const ended = go.run(instance);
    for (let i = 0; !self_.keyfold; i++) {
        if (i === 1000) throw new Error("it did not announce itself");
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const early = waiting ?? [];
    waiting = null;
    early.forEach(handle);
    await ended;
    throw new Error("its program ended");
}

start().catch((error) => fail(`The engine stopped: ${error instanceof Error ? error.message : error}.`));

// browser.js: the engines of one page, for peers.mjs. Each lives in the page that
// peers.mjs opens for it, and has two functions:
//
//     load(engine, device, context)   resolves with what it runs on; rejects with why it cannot
//     measure(prompt, decode)         reads the prompt, {text, ids}, then writes so many tokens: {read, write} in seconds

/** @type {{measure: (prompt: {text: string, ids: number[]}, decode: number) => Promise<{read: number, write: number}>}} */
let engine;

const model = async () => (await fetch("/model.gguf")).blob();

/** keyfold, as wasm in a worker. */
async function loadKeyfold(device) {
    const worker = new Worker("/worker.js");
    const ask = (...message) => {
        worker.postMessage(message);
        return new Promise((resolve, reject) => {
            worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.result));
        });
    };
    const name = await ask("load", new Uint8Array(await (await model()).arrayBuffer()), device);
    engine = {
        async measure({ ids }, decode) {
            const [read, write] = await ask("measure", ids, decode);
            return { read, write };
        },
    };
    return name;
}

/** Bytes are no text by themselves, and wllama fails over an answer that is no UTF-8: random weights must not write them. */
const lettersOnly = Object.fromEntries(Array.from({ length: 256 }, (_, byte) => [3 + byte, -100]));

/** llama.cpp as wasm, on one thread of the CPU or through WebGPU. */
async function loadWllama(device, context) {
    const { Wllama, LoggerWithoutDebug } = await import("/wllama/index.js");
    let log = "";
    const note = (...words) => (log += `${words.join(" ")}\n`);
    const wllama = new Wllama({ default: "/wllama/wasm/wllama.wasm" }, { logger: { ...LoggerWithoutDebug, debug: note, log: note, warn: note, error: note } });
    await wllama.loadModel([await model()], {
        n_ctx: context, n_batch: 512, n_threads: 1, n_gpu_layers: device === "gpu" ? 999 : 0, warmup: false,
    });
    engine = {
        async measure({ text, ids }, decode) {
            const answer = await wllama.createCompletion({
                prompt: text, max_tokens: decode + 1, temperature: 0, cache_prompt: false, ignore_eos: true,
                logit_bias: lettersOnly,
            });
            const { prompt_n, prompt_ms, predicted_n, predicted_ms } = answer.timings;
            if (prompt_n !== ids.length || predicted_n !== decode + 1) {
                throw new Error(`wllama read ${prompt_n} tokens and wrote ${predicted_n}, want ${ids.length} and ${decode + 1}`);
            }
            return { read: prompt_ms / 1e3, write: predicted_ms / 1e3 };
        },
    };
    const gpu = /webgpu.*buffer size/i.test(log);
    if (device === "gpu" && !gpu) {
        const adapter = await navigator.gpu?.requestAdapter();
        throw new Error(`it took the CPU; this adapter ${adapter?.features.has("shader-f16") ? "has" : "lacks"} shader-f16`);
    }
    return gpu ? "WebGPU" : `${wllama.getNumThreads()} thread`;
}

globalThis.load = (name, device, context) => (name === "keyfold" ? loadKeyfold(device) : loadWllama(device, context));
globalThis.measure = (prompt, decode) => engine.measure(prompt, decode);

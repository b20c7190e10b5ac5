// llama.mjs: llama.cpp through node-llama-cpp, for peers.mjs. It loads a model and
// then answers every line on standard input, {"ids": [...], "decode": n}, with one
// on standard output, {"read": seconds, "write": seconds}.
//
//     node llama.mjs MODEL.gguf cpu|vulkan CONTEXT
//
// The first line out is {"ready": what it runs on} or {"missing": why it cannot}.

import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";

const [path, device, size] = process.argv.slice(2);
const say = (/** @type {object} */ message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** Loads the model, and returns a sequence of tokens. */
async function open() {
    // ggml leaves software adapters out unless one is asked for by number.
    if (device === "vulkan") process.env.GGML_VK_VISIBLE_DEVICES ??= "0";
    const { getLlama } = await import("node-llama-cpp");
    const llama = await getLlama({ gpu: device === "vulkan" ? "vulkan" : false, build: "never", logLevel: "error" });
    const model = await llama.loadModel({ modelPath: path, gpuLayers: device === "vulkan" ? "max" : 0 });
    const context = await model.createContext({ contextSize: Number(size), batchSize: 512, threads: availableParallelism() });
    const names = device === "vulkan" ? (await llama.getGpuDeviceNames()).join(", ") : `${context.currentThreads} threads`;
    return { sequence: context.getSequence(), names };
}

try {
    const { sequence, names } = await open();
    say({ ready: names });
    for await (const line of createInterface({ input: process.stdin })) {
        const { ids, decode } = JSON.parse(line);
        await sequence.clearHistory();
        const start = performance.now();
        let first = 0;
        let n = 0;
        for await (const _ of sequence.evaluateWithMetadata(ids, {}, { temperature: 0, yieldEogToken: true })) {
            if (n++ === 0) first = performance.now();
            if (n > decode) break;
        }
        say({ read: (first - start) / 1e3, write: (performance.now() - first) / 1e3 });
    }
    process.exit(0);
} catch (error) {
    say({ missing: error instanceof Error ? error.message : String(error) });
    process.exit(1);
}

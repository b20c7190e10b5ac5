// worker.js: keyfold's wasm in a worker of the page that browser.js runs in. A
// message is [function, ...arguments] of main_js.go, the answer {result} or {error}.

importScripts("/wasm_exec.js", "/vector.js", "/gpu.js");
const started = Promise.all(["/keyfold.wasm", "/vector.wasm"].map((file) => WebAssembly.compileStreaming(fetch(file)))).then(async ([program, vector]) => {
    const go = new Go();
    go.run(await instantiate(go, program, vector));
});

onmessage = async ({ data: [name, ...args] }) => {
    try {
        await started;
        postMessage({ result: await globalThis.keyfold[name](...args) });
    } catch (error) {
        postMessage({ error: String(error) });
    }
};

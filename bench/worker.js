// worker.js: keyfold's wasm in a worker of the page that browser.js runs in. A
// message is [function, ...arguments] of main_js.go, the answer {result} or {error}.

importScripts("/wasm_exec.js");
const go = new Go();
const started = WebAssembly.instantiateStreaming(fetch("/keyfold.wasm"), go.importObject).then((result) => {
    go.run(result.instance);
});

onmessage = async ({ data: [name, ...args] }) => {
    try {
        await started;
        postMessage({ result: await globalThis.keyfold[name](...args) });
    } catch (error) {
        postMessage({ error: String(error) });
    }
};

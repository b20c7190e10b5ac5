// vector.js: Go's compiler has no vector instructions for browsers. The loops of
// its package cpu that want them are a module of their own, vector.wasm, which
// works on Go's memory; Go's calls pass through here. A classic script, for
// workers, node and tests: it defines one function.

/**
 * Instantiates a program of Go. What it imports from "vector" (cpu/vector_js.go) are
 * functions that vector.wasm exports. Without that module each of them returns 0:
 * nothing is done, and Go's own loop does the work.
 * @param {any} go                              the Go of wasm_exec.js
 * @param {WebAssembly.Module} program
 * @param {WebAssembly.Module | null} vector    null where the browser has none
 */
// @ts-ignore: it is used by other scripts
async function instantiate(go, program, vector) {
    /** @type {((exports: any) => void)[]} the module cannot exist before Go's memory does */
    const connect = [];
    go.importObject.vector = {};
    for (const { module, name } of WebAssembly.Module.imports(program)) {
        if (module !== "vector") continue;
        /** @type {(...numbers: number[]) => number} */
        let f = () => 0;
        connect.push((exports) => {
            f = exports[name];
            if (f.length > 9) throw new Error(`vector.wasm: ${name} takes ${f.length} numbers, want at most 9`);
        });
        // Not (...numbers), which would make a list at each call: that costs a product 4 %.
        /** @type {(...numbers: number[]) => number} */
        const call = (a, b, c, d, e, g, h, i, j) => f(a, b, c, d, e, g, h, i, j);
        go.importObject.vector[name] = call;
    }
    const instance = await WebAssembly.instantiate(program, go.importObject);
    if (vector) {
        const { exports } = new WebAssembly.Instance(vector, { go: { mem: instance.exports.mem } });
        connect.forEach((f) => f(exports));
    }
    return instance;
}

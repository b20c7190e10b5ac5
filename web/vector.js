// vector.js: Go's compiler has no vector instructions for browsers. The loops of
// its package cpu that want them are a module of their own, vector.wasm, which
// works on Go's memory; Go's calls pass through here. A classic script, for
// workers, node and tests: it defines one function.

/**
 * What Go imports. Each returns 1 once it is done, or 0: then Go's own loop does it.
 * @typedef {object} Vector
 * @property {(y: number, w: number, x: number, rows: number, cols: number, stride: number) => number} matvec
 * @property {(dst: number, words: number, halves: number) => number} unpackHalves
 * @property {(dst: number, src: number, rows: number, cols: number, stride: number) => number} transpose
 */

/**
 * Instantiates a program of Go with the vector instructions that it imports.
 * @param {any} go                              the Go of wasm_exec.js
 * @param {WebAssembly.Module} program
 * @param {WebAssembly.Module | null} vector    null where the browser has none
 */
// @ts-ignore: it is used by other scripts
async function instantiate(go, program, vector) {
    /** @type {any} the module cannot exist before Go's memory does */
    let made = { matvec: () => 0, unpackHalves: () => 0, transpose: () => 0 };
    /** @type {Vector} */
    const imports = {
        matvec: (y, w, x, rows, cols, stride) => made.matvec(y, w, x, rows, cols, stride),
        unpackHalves: (dst, words, halves) => made.unpackHalves(dst, words, halves),
        transpose: (dst, src, rows, cols, stride) => made.transpose(dst, src, rows, cols, stride),
    };
    go.importObject.vector = imports;
    const instance = await WebAssembly.instantiate(program, go.importObject);
    if (vector) made = new WebAssembly.Instance(vector, { go: { mem: instance.exports.mem } }).exports;
    return instance;
}

// vector.js: Go's compiler has no vector instructions for browsers. The loops of
// its package cpu that want them are a module of their own, vector.wasm, which
// works on Go's memory; Go's calls pass through here. A classic script, for
// workers, node and tests: it defines one function.

/**
 * What Go imports. Each returns 1 once it is done, or 0: then Go's own loop does it. exp
 * returns how many numbers it did, or -1.
 * @typedef {object} Vector
 * @property {(y: number, w: number, x: number, rows: number, cols: number, stride: number) => number} matvec
 * @property {(dst: number, words: number, halves: number) => number} unpackHalves
 * @property {(lanes: number, w: number, x: number, rows: number, cols: number) => number} addRows
 * @property {(dst: number, quants: number, scales: number, block: number, blocks: number, rows: number, stride: number) => number} unpackQ8
 * @property {(dst: number, quants: number, scales: number, block: number, blocks: number, rows: number, stride: number) => number} unpackQ4
 * @property {(dst: number, quants: number, scales: number, blocks: number) => number} unpackQ8M
 * @property {(s: number, n: number, top: number) => number} exp
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
    let made = { matvec: () => 0, unpackHalves: () => 0, addRows: () => 0, unpackQ8: () => 0, unpackQ4: () => 0, unpackQ8M: () => 0, exp: () => -1 };
    /** @type {Vector} */
    const imports = {
        matvec: (y, w, x, rows, cols, stride) => made.matvec(y, w, x, rows, cols, stride),
        unpackHalves: (dst, words, halves) => made.unpackHalves(dst, words, halves),
        addRows: (lanes, w, x, rows, cols) => made.addRows(lanes, w, x, rows, cols),
        unpackQ8: (dst, quants, scales, block, blocks, rows, stride) => made.unpackQ8(dst, quants, scales, block, blocks, rows, stride),
        unpackQ4: (dst, quants, scales, block, blocks, rows, stride) => made.unpackQ4(dst, quants, scales, block, blocks, rows, stride),
        unpackQ8M: (dst, quants, scales, blocks) => made.unpackQ8M(dst, quants, scales, blocks),
        exp: (s, n, top) => made.exp(s, n, top),
    };
    go.importObject.vector = imports;
    const instance = await WebAssembly.instantiate(program, go.importObject);
    if (vector) made = new WebAssembly.Instance(vector, { go: { mem: instance.exports.mem } }).exports;
    return instance;
}

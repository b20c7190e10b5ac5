// panic.mjs: starts the engine of build/site as web/worker.js does, and makes it
// panic: handle wants two arguments, and is called with none.
//
//     node panic.mjs FOLDER

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import vm from "node:vm";

const read = (name) => readFile(join(process.argv[2], name));
globalThis.keyfoldEmit = () => {};
for (const script of ["wasm_exec.js", "vector.js"]) vm.runInThisContext(String(await read(script)));
const [program, vector] = await Promise.all(["keyfold.wasm", "vector.wasm"].map(async (name) => WebAssembly.compile(await read(name))));
const go = new globalThis.Go();
const ended = go.run(await globalThis.instantiate(go, program, vector));
while (!globalThis.keyfold) await new Promise((resolve) => setTimeout(resolve, 5));
globalThis.keyfold.handle();
await ended;
process.exit(); // a port that the engine listens on would keep node

// exec.mjs: runs a test that was compiled for js/wasm in node, as the page would:
//
//     GOOS=js GOARCH=wasm go test -exec "node $PWD/cpu/testdata/exec.mjs vector" ./cpu
//
// With "plain" in the place of "vector" there are no vector instructions.

import { execFileSync } from "node:child_process";
import fs, { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { runInThisContext } from "node:vm";
import wabt from "wabt";

const [instructions, program, ...args] = process.argv.slice(2);
const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "..");
const glue = path.join(execFileSync("go", ["env", "GOROOT"], { encoding: "utf8" }).trim(), "lib", "wasm", "wasm_exec.js");
Object.assign(globalThis, { fs, path }); // before Go's glue puts its own there
for (const script of [glue, path.join(root, "web", "vector.js")]) runInThisContext(readFileSync(script, "utf8"));

const assemble = async (file) => (await wabt()).parseWat(file, readFileSync(file)).toBinary({}).buffer;
const vector = instructions === "vector" ? await WebAssembly.compile(await assemble(path.join(root, "cpu", "vector.wat"))) : null;
const go = new Go();
go.argv = [program, ...args];
go.env = { ...process.env, INSTRUCTIONS: instructions };
go.exit = process.exit;
go.run(await instantiate(go, await WebAssembly.compile(readFileSync(program)), vector));

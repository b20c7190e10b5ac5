// The exported GGUF files in llama.cpp: node check.mjs ../../build/models/NAME-q8_0.gguf
//
// node-llama-cpp carries llama.cpp as prebuilt binaries (`npm ci` in this folder fetches it). Compares log probabilities of the same
// text and the greedy continuation with keyfold's, from the same file. Fails where they differ by more than rounding: llama.cpp
// quantises activations to 8 bits where weights are Q8_0, keyfold does not.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getLlama } from "node-llama-cpp";

const [path, keyfold = "../../build/keyfold"] = process.argv.slice(2);
const GREEDY = 64;
const run = (...args) => execFileSync(keyfold, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

const document = run("corpus", "-seed", String(2 ** 32), "-docs", "1", "-task", "facts", "-tokens", "300");
const text = document.slice(0, document.indexOf("Answer:") + "Answer:".length);

const llama = await getLlama({ gpu: false, logLevel: "error" });
const model = await llama.loadModel({ modelPath: path, gpuLayers: 0 });
const context = await model.createContext({ contextSize: 1024, batchSize: 512 });
const sequence = context.getSequence();
const ids = [model.tokens.bos, ...model.tokenize(text)];
const ours = run("tokens", "-model", path, "-bos", text).trim();
if (ids.join() !== ours) {
  throw new Error(`the token ids differ: ${ids} in llama.cpp, ${ours} in keyfold`);
}

// Log probabilities after the text and after each token that llama.cpp chooses.
const theirs = [];
const chosen = [];
for await (const { token, probabilities } of sequence.evaluateWithMetadata(ids, { probabilities: true }, { temperature: 0 })) {
  theirs.push(probabilities);
  chosen.push(token);
  if (chosen.length === GREEDY || token === model.tokens.eos) {
    break;
  }
}
const folder = mkdtempSync(join(tmpdir(), "check-"));
const all = [...ids, ...chosen.slice(0, -1)];
run("logits", "-device", "cpu", "-kv", "f32", "-model", path, "-tokens", all.join(), "-o", join(folder, "logits"));
const file = readFileSync(join(folder, "logits"));
rmSync(folder, { recursive: true });
const logits = new Float32Array(file.buffer, file.byteOffset, file.byteLength / 4);
const vocab = logits.length / all.length;

let worst = 0;
let same = 0;
theirs.forEach((probabilities, i) => {
  const row = logits.subarray((ids.length - 1 + i) * vocab, (ids.length + i) * vocab);
  const max = row.reduce((a, b) => Math.max(a, b));
  const lse = max + Math.log(row.reduce((a, b) => a + Math.exp(b - max), 0));
  for (const [token, p] of probabilities) {
    if (p > 1e-4) {
      worst = Math.max(worst, Math.abs(Math.log(p) - (row[token] - lse)));
    }
  }
  same += row.indexOf(max) === chosen[i] ? 1 : 0;
});
const said = run("run", "-device", "cpu", "-kv", "f32", "-model", path, "-temperature", "0", "-n", String(GREEDY), "--", text);
console.log(`llama.cpp continues ${JSON.stringify(model.detokenize(chosen))}`);
console.log(`${path}: log probabilities above 1e-4 within ${worst.toPrecision(2)}, same first choice ${same} of ${chosen.length}`);
console.log(`keyfold continues   ${JSON.stringify(said.slice(text.length))}`);
await llama.dispose();
process.exit(worst > 0.5 || same < chosen.length - 2 ? 1 : 0);

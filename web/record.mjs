// record.mjs: makes recorded.json, the run that the page opens on, by asking the
// real engine the questions that the page can ask. Needs only node:
//
//     node web/record.mjs build/site > web/recorded.json
//
// "make recording" does it with the built-in model.
//
// It holds the events as they came, made small: numbers are rounded, long lists
// of them packed into bytes (unpacked in link.js), what all runs share is kept
// once, and the likeliest tokens are there for the first run only.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import vm from "node:vm";
import { depths, hidden, hideFact } from "./presets.js";

const model = "keyfold.gguf";
const read = (/** @type {string} */ name) => readFile(join(process.argv[2], name));
const { fact, answer, question } = hidden;
const prompt = hideFact(fact, 0.25, false); // as recorded.js says in the form
const sampler = { temperature: 0, top_k: 0, top_p: 0.9, min_p: 0, repeat_penalty: 1 };

// 1. Start the engine as worker.js does.
const everything = /** @type {any} */ (globalThis);
/** @type {(event: any) => void} */
let onEvent = () => {};
everything.keyfoldEmit = (/** @type {string} */ json) => onEvent(JSON.parse(json));
for (const script of ["wasm_exec.js", "vector.js"]) vm.runInThisContext(String(await read(script)));
const [program, vector] = await Promise.all(
    ["keyfold.wasm", "vector.wasm"].map(async (name) => WebAssembly.compile(await read(name))),
);
const go = new everything.Go();
go.run(await everything.instantiate(go, program, vector));
while (!everything.keyfold) await new Promise((resolve) => setTimeout(resolve, 5));

let id = 0;
/** @param {any} request @param {Blob | null} [file] @returns {Promise<any[]>} */
function ask(request, file = null) {
    return new Promise((resolve, reject) => {
        /** @type {any[]} */
        const events = [];
        onEvent = (event) => {
            if (event.failed) reject(new Error(event.failed.message));
            if (!event.progress) events.push(event);
            if (event.done) resolve(events);
        };
        everything.keyfold.handle(JSON.stringify({ ...request, id: ++id }), file);
    });
}

// 2. Ask. The small questions follow the plan that they are about.
const base = { prompt, question, kv: "f16", seed: 1, n: 24, sampler, pins: [], options: {} };
const loaded = (await ask({ do: "load", name: model, device: "cpu" }, new Blob([await read(model)])))[0];
const { methods, opening } = loaded.loaded;
const main = { ...base, do: "run", ...opening };
const voting = methods.find((/** @type {any} */ m) => m.votes).name;
/** @type {{request: any, events: any[]}[]} */
const exchanges = [];
/** @param {any} request @param {any} [about] what the recording finds it by */
async function record(request, about = {}) {
    const events = await ask(request);
    exchanges.push({ request: { ...request, ...about }, events });
    return events;
}
const events = await record(main);
if (events[0].prompt.tokens.length > 250) throw new Error("slots do not fit in a byte: shorten the prompt");
const plan = events.find((e) => e.plan).plan;
/** @param {any} p */
const merged = (p) =>
    p.n
        .map((/** @type {number} */ n, /** @type {number} */ row) => ({ n, row }))
        .filter((/** @type {any} */ r) => r.n > 1);
/** @type {number[]} */
const setsPerHead = plan.heads.map((/** @type {any} */ p) => merged(p).length);
const most = setsPerHead.indexOf(Math.max(...setsPerHead)); // the head with the most to show
const head = { layer: Math.floor(most / plan.kv_heads), head: most % plan.kv_heads };
const rows = merged(plan.heads[most]);
const deepest = rows.toSorted((/** @type {any} */ a, /** @type {any} */ b) => a.n - b.n)[rows.length - 1];
const mine = { method: main.method, budget: main.budget };
for (const { row } of rows.filter((/** @type {any} */ r) => r !== deepest))
    await record({ do: "cell", ...head, row }, mine);
await record({ do: "cell", ...head, row: deepest.row }, mine);
await record({ do: "map", ...head }, mine);
for (const budget of [1, 0.7, 0.5, 0.2, 0.1, 0.05]) await record({ ...main, do: "replan", budget });
await record({ ...base, do: "replan", method: "window", budget: main.budget });
await record({ ...base, do: "replan", method: voting, options: {} });
await record({ do: "ballots", ...head }, { method: voting });
const texts = depths.map((depth) => hideFact(fact, depth, false));
await record({ ...base, do: "needle", texts, answer, method: main.method });

// 3. Make it small.
const digits = (/** @type {number} */ x, /** @type {number} */ n) => Number(x.toFixed(n));
/** As one byte per number, (number + plus) * times. link.js unpacks it. @param {number[]} list @param {number} plus @param {number} times */
const pack = (list, plus, times) => ({
    packed: [
        Buffer.from(list.map((x) => Math.max(0, Math.min(255, Math.round((x + plus) * times))))).toString("base64"),
        plus,
        digits(times, 3),
    ],
});
const short = (/** @type {number[]} */ list, /** @type {number} */ n) => list.map((x) => digits(x, n));
exchanges.forEach(({ request, events: list }, which) => {
    for (const event of list) {
        delete event.id;
        if (event.prompt && which > 0) delete event.prompt;
        if (event.plan) {
            for (const h of event.plan.heads) {
                const most = Math.max(1e-9, ...h.mass);
                h.mass = which === 0 ? pack(h.mass, 0, 255 / most) : [];
                h.cosine = which === 0 ? pack(h.cosine, 1, 127) : [];
                h.row = pack(h.row, 1, 1);
                h.pivot = pack(h.pivot, 0, 1);
                h.n = pack(h.n, 0, 1);
                if (h.votes.length) h.votes = pack(h.votes, 0, 1);
            }
            event.plan.ms = digits(event.plan.ms, 2);
        }
        if (event.token) {
            const t = event.token,
                n = which === 0 ? 10 : 0;
            for (const key of ["kl", "delta_nll", "logprob"]) t[key] = digits(t[key], 4);
            t.ms = digits(t.ms, 1);
            for (const key of ["top", "top_full"]) {
                t[key] = t[key].slice(0, n);
                for (const c of t[key]) c.logprob = digits(c.logprob, 2);
            }
            t.attended = which === 0 ? pack(t.attended, 0, 255 / Math.max(1e-9, ...t.attended)) : [];
        }
        if (event.cell) event.cell.weights = short(event.cell.weights, 3);
        if (event.map) event.map.cosine = pack(event.map.cosine, 1, 127);
        if (event.done && (which > 0 || event !== list[list.length - 1])) event.done.tokens = [];
    }
    if (request.do === "cell" || request.do === "map" || request.do === "ballots") list.pop();
    if (request.do === "needle") {
        delete request.texts;
        list.splice(0, list.length - 2); // the whole table, and done
        list.pop();
    }
    if (list.length && !list[list.length - 1].done) list.push({ done: {} });
});
const recording = {
    note: `${loaded.loaded.model.name} on the CPU in WebAssembly.`,
    loaded,
    request: main,
    fact,
    answer,
    exchanges,
};
delete loaded.id;
process.stdout.write(`${JSON.stringify(recording)}\n`);
process.exit(0);

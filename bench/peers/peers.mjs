// peers.mjs: keyfold beside llama.cpp, on the same model, machine and day, in turns.
//
//     make bench-peers ARGS="--shape SmolLM2-135M --rounds 5 --json peers.json"
//
// Unless --model names a file the model has random weights; what it writes is nonsense
// and takes as long as sense. Each pair of engines is opened together, warmed up once and then measured
// turn by turn, so that what else the machine does meets both. An engine that
// cannot run is named with the reason.

import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

const { values: flags } = parseArgs({
    options: {
        shape: { type: "string", default: "288,768,6,6,6,512" }, // of keyfold bench
        type: { type: "string", default: "q8_0" },
        model: { type: "string" }, // a file, in the place of a shape with random weights
        prefill: { type: "string", default: "256" }, // tokens of the prompt
        decode: { type: "string", default: "32" }, // tokens written behind it
        rounds: { type: "string", default: "3" },
        only: { type: "string", default: "" }, // the pairs whose name has this in it
        json: { type: "string" },
    },
});
const [prefill, decode, rounds] = [flags.prefill, flags.decode, flags.rounds].map(Number);
const contextSize = Math.ceil((prefill + decode + 1) / 256) * 256;

const here = dirname(fileURLToPath(import.meta.url));
const build = join(here, "..", "..", "build");
const keyfold = join(build, "keyfold");

/**
 * @typedef {{text: string, ids: number[]}} Prompt
 * @typedef {{read: number, write: number}} Times    seconds
 * @typedef {object} Engine
 * @property {string} on                             what it runs on
 * @property {(prompt: Prompt) => Promise<Times>} measure
 * @property {() => Promise<void> | void} close
 */

// ------------------------------------------------------------ native engines

/**
 * The keyfold command, started anew for each turn; its own warm-up is not counted.
 * @param {string} model @param {string} device
 * @returns {Promise<Engine>}
 */
async function nativeKeyfold(model, device) {
    const run = async () => {
        const args = ["bench", "-model", model, "-device", device, "-prefill", flags.prefill, "-context", flags.prefill, "-fill"];
        const { stdout } = await promisify(execFile)(keyfold, [...args, "-decode", flags.decode, "-runs", "1", "-json", "-"]);
        return JSON.parse(stdout);
    };
    const { device: on } = await run();
    return {
        on: on.kind === "gpu" ? `${on.adapter} (${on.backend})` : "Go",
        async measure() {
            const report = await run();
            return { read: prefill / report.prefill[0].tokens_per_s.median, write: decode / report.contexts[0].tokens_per_s.median };
        },
        close() {},
    };
}

/**
 * llama.cpp in a process of its own: see llama.mjs.
 * @param {string} model @param {string} device
 */
const nativeLlama = (model, device) => llamaProcess(process.execPath, [join(here, "llama.mjs"), model, device, String(contextSize)]);

/**
 * llama.cpp's server, which measures itself: see llama.py.
 * @param {string} model
 */
const nativeServer = (model) => llamaProcess(join(build, "peers", "bin", "python3"), [join(here, "llama.py"), model, String(contextSize)]);

/**
 * A process that takes a line and answers with one.
 * @param {string} program @param {string[]} args
 * @returns {Promise<Engine>}
 */
async function llamaProcess(program, args) {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
    await once(child, "spawn");
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => {
        const { value, done } = await lines.next();
        if (done) throw new Error("its process ended without a word");
        const answer = JSON.parse(value);
        if (answer.missing) throw new Error(answer.missing);
        return answer;
    };
    const { ready } = await next();
    return {
        on: ready,
        measure({ ids }) {
            child.stdin.write(`${JSON.stringify({ ids, decode })}\n`);
            return next();
        },
        async close() {
            child.stdin.end();
            await once(child, "exit");
        },
    };
}

// ------------------------------------------------------- engines in a browser

/** Serves the page, the engines and the model, as a page must be served that may use threads. */
async function serve(/** @type {string} */ model) {
    const goRoot = execFileSync("go", ["env", "GOROOT"], { encoding: "utf8" }).trim();
    const wllama = join(here, "node_modules", "@wllama", "wllama", "esm");
    /** @type {Record<string, string>} */
    const files = {
        "/browser.js": join(here, "browser.js"),
        "/worker.js": join(here, "worker.js"),
        "/wasm_exec.js": join(goRoot, "lib", "wasm", "wasm_exec.js"),
        "/vector.js": join(build, "site", "vector.js"),
        "/gpu.js": join(build, "site", "gpu.js"),
        "/vector.wasm": join(build, "site", "vector.wasm"),
        "/keyfold.wasm": join(build, "bench.wasm"),
        "/wllama/index.js": join(wllama, "index.js"),
        "/wllama/wasm/wllama.wasm": join(wllama, "wasm", "wllama.wasm"),
        "/model.gguf": model,
    };
    /** @type {Record<string, string>} */
    const types = { ".js": "text/javascript", ".wasm": "application/wasm" };
    const server = createServer(async (request, answer) => {
        const path = new URL(request.url ?? "/", "http://localhost").pathname;
        answer.setHeader("Cross-Origin-Opener-Policy", "same-origin");
        answer.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
        if (path === "/") {
            answer.setHeader("Content-Type", "text/html");
            answer.end('<!doctype html><title>bench</title><script type="module" src="/browser.js"></script>');
        } else if (files[path]) {
            answer.setHeader("Content-Type", types[extname(path)] ?? "application/octet-stream");
            answer.end(await readFile(files[path]));
        } else {
            answer.writeHead(404).end();
        }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return server;
}

/** Starts headless Chromium with WebGPU on SwiftShader, as internal/browser does for the tests. */
async function openBrowser() {
    const { chromium } = await import("playwright-core");
    const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    const find = (/** @type {string} */ name) => {
        try {
            return execFileSync("which", [name], { encoding: "utf8" }).trim();
        } catch {
            return "";
        }
    };
    const executablePath = names.map(find).find(Boolean);
    if (!executablePath) throw new Error(`found none of ${names.join(", ")}`);
    return chromium.launch({
        executablePath,
        args: ["--headless=new", "--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--disable-quic", "--disable-component-update"],
    });
}

/** @type {Promise<[import("playwright-core").Browser, import("node:http").Server]> | undefined} */
let browsing;

/**
 * @param {string} model @param {string} name @param {string} device
 * @returns {Promise<Engine>}
 */
async function inBrowser(model, name, device) {
    browsing ??= Promise.all([openBrowser(), serve(model)]);
    const [browser, server] = await browsing;
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    // @ts-ignore: node's address of a TCP server
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.waitForFunction("globalThis.load");
    let on;
    try {
        on = await page.evaluate(([name, device, size]) => globalThis.load(name, device, size), [name, device, contextSize]);
    } catch (error) {
        await page.close();
        throw error;
    }
    return {
        on,
        measure: (prompt) => page.evaluate(([prompt, decode]) => globalThis.measure(prompt, decode), [prompt, decode]),
        close: () => page.close(),
    };
}

// ------------------------------------------------------------------- the turns

/** @type {{name: string, engines: [string, (model: string) => Promise<Engine>][]}[]} */
const pairs = [
    { name: "native CPU", engines: [["keyfold", (m) => nativeKeyfold(m, "cpu")], ["llama.cpp", (m) => nativeLlama(m, "cpu")], ["its server", nativeServer]] },
    { name: "native GPU", engines: [["keyfold", (m) => nativeKeyfold(m, "gpu")], ["llama.cpp", (m) => nativeLlama(m, "vulkan")]] },
    { name: "browser CPU", engines: [["keyfold", (m) => inBrowser(m, "keyfold", "cpu")], ["wllama", (m) => inBrowser(m, "wllama", "cpu")]] },
    { name: "browser GPU", engines: [["keyfold", (m) => inBrowser(m, "keyfold", "gpu")], ["wllama", (m) => inBrowser(m, "wllama", "gpu")]] },
];

/** @param {number[]} values */
function rate(values) {
    const sorted = values.toSorted((a, b) => a - b);
    const n = sorted.length;
    return { runs: values, median: (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2, least: sorted[0], most: sorted[n - 1] };
}

/** @typedef {ReturnType<typeof rate>} Rate */
/** @typedef {{pair: string, engine: string, on?: string, missing?: string, prefill?: Rate, decode?: Rate}} Result */

/**
 * @param {typeof pairs[number]} pair @param {string} model @param {Prompt} prompt
 * @returns {Promise<Result[]>}
 */
async function measurePair(pair, model, prompt) {
    /** @type {Result[]} */
    const results = [];
    /** @type {{result: Result, engine: Engine, times: Times[]}[]} */
    const running = [];
    const giveUp = (/** @type {Result} */ result, /** @type {unknown} */ error) => {
        result.missing = (error instanceof Error ? error.message : String(error)).split("\n")[0].replace(/^page.evaluate: (Error: )?/, "");
    };
    for (const [name, open] of pair.engines) {
        /** @type {Result} */
        const result = { pair: pair.name, engine: name };
        results.push(result);
        try {
            const engine = await open(model);
            result.on = engine.on;
            running.push({ result, engine, times: [] });
        } catch (error) {
            giveUp(result, error);
        }
    }
    for (let round = 0; round <= rounds; round++) {
        for (const { result, engine, times } of running) {
            if (result.missing) continue;
            try {
                const took = await engine.measure(prompt);
                if (round > 0) times.push(took); // the first one warms up
            } catch (error) {
                giveUp(result, error);
            }
        }
    }
    for (const { result, engine, times } of running) {
        await engine.close();
        if (result.missing) continue;
        result.prefill = rate(times.map((t) => prefill / t.read));
        result.decode = rate(times.map((t) => decode / t.write));
    }
    return results;
}

/** @param {Result[]} results of one pair */
function print(results) {
    const number = (/** @type {number} */ n) => (n < 100 ? n.toPrecision(3) : n.toFixed(0));
    const cell = (/** @type {Rate} */ r) => `${number(r.median)} (${number(r.least)} to ${number(r.most)})`.padEnd(28);
    for (const r of results) {
        const name = `${r.pair.padEnd(12)} ${r.engine.padEnd(10)} `;
        if (r.prefill && r.decode) console.log(`${name}${cell(r.prefill)}${cell(r.decode)}${r.on}`);
        else console.log(`${name}missing: ${r.missing}`);
    }
    const [ours, ...others] = results;
    for (const theirs of others) {
        if (!ours.prefill || !ours.decode || !theirs.prefill || !theirs.decode) continue;
        const ratio = (/** @type {Rate} */ a, /** @type {Rate} */ b) => (a.median / b.median).toFixed(2).padEnd(28);
        console.log(`${"".padEnd(13)}ratio      ${ratio(ours.prefill, theirs.prefill)}${ratio(ours.decode, theirs.decode)}to ${theirs.engine}`);
    }
}

const folder = await mkdtemp(join(tmpdir(), "keyfold-peers-"));
try {
    const model = flags.model ?? join(folder, "model.gguf");
    if (!flags.model) execFileSync(keyfold, ["bench", "-shape", flags.shape, "-type", flags.type, "-save", model, "-runs", "0"]);
    // BOS and letters behind spaces, each of which is one token.
    const text = Array.from({ length: prefill - 1 }, (_, i) => "etaoinshrdlucmfwypvbgkjqxz"[(7 * i) % 26]).join(" ");
    const ids = execFileSync(keyfold, ["tokens", "-model", model, "-bos", text], { encoding: "utf8" }).trim().split(",").map(Number);
    if (ids.length !== prefill) throw new Error(`the prompt has ${ids.length} tokens, want ${prefill}`);

    console.log(`${flags.model ?? `${flags.shape} ${flags.type}`}: ${prefill} tokens read, ${decode} written behind them; tokens/s, median and range of ${rounds} turns`);
    console.log(`${"".padEnd(24)}${"prefill".padEnd(28)}${"decode".padEnd(28)}on`);
    /** @type {Result[]} */
    const results = [];
    for (const pair of pairs) {
        if (!pair.name.includes(flags.only)) continue;
        const measured = await measurePair(pair, model, { text, ids });
        print(measured);
        results.push(...measured);
    }
    if ("browser GPU".includes(flags.only)) console.log("transformers.js is not measured: it wants the model as ONNX, which nothing here makes");
    if (flags.json) {
        const report = { date: new Date().toISOString(), ...flags, results };
        await writeFile(flags.json, `${JSON.stringify(report, null, 1)}\n`);
    }
} finally {
    await browsing?.then(
        async ([browser, server]) => {
            await browser.close();
            server.close();
        },
        () => {}, // it did not start, which was told
    );
    await rm(folder, { recursive: true });
}

// recorded.js: the run that the page opens on, while the engine loads.

import { defaults } from "./form.js";
import { openRecording, unpack } from "./link.js";
import { beginRun, onAnswer, onRunEvent } from "./runs.js";
import { offer, set, setForm, showing, state, written } from "./store.js";

/** @param {boolean} keepForm  a link has filled the form: leave it */
export async function showRecording(keepForm) {
    try {
        const response = await fetch("recorded.json");
        if (!response.ok) throw new Error(`the server says ${response.status}`);
        /** @type {import("./link.js").Recording} */
        const recording = JSON.parse(await response.text(), unpack);
        const link = openRecording(recording);
        const { loaded } = recording.loaded;
        if (!loaded || state.run) return;
        const request = recording.request;
        const sampler = request.sampler ?? { temperature: 0, top_k: 0, top_p: 0.9, min_p: 0, repeat_penalty: 1 };
        set({ recordedNote: recording.note });
        if (state.methods.length === 0) offer(loaded);
        const begun = state.form.prompt !== "" || state.form.preset !== defaults.preset; // the reader was faster
        if (!keepForm && !begun) {
            setForm({
                preset: recording.fact ? "fact" : "free",
                length: "short",
                depth: "25",
                fact: recording.fact ?? "",
                answer: recording.answer ?? "",
                prompt: request.prompt ?? "",
                question: request.question ?? "",
                method: request.method ?? loaded.opening.method,
                budget: request.budget ? String(request.budget) : "",
                options: { ...request.options },
                kv: request.kv ?? "f16",
                seed: String(request.seed ?? 1),
                n: String(request.n ?? 60),
                pins: request.pins ?? [],
                temperature: String(sampler.temperature),
                top_k: String(sampler.top_k),
                top_p: String(sampler.top_p),
                min_p: String(sampler.min_p),
                repeat_penalty: String(sampler.repeat_penalty),
            });
        }
        const answer = recording.answer ?? "";
        beginRun(link, loaded, { ...request, do: "run" }, answer, recording.fact ?? "");
        await link.ask({ ...request, do: "run" }, onRunEvent);
        // One of each of the smaller questions was recorded too.
        for (const { request: r } of recording.exchanges) {
            if (r.method !== request.method || r.budget !== request.budget) continue;
            if (r.do === "map") set({ selected: { layer: r.layer ?? 0, head: r.head ?? 0 } });
            if (r.do === "map" || r.do === "cell") await link.ask(r, onAnswer);
        }
        const events = (/** @type {string} */ what) =>
            recording.exchanges.find(({ request: r }) => r.do === what)?.events ?? [];
        if (!showing(link)) return;
        events("ballots").forEach(onAnswer);
        const kls = written().map((t) => t.kl);
        const table = events("needle").find((e) => e.needle)?.needle;
        set({
            hovered: kls.indexOf(Math.max(...kls)),
            needle: table ? { table, loaded, answer, running: false, note: "" } : null,
        });
    } catch (error) {
        set({ status: `The recorded run could not be shown (${error instanceof Error ? error.message : error}).` });
    }
}

//go:build !js

package main

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"keyfold/session"
)

// floats adds the names of the fields of a message, and of what is in it, that may hold
// a number that JSON does not have.
func floats(of reflect.Type, into map[string]bool) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		floats(of.Elem(), into)
	case reflect.Struct:
		for i := range of.NumField() {
			field := of.Field(i)
			floats(field.Type, into)
			kind := field.Type
			for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice {
				kind = kind.Elem()
			}
			if kind.Kind() == reflect.Float32 || kind.Kind() == reflect.Float64 {
				name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				into[name] = true
			}
		}
	}
}

// Every view shows what it can of messages in which one number, or every number, is
// none: Go writes null for it.
func TestPageSurvivesNumbersThatAreNone(t *testing.T) {
	fields := map[string]bool{}
	floats(reflect.TypeFor[session.Event](), fields)
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) < 20 || !fields["kl"] || !fields["ppl_ratio"] || !fields["weights"] {
		t.Fatalf("the messages have the numbers %v", names)
	}
	list, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	p := openPage(t, "")
	p.do(`await loaded()
		const {openRecording, unpack} = await import("/some/where/link.js");
		const {beginRun, onAnswer, onRunEvent} = await import("/some/where/runs.js");
		const {offer, set, state} = await import("/some/where/store.js");
		const recording = await (await fetch("/some/where/recorded.json")).text();
		const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
		/** Shows the recording with null in the place of the numbers of these fields, and points at things. */
		globalThis.show = async (fields) => {
			const holes = (key, value) => {
				if (!fields.includes(key)) return value;
				const hole = (v) => Array.isArray(v) ? v.map(hole) : typeof v === "number" ? null : v;
				return hole(value);
			};
			// Its lists are packed: they are unpacked before they get holes, and read as from the engine.
			const text = JSON.stringify(JSON.parse(recording, unpack), holes);
			const r = JSON.parse(text, unpack), link = openRecording(r);
			const {loaded} = r.loaded;
			set({loaded, lost: false, selected: {layer: 0, head: 0}});
			offer(loaded);
			beginRun(link, loaded, {...r.request, do: "run"}, r.answer, r.fact);
			await link.ask({...r.request, do: "run"}, onRunEvent);
			for (const exchange of r.exchanges) if (["cell", "map", "ballots"].includes(exchange.request.do)) exchange.events.forEach(onAnswer);
			const table = r.exchanges.find((e) => e.request.do === "needle").events.find((e) => e.needle).needle;
			set({needle: {table, loaded, answer: r.answer, running: false, note: ""}, hovered: 1, word: 3});
			await frame();
			const map = document.querySelector("#map-view canvas").getBoundingClientRect();
			document.querySelector("#map-view canvas").dispatchEvent(new MouseEvent("mousemove", {clientX: map.x + 2, clientY: map.y + 2}));
			if (tokens().length === 0 || document.querySelectorAll("#occupancy-view td").length === 0) return "nothing is drawn";
			const bad = /\b(NaN|null|undefined|Infinity)\b/;
			const out = [];
			for (const e of document.querySelectorAll("main *")) {
				const own = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join(" ");
				for (const said of [own, ...[...e.attributes].map((a) => a.value)]) if (bad.test(said)) out.push(e.tagName + ": " + said.slice(0, 120));
			}
			return [...new Set(out)].slice(0, 5).join("; ");
		}`)
	for _, holes := range append([]string{"[]", string(list)}, strings.Split(strings.Trim(string(list), "[]"), ",")...) {
		if !strings.HasPrefix(holes, "[") {
			holes = "[" + holes + "]"
		}
		before := len(p.Faults())
		if said := p.do(`return await show(` + holes + `)`); said != "" {
			t.Errorf("without %s: %s", holes, said)
		}
		for _, fault := range p.Faults()[before:] {
			t.Errorf("without %s: %s", holes, fault)
		}
	}
}

// The engine's own nulls arrive as numbers that are none.
func TestPageReadsTheEnginesNulls(t *testing.T) {
	p := openPage(t, `
		let emit;
		Object.defineProperty(globalThis, "keyfoldEmit", {
			get: () => (json) => emit(json.replace(/"(kl|delta_nll|logprob|ratio|ppl_ratio|kl_mean|tok_per_s)":[-+.e0-9]+/g, '"$1":null')),
			set: (f) => { emit = f; },
		})`)
	p.do(`await loaded(); await run({method: "kvmerger", n: 4})`)
	p.wantTokens("a run without numbers", 4)
	p.want("the numbers", `return text("#summary-view dl")`, "Kept / total–")
	p.want("the newest token", `return text("#token-view .facts")`, "probability – · KL – · delta NLL –")
	p.noFaults()
}

//go:build !js

package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// drag drags a text over an element and lets go.
func (p *page) drag(selector, text string) {
	p.t.Helper()
	var x, y float64
	place := p.do(fmt.Sprintf(`const field = document.querySelector(%q); field.scrollIntoView({block: "center", behavior: "instant"})
		const box = field.getBoundingClientRect(); return (box.x + box.width / 2) + " " + (box.y + box.height / 2)`, selector))
	if _, err := fmt.Sscan(place, &x, &y); err != nil {
		p.t.Fatal(err)
	}
	data := &input.DragData{Items: []*input.DragDataItem{{MimeType: "text/plain", Data: text}}, DragOperationsMask: 1}
	for _, kind := range []input.DispatchDragEventType{"dragEnter", "dragOver", "drop"} {
		event := input.DispatchDragEventParams{Type: kind, X: x, Y: y, Data: data}
		if err := chromedp.Do(p.chromium().Context, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, input.DispatchDragEvent, event)
			return err
		})); err != nil {
			p.t.Fatal(err)
		}
	}
	p.do(`await new Promise((resolve) => setTimeout(resolve, 100))`)
}

// A text that is dragged into a field lands in it, and nowhere else on the page.
func TestPageTakesDraggedTexts(t *testing.T) {
	p := openPage(t, "")
	p.do(`await loaded(); click("#prompt-view [data-key=fact]"); for (const box of document.querySelectorAll("#method-view details")) box.open = true`)
	fields := strings.Fields(p.do(`return [...document.querySelectorAll("textarea, input[type=text]")].filter((f) => !f.disabled && f.checkVisibility()).map((f) => "#" + f.id).join(" ")`))
	if len(fields) < 15 {
		t.Fatalf("the page has the fields %v", fields)
	}
	for _, field := range fields {
		p.do(fmt.Sprintf(`select(%q, "")`, field))
		p.drag(field, "dragged words")
		p.want(field, fmt.Sprintf(`return document.querySelector(%q).value`, field), "dragged words")
	}
	values := `return [...document.querySelectorAll("textarea, input[type=text]")].map((f) => f.value).join("|")`
	before := p.do(values)
	for _, place := range []string{"h1", "#model-view .drop", "#fade-view .strip", "#run"} {
		p.drag(place, "https://example.org/")
		if after := p.do(values); after != before {
			t.Errorf("a text dropped on %s changes the fields to %q", place, after)
		}
		p.want("the frame for files", `return document.body.className + "."`, ".")
	}
	p.want("the page", `return location.pathname + text("#fault-model")`, "/some/where/")
	p.do(`await drop("other.gguf"); await until(() => text("#model-view").includes("other.gguf"), "the dropped model")`)
	p.noFaults()
}

// Whatever is wrong is seen and has the focus when Run is pressed, also in a section
// that was closed.
func TestPageLeadsToFaults(t *testing.T) {
	p := openPage(t, "")
	p.do(`await loaded(); await choose({method: "kvmerger", n: 3})
		globalThis.closeAll = () => { for (const box of document.querySelectorAll("details")) box.open = false; document.activeElement.blur(); }
		globalThis.wrong = [];
		globalThis.refused = async (field, what) => {
			select("#" + CSS.escape(field.id), field.type === "range" ? "7" : "x,y");
			closeAll();
			await new Promise((resolve) => setTimeout(resolve, 50));
			click("#run");
			const said = () => [...document.querySelectorAll(".fault")].some((f) => f.textContent.includes("x,y") && f.checkVisibility());
			const led = () => document.activeElement === field && field.checkVisibility() && said();
			for (let i = 0; i < 40 && !led(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
			if (!led()) wrong.push(what + ": " + said() + ", in " + document.activeElement.id);
			select("#" + CSS.escape(field.id), field.id.startsWith("opt-") ? "" : before[field.id]);
			await idle();
		};
		globalThis.before = Object.fromEntries([...document.querySelectorAll("input")].map((i) => [i.id, i.value]))`)
	p.do(`for (const field of document.querySelectorAll("#method-view [data-control]"))
		if (field.matches("input:not(:disabled)")) await refused(field, field.id)`)
	for method, option := range map[string]string{"kvmerger": "sigma", "gvote": "p_nuc"} {
		p.do(fmt.Sprintf(`await choose({method: %q, n: 3}); setField("Budget", ""); await until(() => document.querySelector("#opt-%s"), "the options")
			for (const {id} of [...document.querySelectorAll("[data-option]")]) await refused(document.getElementById(id), %[1]q + " " + id)`, method, option))
	}
	if wrong := p.do(`return wrong.join("; ")`); wrong != "" {
		t.Errorf("not led to: %s", wrong)
	}
	// A link is as good as typing.
	p.do(`closeAll(); location.hash = "method=window&budget=0.5&top_p=7&prompt=a"
		await until(() => document.activeElement.id === "top_p" && document.activeElement.checkVisibility(), "the focus on a fault of a link")`)
	p.noFaults()
}

// Numbers are read with a point or a comma, or refused where that could mean a
// thousand: in every field and in the options that are numbers.
func TestPageReadsDecimalCommas(t *testing.T) {
	p := openPage(t, "")
	p.do(`await loaded()`)
	wrong := p.do(`
		const {check, defaults, parseNumber, toRequest} = await import("/some/where/form.js");
		const {state} = await import("/some/where/store.js");
		const method = state.methods.find((m) => m.name === "kvmerger");
		const cases = {"0,5": [0.5, NaN], "0.5": [0.5, NaN], ",5": [0.5, NaN], " 1,0 ": [1, NaN], "1e-1": [0.1, NaN], "1": [1, 1], "60": [60, 60],
			"1,000": [1, NaN], "1.000": [1, NaN], "1.000,5": [NaN, NaN], "1,000.5": [NaN, NaN], "1 000": [NaN, NaN], "0x10": [NaN, NaN], "1e3": [1000, NaN],
			"٠٫٥": [NaN, NaN], "−1": [NaN, NaN], "": [NaN, NaN], "NaN": [NaN, NaN], "Infinity": [NaN, NaN], "1_0": [NaN, NaN], ",": [NaN, NaN]};
		const out = [];
		for (const [typed, want] of Object.entries(cases)) {
			for (const whole of [false, true])
				if (!Object.is(parseNumber(typed, whole), want[Number(whole)])) out.push(JSON.stringify(typed) + " is " + parseNumber(typed, whole));
			for (const key of ["budget", "depth", "temperature", "top_p", "min_p", "repeat_penalty", "n", "seed", "top_k"]) {
				const form = {...defaults, method: "kvmerger", [key]: typed};
				if (check(form, state.methods)[key]) continue;
				const request = toRequest(form, method), got = request[key] ?? request.sampler[key];
				const number = want[Number(["n", "seed", "top_k"].includes(key))];
				if (key !== "depth" && got !== number && !(key === "budget" && typed === "")) out.push(key + " " + JSON.stringify(typed) + " is " + got);
			}
		}
		const {options} = toRequest({...defaults, method: "kvmerger", options: {eps: "0,5", sigma: "2,5", skip_layers: "0,1", mass: "last:3"}}, method);
		if (JSON.stringify(options) !== '{"eps":"0.5","sigma":"2.5","skip_layers":"0,1","mass":"last:3"}') out.push(JSON.stringify(options));
		return out.join("; ")`)
	if wrong != "" {
		t.Error(wrong)
	}
	p.do(`await choose({method: "window", n: 3}); setField("Budget", "0,25"); await press(); await idle()`)
	p.want("a budget with a comma", `return text("#control-view output")`, "25 %")
	p.do(`await choose({method: "gvote", n: 3}); await until(() => document.querySelector("#opt-p_nuc"), "the options"); select("#opt-p_nuc", "0,5"); await press(); await idle()`)
	p.want("an option with a comma", `return text("#control-view output")`, "0.50")
	p.noFaults()
}

// Every text of a reader or of a model has the direction of its own words, and leaves
// that of the sentence around it alone.
func TestPageDirectionOfTexts(t *testing.T) {
	p := openPage(t, "")
	const hebrew = "שלום עולם, מה שלומך היום?"
	p.do(fmt.Sprintf(`await loaded(); await choose({method: "kvmerger", n: 4}); click("#prompt-view [data-key=fact]")
		select("#fact", %[1]q); select("#answer", "היום"); select("#prompt-text", %[1]q.repeat(4)); select("#question", " ועכשיו")
		const prompt = document.querySelector("#prompt-text")
		prompt.focus(); prompt.setSelectionRange(5, 9); prompt.dispatchEvent(new Event("select")); button("#prompt-view", "Never forget").click()
		await press(); await idle()`, hebrew))
	p.do(`token(0)?.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}))
		const slots = document.querySelectorAll("#strip-view .strip .slot");
		slots[4].dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
		document.querySelector("#strip-view .slot.folded, #strip-view .slot.pivot")?.click(); button("#map-view", "Draw").click()
		await new Promise((resolve) => setTimeout(resolve, 500))`)
	if wrong := p.do(`
		const out = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		let seen = 0;
		while (walk.nextNode()) {
			const {data, parentElement: e} = walk.currentNode;
			if (!/[\u0590-\u05FF]/.test(data)) continue;
			seen++;
			const outside = data.replace(/\u2068[^\u2069]*\u2069/g, "");
			if (/[\u0590-\u05FF]/.test(outside) && !e.closest("[dir=auto], bdi")) out.push(e.outerHTML);
		}
		if (seen < 40) out.push("only " + seen + " texts were seen");
		for (const id of ["prompt-text", "question", "fact", "answer"])
			if (!document.getElementById(id).matches(":dir(rtl)")) out.push(id);
		return out.join("\n")`); wrong != "" {
		t.Error(wrong)
	}
	p.want("the text that was written", `return getComputedStyle(document.querySelector("#texts-view .text")).direction`, "rtl")
	p.noFaults()
}

// Opened as a file the page cannot start, and says what to do.
func TestPageOpenedAsAFile(t *testing.T) {
	p := openPage(t, "")
	p.want("the served page", `return document.querySelector("#not-started") ? "says that it has not started" : "started"`, "started")
	path, err := filepath.Abs(filepath.Join(site(t), "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(p.chromium().Context, chromedp.Navigate("file://"+filepath.ToSlash(path))); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2500 * time.Millisecond)
	p.want("the page as a file", `const said = document.querySelector("#not-started"); return getComputedStyle(said).visibility + said.innerText`, "visible")
	p.want("what to do", `return document.querySelector("#not-started").innerText`, "keyfold serve")
}

// Names from files and links reach the page as text, with nothing in them that cannot
// be seen.
func TestPageShowsNamesPlainly(t *testing.T) {
	p := servePage(t, "", map[string]http.HandlerFunc{})
	p.do(`await loaded()
		globalThis.hostile = "\u202Egnp.\u001b[31m\u0000<img src=x onerror=window.hit=1>\u2066\u200B";
		globalThis.offer = async (name, from) => {
			const data = new DataTransfer();
			data.items.add(new File([await (await fetch(from)).blob()], name));
			document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
		};
		globalThis.raw = () => {
			const inside = document.body.innerText.replace(/[\u2068\u2069\n\t]/g, "");
			const found = /[\p{Cc}\p{Cf}]/u.exec(inside);
			return (found ? "raw: " + JSON.stringify(inside.slice(Math.max(0, found.index - 40), found.index + 40)) : "")
				+ (document.querySelector("main img") || window.hit ? "an element was made" : "");
		}`)
	for what, act := range map[string]string{
		"a model":           `await offer(hostile + ".gguf", "other.gguf"); await until(() => text("#model-view").includes("gnp"), "the model")`,
		"a damaged model":   `await offer(hostile + "2.gguf", "truncated.gguf"); await until(() => text("#fault-model").includes("gnp"), "the refusal")`,
		"another file":      `await offer(hostile + ".txt", "other.gguf"); await until(() => text("#fault-model").includes("not a"), "the refusal")`,
		"a link's model":    `location.hash = new URLSearchParams({method: "window", budget: "0.5", prompt: "a", model: hostile}); await until(() => text("#fault-model").includes("link"), "the refusal")`,
		"a link's method":   `location.hash = new URLSearchParams({method: hostile, prompt: "a"}); await until(() => document.body.innerText.includes("no method"), "the refusal")`,
		"a link's number":   `location.hash = new URLSearchParams({method: "window", n: hostile, prompt: "a"}); await until(() => text("#fault-n").includes("gnp"), "the refusal")`,
		"a link's option":   `location.hash = new URLSearchParams({method: "kvmerger", "opt.eps": hostile, prompt: "a"}); await until(() => document.body.innerText.includes("option eps"), "the refusal")`,
		"a link's question": `location.hash = new URLSearchParams({method: "window", budget: "0.5", nothing: hostile, [hostile]: "a", prompt: "a"}); await until(() => text("#status").includes("gnp"), "the refusal")`,
	} {
		if bad := p.do(act + `; await new Promise((r) => setTimeout(r, 100)); return raw()`); bad != "" {
			t.Errorf("%s: %s", what, bad)
		}
	}
	p.noFaults()
}

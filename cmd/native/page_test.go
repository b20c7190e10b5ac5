//go:build !js

package main

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"keyfold/engine/checkpoint"
	"keyfold/internal/browser"
	"keyfold/models"
)

// pageDriver has what the tests below do in the page: see testdata/page.js.
//
//go:embed testdata/page.js
var pageDriver string

// page is the page in a headless browser, served under a sub-path.
type page struct {
	t testing.TB
	browser.Page
}

// chromium is the browser for tests that drive more of it than a page.
func (p *page) chromium() *browser.Chromium { return p.Page.(*browser.Chromium) }

// openPage opens the page with the fixture in place of the built-in model: it is
// small, and writes as long as it may. before is JavaScript that runs in the
// worker first.
func openPage(t testing.TB, before string) *page {
	t.Helper()
	return openPageIn(t, browser.InChromium, before)
}

func openPageIn(t testing.TB, in browser.Kind, before string) *page {
	t.Helper()
	fixture := fixtureModel(t, checkpoint.F16)
	p := servePageTo(t, in, before, map[string]http.HandlerFunc{
		"/keyfold.gguf": func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, fixture) },
	})
	p.do(`await until(() => !document.querySelector("#recorded").hidden, "the recording")
		select("#prompt-text", "One day Sue came to the park. She saw a bird in a tall tree."); select("#question", " The bird was")`)
	return p
}

// servePage opens the page in Chromium. Some of its files may come from elsewhere.
func servePage(t testing.TB, before string, other map[string]http.HandlerFunc) *page {
	t.Helper()
	return servePageTo(t, browser.InChromium, before, other)
}

func servePageTo(t testing.TB, in browser.Kind, before string, other map[string]http.HandlerFunc) *page {
	t.Helper()
	folder := site(t)
	fixture, err := models.Fixture(models.FixtureConfig, checkpoint.Q8_0, 2)
	if err != nil {
		t.Fatal(err)
	}
	files := http.NewServeMux()
	files.Handle("/", siteHandler(folder))
	for path, handler := range other {
		files.HandleFunc(path, handler)
	}
	files.HandleFunc("/built-in.gguf", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(folder, "keyfold.gguf"))
	})
	files.HandleFunc("/other.gguf", func(w http.ResponseWriter, _ *http.Request) { w.Write(fixture) })
	files.HandleFunc("/truncated.gguf", func(w http.ResponseWriter, _ *http.Request) { w.Write(fixture[:len(fixture)/2]) })
	files.HandleFunc("/worker.js", func(w http.ResponseWriter, _ *http.Request) {
		worker, err := os.ReadFile(filepath.Join(folder, "worker.js"))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/javascript")
		w.Write(append([]byte(before+";\n"), worker...))
	})
	mux := http.NewServeMux()
	mux.Handle("/some/where/", http.StripPrefix("/some/where", files))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html><title>empty</title>") })
	p := &page{t, in.Open(t, mux, 4*time.Minute)}
	p.do(`location.href = "/some/where/"`)
	p.wait()
	return p
}

// wait waits for the page and its driver after a navigation.
func (p *page) wait() {
	p.t.Helper()
	for range 100 {
		time.Sleep(100 * time.Millisecond)
		if ready, err := browser.Evaluate[bool](p, `!!document.querySelector("#run")`); err == nil && ready {
			p.do(pageDriver)
			return
		}
	}
	p.t.Fatal("the page does not open")
}

// do evaluates JavaScript and returns its value as text.
func (p *page) do(script string) string {
	p.t.Helper()
	text, err := browser.Evaluate[string](p, fmt.Sprintf("(async () => { %s\n})().then((v) => String(v ?? \"\"))", script))
	if err != nil {
		p.t.Fatalf("%s\n%v", strings.TrimSpace(script), err)
	}
	return text
}

// want fails the test unless the script's value contains part.
func (p *page) want(what, script, part string) {
	p.t.Helper()
	if got := p.do(script); !strings.Contains(got, part) {
		p.t.Errorf("%s: %q, want %q in it", what, got, part)
	}
}

// wantTokens fails the test unless the compressed column has n tokens.
func (p *page) wantTokens(what string, n int) {
	p.t.Helper()
	if got := p.do(`return tokens().length`); got != fmt.Sprint(n) {
		p.t.Errorf("%s: %s tokens, want %d", what, got, n)
	}
}

func (p *page) noFaults() {
	p.t.Helper()
	for _, fault := range p.Faults() {
		p.t.Errorf("console: %s", fault)
	}
}

// What a visitor does, in browsers with WebGPU, under a sub-path.
func TestPage(t *testing.T) {
	for _, in := range browser.Both {
		t.Run(string(in), func(t *testing.T) { testPage(t, in) })
	}
}

func testPage(t *testing.T, in browser.Kind) {
	p := openPageIn(t, in, "")
	p.want("the first view", `return text("#recorded")`, "recording")
	p.do(`await loaded()`)
	p.want("the self-test", `return text("#model-view")`, "kernels agree")
	if in == browser.InFirefox {
		p.do(`select("#device", "gpu"); await until(() => text("#model-view").includes("Runs on the GPU ("), "the GPU"); await loaded()`)
	}

	for _, method := range []string{"full", "random", "window", "ada:h2o", "cam", "kvmerger", "pivot", "randomsets", "gvote", "votefold"} {
		p.do(fmt.Sprintf(`await run({method: %q, n: 6})`, method))
		p.wantTokens(method, 6)
	}
	p.want("the table of the recording's model", `return document.querySelector("#needle-view td") ? "still there" : "gone"`, "gone")

	// A longer run is stopped in the middle; the next one is whole.
	p.do(`await start({method: "window", n: 200}); await until(() => tokens().length > 3, "four tokens"); click("#stop"); await idle()`)
	if n := p.do(`return tokens().length < 200`); n != "true" {
		t.Error("Stop did not stop")
	}
	p.do(`await run({method: "window", n: 5})`)
	p.wantTokens("a run after Stop", 5)

	// The control compresses again what was read.
	p.do(`await slide(20)`)
	wide := p.do(`return text("#size-note")`)
	p.do(`await slide(80)`)
	if narrow := p.do(`return text("#size-note")`); narrow == wide {
		t.Errorf("the control at 20 %% and at 80 %% both say %q", wide)
	}

	// Step writes one token at a press.
	p.do(`await choose({method: "window", n: 8}); click("#step"); await until(() => tokens().length === 1, "the first step")
		click("#step"); await until(() => tokens().length === 2, "the second step"); click("#stop"); await idle()`)

	// A pinned word stays in every head, even in the smallest window.
	p.do(`const prompt = document.querySelector("#prompt-text"), at = prompt.value.indexOf("park")
		prompt.focus(); prompt.setSelectionRange(at, at + 4); prompt.dispatchEvent(new Event("select"))
		document.dispatchEvent(new Event("selectionchange"))
		button("#prompt-view", "Never forget").click(); await idle()
		await choose({method: "window", n: 3}); setField("Budget", "0.1"); await press(); await idle()`)
	p.want("the pinned word", `return [...document.querySelectorAll("#fade-view .pinned")].map((s) => s.textContent).join("")`, "park")
	p.want("its neighbours' share of a slot", `const pin = document.querySelector("#fade-view .pinned"); return shade(pin) + " and " + shade(pin.previousElementSibling)`, "1 and 0")
	p.do(`document.querySelector("#prompt-view .pins button").click(); await idle()`)

	// An alternative is clicked: what was written before it stays.
	p.do(`await run({method: "window", n: 6, seed: 3})`)
	written := p.do(`return tokens().slice(0, 2).join("|")`)
	p.do(`token(2).dispatchEvent(new MouseEvent("mouseover", {bubbles: true})); token(2).click()
		await until(() => document.querySelector("#token-view h4").textContent.startsWith("Token 3:"), "the third token's alternatives")
		globalThis.other = document.querySelectorAll("#token-view .candidate:not(.taken)")[3]
		globalThis.otherText = other.querySelector(".candidate-text").textContent
		const end = begun(); other.click(); await end; await idle()`)
	p.want("the text before the branch", `return tokens().slice(0, 2).join("|")`, written)
	p.want("the chosen token", `return tokens()[2] === otherText ? "chosen" : JSON.stringify([tokens(), otherText])`, "chosen")

	// A link reproduces the run.
	p.do(`await run({method: "gvote", n: 12, seed: 7})`)
	before := p.do(`return tokens().join("|")`)
	p.do(`location.reload()`)
	p.wait()
	p.do(`await loaded(); await press(); await idle()`)
	if after := p.do(`return tokens().join("|")`); after != before || before == "" {
		t.Errorf("the link's run wrote %q, the first %q", after, before)
	}

	// A dropped model is used; a damaged one is refused in a sentence, and the old one stays.
	p.do(`await drop("other.gguf"); await until(() => text("#model-view").includes("other.gguf"), "the dropped model"); await loaded()`)
	p.do(`await run({method: "kvmerger", n: 4})`)
	p.wantTokens("a run of the dropped model", 4)
	p.do(`await drop("truncated.gguf"); await until(() => text("#fault-model") !== "", "a refusal")`)
	p.want("a truncated model", `return text("#fault-model")`, "truncated.gguf")
	p.do(`await run({method: "kvmerger", n: 3})`)
	p.wantTokens("a run after the refusal", 3)
	if in == browser.InFirefox {
		p.answers()
	}
	p.noFaults()
	if in == browser.InFirefox {
		p.screenshots("firefox-", 1280, 500)
	} else {
		p.screenshots("", 1280, 390)
	}
}

// answers asks the built-in model for the fact in its prompt, on the GPU.
func (p *page) answers() {
	p.t.Helper()
	p.do(`await drop("built-in.gguf"); await until(() => text("#model-view").includes("built-in.gguf"), "the built-in model"); await loaded()
		for (const key of ["free", "fact"]) document.querySelector(` + "`#prompt-view [data-key=${key}]`" + `).click()
		await run({method: "full", n: 6})`)
	p.want("the device", `return text("#model-view")`, "Runs on the GPU (")
	p.want("the answer", `return tokens().join("")`, "barn")
}

// screenshots keeps pictures of the page as artefacts, at some widths.
func (p *page) screenshots(prefix string, widths ...int) {
	p.t.Helper()
	folder := filepath.Join("..", "..", "build", "screenshots")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		p.t.Fatal(err)
	}
	p.do(`document.querySelector(".drawer").open = true`)
	for _, width := range widths {
		if err := p.Resize(width, 900); err != nil {
			p.t.Fatal(err)
		}
		// Charts follow with the next frame.
		p.do(fmt.Sprintf(`await until(() => innerWidth === %d && document.documentElement.scrollWidth <= innerWidth, "a page that fits into %[1]d px")`, width))
		picture, err := p.Picture(true)
		if err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s%d.png", prefix, width)), picture, 0o644); err != nil {
			p.t.Fatal(err)
		}
		if said := p.do(`return text("#status")`); strings.Contains(said, "went wrong") {
			p.t.Errorf("at %d px the page says %q", width, said)
		}
	}
}

// The built-in model is fetched from beside the page, which says how far that is
// and can be used meanwhile. It reads the presets, and the hidden fact is found in
// the prompt.
func TestPageWithTheBuiltInModel(t *testing.T) {
	model, err := os.ReadFile(filepath.Join(site(t), "keyfold.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	rest := make(chan struct{})
	p := servePage(t, "", map[string]http.HandlerFunc{
		"/keyfold.gguf": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(model)))
			w.Write(model[:1_200_000])
			http.NewResponseController(w).Flush()
			select {
			case <-rest:
				w.Write(model[1_200_000:])
			case <-r.Context().Done():
			}
		},
	})
	p.do(`await until(() => text("#model-view").includes("Fetching the built-in model: 1.2 MB of 3."), "a part of the model")
		await until(() => !document.querySelector("#recorded").hidden && tokens().length > 0, "the recording")
		for (const key of ["free", "fact"]) document.querySelector(` + "`#prompt-view [data-key=${key}]`" + `).click()`)
	p.want("the method that it opens with", `return text("#method-view [aria-checked=true]") + document.querySelector("#budget").value`, "kvmerger0.35")
	p.want("the text around the fact", `return document.querySelector("#prompt-text").value`, "attic. Mara keeps her lantern in the barn. Nobody")
	p.want("the question", `return document.querySelector("#question").value`, "lantern?\nAnswer:")
	close(rest)
	p.do(`await loaded()`)
	p.want("the model", `return text("#model-view")`, "6 layers, 4 query heads over 2 KV heads, head_dim 64, vocabulary 2,048, context 1,024 tokens")
	p.do(`await run({method: "kvmerger", n: 2})`)
	p.want("the hidden fact", `return [...document.querySelectorAll("#fade-view .fact")].map((s) => s.textContent).join("")`, "Mara keeps her lantern in the barn.")
	p.do(`setField("Length", "6"); setField("Budget", ""); button("#needle-view", "Fill the table").click()
		await until(() => document.querySelectorAll("#needle-view td").length > 0, "the table"); await idle()`)
	p.want("the caption of the table", `return text("#needle-view caption")`, "kvmerger, by budget")
	p.want("the table", `return [...document.querySelectorAll("#needle-view tr")].map((r) => [...r.children].map((c) => c.textContent).join(" ")).join("; ")`,
		"depth full 70 % 50 % 35 % 20 % 10 %; 25 % found found found found forgotten forgotten; 50 % found")
	for _, key := range []string{"story", "sums"} {
		p.do(fmt.Sprintf(`document.querySelector("#prompt-view [data-key=%s]").click(); await run({method: "window", n: 2})`, key))
		if n := p.do(`return tokens().length`); n == "0" {
			t.Errorf("behind the preset %s nothing is written", key)
		}
	}
	p.noFaults()
}

// What a person can put into a link is refused in a sentence; the page stays,
// and so does what it showed.
func TestPageRefusesBadLinks(t *testing.T) {
	p := openPage(t, "")
	p.do(`await loaded()`)
	for _, tc := range [][2]string{
		{"method=zzz", "zzz"},
		{"method=window&budget=7", "budget"},
		{"method=window&n=-3", "-3"},
		{"method=window&seed=x", "seed"},
		{"method=window&kv=q9", "q9"},
		{"method=kvmerger&opt.eps=9&prompt=a", "eps"},
		{"method=window&mode=zzz", "zzz"},
		{"method=window&mode=chat" + strings.Repeat("&say=a", 101), "101 messages"},
		{"method=window&mode=chat&say=hello", "no chat template"}, // the fixture is none to talk to
		{"method=window&mode=chat", "no chat template"},
	} {
		hash, sentence := tc[0], tc[1]
		// Some things the page sees at once, some the engine when Run is pressed.
		p.do(fmt.Sprintf(`
			const said = () => [...document.querySelectorAll(".fault, #status, [role=alert]")].some((f) => f.textContent.toLowerCase().includes(%q))
			await idle()
			location.hash = %q
			for (let i = 0; i < 20 && !said(); i++) await new Promise((r) => setTimeout(r, 50))
			if (!said()) click("#run")
			await until(said, "a sentence about the link #" + location.hash)`, strings.ToLower(sentence), hash))
		p.want("the page behind #"+hash, `return text("h1") + String(tokens().length > 0)`, "keyfoldtrue")
	}
	p.do(`location.hash = "method=window&budget=0.5&n=3&prompt=Once+upon+a+time+there+was+a+bird"
		await new Promise((r) => setTimeout(r, 300)); await idle(); await press(); await idle()`)
	p.wantTokens("a good link", 3)
	p.noFaults()
}

// Without WebGPU the engine runs on the CPU and says why.
func TestPageWithoutWebGPU(t *testing.T) {
	p := openPage(t, `Object.defineProperty(navigator, "gpu", {value: undefined})`)
	p.do(`await loaded()`)
	p.want("the reason", `return text("#model-view")`, "navigator.gpu is missing")
	p.do(`await run({method: "gvote", n: 5})`)
	p.wantTokens("a run on the CPU", 5)
	p.noFaults()
}

// A kernel that computes wrong numbers is found at the start, and the CPU takes over.
func TestPageWithAWrongKernel(t *testing.T) {
	p := openPage(t, `
		const create = GPUDevice.prototype.createShaderModule;
		GPUDevice.prototype.createShaderModule = function (d) {
			return create.call(this, {...d, code: d.code.replace("g / (1.0 + exp(min(-g, 80.0)))", "g / (1.0 - exp(min(-g, 80.0)))")});
		}`)
	p.do(`await loaded()`)
	p.want("the reason", `return text("#model-view")`, "swiglu failed on")
	p.do(`await run({method: "kvmerger", n: 4})`)
	p.wantTokens("a run on the CPU", 4)
	p.noFaults()
}

// A device that is lost in the middle of a run is one sentence, and the next
// run works again.
func TestPageLosesItsDevice(t *testing.T) {
	p := openPage(t, `
		const request = GPUAdapter.prototype.requestDevice;
		GPUAdapter.prototype.requestDevice = async function (o) { return (globalThis.device = await request.call(this, o)); };
		let left = Infinity;
		const submit = GPUQueue.prototype.submit;
		GPUQueue.prototype.submit = function (c) { if (--left === 0) globalThis.device.destroy(); return submit.call(this, c); };
		new BroadcastChannel("test").onmessage = ({data}) => {
			if (data === "gone") GPU.prototype.requestAdapter = async () => null;
			else left = data;
		}`)
	p.do(`await loaded(); select("#device", "gpu")
		await until(() => /swiftshader/i.test(text("#model-view")), "the GPU"); await loaded()`)
	p.do(`new BroadcastChannel("test").postMessage(12); // submits from now on, the last in vain
		await start({method: "window", n: 30})
		await until(() => document.body.textContent.includes("device was lost"), "the sentence")
		await idle()`)
	p.want("the device meanwhile", `return text("#model-view")`, "which was lost: the next run opens the model again")
	p.do(`await run({method: "window", n: 4})`)
	p.wantTokens("the next run", 4)
	p.want("the device of the next run", `return text("#model-view")`, "Runs on the GPU (")

	// It is lost again, and there is no other: that is said until the CPU is chosen.
	p.do(`new BroadcastChannel("test").postMessage("gone"); new BroadcastChannel("test").postMessage(12)
		await start({method: "window", n: 30})
		await until(() => document.body.textContent.includes("device was lost"), "the sentence")
		await idle(); click("#run"); await until(() => text("#status").includes("requestAdapter"), "the refusal"); await idle()`)
	p.want("the device that is gone", `return text("#model-view")`, "which was lost")
	p.do(`select("#device", "cpu"); await until(() => text("#model-view").includes("Runs on the CPU"), "the CPU"); await run({method: "window", n: 5})`)
	p.wantTokens("a run on the CPU", 5)
}

// A device that cannot be had is refused, and the page goes on showing the one in use.
func TestPageShowsTheDeviceInUse(t *testing.T) {
	p := openPage(t, `Object.defineProperty(navigator, "gpu", {value: undefined})`)
	p.do(`await loaded(); select("#device", "gpu"); await until(() => text("[data-fault=device]") !== "", "the refusal"); await idle()`)
	p.want("the device", `return document.querySelector("#device").value + text("#model-view")`, "auto")
	p.want("where it runs", `return text("#model-view")`, "Runs on the CPU")
	p.do(`await run({method: "window", n: 3})`)
	p.wantTokens("a run on the old device", 3)
	p.noFaults()
}

// What ended a text is said, above all of an empty one.
func TestPageSaysWhatEndedAText(t *testing.T) {
	fixture, err := models.Fixture(models.FixtureConfig, checkpoint.F16, 1)
	if err != nil {
		t.Fatal(err)
	}
	end := 0 // the id of the token that ends the texts of ends.gguf
	p := servePage(t, "", map[string]http.HandlerFunc{"/ends.gguf": func(w http.ResponseWriter, _ *http.Request) {
		const key = "tokenizer.ggml.eos_token_id"
		at := bytes.Index(fixture, []byte(key)) + len(key) + 4 // the type of its value
		binary.LittleEndian.PutUint32(fixture[at:], uint32(end))
		w.Write(fixture)
	}})
	p.do(`await until(() => !document.querySelector("#recorded").hidden, "the recording"); await loaded()
		globalThis.store = await import("/some/where/store.js")
		globalThis.said = () => text("#texts-view .verdict")
		globalThis.open = async () => {
			const before = store.state.loaded;
			await drop("ends.gguf"); await until(() => store.state.loaded !== before, "the model"); await idle();
		}
		await open(); click("#prompt-view [data-key=story]"); await run({method: "full", n: 12})`)
	p.want("a whole text", `return said()`, "The left text ends here: there are as many tokens as were asked for.")
	// A token that ends texts is not read in a prompt, so it is one that the prompt has not.
	id := p.do(`const {prompt, tokens} = store.state.run; return tokens.find((t) => !prompt.some((p) => p.id === t.id)).id`)
	if end, err = strconv.Atoi(id); err != nil {
		t.Fatal(err)
	}
	p.do(`await open(); await run({method: "full", n: 12})`)
	p.want("a text that ends", `return said()`, "the model ended it with token "+id+", ")
	for reason, want := range map[string]string{"token": "the model ended it with token 2, \u201c\u2068</s>\u2069\u201d", "length": "there are as many tokens as were asked for",
		"context": "the context is full", "cancelled": "it was stopped"} {
		for text, begin := range map[string]string{"": "The left text is empty: ", "a": "The left text ends here: "} {
			p.do(fmt.Sprintf(`const r = store.state.run
				store.setRun({tokens: [{...r.tokens[0], text: %q}], report: {...r.report, stop: {reason: %q, token: 2, piece: "</s>"}}})
				await new Promise((r) => setTimeout(r, 50))`, text, reason))
			p.want("a text ended by "+reason, `return said()`, begin+want)
		}
	}
	end = 2
	p.do(`await open(); await start({method: "window", n: 300}); await until(() => tokens().length > 2, "some tokens"); click("#stop"); await idle()`)
	p.want("a text that was stopped", `return said()`, "it was stopped")
	p.noFaults()
}

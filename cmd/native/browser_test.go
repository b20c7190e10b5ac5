//go:build !js

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/internal/browser"
	"keyfold/models"
	"keyfold/session"
)

// site returns the folder that "make site" builds. Without it the test is
// skipped, unless REQUIRE_BROWSER=1 makes that a failure.
func site(t testing.TB) string {
	t.Helper()
	folder := filepath.Join("..", "..", "build", "site")
	if _, err := os.Stat(filepath.Join(folder, "keyfold.wasm")); err != nil {
		if os.Getenv("REQUIRE_BROWSER") == "1" {
			t.Fatal("build/site is missing: make site builds it")
		}
		t.Skip("needs build/site, which make site builds")
	}
	return folder
}

// worker is the engine in a Web Worker of a headless browser.
type worker struct {
	t    testing.TB
	page browser.Page
	id   int
}

// workerPage starts the worker and collects its events by request; a request
// is over with done or failed.
const workerPage = `<!doctype html><title>test</title><script>
const events = {}, over = {};
const worker = new Worker("worker.js");
worker.onmessage = ({data}) => {
    (events[data.id] ??= []).push(data);
    if (data.done || data.failed) over[data.id]?.();
};
async function ask(request, path) {
    const file = path ? await (await fetch(path)).blob() : undefined;
    const end = new Promise((resolve) => { over[request.id] = resolve; });
    worker.postMessage({request, file});
    await end;
    return JSON.stringify(events[request.id]);
}
</script>`

// memoryReporter tells how large the worker's wasm memory is. It only grows, so
// that is its peak.
const memoryReporter = `
const channel = new BroadcastChannel("memory");
channel.onmessage = () => channel.postMessage(globalThis.wasm.instance.exports.mem.buffer.byteLength);`

// startWorker opens a page with the worker in Chromium. It runs the scripts too.
func startWorker(t testing.TB, models map[string]string, scripts ...string) *worker {
	t.Helper()
	return startWorkerIn(t, browser.InChromium, models, scripts...)
}

func startWorkerIn(t testing.TB, in browser.Kind, models map[string]string, scripts ...string) *worker {
	t.Helper()
	folder := site(t)
	mux := http.NewServeMux()
	mux.Handle("/", siteHandler(folder))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, workerPage)
	})
	mux.HandleFunc("/worker.js", func(w http.ResponseWriter, _ *http.Request) {
		text, err := os.ReadFile(filepath.Join(folder, "worker.js"))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprintf(w, "%s\n%s\n%s", text, memoryReporter, strings.Join(scripts, "\n"))
	})
	for name, path := range models {
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
	}
	return &worker{t: t, page: in.Open(t, mux, 8*time.Minute)}
}

// ask sends a request and returns its events. model is the path of a file to
// hand over, or empty.
func (w *worker) ask(req session.Request, model string) []session.Event {
	w.t.Helper()
	w.id++
	req.ID = w.id
	request, err := json.Marshal(req)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := browser.Evaluate[string](w.page, fmt.Sprintf("ask(%s, %q)", request, model))
	if err != nil {
		w.t.Fatalf("%s: %v", req.Do, err)
	}
	var events []session.Event
	if err := json.Unmarshal([]byte(text), &events); err != nil {
		w.t.Fatal(err)
	}
	return events
}

// must is ask for a request that has to succeed; it returns the last event too.
func (w *worker) must(req session.Request, model string) ([]session.Event, *engine.Report) {
	w.t.Helper()
	events := w.ask(req, model)
	last := events[len(events)-1]
	if last.Failed != nil {
		w.t.Fatalf("%s: %s", req.Do, last.Failed.Message)
	}
	return events, last.Done
}

// memory returns the peak of the module's memory, in bytes.
func (w *worker) memory() int64 {
	w.t.Helper()
	bytes, err := browser.Evaluate[float64](w.page, `new Promise((resolve) => {
		const channel = new BroadcastChannel("memory");
		channel.onmessage = ({data}) => resolve(data);
		channel.postMessage("?");
	})`)
	if err != nil {
		w.t.Fatal(err)
	}
	return int64(bytes)
}

// loaded returns what a load request answered.
func loaded(t testing.TB, events []session.Event) *session.Loaded {
	t.Helper()
	for _, e := range events {
		if e.Loaded != nil {
			return e.Loaded
		}
	}
	t.Fatal("the model was not loaded")
	return nil
}

// The browser writes the tokens that the native engine writes, keeps the same
// slots and draws the same ballots: on its GPU path and on its CPU path, which is the
// same in every browser.
func TestBrowserEqualsNative(t *testing.T) {
	t.Run(string(browser.InChromium), func(t *testing.T) { testEqualsNative(t, browser.InChromium, "gpu", "cpu") })
	t.Run(string(browser.InFirefox), func(t *testing.T) { testEqualsNative(t, browser.InFirefox, "gpu") })
}

func testEqualsNative(t *testing.T, in browser.Kind, devices ...string) {
	prompt := strings.Repeat("Once upon a time there was a little girl named Lily. She saw a red ball. ", 4)
	models := map[string]string{"fixture.gguf": fixtureModel(t, checkpoint.F16)}
	if path := filepath.Join("..", "..", "..", "shared", "data", "stories260K", "stories260K.gguf"); fileExists(path) {
		models["stories260K.gguf"] = path
	}
	w := startWorkerIn(t, in, models)
	runs, whole := 0, 0
	for model, path := range models {
		for _, device := range devices {
			events, _ := w.must(session.Request{Do: "load", Name: model, Device: device}, model)
			info := loaded(t, events)
			if info.Device.Kind != device {
				t.Fatalf("%s runs on %s, want %s", model, info.Device.Kind, device)
			}
			for _, check := range info.Checks {
				if check.Fault != "" {
					t.Errorf("self-test of %s: %s", check.Kernel, check.Fault)
				}
			}
			compareDecisions(t, w, model+" on the "+device, path, device, prompt)
			for _, method := range []string{"full", "kvmerger", "gvote"} {
				for _, s := range []session.Sampler{greedy, {Temperature: 0.8, TopK: 40, TopP: 0.9, RepeatPenalty: 1}} {
					what := fmt.Sprintf("%s on the %s, %s, temperature %g", model, device, method, s.Temperature)
					runs++
					if compareWithNative(t, w, what, path, device, method, prompt, s) {
						whole++
					}
				}
			}
		}
	}
	// A near tie in a plan excuses the tokens behind it, so it must stay rare.
	t.Logf("%d of %d runs compared token by token to the end", whole, runs)
	if whole < runs*9/10 {
		t.Errorf("only %d of %d runs could be compared to the end", whole, runs)
	}
}

// Blocks of 256 are the same in the browser, on both of its devices: in parts of
// different types, and in files of every such type.
func TestLargeBlocksInTheBrowser(t *testing.T) {
	data, err := models.MixedFixture(3)
	if err != nil {
		t.Fatal(err)
	}
	mixed := filepath.Join(t.TempDir(), "mixed.gguf")
	if err := os.WriteFile(mixed, data, 0o644); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"mixed.gguf": mixed}
	for _, name := range []string{"kquants.gguf", "kquants-mixed.gguf"} {
		if path := filepath.Join("..", "..", "..", "shared", "data", "real", name); fileExists(path) {
			files[name] = path
		}
	}
	w := startWorker(t, files)
	for model, path := range files {
		for _, device := range []string{"gpu", "cpu"} {
			events, _ := w.must(session.Request{Do: "load", Name: model, Device: device}, model)
			info := loaded(t, events)
			for _, check := range info.Checks {
				if check.Fault != "" {
					t.Errorf("%s: self-test of %s: %s", model, check.Kernel, check.Fault)
				}
			}
			compareWithNative(t, w, model+" on the "+device, path, device, "full", "a nest in the sand", greedy)
		}
	}
}

// Other architectures than Llama are the same in the browser, on both of its devices.
func TestArchitecturesInTheBrowser(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{"llama3", "qwen2", "qwen3"} {
		files[name+".gguf"] = relative(t, name)
	}
	w := startWorker(t, files)
	for model, path := range files {
		for _, device := range []string{"gpu", "cpu"} {
			events, _ := w.must(session.Request{Do: "load", Name: model, Device: device}, model)
			loaded(t, events)
			compareWithNative(t, w, model+" on the "+device, path, device, "gvote", "a nest in the sand", greedy)
		}
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// compareDecisions compares the slots that KVMerger and GVote keep, and GVote's
// draws, with what the native plan command writes.
func compareDecisions(t *testing.T, w *worker, what, path, device, prompt string) {
	t.Helper()
	ids := strings.TrimSpace(mustRun(t, "tokens", "-bos", "-model", path, prompt))
	for _, method := range []string{"kvmerger", "gvote"} {
		dir := t.TempDir()
		mustRun(t, "plan", "-model", path, "-device", device, "-method", method, "-tokens", ids, "-seed", "5", "-o", dir)
		want := readPlan(t, dir)
		events, _ := w.must(session.Request{Do: "run", Prompt: prompt, Method: method, KV: "f32", Seed: 5, N: 1}, "")
		differ := 0
		for _, e := range events {
			if e.Plan == nil {
				continue
			}
			if len(e.Plan.Heads) != len(want.Heads) {
				t.Fatalf("%s, %s: %d heads, want %d", what, method, len(e.Plan.Heads), len(want.Heads))
			}
			for i, head := range e.Plan.Heads {
				row := make([]int, len(head.Row))
				for slot := range row {
					row[slot] = -1
				}
				for j, r := range want.Heads[i].Rows {
					for _, slot := range r.Slots {
						row[slot] = j
					}
				}
				if !slices.Equal(row, head.Row) {
					differ++
				}
			}
		}
		// A head may have a slot nearer to its threshold than f32 can tell.
		if differ > len(want.Heads)/10 {
			t.Errorf("%s, %s: %d of %d heads keep other slots", what, method, differ, len(want.Heads))
		}
		if method != "gvote" {
			continue
		}
		drawn := readFloats(t, filepath.Join(dir, "gvote_h.f32"))
		shape := want.Shapes["gvote_h.f32"]
		for l := range shape[0] {
			events, _ := w.must(session.Request{Do: "ballots", Layer: l}, "")
			hidden, size := events[0].Ballots.Hidden, shape[1]*shape[2]
			if len(hidden) != size {
				t.Fatalf("%s: %d draws in layer %d, want %d", what, len(hidden), l, size)
			}
			for i, v := range hidden {
				// 1e-5 for the draw; below it the statistics, which go through the layers before.
				if d := math.Abs(float64(v) - drawn[l*size+i]); !(d <= 1e-5*(1+float64(l))*(1+math.Abs(drawn[l*size+i]))) {
					t.Fatalf("%s: draw %d of layer %d is %g, want %g", what, i, l, v, drawn[l*size+i])
				}
			}
		}
	}
}

// greedy takes the likeliest token.
var greedy = session.Sampler{TopP: 0.9, RepeatPenalty: 1}

// compareWithNative compares a run in the browser with the native one. It returns
// whether both had the same slots, so that every token had to be equal.
func compareWithNative(t *testing.T, w *worker, what, path, device, method, prompt string, s session.Sampler) bool {
	t.Helper()
	const n = 24
	file := filepath.Join(t.TempDir(), "report.json")
	mustRun(t, "run", "-model", path, "-device", device, "-kv", "f32", "-method", method, "-n", fmt.Sprint(n), "-seed", "5",
		"-temperature", fmt.Sprint(s.Temperature), "-top-k", fmt.Sprint(s.TopK), "-top-p", fmt.Sprint(s.TopP), "-shadow", "-json", file, prompt)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want engine.Report
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	_, got := w.must(session.Request{Do: "run", Prompt: prompt, Method: method, KV: "f32", Seed: 5, N: n,
		Sampler: &s}, "")

	// Slots: equal, except where a decision stands closer to its threshold than f32 can tell.
	differ, heads := 0, 0
	for l, layer := range want.Cache.PerLayerHead {
		for h, slots := range layer {
			heads++
			if got.Cache.PerLayerHead[l][h] != slots {
				differ++
			}
		}
	}
	if differ > heads/10 {
		t.Errorf("%s: %d of %d heads keep another number of slots: %v, want %v", what, differ, heads, got.Cache.PerLayerHead, want.Cache.PerLayerHead)
	}
	// Tokens: equal up to the first place where the two likeliest draws are nearly tied.
	for i := range min(len(want.Tokens), len(got.Tokens)) {
		a, b := got.Tokens[i], want.Tokens[i]
		if a.ID != b.ID {
			if differ == 0 {
				t.Errorf("%s: token %d is %d (%q), want %d (%q)", what, i, a.ID, a.Text, b.ID, b.Text)
			}
			return false
		}
		if d := a.Logprob - b.Logprob; differ == 0 && (d > 1e-3 || d < -1e-3) {
			t.Errorf("%s: token %d has log probability %g, want %g", what, i, a.Logprob, b.Logprob)
		}
		if (a.KL == nil) != (b.KL == nil) || a.KL != nil && differ == 0 && !(math.Abs(*a.KL-*b.KL) <= 1e-3) {
			t.Errorf("%s: token %d has another KL: %v, want %v", what, i, a.KL, b.KL)
		}
	}
	if len(got.Tokens) != len(want.Tokens) {
		t.Errorf("%s: %d tokens, want %d", what, len(got.Tokens), len(want.Tokens))
	}
	return differ == 0
}

// How fast Firefox decodes on its GPU path: as it is, and where no empty submits nudge a wait.
func BenchmarkDecodeInFirefox(b *testing.B) {
	for how, script := range map[string]string{
		"nudged": "",
		"plain":  "const every = setInterval; globalThis.setInterval = (f, ms) => ms === 1 ? 0 : every(f, ms);",
	} {
		b.Run(how, func(b *testing.B) {
			w := startWorkerIn(b, browser.InFirefox, map[string]string{"fixture.gguf": fixtureModel(b, checkpoint.F16)}, script)
			w.must(session.Request{Do: "load", Name: "fixture.gguf", Device: "gpu"}, "fixture.gguf")
			var perSecond float64
			for b.Loop() {
				_, report := w.must(session.Request{Do: "run", Prompt: "Once upon a time", Method: "window", KV: "f16", Seed: 5, N: 200}, "")
				perSecond += report.Timing.TokPerS
			}
			b.ReportMetric(perSecond/float64(b.N), "tokens/s")
		})
	}
}

// A model of 500 MB goes to the GPU in pieces: the module's whole memory, Go's
// heap with everything else, stays far below the model.
func TestBrowserLoadsALargeModelInPieces(t *testing.T) {
	c := models.FixtureConfig
	c.Dim, c.HiddenDim, c.NHeads, c.NKVHeads, c.HeadDim, c.NLayers = 1024, 4096, 16, 4, 64, 16
	path := filepath.Join(t.TempDir(), "large.gguf")
	writeZeros(t, path, c)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() < 480_000_000 {
		t.Fatalf("the model has %d bytes, want about 500 MB", info.Size())
	}
	w := startWorker(t, map[string]string{"large.gguf": path})
	events, _ := w.must(session.Request{Do: "load", Name: "large.gguf", Device: "gpu"}, "large.gguf")
	if kind := loaded(t, events).Device.Kind; kind != "gpu" {
		t.Fatalf("the model is on the %s", kind)
	}
	memory := w.memory()
	t.Logf("%d MB of weights, %d MB of wasm memory at the peak", info.Size()>>20, memory>>20)
	if memory > 64<<20 {
		t.Errorf("the module's memory grew to %d MB while %d MB were loaded, want at most 64", memory>>20, info.Size()>>20)
	}
}

// writeZeros writes a GGUF of the shape c whose matrices are zeros of type F16.
func writeZeros(t *testing.T, path string, c checkpoint.Config) {
	t.Helper()
	small := c
	small.NLayers, small.Dim, small.HiddenDim, small.NHeads, small.NKVHeads, small.HeadDim = 1, 64, 64, 4, 2, 16
	data, err := models.Fixture(small, checkpoint.F16, 1)
	if err != nil {
		t.Fatal(err)
	}
	f, err := checkpoint.OpenGGUF(bytes.NewReader(data), int64(len(data)), "small")
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]int{
		"llama.embedding_length": c.Dim, "llama.feed_forward_length": c.HiddenDim, "llama.block_count": c.NLayers,
		"llama.attention.head_count": c.NHeads, "llama.attention.head_count_kv": c.NKVHeads,
		"llama.attention.key_length": c.HeadDim, "llama.attention.value_length": c.HeadDim, "llama.rope.dimension_count": c.HeadDim,
	} {
		f.Meta[key] = uint32(value)
	}
	var meta []checkpoint.KV
	for key, value := range f.Meta {
		meta = append(meta, checkpoint.KV{Key: key, Value: value})
	}
	zeros := make([]byte, 2*c.Dim*max(c.HiddenDim, c.VocabSize))
	var tensors []checkpoint.TensorData
	add := func(name string, rows, cols int) {
		kind := checkpoint.F16
		if rows == 0 {
			kind = checkpoint.F32
		}
		tensors = append(tensors, checkpoint.TensorData{Name: name, Type: kind, Rows: rows, Cols: cols,
			Data: zeros[:max(1, rows)*kind.RowBytes(cols)]})
	}
	add("token_embd.weight", c.VocabSize, c.Dim)
	add("output_norm.weight", 0, c.Dim)
	for l := range c.NLayers {
		name := func(part string) string { return fmt.Sprintf("blk.%d.%s.weight", l, part) }
		add(name("attn_norm"), 0, c.Dim)
		add(name("ffn_norm"), 0, c.Dim)
		add(name("attn_q"), c.QDim(), c.Dim)
		add(name("attn_k"), c.KVDim(), c.Dim)
		add(name("attn_v"), c.KVDim(), c.Dim)
		add(name("attn_output"), c.Dim, c.QDim())
		add(name("ffn_gate"), c.HiddenDim, c.Dim)
		add(name("ffn_up"), c.HiddenDim, c.Dim)
		add(name("ffn_down"), c.Dim, c.HiddenDim)
	}
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := checkpoint.WriteGGUF(out, meta, tensors); err != nil {
		t.Fatal(err)
	}
}

// The module a visitor downloads stays small: every browser with WebGPU takes
// brotli, in which make site writes it with quality 11. With everything but the model the
// page has 1.48 MB; it is to stay below 1.6.
func TestSizeOfTheModule(t *testing.T) {
	const most = 1_330_000
	info, err := os.Stat(filepath.Join(site(t), "keyfold.wasm.br"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > most {
		t.Errorf("keyfold.wasm is %d bytes in brotli, want at most %d", info.Size(), most)
	}
}

// The trace of a panic names files and lines of the engine. Node stands for the
// browser here: its wasm_exec.js writes the trace to the console, too.
func TestPanicsNameLines(t *testing.T) {
	folder := site(t)
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	out, err := exec.CommandContext(ctx, "node", "testdata/panic.mjs", folder).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("panic: runtime error")) {
		t.Fatalf("%v, want a panic of the engine, written to the console:\n%s", err, out)
	}
	if line := regexp.MustCompile(`keyfold/cmd/wasm/\w+\.go:\d{2,}`); !line.Match(out) {
		t.Errorf("the trace has no line of cmd/wasm (%v):\n%s", line, out)
	}
}

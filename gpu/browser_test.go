//go:build !js

package gpu

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keyfold/internal/browser"
	"keyfold/layout"
	"keyfold/ref"
)

// shaderText is a shader as the page of this test takes it.
type shaderText struct {
	Name     string        `json:"name"`
	Code     string        `json:"code"`
	Bindings []pageBinding `json:"bindings"`
}

type pageBinding struct {
	Number   uint32 `json:"number"`
	ReadOnly bool   `json:"readOnly"`
}

func newShaderText(name, code string) shaderText {
	s := shaderText{Name: name, Code: code, Bindings: []pageBinding{}}
	for _, b := range storageBindings(code) {
		s.Bindings = append(s.Bindings, pageBinding{b.number, b.readOnly})
	}
	return s
}

// verdict is what the browser says about a shader.
type verdict struct {
	Messages []struct {
		Type string `json:"type"` // "error", "warning" or "info"
		Line int    `json:"line"` // of the joined text
		Text string `json:"text"`
	} `json:"messages"`
	Pipeline string `json:"pipeline"` // why there is no pipeline; "" if there is one
}

// problems lists what the browser rejects in a shader, and what it only warns of.
func (v verdict) problems(s shaderText) (errors, warnings []string) {
	lines := strings.Split(s.Code, "\n")
	for _, m := range v.Messages {
		text := fmt.Sprintf("%s: line %d: %s: %s", s.Name, m.Line, m.Type, m.Text)
		if m.Line >= 1 && m.Line <= len(lines) {
			text += "\n\t" + lines[m.Line-1]
		}
		if m.Type == "error" {
			errors = append(errors, text)
		} else {
			warnings = append(warnings, text)
		}
	}
	if v.Pipeline != "" {
		errors = append(errors, fmt.Sprintf("%s: no pipeline: %s", s.Name, v.Pipeline))
	}
	return errors, warnings
}

// compilePage compiles shaders with the bind group layout that Device.compile
// makes, on a device with WebGPU's default limits, and with subgroups where it has them. It
// runs those that the native compiler does not know.
const compilePage = `<!doctype html>
<meta charset="utf-8">
<title>keyfold: shaders</title>
<script src="gpu.js"></script>
<script>
"use strict";
async function open() {
    if (!navigator.gpu) throw new Error("navigator.gpu is missing");
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter) throw new Error("requestAdapter returned null");
    const requiredFeatures = ["subgroups"].filter((feature) => adapter.features.has(feature));
    return { adapter, device: await adapter.requestDevice({ requiredFeatures }) };
}
async function compileAll(shaders) {
    const { adapter, device } = await open();
    const verdicts = await Promise.all(shaders.map((shader) => compile(device, shader)));
    const { vendor, architecture, description } = adapter.info;
    return { adapter: [vendor, architecture, description].join(" ").trim(), subgroups: device.features.has("subgroups"), verdicts };
}
// Each run is one dispatch; its result is the buffer that it may write.
async function runAll(runs) {
    const { device } = await open();
    const results = [], pipelines = {};
    for (const { shader, params, buffers, groups } of runs) {
        const pipeline = pipelines[shader.name] ??= device.createComputePipeline({
            layout: "auto", compute: { module: device.createShaderModule({ code: shader.code }), entryPoint: "main" },
        });
        const memory = [params, ...buffers].map((words, i) => {
            const kind = i === 0 ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
            const buffer = device.createBuffer({ size: 4 * words.length, usage: kind | GPUBufferUsage.COPY_DST });
            device.queue.writeBuffer(buffer, 0, new Uint32Array(words));
            return buffer;
        });
        const out = buffers.findIndex((_, i) => !shader.bindings[i].readOnly);
        const entries = memory.map((buffer, i) => (
            { binding: i === 0 ? 0 : shader.bindings[i - 1].number, resource: { buffer } }));
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
        pass.dispatchWorkgroups(...groups);
        pass.end();
        const bytes = 4 * buffers[out].length;
        const back = device.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
        encoder.copyBufferToBuffer(memory[1 + out], 0, back, 0, bytes);
        device.queue.submit([encoder.finish()]);
        await back.mapAsync(GPUMapMode.READ);
        results.push(Array.from(new Uint32Array(back.getMappedRange())));
    }
    return results;
}
// Waits n times for a copy of four bytes; returns the milliseconds of one wait.
async function waits(n, map) {
    const { device } = await open();
    const nudged = recordings(device);
    const source = device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_SRC });
    const back = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const wait = async () => {
        const encoder = device.createCommandEncoder();
        encoder.copyBufferToBuffer(source, 0, back, 0, 4);
        device.queue.submit([encoder.finish()]);
        await (map === "nudged" ? nudged.map(back, 4) : back.mapAsync(GPUMapMode.READ));
        back.unmap();
    };
    await wait();
    const start = performance.now();
    for (let i = 0; i < n; i++) await wait();
    return (performance.now() - start) / n;
}
async function compile(device, shader) {
    // Nothing between push and pop waits, so that shaders do not take each other's errors.
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ label: shader.name, code: shader.code });
    const visibility = GPUShaderStage.COMPUTE;
    const entries = [{ binding: 0, visibility, buffer: { type: "uniform", hasDynamicOffset: true } }];
    for (const b of shader.bindings) {
        entries.push({ binding: b.number, visibility, buffer: { type: b.readOnly ? "read-only-storage" : "storage" } });
    }
    const layout = device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries })] });
    const scope = device.popErrorScope();
    const created = device.createComputePipelineAsync({ layout, compute: { module, entryPoint: "main" } });
    const pipeline = await created.then(() => "", String);
    const error = await scope;
    const info = await module.getCompilationInfo();
    const messages = Array.from(info.messages, (m) => ({ type: m.type, line: m.lineNum, text: m.message }));
    return { messages, pipeline: pipeline || (error ? error.message : "") };
}
</script>
`

func openCompilePage(t testing.TB, in browser.Kind) browser.Page {
	t.Helper()
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gpu.js" {
			http.ServeFile(w, r, filepath.Join("..", "web", "gpu.js"))
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, compilePage)
	})
	return in.Open(t, page, 10*time.Minute) // SwiftShader compiles for minutes where others want the cores
}

// compileInBrowser returns the browser's verdict on each shader, and whether it knows subgroups.
func compileInBrowser(t *testing.T, page browser.Page, shaders []shaderText) (verdicts []verdict, subgroups bool) {
	t.Helper()
	argument, err := json.Marshal(shaders)
	if err != nil {
		t.Fatal(err)
	}
	result, err := browser.Evaluate[struct {
		Adapter   string    `json:"adapter"`
		Subgroups bool      `json:"subgroups"`
		Verdicts  []verdict `json:"verdicts"`
	}](page, fmt.Sprintf("compileAll(%s)", argument))
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Verdicts) != len(shaders) {
		t.Fatalf("the page returned %d verdicts on %d shaders", len(result.Verdicts), len(shaders))
	}
	t.Logf("adapter %s, subgroups: %v", result.Adapter, result.Subgroups)
	return result.Verdicts, result.Subgroups
}

// A start of a browser is enough for all that needs only a page.
func TestInBrowsers(t *testing.T) {
	for _, in := range browser.Both {
		t.Run(string(in), func(t *testing.T) {
			page := openCompilePage(t, in)
			t.Run("Compile", func(t *testing.T) { testShadersCompile(t, in, page) })
			t.Run("Waits", func(t *testing.T) { testWaits(t, page) })
		})
	}
}

// A wait for hardly any work takes Firefox 100 ms, unless empty submits nudge it. This is about
// the order of magnitude: what a wait takes exactly is the benchmark's matter.
func testWaits(t *testing.T, page browser.Page) {
	plain, nudged := waits(t, page, 5, "plain"), waits(t, page, 20, "nudged")
	t.Logf("a wait takes %.1f ms, nudged %.1f", plain, nudged)
	if nudged > max(20, plain/3) {
		t.Errorf("a nudged wait takes %.1f ms, one that is not %.1f; want 20, or a third", nudged, plain)
	}
}

// waits returns the milliseconds that a wait takes.
func waits(t testing.TB, page browser.Page, n int, how string) float64 {
	t.Helper()
	took, err := browser.Evaluate[float64](page, fmt.Sprintf("waits(%d, %q)", n, how))
	if err != nil {
		t.Fatal(err)
	}
	return took
}

// What a wait for hardly any work takes in browsers.
func BenchmarkWaitInBrowsers(b *testing.B) {
	for _, in := range browser.Both {
		b.Run(string(in), func(b *testing.B) {
			page := openCompilePage(b, in)
			for _, how := range []string{"plain", "nudged"} {
				b.Run(how, func(b *testing.B) { b.ReportMetric(waits(b, page, b.N, how), "ms/wait") })
			}
		})
	}
}

// Every text compiles in browsers: in Chromium, which is stricter than the native compiler and
// knows subgroups, and in Firefox, whose compiler is the native one of another year. Warnings are
// logged.
func testShadersCompile(t *testing.T, in browser.Kind, page browser.Page) {
	var texts []shaderText
	for _, id := range kernelIDs(t) {
		src, err := id.source(shaderFile)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, newShaderText(id.String(), src))
	}
	verdicts, subgroups := compileInBrowser(t, page, texts)
	if in == browser.InChromium && !subgroups {
		t.Error("the adapter has no subgroups: there is nowhere else to compile them")
	}
	compiled := 0
	for i, v := range verdicts {
		if !subgroups && strings.Contains(texts[i].Code, "\nenable subgroups;") {
			continue
		}
		compiled++
		errors, warnings := v.problems(texts[i])
		for _, text := range errors {
			t.Error(text)
		}
		for _, text := range warnings {
			t.Log(text)
		}
	}
	t.Logf("%d of %d texts", compiled, len(texts))
	if compiled < len(texts)*3/4 {
		t.Errorf("%d of %d texts were compiled", compiled, len(texts))
	}
}

// pageRun is one dispatch.
type pageRun struct {
	Shader  shaderText `json:"shader"`
	Params  []uint32   `json:"params"`
	Buffers [][]uint32 `json:"buffers"` // in the order of the shader's binding numbers
	Groups  [2]int     `json:"groups"`
}

// What subgroups add is what the twin adds, in the cases of TestMatMul and TestNormMatVec. It
// is the same where threads far apart form the subgroups, and where workgroups are folded.
func TestSubgroupsInChromium(t *testing.T) {
	type expected struct {
		what string
		want []float32
		tol
	}
	var runs []pageRun
	var results []expected
	add := func(what string, w *layout.Weights, input string, params []uint32, groups int, want []float32, tl tol, buffers ...[]uint32) {
		id := kernelID{name: "matvec_subgroups", parts: [2]string{"weights_" + w.Type.String(), input}}
		src, err := id.source(shaderFile)
		if err != nil {
			t.Fatal(err)
		}
		head := []uint32{uint32(w.Cols), uint32(w.Type.QuantWords(w.Rows, w.Cols)), uint32(w.Rows)} // struct Params
		add := func(text shaderText, groups [2]int) {
			runs = append(runs, pageRun{text, append(head, params...), append([][]uint32{w.Words}, buffers...), groups})
			results = append(results, expected{text.Name + ", " + what, want, tl})
		}
		add(newShaderText(id.String(), src), [2]int{groups, 1})
		if w.Type == layout.Q8_0 {
			const neighbours, scattered = "let t = local.x;", "let t = local.x % 8u * 8u + local.x / 8u;"
			if !strings.Contains(src, neighbours) {
				t.Fatalf("%v has no %q", id, neighbours)
			}
			add(newShaderText(id.String()+", scattered", strings.Replace(src, neighbours, scattered, 1)), [2]int{divUp(groups, 2), 2})
		}
	}
	for _, wt := range weightTypes {
		for _, tc := range []struct {
			rows, cols, row, row0 int
			add                   bool
			what                  string
		}{
			{1, 32, 0, 0, false, "smallest"},
			{5, 64, 3, 4, false, "rows not a multiple of 4, offsets"},
			{31, 288, 0, 0, true, "added"},
			{6, 1024, 0, 0, false, "several columns per thread"},
		} {
			w := quantised("w", wt, tc.rows, tc.cols)
			x, y := normals("x", (tc.row+1)*w.Cols, 1), normals("y", tc.row0+tc.rows, 1)
			want, twin := slices.Clone(y), ref.MatMul
			if tc.add {
				twin = ref.AddMatMul
			}
			twin(w, x[tc.row*w.Cols:], want[tc.row0:], 1)
			add(tc.what, w, "input_plain", []uint32{uint32(tc.row), uint32(tc.row0), boolWord(tc.add), 0, 0}, divUp(tc.rows, 4),
				want, tol{abs: 5e-5, rel: 1e-5}, layout.FloatWords(x), layout.FloatWords(y))
		}
		for _, tc := range []struct {
			rows, cols int
			scale      float32
		}{{2, 32, 1}, {6, 64, 1}, {66, 288, 1e-3}, {130, 96, 50}} {
			const eps = 1e-6
			w := quantised("w", wt, tc.rows, tc.cols)
			x, norm := normals("x", w.Cols, tc.scale), normals("norm", w.Cols, 1)
			want, wantH := make([]float32, tc.rows), make([]float32, tc.rows/2)
			ref.NormMatVec(w, x, norm, want, 0, eps)
			ref.NormSwiGLU(w, x, norm, wantH, eps)
			what, poison := fmt.Sprintf("norm, %d rows", tc.rows), layout.FloatWords(slices.Repeat([]float32{nan}, tc.rows))
			add(what, w, "input_norm", []uint32{0, 0, 0, 0, math.Float32bits(eps)}, divUp(tc.rows, 4),
				want, tol{abs: 5e-5, rel: 1e-5}, layout.FloatWords(x), poison, layout.FloatWords(norm))
			add(what+", SwiGLU", w, "input_norm", []uint32{0, 0, 0, uint32(tc.rows / 2), math.Float32bits(eps)}, divUp(tc.rows, 4),
				wantH, tol{abs: 1e-3, rel: 2e-5}, layout.FloatWords(x), poison[:tc.rows/2], layout.FloatWords(norm))
		}
	}
	argument, err := json.Marshal(runs)
	if err != nil {
		t.Fatal(err)
	}
	got, err := browser.Evaluate[[][]uint32](openCompilePage(t, browser.InChromium), fmt.Sprintf("runAll(%s)", argument))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		values := make([]float32, len(got[i]))
		for j, word := range got[i] {
			values[j] = math.Float32frombits(word)
		}
		checkClose(t, r.what, values, r.want, r.tol)
	}
	t.Logf("%d results", len(got))
}

// nonUniformBarrier has a barrier that only some threads of a workgroup reach.
const nonUniformBarrier = `struct Params {
    n: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<u32>;

var<workgroup> shared_word: u32;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_id) local: vec3<u32>) {
    if local.x < params.n {
        shared_word = 1u;
        workgroupBarrier();
        x[0] = shared_word;
    }
}
`

// The browser test is able to fail, and on shaders that the native compiler
// takes: why it exists.
func TestChromiumRejectsBadShaders(t *testing.T) {
	swiglu, err := kernelID{name: "swiglu"}.source(shaderFile)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		shader shaderText
		want   string // in the complaint
	}{
		{newShaderText("non-uniform barrier", nonUniformBarrier),
			"line 14: error: 'workgroupBarrier' must only be called from uniform control flow"},
		{newShaderText("syntax error", strings.Replace(swiglu, "let i = id.x;", "let i = id.x", 1)),
			"error: expected ';'"},
		{newShaderText("binding that storageBindings does not find",
			strings.Replace(swiglu, "@group(0) @binding(2)", "@binding(2) @group(0)", 1)), "no pipeline"},
		{newShaderText("no entry point", strings.Replace(swiglu, "fn main(", "fn start(", 1)), "no pipeline"},
		{newShaderText("nothing wrong", swiglu), ""},
	}
	var texts []shaderText
	for _, tc := range cases {
		texts = append(texts, tc.shader)
	}
	verdicts, _ := compileInBrowser(t, openCompilePage(t, browser.InChromium), texts)
	for i, v := range verdicts {
		errors, _ := v.problems(texts[i])
		got, want := strings.Join(errors, "\n"), cases[i].want
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: complaint %q, want %q", texts[i].Name, got, want)
		}
	}

	d := openForTest(t)
	c := d.driver.compile([]source{{"non-uniform barrier", nonUniformBarrier, storageBindings(nonUniformBarrier)}})[0]
	if c.err != nil {
		t.Logf("the native compiler rejects a non-uniform barrier too: %v", c.err)
		return
	}
	c.free()
}

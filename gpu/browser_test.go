//go:build !js

package gpu

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"keyfold/internal/chromium"
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
// makes, on a device with WebGPU's default limits.
const compilePage = `<!doctype html>
<meta charset="utf-8">
<title>keyfold: shaders</title>
<script>
"use strict";
async function compileAll(shaders) {
    if (!navigator.gpu) throw new Error("navigator.gpu is missing");
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter) throw new Error("requestAdapter returned null");
    const device = await adapter.requestDevice();
    const verdicts = await Promise.all(shaders.map((shader) => compile(device, shader)));
    const { vendor, architecture, description } = adapter.info;
    return { adapter: [vendor, architecture, description].join(" ").trim(), verdicts };
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

// compileInBrowser returns the browser's verdict on each shader.
func compileInBrowser(t *testing.T, shaders []shaderText) []verdict {
	t.Helper()
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, compilePage)
	})
	ctx := chromium.Open(t, page, 3*time.Minute)
	argument, err := json.Marshal(shaders)
	if err != nil {
		t.Fatal(err)
	}
	result, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
		Adapter  string    `json:"adapter"`
		Verdicts []verdict `json:"verdicts"`
	}](fmt.Sprintf("compileAll(%s)", argument), chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Verdicts) != len(shaders) {
		t.Fatalf("the page returned %d verdicts on %d shaders", len(result.Verdicts), len(shaders))
	}
	t.Logf("Chromium, adapter %s: %d texts", result.Adapter, len(shaders))
	return result.Verdicts
}

// Every text compiles in Chromium, which is stricter than the native compiler.
// Warnings are logged.
func TestShadersCompileInChromium(t *testing.T) {
	var texts []shaderText
	for _, id := range kernelIDs(t) {
		src, err := id.source()
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, newShaderText(id.String(), src))
	}
	for i, v := range compileInBrowser(t, texts) {
		errors, warnings := v.problems(texts[i])
		for _, text := range errors {
			t.Error(text)
		}
		for _, text := range warnings {
			t.Log(text)
		}
	}
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
	swiglu, err := kernelID{name: "swiglu"}.source()
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
	for i, v := range compileInBrowser(t, texts) {
		errors, _ := v.problems(texts[i])
		got, want := strings.Join(errors, "\n"), cases[i].want
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: complaint %q, want %q", texts[i].Name, got, want)
		}
	}

	d := openForTest(t)
	k, err := d.compile(kernelID{name: "non-uniform barrier"}, nonUniformBarrier)
	if err != nil {
		t.Logf("the native compiler rejects a non-uniform barrier too: %v", err)
		return
	}
	k.pipeline.free()
}

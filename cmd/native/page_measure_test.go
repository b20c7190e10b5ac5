//go:build !js

package main

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// measureSmall measures little of everything, and waits for the end.
const measureSmall = `
	const { measure } = await import("/some/where/measure.js");
	document.querySelector(".measure-box").open = true;
	navigator.clipboard.writeText = async (text) => { globalThis.copied = text; };
	await measure({prefill: 32, n: 8});
	await until(() => button("#measure-view", "Copy as JSON") && !button("#measure-view", "Copy as JSON").hidden, "the figures");`

// A visitor measures the device: one row for each model and device, which can be copied, in exactly the
// form that docs/devices.md describes. The run on the page stays.
func TestPageMeasuresTheDevice(t *testing.T) {
	p := openPage(t, "")
	p.do(`await loaded(); await run({method: "window", n: 4})`)
	written := p.do(`return tokens().join("|")`)
	p.do(measureSmall)
	const rows = `return [...document.querySelectorAll("#measure-view tbody tr")].map((r) => [...r.children].map((c) => c.textContent).join(", ")).join("; ")`
	table := p.do(rows)
	want := regexp.MustCompile(`^[^;]*, F16, google swiftshader, [\d.]+, [\d.]+, [\d.]+ m?s, [\d.]+ µs, 128 of 128; [^;]*, F16, CPU, [\d.]+, [\d.]+, , , $`)
	if !want.MatchString(table) {
		t.Errorf("the table says %q, want %v", table, want)
	}
	p.do(`button("#measure-view", "Copy as JSON").click(); await until(() => globalThis.copied, "the figures as JSON")`)
	fields := fieldsOf(t, p.do(`return copied`))
	p.do(`await drop("other.gguf"); await until(() => text(".model-name") === "other.gguf", "the dropped model"); await loaded()
		select("#device", "gpu"); await until(() => text("#model-view").includes("Runs on the GPU"), "the GPU"); await loaded(); await idle()` + measureSmall)
	if got := p.do(rows); strings.Count(got, ";") != 2 || !strings.Contains(got, "Q8_0") {
		t.Errorf("with a model in use the table says %q", got)
	}
	// Where the clipboard is closed the figures can be read.
	p.do(`navigator.clipboard.writeText = async () => { throw new Error("closed"); }; button("#measure-view", "Copy as JSON").click()
		await until(() => document.querySelector("#measure-view textarea").value.includes('"rows"'), "the figures")`)

	// The self-test's details compare on demand.
	p.do(`document.querySelector(".checks-box").open = true; button("#model-view", "Compare").click()
		await until(() => text("#model-view").includes("128 of 128 first choices on a text are the CPU’s"), "the comparison")`)

	p.measurePictures()

	// It stops, and the page goes on.
	p.do(`button("#measure-view", "Measure").click(); await until(() => text("#measure-view").includes("Measuring the built-in model on the GPU: "), "the first row")
		button("#measure-view", "Stop").click(); await until(() => button("#measure-view", "Stop").hidden, "the end"); await idle()
		await run({method: "window", n: 4})`)
	p.wantTokens("a run after it was stopped", 4)
	p.noFaults()
	if written == "" {
		t.Error("nothing was written")
	}

	// Without a GPU its row says why, and the others are there.
	p = openPage(t, `Object.defineProperty(navigator, "gpu", {value: undefined})`)
	p.do(`await loaded()` + measureSmall + `button("#measure-view", "Copy as JSON").click(); await until(() => globalThis.copied, "the figures")`)
	p.want("what was not measured", `return text("#measure-view ul")`, "Not measured: the built-in model on the GPU. No WebGPU adapter: navigator.gpu is missing")
	p.want("the row of the CPU", rows, ", F16, CPU, ")
	maps.Copy(fields, fieldsOf(t, p.do(`return copied`)))
	described := describedFields(t)
	for field := range fields {
		if !described[field] {
			t.Errorf("the page's JSON has %s, which docs/devices.md does not describe", field)
		}
	}
	for field := range described {
		if !fields[field] {
			t.Errorf("docs/devices.md describes %s, which the page's JSON does not have", field)
		}
	}
}

// fieldsOf returns the paths of all values in JSON, as a.b[].c.
func fieldsOf(t *testing.T, text string) map[string]bool {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	fields := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, x := range v {
				walk(strings.TrimPrefix(path+"."+key, "."), x)
			}
		case []any:
			for _, x := range v {
				walk(path+"[]", x)
			}
		default:
			fields[path] = true
		}
	}
	walk("", v)
	return fields
}

// describedFields returns the paths in the table of docs/devices.md.
func describedFields(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "devices.md"))
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9_.\\[\\]]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		fields[m[1]] = true
	}
	if len(fields) < 20 {
		t.Fatalf("docs/devices.md describes %d fields", len(fields))
	}
	return fields
}

func TestFieldsOf(t *testing.T) {
	got := slices.Sorted(maps.Keys(fieldsOf(t, `{"a": 1, "b": {"c": [{"d": true}, {"e": null}]}, "f": [], "g": [1]}`)))
	if want := []string{"a", "b.c[].d", "b.c[].e", "g[]"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// measurePictures keeps pictures of the figures as artefacts: at two widths, in the light and in the dark.
func (p *page) measurePictures() {
	p.t.Helper()
	folder := filepath.Join("..", "..", "build", "screenshots")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		p.t.Fatal(err)
	}
	for name, v := range map[string]struct {
		width  int
		scheme string
	}{"measure-1280": {1280, "light"}, "measure-390": {390, "light"}, "measure-390-dark": {390, "dark"}} {
		if err := p.Resize(v.width, 900); err != nil {
			p.t.Fatal(err)
		}
		scheme := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.scheme}}}
		err := chromedp.Do(p.chromium().Context, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, scheme)
			return err
		}))
		if err != nil {
			p.t.Fatal(err)
		}
		p.do(`await until(() => document.documentElement.scrollWidth <= innerWidth, "a page that fits"); document.querySelector(".measure-box").scrollIntoView()`)
		picture, err := p.Picture(false)
		if err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
}

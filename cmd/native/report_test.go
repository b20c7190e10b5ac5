//go:build !js

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
)

// The report holds all that the command line asked for, so that it can be repeated.
func TestReportSaysWhatRan(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	model := fixtureModel(t, checkpoint.F16)
	report := func(args ...string) *engine.Report {
		t.Helper()
		mustRun(t, append([]string{"run", "-model", model, "-device", "cpu", "-json", file}, args...)...)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := &engine.Report{}
		if err := json.Unmarshal(data, r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	const prompt = "once upon a time there was a key"
	r := report("-n", "3", "-seed", "5", "-temperature", "0.7", "-top-k", "9", "-top-p", "0.5", "-min-p", "0.01", "-repeat-penalty", "1.25",
		"-method", "window", "-budget", "0.5", "-kv", "f32", "-positions", "cache", "-every", "7", "-max-slots", "40", "-pin", "1:3", prompt)
	want := engine.RunReport{
		Prompt: prompt, KV: "f32", Positions: "cache", Budget: 0.5, Every: 7, MaxSlots: 40, Pins: [][2]int{{1, 3}},
		N: 3, Seed: 5, Temperature: 0.7, TopK: 9, TopP: 0.5, MinP: 0.01, RepeatPenalty: 1.25,
	}
	if !reflect.DeepEqual(r.Run, want) {
		t.Errorf("the report says\n%+v, want\n%+v", r.Run, want)
	}
	if r.Stop == nil || r.Version != engine.Version() {
		t.Errorf("end %v, version %+v", r.Stop, r.Version)
	}
	if r := report("-n", "1", "-method", "gvote", "-opt", "p_nuc=0.9", prompt); r.Method.Options["p_nuc"] != 0.9 || r.Run.Budget != 0 {
		t.Errorf("options %v, budget %g", r.Method.Options, r.Run.Budget)
	}
	// A long prompt is there by its hash.
	long := strings.Repeat("Rose has a small house. ", longPrompt/24+1)
	if r := report("-model", "keyfold", "-n", "1", long); len(r.Run.PromptSHA256) != 64 || !strings.HasPrefix(long, strings.TrimSuffix(r.Run.Prompt, "...")) || len(r.Run.Prompt) > 300 {
		t.Errorf("of a long prompt the report has %q, hash %q", r.Run.Prompt, r.Run.PromptSHA256)
	}
}

func TestVersion(t *testing.T) {
	table := mustRun(t, "version")
	for _, want := range []string{"keyfold", engine.Version().Keyfold, engine.Version().Go, engine.Version().Kernels} {
		if !strings.Contains(table, want) {
			t.Errorf("version lacks %q:\n%s", want, table)
		}
	}
	if got := mustRun(t, "-version"); got != table {
		t.Errorf("-version prints %q", got)
	}
}

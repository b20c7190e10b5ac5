//go:build !js

package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keyfold/bench"
)

// What bench counts is what the formulas say; what it measures is consistent.
func TestBenchReport(t *testing.T) {
	// Shape 64,96,3,4,2,320 in Q8_0, which has 34 bytes per 32 elements, with F16 rows of head_dim 16.
	const (
		decode, slots = 6, 20 // per head after compression of 40
		layer         = (64+2*32)*64 + 64*64 + 3*96*64
		parameters    = 320*64 + 3*(layer+2*64) + 64
		norms         = 4 * 64 * 7
		slotBytes     = 2*16*2 + 12
	)
	for _, device := range devices(t) {
		file := filepath.Join(t.TempDir(), "bench.json")
		out := mustRun(t, "bench", "-device", device, "-shape", "64,96,3,4,2,320", "-prefill", "5,8", "-batch", "1,3", "-decode", "6", "-context", "0,40",
			"-fill", "-method", "random", "-budget", "0.5", "-runs", "2", "-match", "40", "-json", file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var r bench.Report
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatal(err)
		}
		near := func(what string, got, want float64) {
			t.Helper()
			if !(math.Abs(got-want) <= 1e-9*math.Abs(want)) {
				t.Errorf("%s: %s is %v, want %v", device, what, got, want)
			}
		}
		consistent := func(what string, rate bench.Rate) {
			t.Helper()
			if len(rate.Runs) != 2 || rate.Least != min(rate.Runs[0], rate.Runs[1]) || rate.Most != max(rate.Runs[0], rate.Runs[1]) || rate.Least <= 0 {
				t.Errorf("%s: %s: %+v", device, what, rate)
			}
			near(what, rate.Median, (rate.Runs[0]+rate.Runs[1])/2)
		}
		if r.Device.Kind != device || r.Weights != "Q8_0" || r.KV != "f16" || r.Method != "random" || r.Params != parameters {
			t.Errorf("%s: %+v, want %d parameters", device, r, parameters)
		}
		if len(r.Prefill) != 2 || r.Prefill[0].Tokens != 5 || r.Prefill[1].Tokens != 8 {
			t.Fatalf("%s: prompts %+v, want 5 and 8 tokens", device, r.Prefill)
		}
		p := r.Prefill[1]
		consistent("prefill", p.Rate)
		near("prefill's operations", p.GFLOPs, (2*(3*layer*8+320*64)+3*4*64*8*9/2)/8*p.Rate.Median/1e9)
		near("prefill's share", p.Share, p.GFLOPs/r.Limits.MatMulGFLOPs)
		if len(r.Contexts) != 2 || r.Contexts[0].Context != 1 || r.Contexts[1].Context != 40 {
			t.Fatalf("%s: contexts %+v, want 1 and 40 tokens", device, r.Contexts)
		}
		c := r.Contexts[1]
		consistent("decode", c.Rate)
		if len(c.Batches) != 1 || c.Batches[0].Texts != 3 || !strings.Contains(out, "3 texts: ") {
			t.Fatalf("%s: batches %+v, want one of 3 texts; printed %s", device, c.Batches, out)
		}
		consistent("batch", c.Batches[0].Rate)
		near("its gain", c.Batches[0].Gain, c.Batches[0].Rate.Median/c.Rate.Median)
		if c.Formula != 3*2*slots*slotBytes || c.Allocated < c.Formula || (c.LiveBytes == 0) != (device == "cpu") ||
			c.LiveBytes > 0 && c.LiveBytes < c.Allocated+int(c.WeightBytes) {
			t.Errorf("%s: %d bytes by the formula, %d allocated, %d on the device", device, c.Formula, c.Allocated, c.LiveBytes)
		}
		if c.Slots != 3*2*slots || c.Ratio != 0.5 || c.Decoded != decode || !c.Filled {
			t.Errorf("%s: %+v, want %d slots", device, c, 3*2*slots)
		}
		mean := slots + float64(decode+1)/2 // the slots that a token sees, on average
		near("weights", c.WeightBytes, float64((3*layer+320*64+64)/32*34+norms))
		near("cache", c.CacheBytes, 3*2*mean*slotBytes)
		near("operations", c.Operations, 2*(3*layer+320*64)+3*4*64*mean)
		near("bandwidth", c.GBs, (c.WeightBytes+c.CacheBytes)*c.Rate.Median/1e9)
		near("its share", c.CopyShare, c.GBs/r.Limits.CopyGBs)
		near("speed", c.GFLOPs, c.Operations*c.Rate.Median/1e9)
		near("its share", c.MatMulShare, c.GFLOPs/r.Limits.MatMulGFLOPs)

		if device == "cpu" {
			if c.Profile != nil || p.Profile != nil || r.Overhead != nil || r.Match != nil || strings.Contains(out, "kernels") {
				t.Errorf("the CPU has kernels, or is compared with itself: %s", out)
			}
			continue
		}
		if m := r.Match; m == nil || m.Tokens != 40 || m.Same != 40 || m.Difference > 0.01 || !strings.Contains(out, "40 of 40 first choices") {
			t.Errorf("CPU match %+v; printed %s", m, out)
		}
		if o := r.Overhead; o == nil || o.WaitMS <= 0 || len(o.Bursts) != 3 || !strings.Contains(out, "a wait takes") {
			t.Errorf("overhead %+v; printed %s", o, out)
		}
		for _, profile := range []*bench.Profile{p.Profile, c.Profile} {
			var dispatches, ms float64
			for _, k := range profile.Kernels {
				dispatches += k.Dispatches
				ms += k.MS
			}
			near("dispatches", profile.Dispatches, dispatches)
			near("kernels' time", profile.KernelsMS, ms)
			if profile.Dispatches < 3*3 || ms <= 0 || ms > profile.MS*1.1 || profile.How == "" {
				t.Errorf("profile %+v", profile)
			}
		}
		chosen := slices.IndexFunc(c.Profile.Kernels, func(k bench.Kernel) bool { return k.Kernel == "choose" })
		// The token after the last one is chosen, too.
		if choices := float64(decode+1) / decode; chosen < 0 || math.Abs(c.Profile.Kernels[chosen].Dispatches-choices) > 1e-9 {
			t.Errorf("profile %+v of a token, want %.3g choices", c.Profile, choices)
		}
		if !strings.Contains(out, "all dispatches") {
			t.Errorf("printed %s", out)
		}
	}
}

// -save keeps the model, for other programs: the same bytes for the same flags.
func TestBenchSaves(t *testing.T) {
	folder := t.TempDir()
	var files []string
	for i, seed := range []string{"1", "1", "2"} {
		path := filepath.Join(folder, string(rune('a'+i)))
		if out := mustRun(t, "bench", "-shape", "64,96,1,2,2,300", "-type", "q4_0", "-seed", seed, "-runs", "0", "-save", path); out != "" {
			t.Errorf("printed %q", out)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, string(data))
	}
	if files[0] != files[1] || files[0] == files[2] {
		t.Error("the file depends on something else than its shape, type and seed")
	}
	if out := mustRun(t, "inspect", filepath.Join(folder, "a")); !strings.Contains(out, "vocab_size       300") {
		t.Errorf("inspect says %s", out)
	}
}

//go:build !js

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keyfold/bench"
	"keyfold/engine"
)

// Every task is there with all its kernels, the table's first, in the file and in
// what is printed.
func TestBenchKernels(t *testing.T) {
	if !slices.Contains(devices(t), "gpu") {
		t.Skip("needs a WebGPU adapter")
	}
	file := filepath.Join(t.TempDir(), "kernels.json")
	out := mustRun(t, "bench", "-kernels", "-device", "gpu", "-shape", "64,96,3,4,2,320", "-context", "40", "-kv", "f32", "-json", file)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r bench.KernelReport
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if r.KV != "f32" || r.Slots != 40 || r.Device.Kind != "gpu" || r.Date == "" || r.Machine == "" || r.Model.Name == "" {
		t.Errorf("%+v", r)
	}
	want := []struct {
		task    string
		kernels []string
	}{
		{"1 token, q8_0", []string{"matvec_blocks", "matvec", "matvec_rows", "matvec(WG_SIZE=32)", "matvec(WG_SIZE=128)"}},
		{"2 to 16 tokens, q8_0", []string{"matmul(TOKENS=8)", "matmul_few_blocks(TOKENS=8)", "matmul_few_blocks(TOKENS=4)", "matmul_few(TOKENS=8)"}},
		{"more tokens, q8_0", []string{"matmul(TOKENS=8)", "matmul_wide", "matmul_tiled"}},
		{"norms", []string{"rms_norm", "rms_norm_rows"}},
		{"attention of 1 token, f32", []string{"attention", "decode_parts"}},
		{"attention of more, f32", []string{"prefill_rows_software", "prefill_tiles"}},
		{"ballots, f32", []string{"gvote_vote", "gvote_vote(WG_SIZE=8)"}},
	}
	if len(r.Tasks) != len(want) {
		t.Fatalf("%+v, want %d tasks", r.Tasks, len(want))
	}
	for i, task := range r.Tasks {
		if task.Task != want[i].task || task.Table != task.Times[0].Kernel || !strings.Contains(out, "\n"+task.Task+"\n") {
			t.Errorf("%+v, want %s; printed %s", task, want[i].task, out)
		}
		var kernels []string
		for _, trial := range task.Times {
			kernels = append(kernels, trial.Kernel)
			if trial.MS <= 0 || trial.Error != "" {
				t.Errorf("%s: %+v", task.Task, trial)
			}
		}
		slices.Sort(kernels)
		slices.Sort(want[i].kernels)
		if !slices.Equal(kernels, want[i].kernels) || !slices.Contains(kernels, task.Fastest) {
			t.Errorf("%s: %v, fastest %s, want %v", task.Task, kernels, task.Fastest, want[i].kernels)
		}
	}
	status, _, errs := keyfold("bench", "-kernels", "-device", "cpu", "-shape", "64,96,3,4,2,320")
	if status != 1 || !strings.Contains(errs, "only a GPU has kernels to compare") {
		t.Errorf("on the CPU: status %d, %s", status, errs)
	}
}

// Another kernel is called the fastest if it takes less than nine tenths of the
// table's time, or if the table's does not run.
func TestFastestKernel(t *testing.T) {
	broken := errors.New("does not compile")
	for _, tc := range []struct {
		ms   []time.Duration // -1: does not run
		want int
	}{
		{[]time.Duration{1000}, 0},
		{[]time.Duration{1000, 2000}, 0},
		{[]time.Duration{1000, 901, 990}, 0}, // too close
		{[]time.Duration{1000, 899, 990}, 1},
		{[]time.Duration{1000, 800, 700}, 2},
		{[]time.Duration{1000, -1, 990}, 0},
		{[]time.Duration{-1, 2000, 1000}, 2},
		{[]time.Duration{-1, -1}, 0},
	} {
		times := engine.TaskTimes{Task: "any"}
		for i, ms := range tc.ms {
			v := engine.VariantTime{Kernel: string(rune('a' + i)), Time: ms * time.Millisecond}
			if ms < 0 {
				v.Time, v.Err = 0, broken
			}
			times.Times = append(times.Times, v)
		}
		task := bench.NewTask(times)
		if task.Table != "a" || task.Fastest != times.Times[tc.want].Kernel {
			t.Errorf("%v: table %s, fastest %s, want a and %d", tc.ms, task.Table, task.Fastest, tc.want)
		}
		var out strings.Builder
		printTask(&out, task)
		printChanges(&out, &bench.KernelReport{Tasks: []bench.Task{task}})
		if changes := strings.Contains(out.String(), "would replace a"); changes != (tc.want > 0) {
			t.Errorf("%v: printed %s", tc.ms, out.String())
		}
		if fails := strings.Contains(out.String(), broken.Error()); fails != slices.Contains(tc.ms, -1) {
			t.Errorf("%v: printed %s", tc.ms, out.String())
		}
	}
}

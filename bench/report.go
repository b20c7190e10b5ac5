//go:build !js

// Package bench measures how fast an engine reads prompts and writes text, what
// its kernels take, and how much of that counting bytes and operations explains.
// Measure is what keyfold bench does, CompareKernels what its -kernels does; both
// return a report, which is printed elsewhere.
package bench

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"keyfold/engine"
)

// Report is what Measure measured. Bytes and operations are counted, not
// measured; GB are 10^9 bytes. Shares are of Limits.
type Report struct {
	Date    string               `json:"date"`
	Machine string               `json:"machine"`
	Version engine.VersionReport `json:"version"`
	Model   engine.ModelReport   `json:"model"`
	Weights string               `json:"weights"`    // type of the embedding
	Params  int                  `json:"parameters"` // of all tensors
	Device  engine.DeviceReport  `json:"device"`
	KV      string               `json:"kv"`
	Method  string               `json:"method"`
	Options map[string]any       `json:"options,omitempty"` // of the method, in the last context
	Limits  struct {
		CopyGBs      float64 `json:"copy_gb_per_s"`
		MatMulGFLOPs float64 `json:"matmul_gflop_per_s"`
	} `json:"limits"`
	Overhead     *engine.OverheadReport `json:"overhead,omitempty"`  // of a GPU
	Match        *engine.Match          `json:"cpu_match,omitempty"` // of a GPU
	MatchRefused string                 `json:"cpu_match_refused,omitempty"`

	Prefill  []Prefill `json:"prefill,omitempty"`
	Contexts []Context `json:"contexts"`
}

// Prefill is the reading of a prompt without compression.
type Prefill struct {
	Tokens  int      `json:"tokens"`
	Rate    Rate     `json:"tokens_per_s"`
	GFLOPs  float64  `json:"gflop_per_s"`
	Share   float64  `json:"share_of_matmul"`
	Profile *Profile `json:"profile,omitempty"` // of the whole prompt
}

// Context is the writing of text behind a context. Bytes, operations and the
// profile are per decoded token, on average.
type Context struct {
	Context     int      `json:"context"` // tokens before the first decoded one
	Filled      bool     `json:"filled"`  // with random rows instead of read
	FillMS      float64  `json:"fill_ms"`
	CompressMS  float64  `json:"compress_ms"`
	Slots       int      `json:"slots"`         // of all layers and KV heads, after compression
	Ratio       float64  `json:"ratio"`         // of those before
	Formula     int      `json:"bytes_formula"` // slots times the bytes of a slot
	Allocated   int      `json:"bytes_allocated"`
	LiveBytes   int      `json:"live_bytes"` // of all buffers on the device; 0 on the CPU
	Decoded     int      `json:"decoded"`    // tokens of a run
	Rate        Rate     `json:"tokens_per_s"`
	WeightBytes float64  `json:"weight_bytes"`
	CacheBytes  float64  `json:"cache_bytes"`
	Operations  float64  `json:"operations"`
	GBs         float64  `json:"gb_per_s"`
	CopyShare   float64  `json:"share_of_copy"`
	GFLOPs      float64  `json:"gflop_per_s"`
	MatMulShare float64  `json:"share_of_matmul"`
	Batches     []Batch  `json:"batches,omitempty"`
	Profile     *Profile `json:"profile,omitempty"`
}

// Batch is the writing of several texts together, each behind a copy of the context.
type Batch struct {
	Texts int     `json:"texts"`
	Rate  Rate    `json:"tokens_per_s"` // of all texts
	Gain  float64 `json:"gain"`         // times the rate of one text alone
}

// Profile is what the kernels took in a run of its own, in which measuring them
// takes time too. There is none on the CPU.
type Profile struct {
	How        string   `json:"how"` // timestamps, or one kernel per submit
	MS         float64  `json:"ms"`  // of the run
	Dispatches float64  `json:"dispatches"`
	KernelsMS  float64  `json:"kernels_ms"`
	Kernels    []Kernel `json:"kernels"` // in order of first use
}

// Kernel is what one kernel took, with one kind of matrix, over all layers.
type Kernel struct {
	Kernel     string  `json:"kernel"`
	Matrix     string  `json:"matrix,omitempty"`
	Dispatches float64 `json:"dispatches"`
	MS         float64 `json:"ms"`
}

// Rate is tokens per second: those of every run, in order, and their median.
type Rate struct {
	Runs   []float64 `json:"runs"`
	Median float64   `json:"median"`
	Least  float64   `json:"least"`
	Most   float64   `json:"most"`
}

func newRate(runs []float64) Rate {
	sorted := slices.Sorted(slices.Values(runs))
	n := len(sorted)
	return Rate{Runs: runs, Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Least: sorted[0], Most: sorted[n-1]}
}

func (r Rate) String() string {
	return fmt.Sprintf("%.4g tokens/s (%.4g to %.4g in %d runs)", r.Median, r.Least, r.Most, len(r.Runs))
}

// now and machine say when and where something was measured.
func now() string { return time.Now().UTC().Format(time.DateTime) }

func machine() string {
	return fmt.Sprintf("%s/%s, %d CPUs, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}

//go:build !js

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"keyfold/compress"
	"keyfold/engine"
)

// planFile is plan.json: what a method decided.
type planFile struct {
	Method    string           `json:"method"`
	Options   map[string]any   `json:"options"`
	Positions string           `json:"positions"` // where those of keys in k_out count: text or cache
	Tokens    []int            `json:"tokens"`
	NLayers   int              `json:"n_layers"`
	NHeads    int              `json:"n_heads"`
	NKVHeads  int              `json:"n_kv_heads"`
	HeadDim   int              `json:"head_dim"`
	Shapes    map[string][]int `json:"shapes"` // of each array written beside it
	Heads     []planHead       `json:"heads"`
}

type planHead struct {
	Layer int       `json:"layer"`
	Head  int       `json:"head"`
	Ratio float64   `json:"ratio"` // rows / slots
	Sigma []float32 `json:"sigma"` // one per merged row
	BStep []int     `json:"b_step"`
	Rows  []planRow `json:"rows"`
}

type planRow struct {
	Pivot   int       `json:"pivot"`
	Slots   []int     `json:"slots"` // with cam, also those that only give it a value
	N       int       `json:"n"`
	Bias    float32   `json:"bias"`
	Weights []float32 `json:"weights"` // one per slot

	// ValueWeights are there where they differ from Weights.
	ValueWeights []float32 `json:"value_weights,omitempty"`
}

func planCommand(ctx context.Context, t terminal, args []string) error {
	fs := newFlags("plan", `usage: keyfold plan -model M -tokens 1,2,3 -method X -o DIR [flags]

Writes what a method decided (plan.json) and the data it decided from, as
float32 little-endian arrays whose shapes plan.json gives. DIR is made where it
does not exist; files of the same names are replaced. The tokens behind -prefill
are known to -method oracle alone.
`)
	var r runFlags
	r.register(fs, "f32")
	list := fs.String("tokens", "", "comma-separated token `IDS`")
	dir := fs.String("o", "", "`DIR` to write to")
	prefill := fs.Int("prefill", 0, "tokens `P` to read and compress; without it all")
	if err := r.parse(t, fs, args, 0); err != nil {
		return err
	}
	ids, err := parseIDs("-tokens", *list)
	if err != nil {
		return err
	}
	if *dir == "" {
		return usageError("-o is missing: want a DIR to write to")
	}
	if !given(fs, "prefill") {
		*prefill = len(ids)
	}
	if *prefill < 1 || *prefill > len(ids) {
		return usageError("-prefill is %d, want 1 to %d, the number of tokens", *prefill, len(ids))
	}
	kv, err := r.cacheType()
	if err != nil {
		return err
	}
	method, err := r.newMethod()
	if err != nil {
		return err
	}
	f, _, err := r.open(false)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := checkIDs(ids, f.Config.VocabSize); err != nil {
		return err
	}
	e, err := engine.Open(ctx, f, nil, engine.DeviceKind(r.device))
	if err != nil {
		return err
	}
	defer e.Close()

	ids, future := ids[:*prefill], ids[*prefill:]
	needs := method.Needs()
	p, err := e.Prefill(ctx, ids, engine.Settings{KV: kv, Method: method, InCache: r.inCache(), Future: future})
	if err != nil {
		return err
	}
	defer p.Free()
	signals, err := p.Measure(needs)
	if err != nil {
		return err
	}
	var window [][]float32 // what the method asks for while it decides
	if measure := signals.Window; measure != nil {
		signals.Window = func(w int) (_ [][]float32, err error) {
			window, err = measure(w)
			return window, err
		}
	}
	plan, err := method.Plan(signals)
	if err != nil {
		return err
	}
	k, v, err := p.Cache.Rows()
	if err != nil {
		return err
	}
	weights, err := p.Cache.ApplyWeights(plan)
	if err != nil {
		return err
	}
	kOut, vOut, err := p.Cache.Rows()
	if err != nil {
		return err
	}

	// Every array with its shape, then the description.
	c := e.Config
	slots := len(ids)
	arrays := arrayWriter{dir: *dir, shapes: map[string][]int{}}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	perSlot := []int{c.NLayers, c.NKVHeads, slots}
	arrays.write("k.f32", join(k), append(perSlot[:3:3], c.HeadDim)...)
	arrays.write("v.f32", join(v), append(perSlot[:3:3], c.HeadDim)...)
	arrays.write("k_out.f32", join(kOut), plan.Rows(), c.HeadDim)
	arrays.write("v_out.f32", join(vOut), plan.Rows(), c.HeadDim)
	if needs.Mass {
		arrays.write("mass.f32", perHead(signals, func(h compress.Head) []float32 { return h.Mass }), perSlot...)
	}
	if needs.Cosine {
		arrays.write("cosine.f32", perHead(signals, func(h compress.Head) []float32 { return h.Cosine }), perSlot...)
	}
	if needs.Reread {
		arrays.write("reread.f32", perHead(signals, func(h compress.Head) []float32 { return h.Reread }), perSlot...)
	}
	if needs.Future {
		arrays.write("future.f32", perHead(signals, func(h compress.Head) []float32 { return h.Future }), perSlot...)
	}
	if signals.Heads[0].Expected != nil {
		arrays.write("expected.f32", perHead(signals, func(h compress.Head) []float32 { return join(h.Expected) }), c.NLayers, c.NHeads, slots)
		arrays.write("value_norm.f32", perHead(signals, func(h compress.Head) []float32 { return h.ValueNorm }), perSlot...)
	}
	if window != nil {
		arrays.write("window.f32", join(window), perSlot...)
	}
	if ballots := p.Ballots(); ballots != nil {
		samples := len(ballots.Hidden) / (c.NLayers * c.Dim)
		arrays.write("votes.u32", join(ballots.Votes), perSlot...)
		arrays.write("gvote_mu.f32", ballots.Mu, c.NLayers, c.Dim)
		arrays.write("gvote_sd.f32", ballots.SD, c.NLayers, c.Dim)
		arrays.write("gvote_h.f32", ballots.Hidden, c.NLayers, samples, c.Dim)
		arrays.write("gvote_q.f32", ballots.SampledQueries, c.NLayers, samples, c.NHeads, c.HeadDim)
		arrays.write("q_last.f32", ballots.LastQueries, c.NLayers, c.NHeads, c.HeadDim)
	}
	if arrays.err != nil {
		return arrays.err
	}
	description := planFile{
		Method: plan.Method, Options: plan.Options, Positions: r.positions, Tokens: ids,
		NLayers: c.NLayers, NHeads: c.NHeads, NKVHeads: c.NKVHeads, HeadDim: c.HeadDim,
		Shapes: arrays.shapes, Heads: describeHeads(plan, signals, weights),
	}
	return writeFile(filepath.Join(*dir, "plan.json"), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(description)
	})
}

// describeHeads lists the plan's heads in order of layer, then KV head.
func describeHeads(plan *compress.Plan, s *compress.Signals, weights [][][]float32) []planHead {
	var heads []planHead
	for i, rows := range plan.Heads {
		head := planHead{
			Layer: i / s.NKVHeads, Head: i % s.NKVHeads,
			Ratio: float64(len(rows)) / float64(s.Heads[i].Slots()),
			Sigma: []float32{}, BStep: append([]int{}, s.Heads[i].BStep...), Rows: []planRow{},
		}
		for j, row := range rows {
			out := planRow{Pivot: row.Pivot, Slots: row.Slots, N: row.N, Bias: row.Bias, Weights: weights[i][j]}
			switch row.Rule {
			case compress.Gaussian:
				head.Sigma = append(head.Sigma, row.Sigma)
				if row.ValueScale != 1 {
					for m, w := range out.Weights {
						w *= row.ValueScale
						if row.PerToken {
							w /= float32(s.Heads[i].N[row.Slots[m]])
						}
						out.ValueWeights = append(out.ValueWeights, w)
					}
				}
			case compress.Explicit:
				var values []float32
				if out.Slots, out.Weights, values = row.Explicit(); !slices.Equal(values, out.Weights) {
					out.ValueWeights = values
				}
			}
			head.Rows = append(head.Rows, out)
		}
		heads = append(heads, head)
	}
	return heads
}

// arrayWriter writes arrays of 32-bit elements and keeps its first error.
type arrayWriter struct {
	dir    string
	shapes map[string][]int
	err    error
}

// write writes values, a []float32 or []uint32, as an array of the given shape.
func (a *arrayWriter) write(name string, values any, shape ...int) {
	n := 1
	for _, d := range shape {
		n *= d
	}
	if size := binary.Size(values); size != 4*n {
		panic(fmt.Sprintf("BUG: %s has %d bytes, its shape %v wants %d", name, size, shape, 4*n))
	}
	if a.err != nil {
		return
	}
	a.shapes[name] = shape
	a.err = writeFile(filepath.Join(a.dir, name), func(w io.Writer) error {
		buffered := bufio.NewWriter(w)
		if err := binary.Write(buffered, binary.LittleEndian, values); err != nil {
			return err
		}
		return buffered.Flush()
	})
}

// join puts the values of all heads one behind the other.
func join[T any](heads [][]T) []T {
	var all []T
	for _, values := range heads {
		all = append(all, values...)
	}
	return all
}

func perHead(s *compress.Signals, get func(compress.Head) []float32) []float32 {
	var all []float32
	for _, head := range s.Heads {
		all = append(all, get(head)...)
	}
	return all
}

//go:build !js

package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/internal/output"
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

const planUsage = `usage: keyfold plan -model M -tokens 1,2,3 -method X -o DIR [flags]

Writes what a method decided (plan.json) and the data it decided from, as
float32 little-endian arrays whose shapes plan.json gives. DIR is made where it
does not exist; files of the same names are replaced. The tokens behind -prefill
are known to -method oracle alone.
`

func planCommand(ctx context.Context, t terminal, args []string) error {
	f := &idFlags{}
	fs := newFlags("plan", planUsage)
	f.register(fs, "f32", "tokens `P` to read and compress; without it all")
	dir := fs.String("o", "", "`DIR` to write to")
	if err := f.parse(t, fs, args, 0); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	if *dir == "" {
		return usageError("-o is missing: want a DIR to write to")
	}
	if err := output.CheckFolder("-o", *dir); err != nil {
		return err
	}
	if !given(fs, "prefill") {
		f.prefill = len(f.ids)
	}
	if err := f.checkPrefill(); err != nil {
		return err
	}
	e, err := f.start(ctx)
	if err != nil {
		return err
	}
	defer e.Close()
	p, err := e.Prefill(ctx, f.ids[:f.prefill], f.read)
	if err != nil {
		return err
	}
	defer p.Free()
	d, err := decide(p, f.read.Method)
	if err != nil {
		return err
	}
	arrays := arrayWriter{dir: *dir, shapes: map[string][]int{}}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	if d.write(&arrays, e.Config); arrays.err != nil {
		return arrays.err
	}
	c := e.Config
	description := planFile{
		Method: d.plan.Method, Options: d.plan.Options, Positions: f.positions, Tokens: f.ids[:f.prefill],
		NLayers: c.NLayers, NHeads: c.NHeads, NKVHeads: c.NKVHeads, HeadDim: c.HeadDim,
		Shapes: arrays.shapes, Heads: d.describeHeads(),
	}
	return output.Write(filepath.Join(*dir, "plan.json"), nil, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(description)
	})
}

// decision is a plan with what it was decided from and what came of it.
type decision struct {
	plan    *compress.Plan
	signals *compress.Signals
	window  [][]float32     // as [compress.Signals.Window]; nil: the method did not ask
	ballots *engine.Ballots // nil: nobody voted
	weights [][][]float32   // share of each slot in its row: (n_layers * n_kv_heads)(rows)(slots)

	k, v       [][]float32 // before: (n_layers * n_kv_heads)(slots * head_dim)
	kOut, vOut [][]float32 // after: (n_layers * n_kv_heads)(rows * head_dim)
}

// decide asks a method for its plan and applies it.
func decide(p *engine.Prompt, m compress.Method) (*decision, error) {
	asks := &listening{Method: m}
	plan, signals, err := p.Decide(asks)
	if err != nil {
		return nil, err
	}
	d := &decision{plan: plan, signals: signals, window: asks.window, ballots: p.Ballots()}
	if d.k, d.v, err = p.Cache.Rows(); err != nil {
		return nil, err
	}
	if d.weights, err = p.Cache.ApplyWeights(plan); err != nil {
		return nil, err
	}
	d.kOut, d.vOut, err = p.Cache.Rows()
	return d, err
}

// listening is a method that keeps what it measures while it decides.
type listening struct {
	compress.Method
	window [][]float32
}

func (l *listening) Plan(s *compress.Signals) (*compress.Plan, error) {
	if measure := s.Window; measure != nil {
		s.Window = func(w int) (_ [][]float32, err error) {
			l.window, err = measure(w)
			return l.window, err
		}
	}
	return l.Method.Plan(s)
}

// write writes all arrays.
func (d *decision) write(arrays *arrayWriter, c checkpoint.Config) {
	slots := d.signals.Heads[0].Slots()
	perSlot := []int{c.NLayers, c.NKVHeads, slots}
	arrays.write("k.f32", join(d.k), append(perSlot[:3:3], c.HeadDim)...)
	arrays.write("v.f32", join(d.v), append(perSlot[:3:3], c.HeadDim)...)
	arrays.write("k_out.f32", join(d.kOut), d.plan.Rows(), c.HeadDim)
	arrays.write("v_out.f32", join(d.vOut), d.plan.Rows(), c.HeadDim)
	for _, signal := range []struct {
		file string
		of   func(compress.Head) []float32
	}{
		{"mass.f32", func(h compress.Head) []float32 { return h.Mass }},
		{"cosine.f32", func(h compress.Head) []float32 { return h.Cosine }},
		{"reread.f32", func(h compress.Head) []float32 { return h.Reread }},
		{"future.f32", func(h compress.Head) []float32 { return h.Future }},
		{"value_norm.f32", func(h compress.Head) []float32 { return h.ValueNorm }},
	} {
		if signal.of(d.signals.Heads[0]) != nil {
			arrays.write(signal.file, perHead(d.signals, signal.of), perSlot...)
		}
	}
	if d.signals.Heads[0].Expected != nil {
		expected := perHead(d.signals, func(h compress.Head) []float32 { return join(h.Expected) })
		arrays.write("expected.f32", expected, c.NLayers, c.NHeads, slots)
	}
	if d.window != nil {
		arrays.write("window.f32", join(d.window), perSlot...)
	}
	if b := d.ballots; b != nil {
		samples := len(b.Hidden) / (c.NLayers * c.Dim)
		arrays.write("votes.u32", join(b.Votes), perSlot...)
		arrays.write("gvote_mu.f32", b.Mu, c.NLayers, c.Dim)
		arrays.write("gvote_sd.f32", b.SD, c.NLayers, c.Dim)
		arrays.write("gvote_h.f32", b.Hidden, c.NLayers, samples, c.Dim)
		arrays.write("gvote_q.f32", b.SampledQueries, c.NLayers, samples, c.NHeads, c.HeadDim)
		arrays.write("q_last.f32", b.LastQueries, c.NLayers, c.NHeads, c.HeadDim)
	}
}

// describeHeads lists the plan's heads in order of layer, then KV head.
func (d *decision) describeHeads() []planHead {
	var heads []planHead
	s := d.signals
	for i, rows := range d.plan.Heads {
		head := planHead{
			Layer: i / s.NKVHeads, Head: i % s.NKVHeads,
			Ratio: float64(len(rows)) / float64(s.Heads[i].Slots()),
			Sigma: []float32{}, BStep: append([]int{}, s.Heads[i].BStep...), Rows: []planRow{},
		}
		for j, row := range rows {
			out := planRow{Pivot: row.Pivot, Slots: row.Slots, N: row.N, Bias: row.Bias, Weights: d.weights[i][j]}
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

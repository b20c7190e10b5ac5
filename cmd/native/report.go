//go:build !js

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"keyfold/engine"
	"keyfold/engine/untrusted"
)

// printDevice prints what the engine runs on, and why if it had the choice.
func printDevice(w io.Writer, e *engine.Engine) {
	d := e.Device
	name := "CPU, Go"
	if d.Kind == "gpu" {
		name = fmt.Sprintf("%s (%s)", d.Adapter, d.Backend)
	}
	fmt.Fprintf(w, "device      %s\n", name)
	if e.Note != "" {
		fmt.Fprintf(w, "            %s\n", e.Note)
	}
}

// printReport prints what a run tells about itself, for people.
func printReport(w io.Writer, r *engine.Report) {
	row := func(name, format string, args ...any) { printRow(w, name, format, args...) }
	fmt.Fprintln(w)
	row("method", "%s, kept %.3f of the slots (kept / total over all layers and heads)", r.Method.Name, r.Cache.Ratio)
	for _, d := range r.Method.Differs {
		row("", "differs from the paper: %s", d)
	}
	if s := r.Method.SimilarNeighbours; s != nil {
		row("neighbours", "%s of neighbouring keys have cos > 0.75, layer by layer", shares(s))
	}
	row("slots", "%v per layer and KV head after the prompt of %d tokens", r.Cache.PerLayerHead, r.PromptTokens)
	if r.Cache.Compressions > 1 {
		row("", "compressed %d times more while decoding", r.Cache.Compressions-1)
	}
	if w := r.Cache.Tightened; w != nil {
		row("bound", "%s wanted to keep up to %d slots in a head, too many below %d: up to %d heads were compressed further, in %d compressions",
			r.Method.Name, w.Wanted, w.Bound, w.Heads, w.Compressions)
	}
	row("cache", "%d bytes occupied, %d allocated, %d at the peak; the full cache would occupy %d",
		r.Cache.BytesOccupied, r.Cache.BytesAllocated, r.Cache.BytesPeak, r.Cache.BytesFull)
	if s := r.Cache.Saturated; s != nil {
		row("", "%d of %d elements in the first %d slots of every head are larger than a cache of this type holds and were cut; -kv f32 keeps them",
			s.Elements, s.Of, s.Slots)
	}
	row("time", "prefill %.1f ms (%.0f tokens/s), compression %.1f ms, %d tokens in %.1f ms (%.1f tokens/s)",
		r.Timing.PrefillMS, float64(r.PromptTokens)/r.Timing.PrefillMS*1e3, r.Timing.CompressMS,
		len(r.Tokens), r.Timing.DecodeMS, r.Timing.TokPerS)
	if r.Stop != nil {
		row("end", "%v", r.Stop)
	}
	q := r.Quality
	if q == nil {
		return
	}
	row("quality", "against the full cache on the same tokens: KL %.5f nats (p95 %.5f), delta NLL %+.5f, perplexity x %.4f, top-1 agrees on %.1f %%",
		q.KLMean, q.KLP95, q.DeltaNLL, q.PPLRatio, 100*q.Top1)
	if q.FirstDifference < 0 {
		row("", "the full run writes the same text")
	} else {
		row("", "the full run differs from token %d on:", q.FirstDifference)
		row("", "%s", strings.ReplaceAll(q.FullText, "\n", "\n            "))
	}
	for l, heads := range q.HeadErrors {
		row("", "attention-output error in layer %d, per head: %s", l, shares(heads))
	}
}

// shares prints numbers with two digits.
func shares(v []float64) string {
	fields := make([]string, len(v))
	for i, x := range v {
		fields[i] = fmt.Sprintf("%.2f", x)
	}
	return strings.Join(fields, " ")
}

// printRow prints a line of a table whose first column is a name.
func printRow(w io.Writer, name, format string, args ...any) {
	fmt.Fprintf(w, "%-11s %s\n", name, untrusted.Text(fmt.Sprintf(format, args...)))
}

// table is what a command prints about something: a name and a value a line.
type table struct{ *tabwriter.Writer }

func newTable(w io.Writer) *table { return &table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

func (t *table) row(name, format string, args ...any) {
	fmt.Fprintf(t, "%s\t%s\n", name, untrusted.Line(fmt.Sprintf(format, args...)))
}

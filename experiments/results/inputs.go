//go:build !js

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/eval"
	"keyfold/layout"
)

// An Input is a text, and what methods that choose the size themselves keep of it.
type Input struct {
	Kind    string               `json:"kind"`
	Number  int                  `json:"number"`
	Similar []float64            `json:"similar_neighbours"` // (layers) share of neighbouring keys with a cosine above 0.75
	Kept    map[string][]float64 `json:"kept"`               // of each method: (layers) slots kept / total
	Sigma   []float64            `json:"sigma"`              // (layers * kv_heads) of KVMerger's blends; 0 where nothing is blended
	KeyNorm []float64            `json:"key_norm"`           // (layers * kv_heads) mean over the keys
}

var (
	kinds   = []string{"story", "facts", "needle-keys", "arithmetic", repeated}
	methods = []string{"kvmerger", "gvote"} // at sizes of their own
)

// inputsEach is how many texts there are of a kind.
const inputsEach = 8

// readInputs reads texts of all kinds, and asks the methods about each.
func readInputs(s *subject) ([]Input, error) {
	var list []Input
	for _, kind := range kinds {
		for number := range inputsEach {
			input, err := s.readInput(kind, number)
			if err != nil {
				return nil, fmt.Errorf("%s %d: %w", kind, number, err)
			}
			list = append(list, *input)
		}
	}
	return list, nil
}

func (s *subject) readInput(kind string, number int) (*Input, error) {
	ids, err := s.text(kind, number)
	if err != nil {
		return nil, err
	}
	var needs compress.Needs
	var list []compress.Method
	for _, name := range methods {
		m, err := compress.New(compress.Settings{Name: name, Seed: 1})
		if err != nil {
			return nil, err
		}
		list = append(list, m)
		var ok bool
		if needs, ok = needs.Union(m.Needs()); !ok {
			return nil, fmt.Errorf("%s wants a reading of its own", name)
		}
	}
	p, err := s.e.Prefill(context.Background(), ids, engine.Settings{KV: layout.CacheF16, Needs: needs})
	if err != nil {
		return nil, err
	}
	defer p.Free()
	in := &Input{Kind: kind, Number: number, Kept: map[string][]float64{}}
	for _, m := range list {
		plan, signals, err := p.Decide(m)
		if err != nil {
			return nil, err
		}
		kept := make([]float64, s.Model.Layers)
		for h, rows := range plan.Heads {
			kept[h/s.Model.KVHeads] += float64(len(rows)) / float64(signals.Heads[h].Slots()*s.Model.KVHeads)
		}
		in.Kept[m.Name()] = allRounded(kept)
		if !m.Needs().Cosine {
			continue
		}
		in.Similar = allRounded(engine.DescribeMethod(m, plan, signals).SimilarNeighbours)
		in.Sigma = sigmas(plan)
		keys, err := signals.Keys()
		if err != nil {
			return nil, err
		}
		for _, head := range keys {
			in.KeyNorm = append(in.KeyNorm, rounded(meanNorm(head, s.Model.HeadDim)))
		}
	}
	return in, nil
}

// sigmas returns the width that the blends of each head share, 0 if there are none.
func sigmas(plan *compress.Plan) []float64 {
	list := make([]float64, len(plan.Heads))
	for h, rows := range plan.Heads {
		if i := slices.IndexFunc(rows, func(r compress.Row) bool { return r.Rule == compress.Gaussian }); i >= 0 {
			list[h] = rounded(float64(rows[i].Sigma))
		}
	}
	return list
}

// meanNorm returns the mean length of keys, (slots * dim).
func meanNorm(keys []float32, dim int) float64 {
	sum := 0.0
	for key := range slices.Chunk(keys, dim) {
		squares := 0.0
		for _, v := range key {
			squares += float64(v) * float64(v)
		}
		sum += math.Sqrt(squares)
	}
	return sum / float64(len(keys)/dim)
}

func allRounded(values []float64) []float64 {
	list := make([]float64, len(values))
	for i, v := range values {
		list[i] = rounded(v)
	}
	return list
}

func (in Input) check(a *About) error {
	heads := a.Model.Layers * a.Model.KVHeads
	shares := [][]float64{in.Similar}
	for _, m := range methods {
		shares = append(shares, in.Kept[m])
	}
	for _, list := range shares {
		if len(list) != a.Model.Layers || slices.ContainsFunc(list, func(v float64) bool { return !(v >= 0 && v <= 1) }) {
			return fmt.Errorf("%s %d: shares %v, want one from 0 to 1 for each of %d layers", in.Kind, in.Number, list, a.Model.Layers)
		}
	}
	if !slices.Contains(kinds, in.Kind) || len(in.Sigma) != heads || len(in.KeyNorm) != heads ||
		slices.Min(in.Sigma) < 0 || slices.Min(in.KeyNorm) <= 0 {
		return fmt.Errorf("%s %d: sigma %v and norms %v, want one for each of %d heads", in.Kind, in.Number, in.Sigma, in.KeyNorm, heads)
	}
	return nil
}

// over returns a value of each input of a kind, or of all that are texts if kind is "".
func over(m *Measured[Input], kind string, value func(Input) float64) []float64 {
	var list []float64
	for _, in := range m.Rows {
		if in.Kind == kind || kind == "" && in.Kind != repeated {
			list = append(list, value(in))
		}
	}
	return list
}

// premiseFrom is the share of neighbours alike from which KVMerger's premise
// counts as present.
const premiseFrom = 0.5

// premiseTable shows the share of neighbouring keys that are alike, by layer.
func premiseTable(m *Measured[Input]) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s, layer | %s | all texts | |\n| --- |%s\n", m.Model.Name, strings.Join(kinds, " | "), strings.Repeat(" --- |", len(kinds)+2))
	absent := 0
	for layer := range m.Model.Layers {
		similar := func(in Input) float64 { return in.Similar[layer] }
		fmt.Fprintf(&b, "| %d |", layer)
		for _, kind := range kinds {
			fmt.Fprintf(&b, " %.1f |", 100*meanOf(over(m, kind, similar)))
		}
		all := meanOf(over(m, "", similar))
		verdict := "premise present"
		if all < premiseFrom {
			verdict = "premise absent"
			absent++
		}
		fmt.Fprintf(&b, " %.1f | %s |\n", 100*all, verdict)
	}
	if absent == 0 {
		fmt.Fprintf(&b, "\n**The premise is present in all %d layers of %s.**\n", m.Model.Layers, m.Model.Name)
	} else {
		fmt.Fprintf(&b, "\n**The premise is absent in %d of %d layers of %s.**\n", absent, m.Model.Layers, m.Model.Name)
	}
	return b.String()
}

// keptTable shows how much the methods keep of inputs of each kind, and whether
// it is the layers or the inputs that they differ by.
func keptTable(m *Measured[Input]) string {
	var b strings.Builder
	b.WriteString("| kept, % of the cache | inputs | mean | standard deviation | least to most |\n| --- | --- | --- | --- | --- |\n")
	for _, method := range methods {
		for _, kind := range kinds {
			kept := over(m, kind, func(in Input) float64 { return 100 * meanOf(in.Kept[method]) })
			fmt.Fprintf(&b, "| %s | %s | %.1f | %.1f | %.1f to %.1f |\n", method, kind, meanOf(kept), deviation(kept), slices.Min(kept), slices.Max(kept))
		}
	}
	b.WriteString("\n| how the share kept varies over layers and texts, % of its variance | between layers | between texts | the rest |\n| --- | --- | --- | --- |\n")
	for _, method := range methods {
		layers, texts, rest := parts(m, method)
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.0f |\n", method, 100*layers, 100*texts, 100*rest)
	}
	return b.String()
}

// parts splits the variance of what a method keeps, over layers and texts, into
// that of the layers' means, that of the texts' means, and what neither explains.
func parts(m *Measured[Input], method string) (layers, texts, rest float64) {
	var means, byText []float64
	for layer := range m.Model.Layers {
		means = append(means, meanOf(over(m, "", func(in Input) float64 { return in.Kept[method][layer] })))
	}
	byText = over(m, "", func(in Input) float64 { return meanOf(in.Kept[method]) })
	total := 0.0
	for layer := range m.Model.Layers {
		for _, v := range over(m, "", func(in Input) float64 { return in.Kept[method][layer] }) {
			total += math.Pow(v-meanOf(means), 2) / float64(len(byText)*len(means))
		}
	}
	if total == 0 {
		return 0, 0, 0
	}
	layers, texts = math.Pow(deviation(means), 2)/total, math.Pow(deviation(byText), 2)/total
	return layers, texts, 1 - layers - texts
}

// sigmaTable shows the widths of KVMerger's blends, and how long keys are.
func sigmaTable(m *Measured[Input]) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s, layer | heads with blends | sigma, median (10 to 90 %% of them) | length of a key, mean | sigma / length |\n| --- | --- | --- | --- | --- |\n", m.Model.Name)
	for layer := range m.Model.Layers {
		sigma, norms, heads := layerSigmas(m, layer)
		if len(sigma) == 0 {
			fmt.Fprintf(&b, "| %d | 0 of %d | | %.2f | |\n", layer, heads, meanOf(norms))
			continue
		}
		fmt.Fprintf(&b, "| %d | %d of %d | %.2f (%.2f to %.2f) | %.2f | %.2f |\n", layer, len(sigma), heads,
			at(sigma, 0.5), at(sigma, 0.1), at(sigma, 0.9), meanOf(norms), at(sigma, 0.5)/meanOf(norms))
	}
	return b.String()
}

// layerSigmas returns the widths of a layer's heads that blend anything, over all
// inputs, the mean lengths of the keys, and how many heads there are.
func layerSigmas(m *Measured[Input], layer int) (sigma, norms []float64, heads int) {
	n := m.Model.KVHeads
	for _, in := range m.Rows {
		norms = append(norms, in.KeyNorm[layer*n:(layer+1)*n]...)
		for _, v := range in.Sigma[layer*n : (layer+1)*n] {
			if heads++; v > 0 {
				sigma = append(sigma, v)
			}
		}
	}
	return sigma, norms, heads
}

// drawKept draws what is kept by layer, a line for each kind of input with bars
// from the least to the most.
func drawKept(w io.Writer, m *Measured[Input]) error {
	var panels []eval.Panel
	for _, method := range methods {
		panel := eval.Panel{Title: method}
		for k, kind := range kinds {
			s := eval.Series{Name: kind, Line: true}
			for layer := range m.Model.Layers {
				kept := over(m, kind, func(in Input) float64 { return 100 * in.Kept[method][layer] })
				s.Points = append(s.Points, eval.Point{
					X: float64(layer) + 0.06*float64(k-len(kinds)/2), // side by side
					Y: meanOf(kept), Low: slices.Min(kept), High: slices.Max(kept),
				})
			}
			panel.Series = append(panel.Series, s)
		}
		panels = append(panels, panel)
	}
	return eval.WritePanels(w, fmt.Sprintf("%s: what is kept of %d tokens, mean of %d inputs, least to most", m.Model.Name, m.Tokens, inputsEach),
		"layer", "slots kept, %", len(panels), panels)
}

// drawSigma draws how often which sigma is taken, by layer.
func drawSigma(w io.Writer, m *Measured[Input]) error {
	const bars = 24
	largest := 0.0
	for _, in := range m.Rows {
		largest = max(largest, slices.Max(in.Sigma))
	}
	width := largest / bars
	var panels []eval.Panel
	for layer := range m.Model.Layers {
		sigma, _, heads := layerSigmas(m, layer)
		s := eval.Series{Bars: true}
		for i := range bars {
			s.Points = append(s.Points, eval.Point{X: width * (float64(i) + 0.5)})
		}
		for _, v := range sigma {
			s.Points[min(bars-1, int(v/width))].Y++
		}
		panels = append(panels, eval.Panel{Title: fmt.Sprintf("layer %d (%d of %d heads blend)", layer, len(sigma), heads), Series: []eval.Series{s}})
	}
	return eval.WritePanels(w, fmt.Sprintf("%s: KVMerger's sigma, one for each KV head and input", m.Model.Name), "sigma", "heads", 3, panels)
}

// meanOf returns the mean of values.
func meanOf(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// deviation returns the standard deviation of values, all that there are.
func deviation(values []float64) float64 {
	mean, sum := meanOf(values), 0.0
	for _, v := range values {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(values)))
}

// at returns the value below which a share of values lies, between two where none is.
func at(values []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	place := share * float64(len(sorted)-1)
	low := int(place)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (place-float64(low))*(sorted[high]-sorted[low])
}

package session

import (
	"fmt"
	"slices"

	"keyfold/compress"
)

// describePlan describes the plan in force: what became of every slot.
func (r *run) describePlan() *Plan {
	p := &Plan{
		Method: r.plan.Method, Options: r.plan.Options, Differs: r.report.Method.Differs,
		Layers: r.signals.NLayers, KVHeads: r.signals.NKVHeads, Slots: len(r.tokens), Ratio: r.report.Cache.Ratio,
		MS:        float64(r.compressTime.Microseconds()) / 1e3,
		BytesFull: r.report.Cache.BytesFull, BytesOccupied: r.report.Cache.BytesOccupied,
		BytesAllocated: r.report.Cache.BytesAllocated, BytesPeak: r.report.Cache.BytesPeak,
	}
	for i, rows := range r.plan.Heads {
		signals := &r.signals.Heads[i]
		head := PlanHead{Row: make([]int, signals.Slots()), Mass: signals.Mass, Cosine: signals.Cosine, BStep: signals.BStep}
		for slot := range head.Row {
			head.Row[slot] = -1
		}
		for j, row := range rows {
			head.Pivot, head.N = append(head.Pivot, row.Pivot), append(head.N, row.N)
			for _, slot := range row.Slots {
				head.Row[slot] = j
			}
		}
		for _, v := range signals.Votes {
			head.Votes = append(head.Votes, int(v))
		}
		p.Heads = append(p.Heads, head)
	}
	return p
}

// headOf returns the index of the head that a request names.
func (r *run) headOf(req Request) (int, error) {
	if req.Layer < 0 || req.Layer >= r.signals.NLayers || req.Head < 0 || req.Head >= r.signals.NKVHeads {
		return 0, wrong("head", "layer %d head %d, want 0 to %d and 0 to %d",
			req.Layer, req.Head, r.signals.NLayers-1, r.signals.NKVHeads-1)
	}
	return req.Layer*r.signals.NKVHeads + req.Head, nil
}

// cell takes a row of the compressed cache apart.
func (r *run) cell(req Request, emit func(Event)) error {
	h, err := r.headOf(req)
	if err != nil {
		return err
	}
	if req.Row < 0 || req.Row >= len(r.plan.Heads[h]) {
		return wrong("row", "row %d, this head has 0 to %d", req.Row, len(r.plan.Heads[h])-1)
	}
	row := r.plan.Heads[h][req.Row]
	cell := &Cell{
		Layer: req.Layer, Head: req.Head, Row: req.Row, Pivot: row.Pivot, N: row.N, Bias: float64(row.Bias),
		Rule: row.Rule.String(), Sigma: float64(row.Sigma), Slots: row.Slots, Weights: r.weights[h][req.Row],
	}
	if row.Rule == compress.Explicit {
		var values []float32
		if cell.Slots, cell.Weights, values = row.Explicit(); !slices.Equal(values, cell.Weights) {
			cell.ValueWeights = values
		}
	}
	emit(Event{Cell: cell})
	emit(Event{Done: r.report})
	return nil
}

// ballots replays the votes for the slots of a head. A vote with s samples draws those
// of a vote with s-1 and one more, so the votes that it adds are the ballot of sample s.
func (r *run) ballots(req Request, emit func(Event)) error {
	h, err := r.headOf(req)
	if err != nil {
		return err
	}
	needs := r.method.Needs()
	if needs.Votes == nil {
		return wrong("method", "%s has no ballots; choose %s", r.method.Name(), voting())
	}
	out := &Ballots{Layer: req.Layer, Head: req.Head, Rounds: [][]int{}}
	before := make([]uint32, len(r.tokens))
	options := *needs.Votes
	all := options.Samples
	for samples := 1; samples <= all; samples++ {
		options.Samples = samples
		signals, err := r.prompt.Measure(compress.Needs{Votes: &options})
		if err != nil {
			return err
		}
		if signals.Heads[h].Votes == nil {
			return fmt.Errorf("the prompt has %d tokens, too few for a vote", len(r.tokens))
		}
		round := []int{}
		for slot, votes := range signals.Heads[h].Votes {
			if votes > before[slot] {
				round = append(round, slot)
			}
		}
		copy(before, signals.Heads[h].Votes)
		out.Rounds, out.BStep = append(out.Rounds, round), signals.Heads[h].BStep
		size := samples * r.s.engine.Config.Dim
		out.Hidden = r.prompt.Ballots().Hidden[req.Layer*size : (req.Layer+1)*size]
	}
	emit(Event{Ballots: out})
	emit(Event{Done: r.report})
	return nil
}

// similarity computes the cosine of all pairs of a head's keys.
func (r *run) similarity(req Request, emit func(Event)) error {
	h, err := r.headOf(req)
	if err != nil {
		return err
	}
	cosine, err := r.prompt.Cache.Similarity(req.Layer, req.Head)
	if err != nil {
		return err
	}
	emit(Event{Map: &SimilarityMap{Layer: req.Layer, Head: req.Head, Slots: r.signals.Heads[h].Slots(), Cosine: cosine}})
	emit(Event{Done: r.report})
	return nil
}

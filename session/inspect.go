package session

import (
	"fmt"
	"slices"

	"keyfold/compress"
)

// describePlan describes the plan in force: what became of every token, in a chat
// also by the plans before it.
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
		head := PlanHead{BStep: signals.BStep}
		rowOf, votes := make([]int, signals.Slots()), make([]int, len(signals.Votes))
		for slot := range rowOf {
			rowOf[slot] = -1
		}
		for j, row := range rows {
			head.Pivot, head.N = append(head.Pivot, signals.Pos[row.Pivot]), append(head.N, row.N)
			for _, slot := range row.Slots {
				rowOf[slot] = j
			}
		}
		for slot, v := range signals.Votes {
			votes[slot] = int(v)
		}
		head.Row, head.Votes = perToken(r.before, i, rowOf, p.Slots, -1), perToken(r.before, i, votes, p.Slots, 0)
		head.Mass, head.Cosine = perToken(r.before, i, signals.Mass, p.Slots, 0), perToken(r.before, i, signals.Cosine, p.Slots, 0)
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
	slots, weights, values := row.Slots, r.weights[h][req.Row], []float32(nil)
	if row.Rule == compress.Explicit {
		slots, weights, values = row.Explicit()
	}
	in := r.before.mix(h, slots, weights)
	cell := &Cell{
		Layer: req.Layer, Head: req.Head, Row: req.Row, Pivot: r.signals.Heads[h].Pos[row.Pivot], N: row.N, Bias: float64(row.Bias),
		Rule: row.Rule.String(), Sigma: float64(row.Sigma), Slots: in.tokens, Weights: in.shares,
	}
	if values != nil && !slices.Equal(values, weights) {
		cell.ValueWeights = r.before.mix(h, slots, values).shares
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
	before := make([]uint32, r.signals.Heads[h].Slots())
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
				round = append(round, r.before[h][slot].tokens...)
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

// similarity computes the cosine of all pairs of a head's keys, each as often as there
// are tokens in its slot. That of a token that was dropped is 0.
func (r *run) similarity(req Request, emit func(Event)) error {
	h, err := r.headOf(req)
	if err != nil {
		return err
	}
	cosine, err := r.prompt.Cache.Similarity(req.Layer, req.Head)
	if err != nil {
		return err
	}
	n := len(r.tokens)
	out := make([]float32, n*n)
	for i, row := range r.before[h] {
		for j, column := range r.before[h] {
			for _, a := range row.tokens {
				for _, b := range column.tokens {
					out[a*n+b] = cosine[i*len(r.before[h])+j]
				}
			}
		}
	}
	emit(Event{Map: &SimilarityMap{Layer: req.Layer, Head: req.Head, Slots: n, Cosine: out}})
	emit(Event{Done: r.report})
	return nil
}

package engine

import (
	"slices"

	"keyfold/cpu"
	"keyfold/layout"
)

// cpuActivations are what a forward pass computes on the CPU, for n tokens.
type cpuActivations struct {
	x      []float32 // (n, dim) the residual stream
	xb     []float32 // (n, dim) the same, normalised
	qkv    []float32 // (n, q_dim + 2*kv_dim)
	att    []float32 // (n, q_dim)
	lse    []float32 // (n, n_heads)
	gateUp []float32 // (n, 2*hidden)
	hidden []float32 // (n, hidden)

	positions []uint32 // (n) what keys and queries are rotated by
}

// cpuLane is a lane with its rows of the activations: all is (len(tokens), ...).
type cpuLane struct {
	*lane
	positions []uint32
	q         layout.Queries // in qkv

	xb, qkv, att, lse []float32

	logits                      []float32 // (rows wanted, vocab), or those that were given
	attention, attentionAgainst []float32 // as in [result]
}

// lanes returns the lanes of a step, those with tokens to be given their rows.
func (r *cpuRunner) lanes(s *step) (lanes []*cpuLane) {
	for _, lane := range s.lanes {
		lanes = append(lanes, &cpuLane{lane: lane, logits: lane.given, positions: positionsFrom(lane.cache.ropePos, len(lane.tokens))})
	}
	return lanes
}

// activations returns room for what is computed for n tokens, and gives each lane its rows.
func (r *cpuRunner) activations(lanes []*cpuLane, n int) *cpuActivations {
	c := r.cfg
	a := &cpuActivations{
		x:      make([]float32, n*c.Dim),
		xb:     make([]float32, n*c.Dim),
		qkv:    make([]float32, n*c.QKVDim()),
		att:    make([]float32, n*c.QDim()),
		lse:    make([]float32, n*c.NHeads),
		gateUp: make([]float32, n*2*c.HiddenDim),
		hidden: make([]float32, n*c.HiddenDim),
	}
	row := 0
	for _, lane := range lanes {
		n := len(lane.tokens)
		r.growTable(lane.cache.ropePos + n)
		part := func(all []float32, width int) []float32 { return all[row*width : (row+n)*width] }
		lane.xb, lane.qkv = part(a.xb, c.Dim), part(a.qkv, c.QKVDim())
		lane.att, lane.lse = part(a.att, c.QDim()), part(a.lse, c.NHeads)
		lane.q = r.queries(lane.qkv, n)
		a.positions = append(a.positions, lane.positions...)
		row += n
	}
	return a
}

// queries returns the queries in n rows of queries, keys and values.
func (r *cpuRunner) queries(qkv []float32, n int) layout.Queries {
	return layout.Queries{Buf: qkv, N: n, Stride: r.cfg.QKVDim(), Heads: r.cfg.NHeads, Scale: attentionScale(r.cfg)}
}

// attendAgainst computes the attention of the lane's queries over the other cache, and keeps both
// outputs.
func (l *cpuLane) attendAgainst(layer int) {
	out, lse := make([]float32, len(l.att)), make([]float32, len(l.lse))
	cpu.Attention(l.against.onCPU(layer, 1), l.q, out, lse)
	l.attention = append(l.attention, l.att...)
	l.attentionAgainst = append(l.attentionAgainst, out...)
}

// lastRow returns the logits (vocab) after the last token; nil: none are wanted.
func (l *cpuLane) lastRow(vocab int) []float32 { return l.logits[max(0, len(l.logits)-vocab):] }

// result returns what was found out of the lane.
func (l *cpuLane) result() *result {
	res := &result{attention: l.attention, attentionAgainst: l.attentionAgainst}
	if l.lane.logits != noRows {
		res.logits = l.logits
	}
	if l.watched != nil {
		for _, values := range l.watched.cpu {
			res.watched = append(res.watched, slices.Clone(values)) // which go on changing
		}
	}
	return res
}

// tablePiece is the number of positions by which a RoPE table grows ahead of
// those in use.
const tablePiece = 512

// growTable extends the RoPE table to the given number of positions.
func (r *cpuRunner) growTable(positions int) {
	have := len(r.table) / r.cfg.HeadDim
	if have < positions {
		r.table = slices.Concat(r.table, layout.RoPETable(have, positions+tablePiece, frequencies(r.cfg)))
	}
}

package engine

import (
	"math"
	"slices"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// rowTables are the rows of a plan for one layer in the form in which the
// kernels take them: slots count from the start of the layer's buffers.
type rowTables struct {
	moves    []layout.Move        // kept rows
	merges   []layout.MergeRow    // Gaussian rows
	members  []uint32             // of all Gaussian rows
	explicit []layout.ExplicitRow // rows with weights of their own
}

// tabulate lays out the plan's rows, (n_kv_heads)(rows), from src to dst.
func tabulate(dst, src *cacheLayer, rows [][]compress.Row) rowTables {
	var t rowTables
	for h := range rows {
		from, to := src.heads[h].Offset, dst.heads[h].Offset
		for j, row := range rows[h] {
			switch row.Rule {
			case compress.Keep:
				t.moves = append(t.moves, layout.Move{From: from + row.Pivot, To: to + j})
				continue
			case compress.Explicit:
				t.explicit = append(t.explicit, layout.ExplicitRow{
					To: to + j, Keys: shares(row.KeyWeights, from), Values: shares(row.ValueWeights, from),
				})
				continue
			}
			t.merges = append(t.merges, layout.MergeRow{
				To: to + j, Pivot: from + row.Pivot,
				First: len(t.members), Count: len(row.Slots),
				Sigma: row.Sigma, ValueScale: row.ValueScale, Aligned: row.Aligned, PerToken: row.PerToken,
			})
			for _, slot := range row.Slots {
				t.members = append(t.members, uint32(from+slot))
			}
		}
	}
	return t
}

// shares returns weights of a head's slots by slots of the layer's buffers.
func shares(weights []compress.Weight, offset int) []layout.Share {
	list := make([]layout.Share, len(weights))
	for i, w := range weights {
		list[i] = layout.Share{Slot: offset + w.Slot, Weight: w.Weight}
	}
	return list
}

// split deals the weights of all Gaussian members out to the rows: (n_kv_heads)(rows)(slots).
// A kept row has the single weight 1, an explicit one those of its keys.
func split(rows [][]compress.Row, weights []float32) [][][]float32 {
	out := make([][][]float32, len(rows))
	for h := range rows {
		for _, row := range rows[h] {
			switch row.Rule {
			case compress.Keep:
				out[h] = append(out[h], []float32{1})
				continue
			case compress.Explicit:
				_, keys, _ := row.Explicit()
				out[h] = append(out[h], keys[:len(row.Slots)])
				continue
			}
			out[h] = append(out[h], weights[:len(row.Slots):len(row.Slots)])
			weights = weights[len(row.Slots):]
		}
	}
	return out
}

// splitHeads deals (n_kv_heads, stride) values of one layer out to its heads,
// each as long as lens says.
func splitHeads[T any](values []T, stride int, lens []int) [][]T {
	var out [][]T
	for h, n := range lens {
		out = append(out, values[h*stride:h*stride+n])
	}
	return out
}

// pivotWords lays out the pivots of one layer's heads as (n_kv_heads, stride).
func pivotWords(pivots [][]int, stride int) []uint32 {
	words := make([]uint32, len(pivots)*stride)
	for i := range words {
		words[i] = layout.NoPivot
	}
	for h := range pivots {
		for i, p := range pivots[h] {
			if p >= 0 {
				words[h*stride+i] = uint32(p)
			}
		}
	}
	return words
}

// samplePositions returns where GVote's sampled queries stand behind a text of
// length n: the next positions, or spread over the next 512.
func samplePositions(n int, o compress.VoteOptions) []uint32 {
	positions := positionsFrom(n, o.Samples)
	if o.Spread {
		const horizon = 512
		for s := range positions {
			positions[s] = uint32(n + s*horizon/o.Samples)
		}
	}
	return positions
}

// wantsInput reports whether the trace needs the attention input of each layer.
func (t *trace) wantsInput() bool { return t != nil && t.needs.Votes != nil }

// counted returns the rows that statistics over a text of n tokens are made of.
func (t *trace) counted(n int) int { return max(0, n-t.needs.Votes.NSkip) }

// massFrom returns the first of n tokens from position first on whose attention
// counts: with MassLast only the last ones of the text do.
func (t *trace) massFrom(first int) int {
	if t.needs.MassLast == 0 {
		return 0
	}
	return max(0, t.end-t.needs.MassLast-first)
}

// add appends one layer's ballots.
//
//	votes  (n_kv_heads, slots)   bStep (n_heads)   stats (2, dim): mean, M2 of count rows
//	h      (samples, dim)        qkv (samples, q_dim + 2*kv_dim)   qLast (n_heads, head_dim)
func (b *Ballots) add(cfg checkpoint.Config, lens []int, slots int, votes, bStep []uint32,
	stats []float32, count int, h, qkv, qLast []float32) {
	b.Votes = append(b.Votes, splitHeads(votes, slots, lens)...)
	for head := range cfg.NKVHeads {
		var budgets []int
		for _, n := range bStep[head*cfg.GroupSize() : (head+1)*cfg.GroupSize()] {
			budgets = append(budgets, int(n))
		}
		b.BStep = append(b.BStep, budgets)
	}
	b.Mu = append(b.Mu, stats[:cfg.Dim]...)
	for _, m2 := range stats[cfg.Dim:] {
		b.SD = append(b.SD, float32(math.Sqrt(float64(m2)/float64(count))))
	}
	b.Hidden = append(b.Hidden, h...)
	for row := range slices.Chunk(qkv, cfg.QDim()+2*cfg.KVDim()) {
		b.SampledQueries = append(b.SampledQueries, row[:cfg.QDim()]...)
	}
	b.LastQueries = append(b.LastQueries, qLast...)
}

// attentionScale returns 1 / sqrt(head_dim), what scores are multiplied with.
func attentionScale(cfg checkpoint.Config) float32 {
	return float32(1 / math.Sqrt(float64(cfg.HeadDim)))
}

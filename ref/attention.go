package ref

import (
	"math"

	"keyfold/layout"
)

// Attention is the CPU twin of gpu/shaders/attention.wgsl and
// attention_prefill.wgsl: n new tokens attend to a ragged cache.
//
//	s_j = scale q·k_j + bias_j    out = Σ_j exp(s_j − lse) v_j    lse = ln Σ_j exp(s_j)
//
// Token t sees head.Len + nBefore + t + 1 slots of its KV head: what the cache
// held, and the new tokens up to itself.
//
//	k, v   (slots of all heads, head_dim)
//	slots  (slots of all heads)
//	heads  (n_kv_heads)
//	q      (n, stride), its first nHeads*head_dim columns
//	out    (n, nHeads*head_dim)  overwritten
//	lse    (n, nHeads)           overwritten
//
// Source: Vaswani et al. 2017, arXiv:1706.03762, eq. 1.
func Attention(k, v layout.Rows, slots []layout.Slot, heads []layout.Head, q, out, lse []float32, n, stride, nHeads, nBefore int, scale float32) {
	headDim, groupSize := k.HeadDim, nHeads/len(heads)
	row := make([]float32, headDim)
	sum := make([]float64, headDim)
	for kvHead, head := range heads {
		for t := range n {
			visible := head.Len + nBefore + t + 1
			for h := kvHead * groupSize; h < (kvHead+1)*groupSize; h++ {
				query := q[t*stride+h*headDim : t*stride+(h+1)*headDim]
				scores := layout.Scores(k, slots, head.Offset, visible, query, scale)
				norm := layout.LogSumExp(scores)
				clear(sum)
				for j, s := range scores {
					p := math.Exp(s - norm)
					v.Get(row, head.Offset+j)
					for i, x := range row {
						sum[i] += p * float64(x)
					}
				}
				for i, x := range sum {
					out[(t*nHeads+h)*headDim+i] = float32(x)
				}
				lse[t*nHeads+h] = float32(norm)
			}
		}
	}
}

// AttentionParts is the CPU twin of gpu/shaders/attention_decode.wgsl: one token
// attends to each part of `span` slots of every head as if it were a head.
//
//	k, v, slots, heads, q  as for [Attention], of one token
//	out  (parts, nHeads/n_kv_heads, head_dim)  overwritten
//	lse  (parts, nHeads/n_kv_heads)            overwritten
//
// It returns how many parts there are.
func AttentionParts(k, v layout.Rows, slots []layout.Slot, heads []layout.Head, q, out, lse []float32, nHeads, nBefore, span int, scale float32) (parts int) {
	groupSize := nHeads / len(heads)
	queries := groupSize * k.HeadDim // elements of a group's
	for h, head := range heads {
		for visible := head.Len + nBefore + 1; visible > 0; visible -= span {
			part := layout.Head{Offset: head.Offset, Len: min(span, visible) - 1} // Attention adds the token's own
			head.Offset += span
			Attention(k, v, slots, []layout.Head{part}, q[h*queries:(h+1)*queries], out[parts*queries:], lse[parts*groupSize:], 1, queries, groupSize, 0, scale)
			parts++
		}
	}
	return parts
}

// AttentionCombine is the CPU twin of gpu/shaders/attention_combine.wgsl: it
// makes of what [AttentionParts] computed what [Attention] does.
//
//	lse = ln Σ_p exp(lse_p)    out = Σ_p exp(lse_p − lse) out_p
//
//	heads            (n_kv_heads)
//	partOut, partLSE as out and lse of [AttentionParts]
//	out              (nHeads*headDim)  overwritten
//	lse              (nHeads)          overwritten
func AttentionCombine(heads []layout.Head, partOut, partLSE, out, lse []float32, nHeads, headDim, nBefore, span int) {
	groupSize := nHeads / len(heads)
	first := 0 // part of the head
	for kvHead, head := range heads {
		end := first + (head.Len+nBefore)/span + 1
		for a := range groupSize {
			var parts []float64
			for p := first; p < end; p++ {
				parts = append(parts, float64(partLSE[p*groupSize+a]))
			}
			norm := layout.LogSumExp(parts)
			h := kvHead*groupSize + a
			for i := range headDim {
				var sum float64
				for p, part := range parts {
					sum += math.Exp(part-norm) * float64(partOut[((first+p)*groupSize+a)*headDim+i])
				}
				out[h*headDim+i] = float32(sum)
			}
			lse[h] = float32(norm)
		}
		first = end
	}
}

package cpu

import (
	"math"

	"keyfold/gpu/ref"
)

// Attention computes what [ref.Attention] specifies. A head's keys and values
// are unpacked once for all its queries, the values transposed, so that scores
// and outputs are both products of rows with a vector.
func Attention(k, v ref.Rows, slots []ref.Slot, heads []ref.Head, q, out, lse []float32, n, stride, nHeads, nBefore int, scale float32) {
	eachHead(heads, nHeads*k.HeadDim, n, nBefore, func(kvHead int, head ref.Head, b *buffers) {
		headDim, groupSize := k.HeadDim, nHeads/len(heads)
		last := head.Len + nBefore + n // slots that the last token sees
		keys, values := b.unpackKeys(k, head.Offset, last), b.unpackValues(v, head.Offset, last)
		for t := range n {
			scores := b.scores[:last-n+t+1]
			for h := kvHead * groupSize; h < (kvHead+1)*groupSize; h++ {
				query := q[t*stride+h*headDim : t*stride+(h+1)*headDim]
				top := score(scores, keys, slots[head.Offset:], query, scale)
				sum := exp(scores, top)
				row := out[(t*nHeads+h)*headDim : (t*nHeads+h+1)*headDim]
				matvec(row, values, scores, last)
				norm := float32(1 / sum)
				for i := range row {
					row[i] *= norm
				}
				lse[t*nHeads+h] = float32(float64(top) + math.Log(sum))
			}
		}
	})
}

// AttnMass computes what [ref.AttnMass] specifies.
func AttnMass(k ref.Rows, slots []ref.Slot, heads []ref.Head, q, lse, mass []float32, n, qStride, nHeads, nBefore int, scale float32, tFirst, stride int) {
	if tFirst >= n {
		return
	}
	eachHead(heads, nHeads*k.HeadDim, n-tFirst, nBefore+tFirst, func(kvHead int, head ref.Head, b *buffers) {
		sums := make([]float64, head.Len+nBefore+n)
		b.paid(kvHead, head, k, slots, q, lse, tFirst, n, qStride, nHeads, nHeads/len(heads), nBefore, scale, func(paid []float32) {
			for j, p := range paid {
				sums[j] += float64(p)
			}
		})
		for j, sum := range sums {
			mass[kvHead*stride+j] += float32(sum / float64(nHeads/len(heads)))
		}
	})
}

// AttnMax computes what [ref.AttnMax] specifies.
func AttnMax(k ref.Rows, slots []ref.Slot, heads []ref.Head, q, lse, most []float32, n, qStride, nHeads, nBefore int, scale float32, stride int) {
	eachHead(heads, nHeads*k.HeadDim, n, nBefore, func(kvHead int, head ref.Head, b *buffers) {
		b.paid(kvHead, head, k, slots, q, lse, 0, n, qStride, nHeads, nHeads/len(heads), nBefore, scale, func(paid []float32) {
			row := most[kvHead*stride : kvHead*stride+len(paid)]
			for j, p := range paid {
				if p > row[j] {
					row[j] = p
				}
			}
		})
	})
}

// buffers are what a thread needs, grown to the longest of its heads.
type buffers struct{ keys, values, scores, rows []float32 }

// eachHead calls f for every KV head, on several threads.
func eachHead(heads []ref.Head, qDim, n, nBefore int, f func(kvHead int, head ref.Head, b *buffers)) {
	slots := 0
	for _, head := range heads {
		slots += head.Len + nBefore + n
	}
	parallel(len(heads), 1, slots*qDim/len(heads)*n, func(from, to int) {
		var b buffers
		for h := from; h < to; h++ {
			f(h, heads[h], &b)
		}
	})
}

// paid calls f with the attention that every query of a KV head pays to the
// slots that it sees, for the tokens tFirst .. n-1.
func (b *buffers) paid(kvHead int, head ref.Head, k ref.Rows, slots []ref.Slot, q, lse []float32,
	tFirst, n, qStride, nHeads, groupSize, nBefore int, scale float32, f func(paid []float32)) {
	last := head.Len + nBefore + n
	keys := b.unpackKeys(k, head.Offset, last)
	for t := tFirst; t < n; t++ {
		scores := b.scores[:last-n+t+1]
		for h := kvHead * groupSize; h < (kvHead+1)*groupSize; h++ {
			score(scores, keys, slots[head.Offset:], q[t*qStride+h*k.HeadDim:t*qStride+(h+1)*k.HeadDim], scale)
			exp(scores, lse[t*nHeads+h])
			f(scores)
		}
	}
}

// unpackKeys returns the keys of n slots, (n, head_dim), and makes room for as
// many scores.
func (b *buffers) unpackKeys(k ref.Rows, first, n int) []float32 {
	b.keys, b.scores = room(b.keys, n*k.HeadDim), room(b.scores, n)
	unpackSlots(b.keys, &k, first, n)
	return b.keys
}

// unpackValues returns the values of n slots, transposed: (head_dim, n).
func (b *buffers) unpackValues(v ref.Rows, first, n int) []float32 {
	atOnce := max(4, panel/v.HeadDim&^3)
	b.values, b.rows = room(b.values, v.HeadDim*n), room(b.rows, atOnce*v.HeadDim)
	for j := 0; j < n; j += atOnce {
		rows := b.rows[:min(atOnce, n-j)*v.HeadDim]
		unpackSlots(rows, &v, first+j, len(rows)/v.HeadDim)
		transpose(b.values[j:], rows, v.HeadDim, n)
	}
	return b.values
}

// room returns n floats of any values, in buffer's memory if that is enough.
func room(buffer []float32, n int) []float32 {
	if cap(buffer) < n {
		return make([]float32, n)
	}
	return buffer[:n]
}

// score writes scale query·k_j + bias_j for the first len(scores) keys, and
// returns the largest.
func score(scores, keys []float32, slots []ref.Slot, query []float32, scale float32) float32 {
	matvec(scores, keys, query, len(query))
	top := float32(math.Inf(-1))
	slots = slots[:len(scores)]
	for j, s := range scores {
		s = float32(scale*s) + slots[j].Bias
		scores[j] = s
		if s > top {
			top = s
		}
	}
	return top
}

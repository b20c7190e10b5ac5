package cpu

import (
	"math"
	"sync"

	"keyfold/layout"
)

// Attention computes what [ref.Attention] specifies. Keys and values are unpacked
// a panel at a time, for several queries: no head is in memory as float32.
func Attention(c layout.Cache, q layout.Queries, out, lse []float32) {
	heads, tokens := len(c.Heads), tileTokens(c, q)
	tiles := (q.N + tokens - 1) / tokens
	parallel(tiles*heads, 1, attentionWork(c, q.Heads, q.N), func(from, to int) {
		b := kept.Get().(*buffers)
		defer kept.Put(b)
		for i := from; i < to; i++ {
			tile := tiles - 1 - i/heads // the last ones first: they take the longest
			b.attend(c, i%heads, q, tile*tokens, out, lse)
		}
	})
}

// attend computes the attention of the tile that begins with token t.
func (b *buffers) attend(c layout.Cache, kvHead int, q layout.Queries, t int, out, lse []float32) {
	headDim, tile := c.HeadDim(), b.tile(c, kvHead, q, t)
	b.lanes = room(b.lanes, len(tile)*8*headDim)
	clear(b.lanes)
	for i := range tile {
		tile[i].sum = exp(tile[i].scores, tile[i].top)
	}
	b.eachPanel(c.V, c.Heads[kvHead].Offset, len(tile[len(tile)-1].scores), func(from, n int, values []float32) {
		for i, x := range tile {
			addRows(b.lanes[i*8*headDim:(i+1)*8*headDim], values, x.seen(from, n))
		}
	})
	for i, x := range tile {
		sumLanes(out[x.row*headDim:(x.row+1)*headDim], b.lanes[i*8*headDim:(i+1)*8*headDim], float32(1/x.sum))
		lse[x.row] = float32(float64(x.top) + math.Log(x.sum))
	}
}

// AttnMass computes what [ref.AttnMass] specifies.
func AttnMass(c layout.Cache, q layout.Queries, lse, mass []float32, tFirst, stride int) {
	if tFirst >= q.N {
		return
	}
	groupSize := float64(q.Heads / len(c.Heads))
	eachHead(c, q.Heads, q.N-tFirst, func(kvHead int, b *buffers) {
		sums := make([]float64, c.Len(kvHead))
		b.paid(c, kvHead, q, lse, tFirst, func(paid []float32) {
			for j, p := range paid {
				sums[j] += float64(p)
			}
		})
		for j, sum := range sums {
			mass[kvHead*stride+j] += float32(sum / groupSize)
		}
	})
}

// AttnMax computes what [ref.AttnMax] specifies.
func AttnMax(c layout.Cache, q layout.Queries, lse, largest []float32, stride int) {
	eachHead(c, q.Heads, q.N, func(kvHead int, b *buffers) {
		b.paid(c, kvHead, q, lse, 0, func(paid []float32) {
			row := largest[kvHead*stride : kvHead*stride+len(paid)]
			for j, p := range paid {
				if p > row[j] {
					row[j] = p
				}
			}
		})
	})
}

// buffers are what a thread needs, grown to the longest of its heads.
type buffers struct{ panel, bias, scores, lanes []float32 }

// kept are buffers that no thread is using.
var kept = sync.Pool{New: func() any { return new(buffers) }}

// query is one query of a tile.
type query struct {
	row    int       // of out and lse: token*nHeads + head
	q      []float32 // (head_dim)
	scores []float32 // scale q·k_j + bias_j of every slot that it sees
	top    float32   // the largest of them
	sum    float64
}

// seen returns the scores of those slots of from .. from+n-1 that the query sees.
func (x *query) seen(from, n int) []float32 {
	return x.scores[min(from, len(x.scores)):min(from+n, len(x.scores))]
}

// eachHead calls f for every KV head, on several threads, for n tokens with
// nHeads query heads.
func eachHead(c layout.Cache, nHeads, n int, f func(kvHead int, b *buffers)) {
	parallel(len(c.Heads), 1, attentionWork(c, nHeads, n), func(from, to int) {
		b := kept.Get().(*buffers)
		defer kept.Put(b)
		for h := from; h < to; h++ {
			f(h, b)
		}
	})
}

// attentionWork is the number of multiplications of n tokens with the keys of a cache.
func attentionWork(c layout.Cache, nHeads, n int) int {
	slots := 0
	for h := range c.Heads {
		slots += c.Len(h)
	}
	return slots * nHeads * c.HeadDim() / len(c.Heads) * n
}

// paid calls f with the attention that every query of a KV head pays to the
// slots that it sees, from token tFirst on.
func (b *buffers) paid(c layout.Cache, kvHead int, q layout.Queries, lse []float32, tFirst int, f func(paid []float32)) {
	b.eachTile(c, kvHead, q, tFirst, func(tile []query) {
		for _, x := range tile {
			exp(x.scores, lse[x.row])
			f(x.scores)
		}
	})
}

// tileQueries is the number of queries that share the unpacking of a head: with
// 32 of them it is a small part of the work, and their scores stay in a nearby cache.
const tileQueries = 32

// tileTokens is the number of tokens whose queries of a KV head are a tile.
func tileTokens(c layout.Cache, q layout.Queries) int {
	return max(1, tileQueries/(q.Heads/len(c.Heads)))
}

// eachTile calls f with the queries of a KV head and their scores, some tokens at
// a time, from token tFirst on.
func (b *buffers) eachTile(c layout.Cache, kvHead int, q layout.Queries, tFirst int, f func(tile []query)) {
	for ; tFirst < q.N; tFirst += tileTokens(c, q) {
		f(b.tile(c, kvHead, q, tFirst))
	}
}

// tile returns the queries of a KV head and their scores for some tokens from tFirst on.
// The last query of a tile sees the most slots.
func (b *buffers) tile(c layout.Cache, kvHead int, q layout.Queries, tFirst int) []query {
	headDim, groupSize, offset := c.HeadDim(), q.Heads/len(c.Heads), c.Heads[kvHead].Offset
	tokens := min(tileTokens(c, q), q.N-tFirst)
	last := c.Visible(kvHead, tFirst+tokens-1, q.N) // slots that the last token sees
	b.scores = room(b.scores, tokens*groupSize*last)
	tile := make([]query, tokens*groupSize)
	for i := range tile {
		t, h := tFirst+i/groupSize, kvHead*groupSize+i%groupSize
		tile[i] = query{
			row:    t*q.Heads + h,
			q:      q.Row(t, h, headDim),
			scores: b.scores[i*last:][:c.Visible(kvHead, t, q.N)],
		}
	}
	b.eachPanel(c.K, offset, last, func(from, n int, keys []float32) {
		for _, x := range tile {
			matvec(x.seen(from, n), keys, x.q, len(x.q))
		}
	})
	bias := b.biases(c.Slots[offset : offset+last])
	for i := range tile {
		tile[i].top = addBias(tile[i].scores, bias, q.Scale)
	}
	return tile
}

// biases returns the biases of slots, side by side.
func (b *buffers) biases(slots []layout.Slot) []float32 {
	b.bias = room(b.bias, len(slots))
	for j := range slots {
		b.bias[j] = slots[j].Bias
	}
	return b.bias
}

// eachPanel calls f with slots from .. from+n-1 of n of a head, as float32
// (n, head_dim). All but the last panel have a multiple of 8 slots.
func (b *buffers) eachPanel(r layout.Rows, first, n int, f func(from, n int, rows []float32)) {
	atOnce := min(n, max(8, panel/r.HeadDim&^7))
	b.panel = room(b.panel, atOnce*r.HeadDim)
	for from := 0; from < n; from += atOnce {
		rows := min(atOnce, n-from)
		f(from, rows, unpackSlots(b.panel, &r, first+from, rows))
	}
}

// room returns n floats of any values, in buffer's memory if that is enough.
func room(buffer []float32, n int) []float32 {
	if cap(buffer) < n {
		return make([]float32, n)
	}
	return buffer[:n]
}

// addBiasGo makes products q·k_j scores, scale q·k_j + bias_j, and returns the largest.
func addBiasGo(scores, bias []float32, scale float32) float32 {
	top := float32(math.Inf(-1))
	bias = bias[:len(scores)]
	for j, s := range scores {
		s = float32(scale*s) + bias[j]
		scores[j] = s
		if s > top {
			top = s
		}
	}
	return top
}

package kernelcase

import (
	"fmt"
	"slices"

	"keyfold/layout"
	"keyfold/ref"
)

// Attention is a call of one of the kernels of attention.
type Attention struct {
	Cache    layout.Cache
	Q        Queries
	Out, LSE []float32 // a row for each of Q.Buf
}

func newAttention(c layout.Cache, q Queries) *Attention {
	return &Attention{Cache: c, Q: q, Out: q.results(q.Heads * c.HeadDim()), LSE: q.results(q.Heads)}
}

func (c *Attention) Twin() { ref.Attention(c.Cache, c.Q.OnCPU(), c.Q.Own(c.Out), c.Q.Own(c.LSE)) }

// Exp of scores of size up to 30 that carry an f32 rounding each.
func (c *Attention) Outputs() []Output {
	return []Output{near("out", c.Out, 1e-5, 1e-5), near("lse", c.LSE, 1e-5, 1e-6)}
}

// logSums returns what attention leaves in LSE.
func logSums(c layout.Cache, q Queries) []float32 {
	a := newAttention(c, q)
	a.Twin()
	return a.LSE
}

// AttentionShapes are awkward for attention, besides those of every cache kernel.
var AttentionShapes = []CacheShape{
	{"stories15M", 48, []int{40, 7}, 1},
	{"parts of ragged heads", 64, []int{700, 2, 128, 300}, 1},
	{"parts for five query heads a group", 32, []int{129, 600}, 5},
	{"parts, one head", 8, []int{511}, 3},
	{"the widest rows of a large tile", 92, []int{70, 3}, 1},
	{"the widest rows of a tile", 220, []int{40}, 1},
	{"the widest head in decode", 256, []int{300, 10}, 2},
	{"wider", 288, []int{20}, 1},
	{"a head_dim that is no multiple of 8", 12, []int{9, 5}, 1},
}

// NewAttention returns the attention of n tokens that were appended after nBefore
// others. One score is sharp among flat ones. What no token sees is not a number.
func NewAttention(t layout.CacheType, s CacheShape, n, nBefore int) *Attention {
	return newAttention(sharpQueries(t, s, n, nBefore))
}

func sharpQueries(t layout.CacheType, s CacheShape, n, nBefore int) (layout.Cache, Queries) {
	c := NewCache(t, s, nBefore+n, 2)
	q := queries("q", c, s.Group, n, 1)
	q.Buf[0] = 30
	return c, q
}

// AttentionCases are the attention of one and of more tokens to caches of type t.
func AttentionCases(t layout.CacheType) []Case {
	var cases []Case
	for _, s := range shapesFor(t, AttentionShapes...) {
		for _, tokens := range [][3]int{{1, 0, 0}, {1, 2, 5}, {3, 0, 0}, {33, 2, 2}} {
			n, nBefore, row := tokens[0], tokens[1], tokens[2]
			c, q := sharpQueries(t, s, n, nBefore)
			cases = append(cases, one(fmt.Sprintf("%v, %s, %d tokens behind %d, in row %d", t, s.Why, n, nBefore, row),
				newAttention(c, q.at(row))))
		}
	}
	// A few slots take it all, the others are far below.
	sharp := NewAttention(t, CacheShape{"sharp", 32, []int{65, 64}, 1}, 64, 0)
	sharp.Q.Scale = 4
	return append(cases,
		one(fmt.Sprintf("%v, sharp", t), sharp),
		// The tokens are in the tables already: none was appended behind them.
		one(fmt.Sprintf("%v, in the tables", t), inTheTables(t, 6)),
		one(fmt.Sprintf("%v, work for several threads of the CPU", t),
			NewAttention(t, CacheShape{"long", 128, []int{1000, 700, 10}, 1}, 3, 0)))
}

// inTheTables returns the attention of n tokens that Heads tells of.
func inTheTables(t layout.CacheType, n int) *Attention {
	c := NewCache(t, CacheShape{"in the tables", 32, []int{40, 30}, 1}, 0, 2)
	return newAttention(c, queries("q", c, 1, n, 1))
}

// DecodeParts is a call of decode_parts and decode_combine.
type DecodeParts struct {
	Cache            layout.Cache
	Q                Queries
	PartOut, PartLSE []float32 // of as many parts as there could be
	Out, LSE         []float32 // a row for each of Q.Buf
	Span             int
	parts            int // that there are, once the twin knows
}

// NewDecodeParts is the attention of one token over parts of `span` slots.
func NewDecodeParts(c layout.Cache, q Queries, span int) *DecodeParts {
	kvHeads := len(c.Heads)
	group := q.Heads / kvHeads
	most := len(c.Slots)/kvHeads*kvHeads/span + kvHeads
	return &DecodeParts{
		Cache: c, Q: q, Span: span, PartOut: unwritten(most * group * c.HeadDim()), PartLSE: unwritten(most * group),
		Out: q.results(q.Heads * c.HeadDim()), LSE: q.results(q.Heads),
	}
}

func (c *DecodeParts) Twin() {
	c.parts = ref.DecodeParts(c.Cache, c.Q.OnCPU(), c.PartOut, c.PartLSE, c.Span)
	ref.DecodeCombine(c.Cache, c.PartOut, c.PartLSE, c.Q.Own(c.Out), c.Q.Own(c.LSE), c.Q.Heads, c.Span)
}

// As for Attention. What lies behind the parts that there are is not compared.
func (c *DecodeParts) Outputs() []Output {
	rows := c.parts * c.Q.Heads / len(c.Cache.Heads)
	return []Output{
		near("out", c.Out, 1e-5, 1e-5), near("lse", c.LSE, 1e-5, 1e-6),
		near("out of parts", c.PartOut, 1e-5, 1e-5).part("out of parts", 0, rows*c.Cache.HeadDim()),
		near("lse of parts", c.PartLSE, 1e-5, 1e-6).part("lse of parts", 0, rows),
	}
}

// DecodePartsCases are parts of any length, of heads no wider than widest.
func DecodePartsCases(t layout.CacheType, widest int) []Case {
	var cases []Case
	for _, s := range shapesFor(t, AttentionShapes...) {
		for i, span := range []int{3, 64, 100, 1 << 20} {
			if s.HeadDim <= widest {
				c, q := sharpQueries(t, s, 1, 2)
				q = q.at(2 * i)
				cases = append(cases, one(fmt.Sprintf("%v, %s, parts of %d", t, s.Why, span), NewDecodeParts(c, q, span)))
			}
		}
	}
	return cases
}

// AttnMass is a call of attn_mass.
type AttnMass struct {
	Cache          layout.Cache
	Q              Queries
	LSE, Mass      []float32 // LSE has a row for each of Q.Buf
	TFirst, Stride int
}

func newAttnMass(c layout.Cache, q Queries, lse []float32, tFirst int) *AttnMass {
	stride := strideOf(c)
	return &AttnMass{Cache: c, Q: q, LSE: lse, Mass: numbers("mass", len(c.Heads)*stride, 1), TFirst: tFirst, Stride: stride}
}

func (c *AttnMass) Twin() {
	ref.AttnMass(c.Cache, c.Q.OnCPU(), c.Q.Own(c.LSE), c.Mass, c.TFirst, c.Stride)
}

// n exponentials of scores of size up to 20 that carry an f32 rounding each, on top of
// numbers around 1.
func (c *AttnMass) Outputs() []Output { return []Output{near("mass", c.Mass, 1e-5, 1e-5)} }

// AttnMassCases are the mass from some token on, in caches of type t.
func AttnMassCases(t layout.CacheType) []Case {
	const n = 6
	var cases []Case
	for _, tFirst := range []int{0, 4, n, n + 3} {
		cases = append(cases, perShape(t, shapesFor(t), func(s CacheShape) Call {
			c := NewCache(t, s, 2+n, 0)
			q := queries("q", c, s.Group, n, 1)
			for i := range s.HeadDim {
				q.Buf[i] *= 6 // sharp attention among flat ones
			}
			q = q.at(tFirst / 2)
			return newAttnMass(c, q, logSums(c, q), tFirst)
		})...)
	}
	return append(cases, massOfChunks(t))
}

// massOfChunks adds chunk after chunk of a text, from its token 5 on.
func massOfChunks(t layout.CacheType) Case {
	const n, atOnce, tFirst = 20, 8, 5
	c := NewCache(t, CacheShape{"chunks", 32, []int{3, 8}, 2}, n, 0)
	whole := newAttnMass(c, queries("q", c, 2, n, 1), nil, 0)
	lse := logSums(c, whole.Q)
	var calls []Call
	for done := 0; done < n; done += atOnce {
		part := *whole
		part.Q.N, part.Q.First, part.LSE = min(atOnce, n-done), done, lse
		part.Cache, part.TFirst = c.With(done+part.Q.N), max(0, tFirst-done)
		calls = append(calls, &part)
	}
	return Case{fmt.Sprintf("%v, chunks", t), calls}
}

// LongLoops are the mass of and the most from so many tokens with wide heads that the
// loops of a thread take long.
func LongLoops() []Case {
	const n = 256
	c := NewCache(layout.CacheF16, CacheShape{"long loops", 128, []int{300 - n}, 8}, n, 0)
	q := queries("q", c, 8, n, 1)
	lse := logSums(c, q)
	return []Case{one("mass", newAttnMass(c, q, lse, 0)), one("largest", newAttnMax(c, q, lse))}
}

// AttnMax is a call of attn_max.
type AttnMax struct {
	Cache        layout.Cache
	Q            Queries
	LSE, Largest []float32 // LSE has a row for each of Q.Buf
	Stride       int
}

// newAttnMax begins with a third of the slots as a chunk before could have left them.
func newAttnMax(c layout.Cache, q Queries, lse []float32) *AttnMax {
	stride := strideOf(c)
	largest := make([]float32, len(c.Heads)*stride)
	for i := 0; i < len(largest); i += 3 {
		largest[i] = 0.2
	}
	return &AttnMax{Cache: c, Q: q, LSE: lse, Largest: largest, Stride: stride}
}

func (c *AttnMax) Twin() { ref.AttnMax(c.Cache, c.Q.OnCPU(), c.Q.Own(c.LSE), c.Largest, c.Stride) }

// An exponential of a score of size up to 20 that carries an f32 rounding.
func (c *AttnMax) Outputs() []Output { return []Output{near("largest", c.Largest, 1e-7, 2e-5)} }

// AttnMaxCases are caches of type t to which tokens were appended, and some whose tokens are
// in the tables already.
func AttnMaxCases(t layout.CacheType) []Case {
	const n = 3
	cases := perShape(t, shapesFor(t), func(s CacheShape) Call {
		c := NewCache(t, s, 2+n, 0)
		q := queries("q", c, s.Group, n, 2).at(len(s.Lens))
		return newAttnMax(c, q, logSums(c, q))
	})
	for _, headDim := range []int{8, 64} {
		if t.Check(headDim) == nil {
			c := NewCache(t, CacheShape{"in the tables", headDim, []int{n, 5, 255, 257}, 2}, 0, 0)
			q := queries("q", c, 2, n, 2)
			cases = append(cases, one(fmt.Sprintf("%v, in the tables, head_dim %d", t, headDim), newAttnMax(c, q, logSums(c, q))))
		}
	}
	return cases
}

// ExpectedLogits is a call of expected_logits.
type ExpectedLogits struct {
	Cache         layout.Cache
	Q             layout.QueryMoments
	Logits, Norms []float32
	Stride        int
}

func newExpectedLogits(c layout.Cache, group int) *ExpectedLogits {
	heads, stride := group*len(c.Heads), strideOf(c)
	moments := layout.QueryMoments{
		Mean: numbers("mean", heads*c.HeadDim(), 1), Cov: covariances(heads, c.HeadDim()), Heads: heads, Scale: attentionScale(c),
	}
	return &ExpectedLogits{
		Cache: c, Q: moments, Logits: unwritten(heads * stride), Norms: unwritten(len(c.Heads) * stride), Stride: stride,
	}
}

// covariances returns a matrix of rank 3 and a diagonal for each head.
func covariances(heads, headDim int) []float32 {
	cov, roots := make([]float32, heads*headDim*headDim), numbers("roots", heads*3*headDim, 1)
	for a := range heads {
		for i := range headDim {
			for j := range headDim {
				at := (a*headDim+i)*headDim + j
				for r := range 3 {
					cov[at] += roots[(3*a+r)*headDim+i] * roots[(3*a+r)*headDim+j]
				}
				if i == j {
					cov[at]++
				}
			}
		}
	}
	return cov
}

func (c *ExpectedLogits) Twin() { ref.ExpectedLogits(c.Cache, c.Q, c.Logits, c.Norms, c.Stride) }

// head_dim^2 products of size 1 over head_dim, of which the diagonal does not cancel. One
// f32 sum of head_dim squares, a root.
func (c *ExpectedLogits) Outputs() []Output {
	return []Output{near("logits", c.Logits, 2e-5, 1e-5), near("norms", c.Norms, 0, 2e-6)}
}

// ExpectedLogitsCases are caches of type t, with one token appended.
func ExpectedLogitsCases(t layout.CacheType) []Case {
	shapes := slices.Concat(lengthShapes(t, 1), shapesFor(t))
	return perShape(t, shapes, func(s CacheShape) Call { return newExpectedLogits(NewCache(t, s, 1, 3), s.Group) })
}

// lengthShapes have heads of 1, 2, 255 and 257 slots of which the last nAfter were appended.
func lengthShapes(t layout.CacheType, nAfter int) []CacheShape {
	var shapes []CacheShape
	for i, headDim := range []int{8, 16, 64, 128} {
		if t.Check(headDim) == nil {
			shapes = append(shapes, CacheShape{
				fmt.Sprintf("head_dim %d", headDim), headDim, []int{1 - nAfter, 2 - nAfter, 255 - nAfter, 257 - nAfter}, 1 + i%3,
			})
		}
	}
	return shapes
}

package gpu

import (
	"fmt"
	"math"
	"slices"

	"keyfold/layout"
	"keyfold/ref"
)

// Check is the verdict of [Device.SelfTest] on one kernel.
type Check struct {
	Kernel string // "attention f16 (1 token)": the wrapper, the type it reads or writes, the variant
	Err    error  // nil: the device computes what the CPU twin does
}

// SelfTest runs every kernel on a little data on this device and compares it
// with its CPU twin: in those variants that a model with matrices of these
// types, caches of these types and heads of headDim uses afterwards, so that
// nothing is compiled in vain. It returns one check per kernel, in order. A
// kernel that does not compile or run has failed its check (in a browser, whose
// device is of no more use then, it is the last one); an error says that the
// test itself found no memory.
//
// An element may be abs + rel*|want| off, ten times what rounding explains or more:
// this is about drivers that compute something else.
func (d *Device) SelfTest(weights []layout.WeightType, caches []layout.CacheType, headDim int) ([]Check, error) {
	s := &selfTest{d: d}
	for _, t := range weights {
		s.samples = 0 // each group has the same numbers whatever was tested before
		s.weightKernels(t)
	}
	s.samples = 0
	s.plainKernels(headDim)
	for _, t := range caches {
		s.samples = 0
		s.cacheKernels(t, headDim)
	}
	for _, b := range s.buffers {
		b.Destroy()
	}
	return s.checks, s.err
}

// weightKernels tests what reads a matrix of type t. The shapes are such that
// no kernel gets by with one workgroup, one turn of a loop or full tiles.
func (s *selfTest) weightKernels(t layout.WeightType) {
	const rows, cols, row = 37, 288, 2
	w := sampleWeights(t, rows, cols)
	g := &Weights{Type: t, Rows: rows, Cols: cols}
	g.parts = []weightPart{{rows: rows, scales: t.QuantWords(rows, cols), buf: s.upload(w.Words)}}

	tokens, x := []uint32{5, rows - 1, 0, 17}, s.unwritten(3*cols) // those from the second on
	ids := s.upload(tokens)
	ref.Embed(w, tokens[1:], x.twin)
	s.check("embed "+t.String(), func(p *Pass) { p.Embed(g, ids, x.buf, 1, 3) },
		x.near("x", 1e-9, 2e-7)) // exact but for one rounding of d*q+m

	for _, n := range []int{1, 5, 33} {
		x, y := s.numbers(n*cols), s.unwritten(n*rows)
		ref.MatMul(w, x.twin, y.twin, n)
		ref.AddMatMul(w, x.twin, y.twin, n)
		s.check(fmt.Sprintf("matmul %v (%s)", t, count(n, "row")), func(p *Pass) {
			p.MatMul(g, x.buf, y.buf, n)
			p.AddMatMul(g, x.buf, y.buf, n)
		}, y.near("y", 2e-5, 1e-5)) // sums of 288 products of size 0.2
	}

	x, norm, y := s.numbers((row+1)*cols), s.numbers(cols), s.unwritten(rows)
	ref.NormMatVec(w, x.twin, norm.twin, y.twin, row, 0.01)
	s.check(fmt.Sprintf("norm_matvec %v", t), func(p *Pass) { p.NormMatVec(g, x.buf, norm.buf, y.buf, row, 0.01) },
		y.near("y", 2e-5, 1e-5)) // likewise

	const hidden = (rows - 1) / 2
	w, x, h := sampleWeights(t, 2*hidden, cols), s.numbers(cols), s.unwritten(hidden)
	g = &Weights{Type: t, Rows: 2 * hidden, Cols: cols}
	g.parts = []weightPart{{rows: 2 * hidden, scales: t.QuantWords(2*hidden, cols), buf: s.upload(w.Words)}}
	ref.NormSwiGLU(w, x.twin, norm.twin, h.twin, 0.01)
	s.check(fmt.Sprintf("norm_swiglu %v", t), func(p *Pass) { p.NormSwiGLU(g, x.buf, norm.buf, nil, h.buf, 0.01) },
		h.near("y", 5e-5, 2e-5)) // of two of them
}

// plainKernels tests what reads neither weights nor a cache.
func (s *selfTest) plainKernels(headDim int) {
	const n, dim = 9, 70

	x, w, y := s.numbers((2+n)*dim), s.numbers(dim), s.unwritten(n*dim)
	ref.RMSNorm(x.twin, w.twin, y.twin, n, dim, 2, 0.01)
	s.check("rms_norm", func(p *Pass) { p.RMSNorm(x.buf, w.buf, y.buf, n, dim, 2, 0.01) },
		y.near("y", 1e-6, 1e-5)) // a sum of 70 squares, a root

	positions, qkv := []uint32{9, 2, 5}, s.numbers(3*3*headDim)
	at, table := s.upload(positions), s.floats(layout.RoPETable(0, 10, headDim, 10000))
	ref.RoPE(table.twin, positions, qkv.twin, 3*headDim, 2, headDim)
	s.check("rope", func(p *Pass) { p.RoPE(table.buf, at, qkv.buf, 3, 3*headDim, 2, headDim) },
		qkv.near("qkv", 2e-6, 1e-6)) // two products of size 1

	gateUp, h := s.numbers(2*3*dim), s.unwritten(3*dim)
	ref.SwiGLU(gateUp.twin, h.twin, 3, dim)
	s.check("swiglu", func(p *Pass) { p.SwiGLU(gateUp.buf, h.buf, 3, dim) },
		h.near("y", 1e-6, 1e-5)) // an exp and a quotient, which WGSL allows some units in the last place

	const vocab = 150
	logits := s.floats(s.logits(vocab))
	for _, c := range sampleDraws {
		row, chosen := logits.twin[vocab:], s.unwritten(2*ChosenWords)
		id, lse := ref.Choose(row, c.draw, 3)
		copy(chosen.twin[ChosenWords:], []float32{math.Float32frombits(uint32(id)), row[id], lse})
		s.check("choose ("+c.name+")", func(p *Pass) {
			p.Choose(logits.buf, chosen.buf, vocab, 1, 1, c.draw, 3)
		}, chosen.part(0, 5).same("chosen"), chosen.part(5, 6).near("lse", 2e-6, 1e-6)) // 150 exps, a log
	}

	rows, state := s.numbers(n*dim), s.unwritten(2*dim)
	ref.GVoteStats(rows.twin, state.twin, n, dim, 0, 4)
	ref.GVoteStats(rows.twin, state.twin, n, dim, n-4, 1)
	s.check("gvote_stats", func(p *Pass) {
		p.GVoteStats(rows.buf, state.buf, n, dim, 0, 4)
		p.GVoteStats(rows.buf, state.buf, n, dim, n-4, 1)
	}, state.part(0, dim).near("mean", 2e-6, 1e-6), state.part(dim, 2*dim).near("m2", 2e-6, 2e-5)) // 13 terms

	queries, means, cov := s.numbers(n*5*headDim), s.numbers(3*headDim), s.unwritten(3*headDim*headDim)
	q, onDevice := layout.Queries{Buf: queries.twin, N: n, Stride: 5 * headDim, Heads: 3}, Queries{Buf: queries.buf, N: n, Stride: 5 * headDim, Heads: 3}
	ref.QueryCov(q, means.twin, cov.twin, headDim, 0, 4)
	ref.QueryCov(q, means.twin, cov.twin, headDim, n-4, 1)
	s.check("query_cov", func(p *Pass) {
		p.QueryCov(onDevice, means.buf, cov.buf, headDim, 0, 4)
		p.QueryCov(onDevice, means.buf, cov.buf, headDim, n-4, 1)
	}, cov.near("cov", 1e-4, 1e-5)) // 13 products of size 4, sums of them squared

	known, draws := s.floats(state.twin), s.unwritten(3*dim)
	ref.GVoteSample(known.twin, draws.twin, dim, 3, 13, selfTestSeed, 2)
	s.check("gvote_sample", func(p *Pass) { p.GVoteSample(known.buf, draws.buf, dim, 3, 13, selfTestSeed, 2) },
		draws.near("h", 1e-5, 1e-5)) // two roots, a polynomial

	zeros := s.unwritten(dim)
	clear(zeros.twin[:dim-3])
	s.check("zero", func(p *Pass) { p.Zero(zeros.buf, dim-3) }, zeros.same("x"))
}

// cacheKernels tests what touches a cache of type t: two heads of very different
// length with four query heads, positions that differ from slots, biases. Behind
// the slots that Heads tells of, each head has appended ones.
func (s *selfTest) cacheKernels(t layout.CacheType, headDim int) {
	const nHeads, stride = 4, 75
	qDim := nHeads * headDim
	qStride, scale := qDim+4*headDim, float32(1/math.Sqrt(float64(headDim)))
	c := s.cache(t, headDim, true)
	name := func(kernel string) string { return kernel + " " + t.String() }
	tiny, half := 0.0, 0.0
	switch {
	case t == layout.CacheF16:
		tiny, half = 6.2e-5, 1.0/1024 // a device may round a half up or down, and a subnormal one to 0
	case t.Quantised():
		half = 1.0 / 1024 // likewise, but no scale here is subnormal
	}

	table := s.floats(layout.RoPETable(0, 120, headDim, 10000))
	values, positions := s.sample(2*qStride), []uint32{7, 100, 101} // those from the second on
	values[qDim] = 1e6                                              // beyond the largest half, however it is turned
	qkv, at, to := s.floats(values), s.upload(positions), s.cache(t, headDim, false)
	ref.RoPE(table.twin, positions[1:], qkv.twin, qStride, nHeads+2, headDim)
	ref.CacheWrite(qkv.twin, to.cpu.With(5), positions[1:], nHeads)
	s.check(name("cache_write"), func(p *Pass) {
		p.CacheWrite(to.gpu.With(5), qkv.buf, at, table.buf, 1, 2, nHeads)
	}, qkv.near("qkv", 2e-6, 1e-6), to.keys(tiny+2e-6, half), to.values(tiny, half),
		output{name: "slots", buf: to.gpu.Slots, want: SlotWords(to.cpu.Slots)})

	var q, lse mirror // of several tokens in the end
	var n int
	queries := func() (layout.Queries, Queries) {
		return layout.Queries{Buf: q.twin, N: n, Stride: qStride, Heads: nHeads, Scale: scale},
			Queries{Buf: q.buf, N: n, Stride: qStride, Heads: nHeads, Scale: scale}
	}
	for _, n = range []int{1, 5} {
		out := s.unwritten(n * qDim)
		q, lse = s.numbers(n*qStride), s.unwritten(n*nHeads)
		here, there := queries()
		ref.Attention(c.cpu.With(1+n), here, out.twin, lse.twin)
		s.check(fmt.Sprintf("%s (%s)", name("attention"), count(n, "token")), func(p *Pass) {
			p.Attention(c.gpu.With(1+n), there, out.buf, lse.buf, Parts{})
		}, out.near("out", 2e-5, 1e-5), lse.near("lse", 1e-5, 1e-5)) // exp of rounded scores up to 10
	}
	here, there := queries()
	if s.d.variant(AttendOne).kernel == "decode_parts" {
		const span, parts = 30, 4 // three of the longer head
		partOut, partLSE := s.unwritten(parts*qDim/2), s.unwritten(parts*nHeads/2)
		out, lse := s.unwritten(qDim), s.unwritten(nHeads)
		one, oneThere := here, there
		one.N, oneThere.N = 1, 1
		ref.DecodeParts(c.cpu.With(2), one, partOut.twin, partLSE.twin, span)
		ref.DecodeCombine(c.cpu.With(2), partOut.twin, partLSE.twin, out.twin, lse.twin, nHeads, span)
		s.check(name("attention")+" (1 token, parts)", func(p *Pass) {
			p.decodeParts(c.gpu.With(2), oneThere, partOut.buf, partLSE.buf, span)
			p.decodeCombine(c.gpu.With(2), Parts{partOut.buf, partLSE.buf}, out.buf, lse.buf, nHeads, span)
		}, out.near("out", 2e-5, 1e-5), lse.near("lse", 1e-5, 1e-5), partLSE.near("lse of parts", 1e-5, 1e-5)) // likewise
	}

	known, mass := s.floats(lse.twin), s.numbers(2*stride)
	ref.AttnMass(c.cpu, here, lse.twin, mass.twin, 2, stride)
	s.check(name("attn_mass"), func(p *Pass) {
		p.AttnMass(c.gpu, there, known.buf, mass.buf, 2, stride)
	}, mass.near("mass", 1e-5, 1e-5)) // likewise

	cosine := s.unwritten(2 * stride)
	ref.KeySimilarity(c.cpu, cosine.twin, stride)
	s.check(name("key_similarity"), func(p *Pass) { p.KeySimilarity(c.gpu, cosine.buf, stride) },
		cosine.near("cosine", 1e-5, 0)) // three sums of head_dim products, relative to the norms

	pivots, distance := make([]uint32, 2*stride), s.unwritten(2*stride)
	for i := range pivots {
		pivots[i] = []uint32{uint32(i * i % 7), layout.NoPivot}[i%3/2]
	}
	pivotOf := s.upload(pivots)
	aligned := s.unwritten(2 * stride)
	ref.PivotDistance(c.cpu, pivots, distance.twin, table.twin, stride, false)
	ref.PivotDistance(c.cpu, pivots, aligned.twin, table.twin, stride, true)
	s.check(name("pivot_distance"), func(p *Pass) {
		p.PivotDistance(c.gpu, pivotOf, table.buf, distance.buf, stride, false)
		p.PivotDistance(c.gpu, pivotOf, table.buf, aligned.buf, stride, true)
	}, distance.near("distance", 0, 1e-5), // a sum of head_dim squares, a root
		aligned.near("aligned distance", 1e-5, 1e-5)) // of rotated keys

	s.attendedKernels(c, here, there, known, name)
	s.applyKernels(c, table, name, tiny, half)
	s.voteKernel(c, name, here)
}

// attendedKernels tests what measures single queries' attention, and that of
// queries to come. The tokens of q have the log-sums lse.
func (s *selfTest) attendedKernels(c *sampleCache, q layout.Queries, onDevice Queries, lse mirror, name func(string) string) {
	const stride = 75
	headDim, nHeads := c.cpu.HeadDim(), q.Heads

	largest := s.floats(make([]float32, 2*stride))
	ref.AttnMax(c.cpu, q, lse.twin, largest.twin, stride)
	s.check(name("attn_max"), func(p *Pass) {
		p.AttnMax(c.gpu, onDevice, lse.buf, largest.buf, stride)
	}, largest.near("largest", 1e-6, 2e-5)) // exp of rounded scores up to 10

	mean, cov := s.numbers(nHeads*headDim), s.covariance(nHeads, headDim)
	logits, norms := s.unwritten(nHeads*stride), s.unwritten(2*stride)
	ref.ExpectedLogits(c.cpu, layout.QueryMoments{Mean: mean.twin, Cov: cov.twin, Heads: nHeads, Scale: q.Scale}, logits.twin, norms.twin, stride)
	s.check(name("expected_logits"), func(p *Pass) {
		p.ExpectedLogits(c.gpu, QueryMoments{Mean: mean.buf, Cov: cov.buf, Heads: nHeads, Scale: q.Scale}, logits.buf, norms.buf, stride)
	}, logits.near("logits", 1e-4, 1e-5), // sums of head_dim^2 products of size 1, scaled down by head_dim
		norms.near("norms", 0, 1e-5))
}

// applyKernels tests what moves and blends rows of c into another cache.
func (s *selfTest) applyKernels(c *sampleCache, turns mirror, name func(string) string, tiny, half float64) {
	to, moves := s.cache(c.cpu.K.Type, c.cpu.HeadDim(), false), []layout.Move{{From: 3, To: 60}, {From: 79, To: 0}, {From: 0, To: 7}}
	table := s.upload(MoveWords(moves))
	ref.KVGather(c.cpu, to.cpu, moves)
	s.check(name("kv_gather"), func(p *Pass) { p.KVGather(c.gpu, to.gpu, table, len(moves)) },
		output{name: "k", buf: to.gpu.K, want: to.cpu.K.Words}, output{name: "v", buf: to.gpu.V, want: to.cpu.V.Words})

	into, sigma := s.cache(c.cpu.K.Type, c.cpu.HeadDim(), false), float32(math.Sqrt(float64(c.cpu.HeadDim())))
	rows := []layout.MergeRow{
		{To: 9, Pivot: 4, First: 0, Count: 3, Sigma: sigma, ValueScale: 2},
		{To: 2, Pivot: 75, First: 3, Count: 2, Sigma: 1.5 * sigma, ValueScale: 1},
		{To: 5, Pivot: 21, First: 5, Count: 3, Sigma: sigma, ValueScale: 1, Aligned: true},
		{To: 30, Pivot: 40, First: 8, Count: 2, Sigma: sigma, ValueScale: 3, PerToken: true},
	}
	members, weights := []uint32{3, 4, 6, 74, 75, 20, 21, 23, 40, 41}, s.unwritten(10)
	rowBuf := s.upload(MergeWords(rows, members))
	ref.GaussianMerge(c.cpu, into.cpu, rows, members, turns.twin, weights.twin)
	s.check(name("gaussian_merge"), func(p *Pass) {
		p.GaussianMerge(c.gpu, into.gpu, rowBuf, turns.buf, weights.buf, len(rows), len(members))
	}, weights.near("weights", 1e-6, 2e-5), // exp of a rounded distance
		into.keys(1e-5+tiny, 1e-5+half), into.values(1e-5+tiny, 1e-5+half))

	summed := s.cache(c.cpu.K.Type, c.cpu.HeadDim(), false)
	list := []layout.ExplicitRow{
		{To: 11, Keys: []layout.Share{{Slot: 7, Weight: 1}}, Values: []layout.Share{{Slot: 2, Weight: 0.25}, {Slot: 7, Weight: 1}, {Slot: 9, Weight: -0.5}}},
		{To: 70, Keys: []layout.Share{{Slot: 30, Weight: 0.4}, {Slot: 31, Weight: 0.6}}, Values: []layout.Share{{Slot: 31, Weight: 2}}},
	}
	rowWords, shareWords := ExplicitWords(list)
	sumBuf, shareBuf := s.upload(rowWords), s.upload(shareWords)
	ref.ExplicitMerge(c.cpu, summed.cpu, list)
	s.check(name("explicit_merge"), func(p *Pass) {
		p.ExplicitMerge(c.gpu, summed.gpu, sumBuf, shareBuf, len(list), len(shareWords)/2)
	}, summed.keys(1e-5+tiny, 1e-5+half), summed.values(1e-5+tiny, 1e-5+half)) // three products of size 2

	turned, by := s.cache(c.cpu.K.Type, c.cpu.HeadDim(), false), make([]int32, len(c.cpu.Slots))
	words := make([]uint32, len(by))
	for slot := range by {
		by[slot] = []int32{0, 40, -3, 1, -100}[slot%5]
		words[slot] = uint32(by[slot])
	}
	byBuf := s.upload(words)
	ref.KeyRotate(c.cpu, turned.cpu, by, turns.twin)
	s.check(name("key_rotate"), func(p *Pass) { p.KeyRotate(c.gpu, turned.gpu, byBuf, turns.buf, len(by)) },
		turned.keys(1e-5+tiny, 1e-5+half), // two products of size 2
		output{name: "v", buf: turned.gpu.V, want: turned.cpu.V.Words})
}

// voteKernel tests GVote's ballot.
func (s *selfTest) voteKernel(c *sampleCache, name func(string) string, like layout.Queries) {
	if slices.ContainsFunc(s.checks, func(c Check) bool { return c.Kernel == "zero" && c.Err != nil }) {
		return // a ballot begins with zero, and would be blamed for it
	}
	const samples, stride = 3, 75
	nHeads, qStride := like.Heads, like.Stride
	s.samples = ballotSamples
	qLast, qSamples := s.numbers(nHeads*c.cpu.HeadDim()), s.numbers(samples*qStride)
	scores, voteBuf, sizeBuf := s.unwritten(2*nHeads*stride).buf, s.unwritten(2*stride).buf, s.unwritten(nHeads).buf
	votes, sizes := make([]uint32, 2*stride), make([]uint32, nHeads)
	ballot := layout.Ballot{PNuc: 0.9, IncludeC0: true, Stride: stride}
	row := nHeads * c.cpu.HeadDim()
	ref.GVoteVote(c.cpu, layout.Queries{Buf: qLast.twin, N: 1, Stride: row, Heads: nHeads, Scale: like.Scale},
		layout.Queries{Buf: qSamples.twin, N: samples, Stride: qStride, Heads: nHeads, Scale: like.Scale}, votes, sizes, ballot)
	s.check(name("gvote_vote"), func(p *Pass) {
		p.GVoteVote(c.gpu, Queries{Buf: qLast.buf, N: 1, Stride: row, Heads: nHeads, Scale: like.Scale},
			Queries{Buf: qSamples.buf, N: samples, Stride: qStride, Heads: nHeads, Scale: like.Scale}, scores, voteBuf, sizeBuf, ballot)
	}, output{name: "b_step", buf: sizeBuf, want: sizes}, output{name: "votes", buf: voteBuf, want: votes}) // no close call
}

package gpu

import (
	"fmt"
	"slices"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

// caseRun runs cases of kernels on the device. What the cases hold in Go's memory has a
// buffer each, found again by the address of its first element.
type caseRun struct {
	d       *Device
	buffers map[any]*Buffer
	keep    []any // the arrays, so that no other gets the address of one
	pass    *Pass // in which the calls are recorded
}

func newCaseRun(d *Device) *caseRun { return &caseRun{d: d, buffers: map[any]*Buffer{}} }

// free destroys all buffers.
func (r *caseRun) free() {
	for _, b := range r.buffers {
		b.Destroy()
	}
}

// check runs a case on the device and compares what it leaves with what the twin does.
func (r *caseRun) check(c kernelcase.Case, slack kernelcase.Slack) error {
	r.pass = r.d.Begin()
	compare := r.recordCase(c, slack)
	if err := r.pass.Submit(); err != nil {
		return err
	}
	return compare()
}

// recordCase records the calls of a case and runs their twins. Once the pass has been
// submitted, the function that it returns compares what both have left.
func (r *caseRun) recordCase(c kernelcase.Case, slack kernelcase.Slack) (compare func() error) {
	for _, call := range c.Calls {
		r.record(r.pass, call)
	}
	if err := r.pass.err; err != nil {
		return func() error { return err }
	}
	c.Twin()
	outputs := c.Outputs()
	var reads []*Read
	for _, o := range outputs {
		reads = append(reads, r.pass.Read(r.buffers[o.Array()], 4*o.From, 4*(o.To-o.From)))
	}
	return func() error {
		for i, o := range outputs {
			if err := o.Compare(reads[i].Words(), slack); err != nil {
				return err
			}
		}
		return nil
	}
}

// kernelsOf returns the kernels that a case runs on the device.
func (d *Device) kernelsOf(c kernelcase.Case) (ids []kernelID) {
	r := newCaseRun(d)
	r.pass = &Pass{d: d, list: &ids}
	for _, call := range c.Calls {
		r.record(r.pass, call)
	}
	return ids
}

// record records a call: the only place that says how each kernel is called with
// the arguments of its cases.
func (r *caseRun) record(p *Pass, call kernelcase.Call) {
	switch c := call.(type) {
	case *kernelcase.Embed:
		p.Embed(r.weights(c.W), r.words(c.Tokens), r.floats(c.X), c.First, c.Row, len(c.Tokens)-c.First)
	case *kernelcase.MatMul:
		p.matMul(r.weights(c.W), r.floats(c.X), r.floats(c.Y), c.N, c.Add)
	case *kernelcase.NormMatVec:
		p.NormMatVec(r.weights(c.W), r.floats(c.X), r.floats(c.Norm), r.floats(c.Y), c.Row, c.Eps)
	case *kernelcase.NormSwiGLU:
		p.NormSwiGLU(r.weights(c.W), r.floats(c.X), r.floats(c.Norm), nil, r.floats(c.Y), c.Eps)
	case *kernelcase.RMSNorm:
		p.RMSNorm(r.floats(c.X), r.floats(c.W), r.floats(c.Y), c.Rows, c.Dim, c.Row0, c.Eps)
	case *kernelcase.AddBias:
		p.AddBias(r.floats(c.X), r.floats(c.Bias), c.Rows, len(c.Bias))
	case *kernelcase.HeadNorm:
		p.HeadNorm(r.queries(c.Q), r.floats(c.W), c.NKVHeads, len(c.W)/2, c.Eps)
	case *kernelcase.RoPE:
		p.RoPE(r.floats(c.Table), r.words(c.Positions), r.floats(c.QKV), len(c.Positions), c.Stride, c.NHeads, c.HeadDim)
	case *kernelcase.SwiGLU:
		p.SwiGLU(r.floats(c.GateUp), r.floats(c.Y), c.N, c.Hidden)
	case *kernelcase.Choose:
		p.Choose(r.floats(c.Logits), r.floats(c.Chosen), c.Vocab, c.Row, c.At, c.Draw, c.Position)
	case *kernelcase.ChooseSlices:
		p.chooseSlices(chooser{r.floats(c.Slices), r.floats(c.SoFar)}, r.floats(c.Logits), c.Vocab, 1, c.Draw, c.Position, c.Round)
	case *kernelcase.Compare:
		p.Compare(r.floats(c.Full), r.floats(c.Comp), r.floats(c.FullChosen), r.floats(c.CompChosen), r.floats(c.Compared), len(c.Full), c.At)
	case *kernelcase.Likeliest:
		p.Likeliest(r.floats(c.Logits), r.words(c.Candidates), len(c.Logits), c.N, c.At)
	case *kernelcase.GVoteStats:
		p.GVoteStats(r.floats(c.X), r.floats(c.State), c.N, c.Dim, c.CountBefore, c.Skip)
	case *kernelcase.QueryCov:
		p.QueryCov(r.queries(c.Q), r.floats(c.Mean), r.floats(c.Cov), c.HeadDim, c.CountBefore, c.Skip)
	case *kernelcase.GVoteSample:
		p.GVoteSample(r.floats(c.State), r.floats(c.H), c.Dim, c.Samples, c.Count, c.Seed, c.Layer)
	case *kernelcase.Zero:
		p.Zero(r.words(c.X), c.N)
	default:
		r.recordCacheCall(p, call)
	}
}

// recordCacheCall records a call of a kernel that touches a cache.
func (r *caseRun) recordCacheCall(p *Pass, call kernelcase.Call) {
	switch c := call.(type) {
	case *kernelcase.Attention:
		p.Attention(r.cache(c.Cache), r.queries(c.Q), r.floats(c.Out), r.floats(c.LSE), r.parts(c))
	case *kernelcase.DecodeParts:
		cache, parts := r.cache(c.Cache), Parts{Out: r.floats(c.PartOut), LSE: r.floats(c.PartLSE)}
		p.decodeParts(cache, r.queries(c.Q), parts.Out, parts.LSE, 0, c.Span)
		p.decodeCombine(cache, parts, r.queries(c.Q), r.floats(c.Out), r.floats(c.LSE), c.Span)
	case *kernelcase.AttnMass:
		p.AttnMass(r.cache(c.Cache), r.queries(c.Q), r.floats(c.LSE), r.floats(c.Mass), c.TFirst, c.Stride)
	case *kernelcase.AttnMax:
		p.AttnMax(r.cache(c.Cache), r.queries(c.Q), r.floats(c.LSE), r.floats(c.Largest), c.Stride)
	case *kernelcase.ExpectedLogits:
		q := QueryMoments{Mean: r.floats(c.Q.Mean), Cov: r.floats(c.Q.Cov), Heads: c.Q.Heads, Scale: c.Q.Scale}
		p.ExpectedLogits(r.cache(c.Cache), q, r.floats(c.Logits), r.floats(c.Norms), c.Stride)
	case *kernelcase.KeySimilarity:
		p.KeySimilarity(r.cache(c.Cache), r.floats(c.Cosine), c.Stride)
	case *kernelcase.PivotDistance:
		p.PivotDistance(r.cache(c.Cache), r.words(c.Pivots), r.floats(c.Table), r.floats(c.Distance), c.Stride, c.Aligned)
	case *kernelcase.KeyRotate:
		by := make([]uint32, len(c.By))
		for slot, n := range c.By {
			by[slot] = uint32(n)
		}
		p.KeyRotate(r.cache(c.From), r.cache(c.To), r.words(by), r.floats(c.Table), len(by))
	case *kernelcase.CacheWrite:
		p.CacheWrite(r.cache(c.Cache), r.queries(c.Q), r.words(c.Positions), r.floats(c.Table), c.First)
	case *kernelcase.KVGather:
		p.KVGather(r.cache(c.From), r.cache(c.To), r.words(MoveWords(c.Moves)), len(c.Moves))
	case *kernelcase.GaussianMerge:
		rows := r.words(MergeWords(c.Rows, c.Members))
		p.GaussianMerge(r.cache(c.From), r.cache(c.To), rows, r.floats(c.Table), r.floats(c.Weights), len(c.Rows), len(c.Members))
	case *kernelcase.ExplicitMerge:
		rows, shares := ExplicitWords(c.Rows)
		p.ExplicitMerge(r.cache(c.From), r.cache(c.To), r.words(rows), r.words(shares), len(c.Rows), len(shares)/2)
	case *kernelcase.GVoteVote:
		ranks := r.words(make([]uint32, c.ScratchRows*c.Ballot.Stride))
		p.GVoteVote(r.cache(c.Cache), r.queries(c.Last), r.queries(c.Sampled), ranks, r.words(c.Votes), r.words(c.BStep), c.Ballot)
	default:
		panic(fmt.Sprintf("BUG: gpu: nothing calls %T", call))
	}
}

// buffer returns the buffer of an array, which it makes of the array's words when first
// asked for. Without memory the pass fails.
func (r *caseRun) buffer(array, first any, words func() []uint32) *Buffer {
	if b, ok := r.buffers[first]; ok {
		return b
	}
	data := words()
	if r.pass.list != nil {
		return &Buffer{size: 4 * len(data)}
	}
	b, err := r.d.NewBuffer("case", 4*len(data))
	if err == nil {
		err = b.UploadWords(0, data)
	}
	if err != nil {
		b.Destroy()
		r.pass.Fail(err)
		return &Buffer{}
	}
	r.buffers[first] = b
	r.keep = append(r.keep, array)
	return b
}

func (r *caseRun) floats(v []float32) *Buffer {
	return r.buffer(v, &v[0], func() []uint32 { return layout.FloatWords(v) })
}

// words returns the buffer of words; of none it holds one.
func (r *caseRun) words(v []uint32) *Buffer {
	if len(v) == 0 {
		v = make([]uint32, 1)
	}
	return r.buffer(v, &v[0], func() []uint32 { return v })
}

func (r *caseRun) slots(v []layout.Slot) *Buffer {
	return r.buffer(v, &v[0], func() []uint32 { return layout.SlotWords(v) })
}

func (r *caseRun) heads(v []layout.Head) *Buffer {
	return r.buffer(v, &v[0], func() (words []uint32) {
		for _, h := range v {
			words = append(words, uint32(h.Offset), uint32(h.Len))
		}
		return words
	})
}

func (r *caseRun) weights(w *layout.Weights) *Weights {
	buf := r.buffer(w.Words, &w.Words[0], func() []uint32 {
		return append(slices.Clone(w.Words), make([]uint32, wholeBlocks(4*len(w.Words))/4-len(w.Words))...)
	})
	part := weightPart{typ: w.Type, rows: w.Rows, scales: w.Type.QuantWords(w.Rows, w.Cols), buf: buf}
	return &Weights{Rows: w.Rows, Cols: w.Cols, parts: []weightPart{part}}
}

func (r *caseRun) queries(q kernelcase.Queries) Queries {
	return Queries{Buf: r.floats(q.Buf), First: q.First, N: q.N, Stride: q.Stride, Heads: q.Heads, Scale: q.Scale}
}

func (r *caseRun) cache(c layout.Cache) *Cache {
	cache := &Cache{
		Type: c.K.Type, HeadDim: c.HeadDim(), NKVHeads: len(c.Heads), Appended: c.Appended,
		K: r.words(c.K.Words), V: r.words(c.V.Words), Slots: r.slots(c.Slots), Heads: r.heads(c.Heads),
	}
	for _, head := range c.Heads {
		cache.Longest = max(cache.Longest, head.Len)
	}
	return cache
}

// parts returns memory for attention that is cut into parts: none where the cache is
// too short for that.
func (r *caseRun) parts(c *kernelcase.Attention) Parts {
	cache := r.cache(c.Cache)
	if c.Q.N > 1 || cache.span(c.Q.Heads) == wholeHead {
		return Parts{}
	}
	rows := (maxParts + cache.NKVHeads) * c.Q.Heads / cache.NKVHeads
	return Parts{Out: r.words(make([]uint32, rows*cache.HeadDim)), LSE: r.words(make([]uint32, rows))}
}

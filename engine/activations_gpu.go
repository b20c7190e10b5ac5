package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"keyfold/gpu"
	"keyfold/layout"
)

// gpuActivations are what a forward pass computes on the GPU, for up to n tokens.
type gpuActivations struct {
	n      int
	x      *gpu.Buffer // (n, dim) the residual stream
	xb     *gpu.Buffer // (n, dim) the same, normalised
	qkv    *gpu.Buffer // (n, q_dim + 2*kv_dim)
	att    *gpu.Buffer // (n, q_dim)
	lse    *gpu.Buffer // (n, n_heads)
	parts  gpu.Parts   // of one token's attention
	gateUp *gpu.Buffer // (n, 2*hidden)
	hidden *gpu.Buffer // (n, hidden), and (n, dim) of rows whose logits are wanted

	tokens    *gpu.Buffer // (n) u32
	positions *gpu.Buffer // u32: those of every lane's tokens, and of what it is fed ahead
	logits    *gpu.Buffer // (logitRows, vocab) of several rows
	logitRows int         // rows that are computed at once
	lanes     []*laneBuffers

	// Over two caches: see attendAgainst.
	attAgainst *gpu.Buffer // (n, q_dim)
	outputs    *gpu.Buffer // (2, n_layers, q_dim)
}

// laneBuffers are what a lane has for itself.
type laneBuffers struct {
	logits     *gpu.Buffer // (vocab) after its last token
	chosen     *gpu.Buffer // (1 + maxAhead, gpu.ChosenWords)
	compared   *gpu.Buffer // (1 + maxAhead, gpu.ComparedWords)
	candidates *gpu.Buffer // (1 + tokens ahead, gpu.LikeliestWords)
}

// gpuLane is a lane with its place in the activations, and what comes back of it.
type gpuLane struct {
	*lane
	row      int         // of its first token
	position int         // of its first token in the buffer of positions
	q        gpu.Queries // in qkv
	b        *laneBuffers

	leader   *gpuLane // whose choices it is fed ahead
	fullLane *gpuLane // that of lane.full

	reads struct {
		logits                       []*gpu.Read
		watched                      []*gpu.Read
		chosen, compared, candidates *gpu.Read
		attention                    *gpu.Read
	}
}

func (a *gpuActivations) free() {
	buffers := []*gpu.Buffer{a.x, a.xb, a.qkv, a.att, a.lse, a.gateUp, a.hidden, a.tokens, a.positions, a.logits, a.attAgainst, a.outputs}
	for _, l := range a.lanes {
		buffers = append(buffers, l.logits, l.chosen, l.compared, l.candidates)
	}
	for _, b := range buffers {
		b.Destroy()
	}
	a.parts.Destroy()
	*a = gpuActivations{}
}

// fitActivations makes the activations fit n tokens.
func (r *gpuRunner) fitActivations(n int) (err error) {
	cfg := r.cfg
	if r.a.n < n {
		r.a.free()
		for _, b := range []struct {
			to       **gpu.Buffer
			label    string
			elements int
		}{
			{&r.a.x, "x", n * cfg.Dim},
			{&r.a.xb, "xb", n * cfg.Dim},
			{&r.a.qkv, "qkv", n * cfg.QKVDim()},
			{&r.a.att, "attention", n * cfg.QDim()},
			{&r.a.lse, "lse", n * cfg.NHeads},
			{&r.a.gateUp, "gate_up", n * 2 * cfg.HiddenDim},
			{&r.a.hidden, "hidden", n * max(cfg.HiddenDim, cfg.Dim)},
			{&r.a.tokens, "tokens", n},
		} {
			if err = r.fit(b.to, b.label, b.elements); err != nil {
				r.a.free()
				return fmt.Errorf("activations of %d tokens: %w", n, err)
			}
		}
		if r.a.parts, err = r.d.NewParts(cfg.NHeads, cfg.NKVHeads, cfg.HeadDim); err != nil {
			r.a.free()
			return fmt.Errorf("attention of one token: %w", err)
		}
		r.a.n = n
	}
	return nil
}

// fit makes a buffer hold as many 4-byte elements, or more.
func (r *gpuRunner) fit(b **gpu.Buffer, label string, elements int) (err error) {
	if *b != nil && (*b).Size() >= 4*elements {
		return nil
	}
	(*b).Destroy()
	*b = nil
	*b, err = r.d.NewBuffer(label, 4*elements)
	return err
}

// logitBytes bounds the buffer of logits: more rows go in several submits.
const logitBytes = 32 << 20

// prepare makes room for what a step computes, and uploads tokens, positions and given logits.
func (r *gpuRunner) prepare(s *step) ([]*gpuLane, error) {
	n, rows, vocab := max(1, s.rows()), len(s.wantedRows()), r.cfg.VocabSize
	if err := r.fitActivations(n); err != nil {
		return nil, err
	}
	a := &r.a
	a.logitRows = max(1, min(rows, logitBytes/(4*vocab), r.d.MostWork()/(2*r.cfg.Dim*vocab)))
	if rows > 1 {
		if err := r.fit(&a.logits, "logits of several rows", a.logitRows*vocab); err != nil {
			return nil, err
		}
	}
	lanes, positions := r.lanes(s)
	for i, lane := range lanes {
		if err := r.fitLane(i, lane, s.ahead); err != nil {
			return nil, err
		}
	}
	if err := r.fit(&a.positions, "positions", max(len(positions), n+maxAhead)); err != nil {
		return nil, err
	}
	return lanes, cmp.Or(a.tokens.UploadWords(0, s.tokens()), a.positions.UploadWords(0, positions))
}

// lanes returns the lanes of a step with their places, and the positions of their tokens and of those fed
// ahead.
func (r *gpuRunner) lanes(s *step) (lanes []*gpuLane, positions []uint32) {
	row := 0
	for _, lane := range s.lanes {
		n := len(lane.tokens)
		l := &gpuLane{lane: lane, row: row, position: len(positions), q: r.queries(r.a.qkv, n)}
		l.q.First = row
		positions = append(positions, positionsFrom(lane.cache.ropePos, n+s.ahead)...)
		row += n
		lanes = append(lanes, l)
	}
	for i, l := range lanes {
		l.leader = l
		for j, other := range s.lanes {
			if other == s.lanes[i].follows {
				l.leader = lanes[j]
			}
			if other == s.lanes[i].full {
				l.fullLane = lanes[j]
			}
		}
	}
	return lanes, positions
}

// laneOf returns the lane that a row belongs to.
func laneOf(lanes []*gpuLane, row int) *gpuLane {
	i := slices.IndexFunc(lanes, func(l *gpuLane) bool { return row < l.row+l.q.N })
	return lanes[i]
}

// fitLane makes the buffers of lane number i fit it, and uploads the logits that it has.
func (r *gpuRunner) fitLane(i int, l *gpuLane, ahead int) error {
	vocab := r.cfg.VocabSize
	for len(r.a.lanes) <= i {
		r.a.lanes = append(r.a.lanes, &laneBuffers{})
	}
	l.b = r.a.lanes[i]
	err := cmp.Or(
		r.growTable(l.cache.ropePos+len(l.tokens)+ahead),
		r.fit(&l.b.logits, "logits", vocab))
	if l.choose != nil {
		err = cmp.Or(err, r.fit(&l.b.chosen, "chosen", (1+maxAhead)*gpu.ChosenWords))
	}
	if l.full != nil {
		err = cmp.Or(err, r.fit(&l.b.compared, "compared", (1+maxAhead)*gpu.ComparedWords(vocab)))
	}
	if l.likeliest > 0 {
		err = cmp.Or(err, r.fit(&l.b.candidates, "candidates", (1+ahead)*gpu.LikeliestWords(vocab, l.likeliest)))
	}
	if l.against != nil {
		err = cmp.Or(err, r.fit(&r.a.attAgainst, "attention against", r.a.n*r.cfg.QDim()), r.fit(&r.a.outputs, "attention outputs", 2*r.cfg.NLayers*r.cfg.QDim()))
	}
	if err != nil {
		return err
	}
	return l.b.logits.UploadFloats(0, l.given)
}

// queries returns the queries in n rows of queries, keys and values.
func (r *gpuRunner) queries(qkv *gpu.Buffer, n int) gpu.Queries {
	return gpu.Queries{Buf: qkv, N: n, Stride: r.cfg.QKVDim(), Heads: r.cfg.NHeads, Scale: attentionScale(r.cfg)}
}

// attendAgainst records the attention of the lane's query over its other cache, and copies both
// outputs: those over its own cache first.
func (r *gpuRunner) attendAgainst(p *gpu.Pass, l int, lane *gpuLane) {
	a, row := &r.a, 4*r.cfg.QDim()
	p.Attention(lane.against.onGPU(l, 1), lane.q, a.attAgainst, a.lse, a.parts)
	p.Copy(a.outputs, l*row, a.att, lane.row*row, row)
	p.Copy(a.outputs, (r.cfg.NLayers+l)*row, a.attAgainst, lane.row*row, row)
}

// read asks for what a lane wants to know, and for n choices.
func (l *gpuLane) read(p *gpu.Pass, r *gpuRunner, n int) {
	vocab, reads := r.cfg.VocabSize, &l.reads
	if l.logits != noRows && len(reads.logits) == 0 { // one row, and not read yet
		reads.logits = append(reads.logits, p.Read(l.b.logits, 0, 4*vocab))
	}
	if l.choose != nil {
		reads.chosen = p.Read(l.b.chosen, 0, 4*n*gpu.ChosenWords)
		if l.full != nil {
			reads.compared = p.Read(l.b.compared, 0, 4*n*gpu.ComparedWords(vocab))
		}
		if l.likeliest > 0 {
			reads.candidates = p.Read(l.b.candidates, 0, 4*n*gpu.LikeliestWords(vocab, l.likeliest))
		}
	}
	if l.against != nil {
		reads.attention = p.Read(r.a.outputs, 0, r.a.outputs.Size())
	}
	if l.watched != nil {
		reads.watched = readLayers(p, l.watched, l.watched.gpu[0].Size()/4)
	}
}

// result returns what was found out of a lane, once the pass was submitted.
func (l *gpuLane) result(vocab int) *result {
	res, reads := &result{}, &l.reads
	for _, read := range reads.logits {
		res.logits = append(res.logits, read.Floats()...)
	}
	for _, read := range reads.watched {
		res.watched = append(res.watched, read.Floats())
	}
	if reads.chosen != nil {
		for w := range slices.Chunk(reads.chosen.Words(), gpu.ChosenWords) {
			res.chosen = append(res.chosen, chosen{int(w[0]), math.Float32frombits(w[1]), math.Float32frombits(w[2])})
		}
	}
	if reads.compared != nil {
		for w := range slices.Chunk(reads.compared.Words(), gpu.ComparedWords(vocab)) {
			res.compared = append(res.compared, gpu.Compared(w))
		}
	}
	if reads.candidates != nil {
		for w := range slices.Chunk(reads.candidates.Words(), gpu.LikeliestWords(vocab, l.likeliest)) {
			res.likeliest = append(res.likeliest, gpu.LikeliestOf(w, l.likeliest))
		}
	}
	if reads.attention != nil {
		both := reads.attention.Floats()
		res.attention, res.attentionAgainst = both[:len(both)/2], both[len(both)/2:]
	}
	return res
}

// growTable extends the RoPE table to the given number of positions.
func (r *gpuRunner) growTable(positions int) error {
	if positions <= r.tablePositions {
		return nil
	}
	positions += tablePiece
	table, err := r.d.NewBuffer("rope table", 4*positions*r.cfg.HeadDim)
	if err != nil {
		return err
	}
	p := r.d.Begin()
	if r.table != nil {
		p.Copy(table, 0, r.table, 0, r.table.Size())
	}
	piece := layout.RoPETable(r.tablePositions, positions, frequencies(r.cfg))
	if err := table.UploadFloats(4*r.tablePositions*r.cfg.HeadDim, piece); err != nil {
		return err
	}
	if err := p.Submit(); err != nil {
		return err
	}
	r.table.Destroy()
	r.table, r.tablePositions = table, positions
	return nil
}

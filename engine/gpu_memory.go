package engine

import (
	"keyfold/compress"
	"keyfold/gpu"
	"keyfold/layout"
)

// The memory of caches: what [cacheMemory] says.

func (r *gpuRunner) allocate(l *cacheLayer, t layout.CacheType) error {
	l.gpu = gpu.Cache{Type: t, HeadDim: r.cfg.HeadDim, NKVHeads: r.cfg.NKVHeads}
	rowBytes := 4 * t.RowWords(r.cfg.HeadDim) * l.total()
	for _, b := range []struct {
		to    **gpu.Buffer
		label string
		bytes int
	}{
		{&l.gpu.K, "keys", rowBytes},
		{&l.gpu.V, "values", rowBytes},
		{&l.gpu.Slots, "slots", slotBytes * l.total()},
		{&l.gpu.Heads, "heads", 8 * len(l.heads)},
	} {
		var err error
		if *b.to, err = r.d.NewBuffer("cache "+b.label, b.bytes); err != nil {
			r.free(l)
			return err
		}
	}
	var heads []uint32
	for h, head := range l.heads {
		l.gpu.Longest = max(l.gpu.Longest, head.Len)
		heads = append(heads, uint32(head.Offset), uint32(head.Len))
		if err := l.gpu.Slots.UploadWords(slotBytes*head.Offset, layout.SlotWords(l.deviceSlots(h))); err != nil {
			return err
		}
	}
	return l.gpu.Heads.UploadWords(0, heads)
}

func (r *gpuRunner) free(l *cacheLayer) {
	for _, b := range []*gpu.Buffer{l.gpu.K, l.gpu.V, l.gpu.Slots, l.gpu.Heads} {
		b.Destroy()
	}
	l.gpu = gpu.Cache{}
}

func (r *gpuRunner) bytes(l *cacheLayer) int {
	n := 0
	for _, b := range []*gpu.Buffer{l.gpu.K, l.gpu.V, l.gpu.Slots, l.gpu.Heads} {
		if b != nil {
			n += b.Size()
		}
	}
	return n
}

func (r *gpuRunner) copyRows(dst, src *cacheLayer) error {
	row := 4 * dst.gpu.Type.RowWords(r.cfg.HeadDim)
	p := r.d.Begin()
	for h, to := range dst.heads {
		from := src.heads[h].Offset
		p.Copy(dst.gpu.K, row*to.Offset, src.gpu.K, row*from, row*to.Len)
		p.Copy(dst.gpu.V, row*to.Offset, src.gpu.V, row*from, row*to.Len)
	}
	return p.Submit()
}

func (r *gpuRunner) readRows(l *cacheLayer, slots []int) (k, v []layout.Rows, err error) {
	row := 4 * l.gpu.Type.RowWords(r.cfg.HeadDim)
	p := r.d.Begin()
	var kReads, vReads []*gpu.Read
	for h, head := range l.heads {
		kReads = append(kReads, p.Read(l.gpu.K, row*head.Offset, row*slots[h]))
		vReads = append(vReads, p.Read(l.gpu.V, row*head.Offset, row*slots[h]))
	}
	if err := p.Submit(); err != nil {
		return nil, nil, err
	}
	for h := range l.heads {
		k = append(k, layout.Rows{Type: l.gpu.Type, HeadDim: r.cfg.HeadDim, Words: kReads[h].Words()})
		v = append(v, layout.Rows{Type: l.gpu.Type, HeadDim: r.cfg.HeadDim, Words: vReads[h].Words()})
	}
	return k, v, nil
}

func (r *gpuRunner) writeRows(l *cacheLayer, k, v []layout.Rows) error {
	row := 4 * l.gpu.Type.RowWords(r.cfg.HeadDim)
	for h, head := range l.heads {
		if err := l.gpu.K.UploadWords(row*head.Offset, k[h].Words); err != nil {
			return err
		}
		if err := l.gpu.V.UploadWords(row*head.Offset, v[h].Words); err != nil {
			return err
		}
	}
	return nil
}

func (r *gpuRunner) rotateKeys(dst, src *cacheLayer, by []int32, farthest int) error {
	if err := r.growTable(farthest + 1); err != nil {
		return err
	}
	words := make([]uint32, len(by))
	for slot, n := range by {
		words[slot] = uint32(n)
	}
	rotations, err := r.d.NewBuffer("rotations", 4*len(words))
	if err != nil {
		return err
	}
	defer rotations.Destroy()
	if err := rotations.UploadWords(0, words); err != nil {
		return err
	}
	p := r.d.Begin()
	p.KeyRotate(&src.gpu, &dst.gpu, rotations, r.table, len(by))
	return p.Submit()
}

// applyRows makes the rows of a plan: kept slots are copied, others blended.
// Weights are read back if they are wanted.
func (r *gpuRunner) applyRows(dst, src *cacheLayer, rows [][]compress.Row, wantWeights bool) ([][][]float32, error) {
	t := tabulate(dst, src, rows)
	p := r.d.Begin()
	table := func(label string, words []uint32) *gpu.Buffer {
		b, err := r.d.NewBuffer(label, 4*max(1, len(words)))
		if err == nil {
			err = b.UploadWords(0, words)
		}
		if err != nil {
			p.Fail(err)
		}
		return b
	}
	if len(t.moves) > 0 {
		moves := table("moves", gpu.MoveWords(t.moves))
		defer moves.Destroy()
		p.KVGather(&src.gpu, &dst.gpu, moves, len(t.moves))
	}
	var weights *gpu.Read
	if len(t.merges) > 0 {
		merges := table("merged rows", gpu.MergeWords(t.merges, t.members))
		shares := table("weights", make([]uint32, len(t.members)))
		defer merges.Destroy()
		defer shares.Destroy()
		p.GaussianMerge(&src.gpu, &dst.gpu, merges, r.table, shares, len(t.merges), len(t.members))
		if wantWeights {
			weights = p.Read(shares, 0, shares.Size())
		}
	}
	if len(t.explicit) > 0 {
		rowWords, shareWords := gpu.ExplicitWords(t.explicit)
		sums, shares := table("summed rows", rowWords), table("shares", shareWords)
		defer sums.Destroy()
		defer shares.Destroy()
		p.ExplicitMerge(&src.gpu, &dst.gpu, sums, shares, len(t.explicit), len(shareWords)/2)
	}
	if err := p.Submit(); err != nil || !wantWeights {
		return nil, err
	}
	if weights == nil {
		return split(rows, nil), nil
	}
	return split(rows, weights.Floats()), nil
}

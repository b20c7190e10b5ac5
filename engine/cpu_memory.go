package engine

import (
	"slices"

	"keyfold/compress"
	"keyfold/cpu"
	"keyfold/layout"
)

// The memory of caches: what [cacheMemory] says.

func (r *cpuRunner) allocate(l *cacheLayer, t layout.CacheType) error {
	l.cpu = layout.Cache{
		K:     layout.NewRows(t, r.cfg.HeadDim, l.total()),
		V:     layout.NewRows(t, r.cfg.HeadDim, l.total()),
		Slots: make([]layout.Slot, l.total()),
		Heads: l.heads,
	}
	for h, head := range l.heads {
		copy(l.cpu.Slots[head.Offset:], l.deviceSlots(h))
	}
	return nil
}

func (r *cpuRunner) free(l *cacheLayer) { l.cpu = layout.Cache{} }

func (r *cpuRunner) bytes(l *cacheLayer) int {
	return 4*(len(l.cpu.K.Words)+len(l.cpu.V.Words)) + slotBytes*len(l.cpu.Slots)
}

func (r *cpuRunner) copyRows(dst, src *cacheLayer) error {
	for h, to := range dst.heads {
		from := src.heads[h].Offset
		for i := range to.Len {
			dst.cpu.K.CopyRow(to.Offset+i, src.cpu.K, from+i)
			dst.cpu.V.CopyRow(to.Offset+i, src.cpu.V, from+i)
		}
	}
	return nil
}

func (r *cpuRunner) readRows(l *cacheLayer, slots []int) (k, v []layout.Rows, err error) {
	row := l.cpu.K.Type.RowWords(r.cfg.HeadDim)
	for h, head := range l.heads {
		from, to := row*head.Offset, row*(head.Offset+slots[h])
		kRows, vRows := l.cpu.K, l.cpu.V
		kRows.Words, vRows.Words = slices.Clone(kRows.Words[from:to]), slices.Clone(vRows.Words[from:to])
		k, v = append(k, kRows), append(v, vRows)
	}
	return k, v, nil
}

func (r *cpuRunner) writeRows(l *cacheLayer, k, v []layout.Rows) error {
	row := l.cpu.K.Type.RowWords(r.cfg.HeadDim)
	for h, head := range l.heads {
		copy(l.cpu.K.Words[row*head.Offset:], k[h].Words)
		copy(l.cpu.V.Words[row*head.Offset:], v[h].Words)
	}
	return nil
}

func (r *cpuRunner) rotateKeys(dst, src *cacheLayer, by []int32, farthest int) error {
	r.growTable(farthest + 1)
	cpu.KeyRotate(src.cpu, dst.cpu, by, r.table)
	return nil
}

// applyRows makes the rows of a plan: kept slots are copied, others blended.
func (r *cpuRunner) applyRows(dst, src *cacheLayer, rows [][]compress.Row, wantWeights bool) ([][][]float32, error) {
	t := tabulate(dst, src, rows)
	weights := make([]float32, len(t.members))
	cpu.KVGather(src.cpu, dst.cpu, t.moves)
	cpu.GaussianMerge(src.cpu, dst.cpu, t.merges, t.members, r.table, weights)
	cpu.ExplicitMerge(src.cpu, dst.cpu, t.explicit)
	if !wantWeights {
		return nil, nil
	}
	return split(rows, weights), nil
}

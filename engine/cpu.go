package engine

import (
	"math"
	"slices"

	"keyfold/compress"
	"keyfold/cpu"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// cpuRunner runs the model where there is no WebGPU, with the steps of package cpu.
type cpuRunner struct {
	cfg   checkpoint.Config
	w     weights[*layout.Weights, []float32]
	table []float32 // RoPE, grown to the positions in use
}

// wideBytes is the size up to which weights become float32 when they are loaded,
// where there are no vector instructions: in decode, where each is used once,
// unpacking one takes longer there than using it.
const wideBytes = 64 << 20

func newCPURunner(f *checkpoint.File) (*cpuRunner, error) {
	size := 0
	for _, t := range f.Tensors() {
		size += 4 * t.Rows * t.Cols
	}
	return loadCPURunner(f, size <= wideBytes && !cpu.HasVectors())
}

func loadCPURunner(f *checkpoint.File, wide bool) (*cpuRunner, error) {
	r := &cpuRunner{cfg: f.Config}
	var err error
	r.w, err = loadWeights(f, builder[*layout.Weights, []float32]{
		matrix: func(_ string, t layout.WeightType, rows, cols int) (*layout.Weights, func(int, *layout.Weights) error, error) {
			if wide {
				t = layout.F32
			}
			m := &layout.Weights{Type: t, Rows: rows, Cols: cols}
			m.Words = make([]uint32, t.QuantWords(rows, cols)+t.ScaleWords(rows, cols))
			put := func(row0 int, piece *layout.Weights) error {
				if wide {
					piece = cpu.Widen(piece)
				}
				m.Put(row0, piece)
				return nil
			}
			return m, put, nil
		},
		vector: func(_ string, v []float32) ([]float32, error) { return v, nil },
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Sibling returns an engine with the same weights that another goroutine may
// use at the same time, or nil on a GPU, which does one thing at a time. A
// sibling need not be closed; its caches are its own.
func (e *Engine) Sibling() *Engine {
	cpu, ok := e.r.(*cpuRunner)
	if !ok {
		return nil
	}
	sibling := *e
	sibling.r = &cpuRunner{cfg: cpu.cfg, w: cpu.w}
	return &sibling
}

func (r *cpuRunner) device() Device                  { return Device{Kind: "cpu", Backend: "Go"} }
func (r *cpuRunner) config() checkpoint.Config       { return r.cfg }
func (r *cpuRunner) tokensAtOnce(int) int            { return math.MaxInt }
func (r *cpuRunner) lost() error                     { return nil }
func (r *cpuRunner) supports(layout.CacheType) error { return nil }
func (r *cpuRunner) close()                          {}

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

package engine

import (
	"math/rand/v2"
	"slices"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// packed returns rows of a type by one way of packing.
func packed(t checkpoint.Type, rows, cols int, data []byte, pack func(*layout.Weights, checkpoint.Type, []byte)) []uint32 {
	part := layout.Part{Type: residentTypes[t], Rows: rows}
	w := &layout.Weights{Type: part.Type, Rows: rows, Cols: cols, Words: make([]uint32, part.Words(cols))}
	pack(w, t, data)
	return w.Words
}

// Packing by words gives what packing by elements gives, whatever the bits are.
func TestPackWords(t *testing.T) {
	byWords := 0
	for _, typ := range checkpoint.Types {
		for _, shape := range [][2]int{{1, 256}, {3, 256}, {2, 768}, {5, 512}} {
			rows, cols := shape[0], shape[1]
			data := make([]byte, rows*typ.RowBytes(cols))
			random := rand.New(rand.NewPCG(1, uint64(rows)))
			for i := range data {
				data[i] = byte(random.Uint32())
			}
			if !packWords(&layout.Weights{Type: residentTypes[typ], Rows: rows, Cols: cols, Words: make([]uint32, layout.Part{Type: residentTypes[typ], Rows: rows}.Words(cols))}, typ, data) {
				continue
			}
			byWords++
			if typ == checkpoint.F32 || typ == checkpoint.BF16 { // bits of NaN may change in an element
				for i := range data {
					data[i] &= 0x3f
				}
			}
			got, want := packed(typ, rows, cols, data, pack), packed(typ, rows, cols, data, packElements)
			if !slices.Equal(got, want) {
				t.Errorf("%v, %d rows of %d: %x, want %x", typ, rows, cols, got[:8], want[:8])
			}
		}
	}
	if byWords != 7*4 {
		t.Errorf("%d cases were packed by words, want those of seven types", byWords)
	}
}

// What loading spends on a model in this process: bytes of the checkpoint per second.
func BenchmarkPack(b *testing.B) {
	for _, typ := range checkpoint.Types {
		for name, how := range map[string]func(*layout.Weights, checkpoint.Type, []byte){"": pack, " by elements": packElements} {
			b.Run(typ.String()+name, func(b *testing.B) {
				const cols = 1 << 20
				data := make([]byte, typ.RowBytes(cols))
				part := layout.Part{Type: residentTypes[typ], Rows: 1}
				w := &layout.Weights{Type: part.Type, Rows: 1, Cols: cols, Words: make([]uint32, part.Words(cols))}
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					how(w, typ, data)
				}
			})
		}
	}
}

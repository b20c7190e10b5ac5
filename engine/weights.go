package engine

import (
	"encoding/binary"
	"fmt"

	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// weights are a model's parameters on one device: M is a matrix there, V a
// vector. Matrices that read the same input are stacked, so that one dispatch
// computes queries, keys and values, and one the gate and the up projection.
type weights[M, V any] struct {
	embed  M // (vocab, dim)
	layers []layerWeights[M, V]
	norm   V // (dim)
	logits M // (vocab, dim); the same as embed where the model ties them
}

type layerWeights[M, V any] struct {
	attnNorm V // (dim)
	qkv      M // (q_dim + 2*kv_dim, dim): queries, keys, values
	qkvBias  V // (q_dim + 2*kv_dim) with Config.QKVBias
	qkNorm   V // (2, head_dim) of queries, of keys: with Config.QKNorm
	attnOut  M // (dim, q_dim)
	ffnNorm  V // (dim)
	gateUp   M // (2*hidden, dim): gate, up
	down     M // (dim, hidden)
}

// builder makes matrices and vectors on a device.
type builder[M, V any] struct {
	// matrix allocates a matrix; put writes rows of it from row0 on.
	matrix func(label string, t layout.WeightType, rows, cols int) (m M, put func(row0 int, rows *layout.Weights) error, err error)
	vector func(label string, v []float32) (V, error)
}

// loadWeights reads all tensors of f, a few MB at a time, and gives them to the
// device.
func loadWeights[M, V any](f *checkpoint.File, b builder[M, V]) (w weights[M, V], err error) {
	load := func(names ...string) M {
		var m M
		if err == nil {
			m, err = loadMatrix(f, b, names)
		}
		return m
	}
	vector := func(names ...string) V {
		var v V
		if err == nil {
			v, err = loadVector(f, b, names)
		}
		return v
	}
	w.embed = load("token_embd.weight")
	for l := range f.Config.NLayers {
		tensor := func(part string) string { return fmt.Sprintf("blk.%d.%s", l, part) }
		name := func(part string) string { return tensor(part + ".weight") }
		layer := layerWeights[M, V]{
			attnNorm: vector(name("attn_norm")),
			qkv:      load(name("attn_q"), name("attn_k"), name("attn_v")),
			attnOut:  load(name("attn_output")),
			ffnNorm:  vector(name("ffn_norm")),
			gateUp:   load(name("ffn_gate"), name("ffn_up")),
			down:     load(name("ffn_down")),
		}
		if f.Config.QKVBias {
			layer.qkvBias = vector(tensor("attn_q.bias"), tensor("attn_k.bias"), tensor("attn_v.bias"))
		}
		if f.Config.QKNorm {
			layer.qkNorm = vector(name("attn_q_norm"), name("attn_k_norm"))
		}
		w.layers = append(w.layers, layer)
	}
	w.norm = vector("output_norm.weight")
	w.logits = w.embed
	if _, ok := f.Tensor("output.weight"); ok {
		w.logits = load("output.weight")
	}
	return w, err
}

// residentTypes maps each checkpoint type to the type it has on the device,
// which loses nothing.
var residentTypes = map[checkpoint.Type]layout.WeightType{
	checkpoint.F32:  layout.F32,
	checkpoint.BF16: layout.F32,
	checkpoint.F16:  layout.F16,
	checkpoint.Q8_0: layout.Q8_0,
	checkpoint.Q5_0: layout.Q8_0, // its 5-bit quants are small signed bytes
	checkpoint.Q4_0: layout.Q4_0,
	checkpoint.Q4_1: layout.Q8M,
	checkpoint.Q5_1: layout.Q8M,
}

// pieceBytes bounds what is read from a checkpoint at once.
const pieceBytes = 4 << 20

// stack returns tensors of equal width, the type that they have on the device
// together, and their rows. Tensors of different resident types become F32,
// which loses nothing either.
func stack(f *checkpoint.File, names []string) (tensors []*checkpoint.Tensor, resident layout.WeightType, rows int, err error) {
	for i, name := range names {
		t, ok := f.Tensor(name)
		if !ok {
			return nil, 0, 0, fmt.Errorf("%s: tensor %s is missing", f.Name, name)
		}
		if i == 0 {
			resident = residentTypes[t.Type]
		} else if residentTypes[t.Type] != resident {
			resident = layout.F32
		}
		tensors = append(tensors, t)
		rows += t.Rows
	}
	return tensors, resident, rows, nil
}

// loadMatrix loads tensors of equal width, stacked.
func loadMatrix[M, V any](f *checkpoint.File, b builder[M, V], names []string) (m M, err error) {
	tensors, resident, rows, err := stack(f, names)
	if err != nil {
		return m, err
	}
	cols := tensors[0].Cols
	m, put, err := b.matrix(names[0], resident, rows, cols)
	if err != nil {
		return m, err
	}
	row0 := 0
	for _, t := range tensors {
		// An even number of rows, so that no word holds scales of two pieces.
		per := max(1, pieceBytes/(2*t.Type.RowBytes(cols))) * 2
		for from := 0; from < t.Rows; from += per {
			n := min(per, t.Rows-from)
			data := make([]byte, n*t.Type.RowBytes(cols))
			if err := readRows(f, t, from, n, data); err != nil {
				return m, err
			}
			if err := put(row0+from, pack(resident, t.Type, n, cols, data)); err != nil {
				return m, err
			}
		}
		row0 += t.Rows
	}
	return m, nil
}

// readRows reads n rows of a tensor, which must be numbers.
func readRows(f *checkpoint.File, t *checkpoint.Tensor, row0, n int, data []byte) error {
	if err := f.ReadRows(t, row0, n, data); err != nil {
		return err
	}
	return t.CheckNumbers(row0, data)
}

// loadVector loads vectors, one behind the other.
func loadVector[M, V any](f *checkpoint.File, b builder[M, V], names []string) (v V, err error) {
	var all []float32
	for _, name := range names {
		t, ok := f.Tensor(name)
		if !ok {
			return v, fmt.Errorf("%s: tensor %s is missing", f.Name, name)
		}
		data := make([]byte, t.Type.RowBytes(t.Cols))
		if err := readRows(f, t, 0, 1, data); err != nil {
			return v, err
		}
		values := make([]float32, t.Cols)
		t.Type.Dequantize(values, data)
		all = append(all, values...)
	}
	return b.vector(names[0], all)
}

// pack converts n rows from a checkpoint's encoding to a resident one: blocks
// are taken apart into aligned arrays of quants and of scales.
func pack(resident layout.WeightType, t checkpoint.Type, n, cols int, data []byte) *layout.Weights {
	w := &layout.Weights{Type: resident, Rows: n, Cols: cols}
	quants := resident.QuantWords(n, cols)
	w.Words = make([]uint32, quants+resident.ScaleWords(n, cols))
	if resident == layout.F32 {
		values := make([]float32, n*cols)
		t.Dequantize(values, data)
		copy(w.Words, layout.FloatWords(values))
		return w
	}
	if resident == layout.F16 {
		for i := range w.Words {
			w.Words[i] = binary.LittleEndian.Uint32(data[4*i:])
		}
		return w
	}
	scales := w.Words[quants:]
	var q [layout.Block]uint8
	for block := range n * cols / layout.Block {
		size := t.BlockBytes()
		src := data[block*size : (block+1)*size]
		unpackBlock(t, src, &q)
		switch resident {
		case layout.Q4_0:
			for i, v := range q {
				w.Words[block*4+i/8] |= uint32(v) << (4 * (i % 8))
			}
			scales[block/2] |= uint32(binary.LittleEndian.Uint16(src)) << (16 * (block % 2))
		case layout.Q8_0:
			for i, v := range q {
				w.Words[block*8+i/4] |= uint32(v) << (8 * (i % 4))
			}
			scales[block/2] |= uint32(binary.LittleEndian.Uint16(src)) << (16 * (block % 2))
		case layout.Q8M:
			for i, v := range q {
				w.Words[block*8+i/4] |= uint32(v) << (8 * (i % 4))
			}
			scales[block] = binary.LittleEndian.Uint32(src) // d, then m
		}
	}
	return w
}

// unpackBlock writes the quants of one ggml block in the order of its columns:
// the bits that the resident type of t stores. ggml keeps the low four bits of
// columns i and i+16 in one byte, and a fifth bit of all columns in one word.
func unpackBlock(t checkpoint.Type, src []byte, q *[layout.Block]uint8) {
	switch t {
	case checkpoint.Q8_0:
		copy(q[:], src[2:])
		return
	case checkpoint.Q4_0, checkpoint.Q4_1:
		nibbles := src[len(src)-16:]
		for i := range 16 {
			q[i], q[i+16] = nibbles[i]&15, nibbles[i]>>4
		}
	case checkpoint.Q5_0, checkpoint.Q5_1:
		nibbles := src[len(src)-16:]
		high := binary.LittleEndian.Uint32(src[len(src)-20:])
		for i := range 16 {
			q[i] = nibbles[i]&15 | uint8(high>>i&1)<<4
			q[i+16] = nibbles[i]>>4 | uint8(high>>(i+16)&1)<<4
		}
		if t == checkpoint.Q5_0 { // w = d (q - 16): store the difference as a signed byte
			for i := range q {
				q[i] -= 16
			}
		}
	default:
		panic(fmt.Sprintf("BUG: engine: no blocks in type %v", t))
	}
}

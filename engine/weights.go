package engine

import (
	"fmt"
	"slices"

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
	// matrix allocates a matrix of such parts, one below the other; put writes rows
	// of it from row0 on. A put of nil wants none of them.
	matrix func(label string, cols int, parts []layout.Part) (m M, put func(row0 int, rows *layout.Weights) error, err error)
	vector func(label string, v []float32) (V, error) // nil wants none
}

// loadWeights reads all tensors of f, a few MB at a time, and gives them to the
// device.
func loadWeights[M, V any](f *checkpoint.File, b builder[M, V]) (w weights[M, V], err error) {
	var mem scratch
	load := func(names ...string) M {
		var m M
		if err == nil {
			m, err = loadMatrix(f, b, names, &mem)
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

// pieceBytes bounds what is read from a checkpoint at once.
const pieceBytes = 4 << 20

// stack returns tensors of equal width and the parts that they have on the device
// together: neighbours of one resident type are one part, and one dispatch.
func stack(f *checkpoint.File, names []string) (tensors []*checkpoint.Tensor, parts []layout.Part, err error) {
	for _, name := range names {
		t, ok := f.Tensor(name)
		if !ok {
			return nil, nil, fmt.Errorf("%s: tensor %s is missing", f.Name, name)
		}
		tensors = append(tensors, t)
		part := layout.Part{Type: residentTypes[t.Type], Rows: t.Rows}
		// Behind an odd number of rows a word would hold scales of two pieces.
		if last := len(parts) - 1; last >= 0 && parts[last].Type == part.Type && parts[last].Rows%2 == 0 {
			parts[last].Rows += part.Rows
		} else {
			parts = append(parts, part)
		}
	}
	return tensors, parts, nil
}

// loadMatrix loads tensors of equal width, stacked.
func loadMatrix[M, V any](f *checkpoint.File, b builder[M, V], names []string, mem *scratch) (m M, err error) {
	tensors, parts, err := stack(f, names)
	if err != nil {
		return m, err
	}
	cols := tensors[0].Cols
	m, put, err := b.matrix(names[0], cols, parts)
	if err != nil || put == nil {
		return m, err
	}
	row0 := 0
	for _, t := range tensors {
		// An even number of rows, so that no word holds scales of two pieces.
		per := max(1, pieceBytes/(2*t.Type.RowBytes(cols))) * 2
		for from := 0; from < t.Rows; from += per {
			piece, err := mem.read(f, t, from, min(per, t.Rows-from))
			if err != nil {
				return m, err
			}
			if err := put(row0+from, piece); err != nil {
				return m, err
			}
		}
		row0 += t.Rows
	}
	return m, nil
}

// scratch is memory that the pieces of a model are read into, one after the other: a
// model that leaves none of them behind takes little more than its own size.
type scratch struct {
	data  []byte
	words []uint32
}

// read returns n rows of a tensor as they lie on a device, until it is called again.
func (s *scratch) read(f *checkpoint.File, t *checkpoint.Tensor, row0, n int) (*layout.Weights, error) {
	s.data = resize(s.data, n*t.Type.RowBytes(t.Cols))
	if err := readRows(f, t, row0, n, s.data); err != nil {
		return nil, err
	}
	part := layout.Part{Type: residentTypes[t.Type], Rows: n}
	s.words = resize(s.words, part.Words(t.Cols))
	w := &layout.Weights{Type: part.Type, Rows: n, Cols: t.Cols, Words: s.words}
	pack(w, t.Type, s.data)
	return w, nil
}

// resize returns n elements of zero, in the memory of s if it has room for them.
func resize[T any](s []T, n int) []T {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
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
	if b.vector == nil {
		return v, nil
	}
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

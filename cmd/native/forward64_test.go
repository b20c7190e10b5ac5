//go:build !js

package main

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"keyfold/engine/checkpoint"
)

// forward64 is the forward pass of a Llama and its relatives in float64, one token at a time, written
// from the formulas and from nothing of this project but the file reader. It
// exists to check the real ones against.
type forward64 struct {
	c       checkpoint.Config
	tensors map[string][]float64
	k, v    [][][]float64                 // (n_layers * n_kv_heads)(slots)(head_dim)
	bias    [][]float64                   // (n_layers * n_kv_heads)(slots)
	store   func(row []float64) []float64 // what the cache makes of a key or value; nil: nothing
	own     bool                          // each head has positions of its own: those of its slots, from 0 on

	// What observe asks for.
	mass        [][]float64   // (n_layers * n_kv_heads)(slots) attention received, mean over the group
	inputs      [][][]float64 // (n_layers)(tokens)(dim) attention inputs
	lastQueries [][]float64   // (n_layers)(q_dim) of the last token
}

// observe makes feed collect signals over a text of n tokens.
func (m *forward64) observe(n int) {
	for range m.k {
		m.mass = append(m.mass, make([]float64, n))
	}
	m.inputs, m.lastQueries = make([][][]float64, m.c.NLayers), make([][]float64, m.c.NLayers)
}

func newForward64(t testing.TB, path string) *forward64 {
	t.Helper()
	f, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := &forward64{c: f.Config, tensors: map[string][]float64{}}
	for _, tensor := range f.Tensors() {
		data := make([]byte, tensor.Bytes())
		if err := f.ReadRows(tensor, 0, tensor.Rows, data); err != nil {
			t.Fatal(err)
		}
		values := make([]float32, tensor.Rows*tensor.Cols)
		tensor.Type.Dequantize(values, data)
		wide := make([]float64, len(values))
		for i, x := range values {
			wide[i] = float64(x)
		}
		m.tensors[tensor.Name] = wide
	}
	heads := m.c.NLayers * m.c.NKVHeads
	m.k, m.v, m.bias = make([][][]float64, heads), make([][][]float64, heads), make([][]float64, heads)
	return m
}

func (m *forward64) layer(l int, part string) []float64 {
	return m.tensors[fmt.Sprintf("blk.%d.%s.weight", l, part)]
}

// project returns the queries, keys or values of an attention input.
func (m *forward64) project(l int, part string, h []float64) []float64 {
	y := times(m.layer(l, part), h)
	for i, b := range m.tensors[fmt.Sprintf("blk.%d.%s.bias", l, part)] {
		y[i] += b
	}
	if gain := m.layer(l, part+"_norm"); gain != nil {
		for head := range slices.Chunk(y, m.c.HeadDim) {
			copy(head, m.norm(head, gain))
		}
	}
	return y
}

// times returns W x for W (rows, len(x)).
func times(w, x []float64) []float64 {
	y := make([]float64, len(w)/len(x))
	for r := range y {
		for i, v := range x {
			y[r] += w[r*len(x)+i] * v
		}
	}
	return y
}

func (m *forward64) norm(x, gain []float64) []float64 {
	var squares float64
	for _, v := range x {
		squares += v * v
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v / math.Sqrt(squares/float64(len(x))+m.c.NormEps) * gain[i]
	}
	return y
}

// rotate turns neighbouring pairs of each head by the position, in place.
func (m *forward64) rotate(x []float64, pos int) []float64 {
	hd := m.c.HeadDim
	for i := 0; i < len(x); i += 2 {
		angle := float64(pos) * math.Pow(m.c.RopeBase, -float64(i%hd)/float64(hd))
		if m.c.RopeFactors != nil {
			angle /= float64(m.c.RopeFactors[i%hd/2])
		}
		sin, cos := math.Sincos(angle)
		x[i], x[i+1] = x[i]*cos-x[i+1]*sin, x[i]*sin+x[i+1]*cos
	}
	return x
}

// feed appends a token at a position to the cache and returns its logits. With
// own, pos is not used.
func (m *forward64) feed(token, pos int) []float64 {
	c, hd := m.c, m.c.HeadDim
	x := append([]float64(nil), m.tensors["token_embd.weight"][token*c.Dim:(token+1)*c.Dim]...)
	for l := range c.NLayers {
		h := m.norm(x, m.layer(l, "attn_norm"))
		q, k := m.project(l, "attn_q", h), m.project(l, "attn_k", h)
		for g := range c.NKVHeads { // the KV head and its query heads
			if m.own {
				pos = len(m.k[l*c.NKVHeads+g])
			}
			m.rotate(q[g*c.GroupSize()*hd:(g+1)*c.GroupSize()*hd], pos)
			m.rotate(k[g*hd:(g+1)*hd], pos)
		}
		v := m.project(l, "attn_v", h)
		if m.mass != nil {
			m.inputs[l], m.lastQueries[l] = append(m.inputs[l], h), q
		}
		var att []float64
		for a := range c.NHeads {
			head := l*c.NKVHeads + a/c.GroupSize()
			if a%c.GroupSize() == 0 {
				at := a / c.GroupSize() * hd
				key, value := k[at:at+hd], v[at:at+hd]
				if m.store != nil {
					key, value = m.store(key), m.store(value)
				}
				m.k[head], m.v[head] = append(m.k[head], key), append(m.v[head], value)
				m.bias[head] = append(m.bias[head], 0)
			}
			att = append(att, m.attend(head, q[a*hd:(a+1)*hd])...)
		}
		for i, d := range times(m.layer(l, "attn_output"), att) {
			x[i] += d
		}
		h = m.norm(x, m.layer(l, "ffn_norm"))
		gate, up := times(m.layer(l, "ffn_gate"), h), times(m.layer(l, "ffn_up"), h)
		for i, g := range gate {
			gate[i] = g / (1 + math.Exp(-g)) * up[i]
		}
		for i, d := range times(m.layer(l, "ffn_down"), gate) {
			x[i] += d
		}
	}
	output, ok := m.tensors["output.weight"]
	if !ok {
		output = m.tensors["token_embd.weight"]
	}
	return times(output, m.norm(x, m.tensors["output_norm.weight"]))
}

func (m *forward64) attend(head int, q []float64) []float64 {
	out := make([]float64, len(q))
	p := make([]float64, len(m.k[head]))
	var total float64
	for i, k := range m.k[head] {
		p[i] = math.Exp(dot64(q, k)/math.Sqrt(float64(len(q))) + m.bias[head][i])
		total += p[i]
	}
	for i, v := range m.v[head] {
		for d := range out {
			out[d] += p[i] / total * v[d]
		}
		if m.mass != nil {
			m.mass[head][i] += p[i] / total / float64(m.c.GroupSize())
		}
	}
	return out
}

// The check of the checker: it agrees with llama2.c's double-precision logits.
func TestForward64AgainstReference(t *testing.T) {
	path := sharedData(t, "stories260K/stories260K.gguf")
	want := readFloats(t, sharedData(t, "stories260K/s260k_empty64.logits64.f32"))
	m := newForward64(t, path)
	token := 1
	for pos := range 20 {
		logits := m.feed(token, pos)
		for i, x := range logits {
			if d := math.Abs(x - want[pos*len(logits)+i]); !(d <= 1e-4) {
				t.Fatalf("position %d logit %d differs by %g", pos, i, d)
			}
		}
		token = 0
		for i, x := range logits {
			if x > logits[token] {
				token = i
			}
		}
	}
}

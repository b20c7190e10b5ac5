//go:build !js

package models

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"testing"

	"keyfold/engine/checkpoint"
)

// A model of a shape has that shape, is the same every time, and its matrices
// hold different numbers of the size that keeps activations in bounds.
func TestWriteRandom(t *testing.T) {
	shape := NewShape("", 96, 160, 2, 3, 1, 12000)
	shape.Untied = true
	shape.Config.RopeFactors, shape.Config.QKVBias, shape.Config.QKNorm = slices.Repeat([]float32{1, 2}, 8), true, true
	write := func(typ checkpoint.Type, seed uint64) []byte {
		var out bytes.Buffer
		if err := WriteRandom(&out, shape, typ, seed); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for _, typ := range []checkpoint.Type{checkpoint.F16, checkpoint.Q8_0} {
		data := write(typ, 1)
		if !bytes.Equal(data, write(typ, 1)) {
			t.Errorf("%v: the same arguments give other bytes", typ)
		}
		if bytes.Equal(data, write(typ, 2)) {
			t.Errorf("%v: another seed gives the same bytes", typ)
		}
		f, err := checkpoint.OpenGGUF(bytes.NewReader(data), int64(len(data)), "random")
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(f.Config, shape.Config) {
			t.Errorf("%v: shape %+v, want %+v", typ, f.Config, shape.Config)
		}
		if _, ok := f.Tensor("output.weight"); !ok {
			t.Errorf("%v: there is no classifier of its own", typ)
		}
		firsts := map[string]string{} // the tensor that begins with a row
		for _, tensor := range f.Tensors() {
			if tensor.Rows == 1 {
				continue
			}
			raw := make([]byte, tensor.Rows*tensor.Type.RowBytes(tensor.Cols))
			if err := f.ReadRows(tensor, 0, tensor.Rows, raw); err != nil {
				t.Fatal(err)
			}
			values := make([]float32, tensor.Rows*tensor.Cols)
			tensor.Type.Dequantize(values, raw)
			var sum, squares float64
			for _, v := range values {
				sum += float64(v)
				squares += float64(v) * float64(v)
			}
			n := float64(len(values))
			mean, scale := sum/n, math.Sqrt(squares/n*float64(tensor.Cols))
			if math.Abs(mean)*math.Sqrt(float64(tensor.Cols)) > 5/math.Sqrt(n) || math.Abs(scale-1) > 5/math.Sqrt(n)+0.01 {
				t.Errorf("%v %s: mean %g, standard deviation %g / sqrt(columns); want 0 and 1", typ, tensor.Name, mean, scale)
			}
			row := tensor.Type.RowBytes(tensor.Cols)
			if other, ok := firsts[string(raw[:row])]; ok {
				t.Errorf("%v: %s begins as %s does", typ, tensor.Name, other)
			}
			firsts[string(raw[:row])] = tensor.Name
			different := map[string]bool{}
			for at := 0; at < len(raw); at += row {
				different[string(raw[at:at+row])] = true
			}
			if len(different) != tensor.Rows {
				t.Errorf("%v: %s has %d different rows of %d", typ, tensor.Name, len(different), tensor.Rows)
			}
		}
	}
}

// The shapes are those of the models they are named after: their numbers of
// parameters are known.
func TestShapesHaveTheirParameters(t *testing.T) {
	want := map[string]int{
		"stories15M": 15_191_712, "SmolLM2-135M": 134_515_008, "Qwen2.5-0.5B": 494_032_768, "Qwen3-0.6B": 596_049_920,
		"TinyLlama-1.1B": 1_100_048_384, "Llama-3.2-1B": 1_235_814_400,
	}
	for _, s := range Shapes() {
		c := s.Config
		n := c.VocabSize*c.Dim + c.Dim + c.NLayers*(2*c.Dim+2*c.Dim*c.QDim()+2*c.Dim*c.KVDim()+3*c.Dim*c.HiddenDim)
		if s.Untied {
			n += c.VocabSize * c.Dim
		}
		if c.QKVBias {
			n += c.NLayers * c.QKVDim()
		}
		if c.QKNorm {
			n += c.NLayers * 2 * c.HeadDim
		}
		if n != want[s.Name] {
			t.Errorf("%s has %d parameters, want %d", s.Name, n, want[s.Name])
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

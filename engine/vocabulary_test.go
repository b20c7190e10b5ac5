//go:build !js

package engine

import (
	"bytes"
	"context"
	"maps"
	"math"
	"slices"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
)

// padFixture returns the fixture with more rows in its embedding than it has tokens. What lies in
// them would win every choice. With inFile false the file says nothing about its tokens.
func padFixture(t *testing.T, more int, inFile bool) *checkpoint.File {
	t.Helper()
	f := fixtureFile(t, checkpoint.F32)
	var meta []checkpoint.KV
	for _, key := range slices.Sorted(maps.Keys(f.Meta)) {
		if inFile && key != "llama.vocab_size" || !inFile && key != "llama.vocab_size" && key != "tokenizer.ggml.tokens" {
			meta = append(meta, checkpoint.KV{Key: key, Value: f.Meta[key]})
		}
	}
	var tensors []checkpoint.TensorData
	for _, tensor := range f.Tensors() {
		size := tensor.Type.RowBytes(tensor.Cols)
		data := make([]byte, tensor.Rows*size)
		if err := f.ReadRows(tensor, 0, tensor.Rows, data); err != nil {
			t.Fatal(err)
		}
		rows := tensor.Rows
		if tensor.Name == "token_embd.weight" || tensor.Name == "output.weight" {
			for i := range more * tensor.Cols { // a large row and its opposite: one of them has the highest logit
				sign := float32(1 - 2*(i/tensor.Cols%2))
				data = append(data, f32(sign*1e3*float32(1+i%7))...)
			}
			rows += more
		}
		if rows == 1 {
			rows = 0 // a vector
		}
		tensors = append(tensors, checkpoint.TensorData{Name: tensor.Name, Type: tensor.Type, Rows: rows, Cols: tensor.Cols, Data: data})
	}
	var out bytes.Buffer
	if err := checkpoint.WriteGGUF(&out, meta, tensors); err != nil {
		t.Fatal(err)
	}
	return openBytes(t, out.Bytes())
}

func f32(x float32) []byte {
	bits := math.Float32bits(x)
	return []byte{byte(bits), byte(bits >> 8), byte(bits >> 16), byte(bits >> 24)}
}

// TestPaddingIsNeverChosen: with rows of padding a model writes what it writes without, whether its
// own file says how many tokens there are or a tokenizer from elsewhere does.
func TestPaddingIsNeverChosen(t *testing.T) {
	tok, err := tokenizer.FromGGUF(fixtureFile(t, checkpoint.F32).Meta)
	if err != nil {
		t.Fatal(err)
	}
	write := func(kind DeviceKind, f *checkpoint.File, tok *tokenizer.Tokenizer) []int {
		e, err := Open(context.Background(), f, tok, kind)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		p, err := e.Prefill(context.Background(), someTokens(20), Settings{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Free()
		var ids []int
		err = p.Generate(context.Background(), Generation{N: 24, Sampler: greedy, Emit: func(token Token) error {
			ids = append(ids, token.ID)
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	for _, kind := range []DeviceKind{CPU, GPU} {
		if kind == GPU {
			openFixture(t, GPU, checkpoint.F32) // skips where there is none
		}
		want := write(kind, fixtureFile(t, checkpoint.F32), tok)
		for name, f := range map[string]*checkpoint.File{"in the file": padFixture(t, 13, true), "beside it": padFixture(t, 13, false)} {
			if got := write(kind, f, tok); !slices.Equal(got, want) {
				t.Errorf("%s, tokens %s: %v, want %v", kind, name, got, want)
			}
		}
		// The check can fail: without a tokenizer nobody knows which rows are padding.
		if got := write(kind, padFixture(t, 13, false), nil); slices.Max(got) < len(want) {
			t.Errorf("%s: padding is not chosen where it should be: %v", kind, got)
		}
	}
}

func TestFitVocabulary(t *testing.T) {
	meta := fixtureFile(t, checkpoint.F32).Meta
	more := func(n int, piece string, typ int32) *tokenizer.Tokenizer {
		m := maps.Clone(meta)
		tokens := slices.Clone(m["tokenizer.ggml.tokens"].([]string))
		types := slices.Clone(m["tokenizer.ggml.token_type"].([]int32))
		scores := slices.Clone(m["tokenizer.ggml.scores"].([]float32))
		for range n {
			tokens, types, scores = append(tokens, piece), append(types, typ), append(scores, -1e3)
		}
		if n < 0 {
			tokens, types, scores = tokens[:len(tokens)+n], types[:len(types)+n], scores[:len(scores)+n]
		}
		m["tokenizer.ggml.tokens"], m["tokenizer.ggml.token_type"], m["tokenizer.ggml.scores"] = tokens, types, scores
		tok, err := tokenizer.FromGGUF(m)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	for _, c := range []struct {
		tok  *tokenizer.Tokenizer
		want string // of the error
		n    int
	}{
		{more(0, "", 1), "", 320},
		{more(3, "<pad>", 3), "", 320},
		{more(3, "", 1), "", 320},
		{more(1, "zzz", 1), `fixture: the model has rows for 320 tokens, and token 320 of its tokenizer is "zzz"`, 0},
		{more(-20, "", 0), "", 300},
		{more(0, "", 1), "fixture: the tokenizer has 320 tokens, the model 440: it is of another model", 0},
	} {
		f := fixtureFile(t, checkpoint.F32)
		if c.n == 0 && c.tok.VocabSize() == 320 {
			f = padFixture(t, 120, false)
		}
		err := FitVocabulary(f, c.tok)
		switch {
		case c.want != "" && (err == nil || err.Error() != c.want):
			t.Errorf("error %v, want %s", err, c.want)
		case c.want == "" && (err != nil || c.tok.VocabSize() != c.n || f.Config.VocabSize != c.n):
			t.Errorf("%v; the tokenizer has %d tokens, the model %d, want %d", err, c.tok.VocabSize(), f.Config.VocabSize, c.n)
		}
	}
}

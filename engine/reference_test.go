//go:build !js

package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/gpu"
	"keyfold/layout"
)

// sharedData returns the path of a file made by others. A test that needs it is
// skipped, saying so, where the folder is absent.
func sharedData(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "data", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("reads shared/data/%s, which is absent", name)
	}
	return path
}

// eachDevice runs a test on the CPU and on the GPU. Without an adapter the GPU
// part is skipped, unless REQUIRE_GPU=1 makes that a failure.
func eachDevice(t *testing.T, test func(t *testing.T, kind DeviceKind)) {
	for _, kind := range []DeviceKind{CPU, GPU} {
		t.Run(string(kind), func(t *testing.T) { test(t, kind) })
	}
}

// open loads a model for a test.
func open(t testing.TB, path string, kind DeviceKind) *Engine {
	t.Helper()
	f, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return openFile(t, f, kind)
}

func openFile(t testing.TB, f *checkpoint.File, kind DeviceKind) *Engine {
	t.Helper()
	var tok *tokenizer.Tokenizer
	if f.Meta != nil {
		tok, _ = tokenizer.FromGGUF(f.Meta)
	}
	e, err := Open(context.Background(), f, tok, kind)
	if err != nil {
		if errors.Is(err, gpu.ErrNoDevice) && os.Getenv("REQUIRE_GPU") != "1" {
			t.Skipf("needs a WebGPU adapter: %v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// reference is a run of llama2.c that shared/data keeps.
type reference struct {
	Input  []int `json:"input_tokens"`
	Argmax []int `json:"argmax_next"`
	path   string
}

func loadReference(t testing.TB, name string) reference {
	t.Helper()
	path := sharedData(t, "stories260K/"+name+".json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := reference{path: strings.TrimSuffix(path, ".json")}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r reference) floats(t testing.TB, suffix string) []float32 {
	t.Helper()
	data, err := os.ReadFile(r.path + suffix)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float32, len(data)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return v
}

// worst returns the largest difference and where it is. Different lengths and
// NaN are infinitely different.
func worst(got, want []float32) (float64, int) {
	if len(got) != len(want) {
		return math.Inf(1), -1
	}
	most, at := 0.0, -1
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if math.IsNaN(d) {
			return math.Inf(1), i
		}
		if d > most {
			most, at = d, i
		}
	}
	return most, at
}

func (e *Engine) allLogits(t testing.TB, tokens []int, chunk int, m compress.Method, prefill int) []float32 {
	t.Helper()
	var logits []float32
	if m == nil {
		prefill = len(tokens)
	}
	add := func(rows []float32) error {
		logits = append(logits, rows...)
		return nil
	}
	p, err := e.Prefill(context.Background(), tokens[:prefill],
		Settings{KV: layout.CacheF32, Chunk: chunk, Method: m, Future: tokens[prefill:], Logits: add})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Free()
	if m == nil {
		return logits
	}
	compressPrompt(t, p)
	if err := p.Decode(context.Background(), tokens[prefill:], add); err != nil {
		t.Fatal(err)
	}
	return logits
}

// Logits of a real model within the stated bounds of llama2.c's, on both
// devices, token by token (the decode kernels) and in chunks (those of prefill).
func TestLogitsOfStories260K(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		for _, file := range []string{"stories260K.gguf", "stories260K.bin"} {
			for _, name := range []string{"s260k_prompt64", "s260k_empty64"} {
				r := loadReference(t, name)
				e := open(t, sharedData(t, "stories260K/"+file), kind)
				bound := map[DeviceKind]float64{CPU: 2e-4, GPU: 1e-3}[kind]
				for _, chunk := range []int{1, 7, 256} {
					logits := e.allLogits(t, r.Input, chunk, nil, 0)
					for _, suffix := range []string{".logits.f32", ".logits64.f32"} {
						if d, at := worst(logits, r.floats(t, suffix)); d > bound {
							t.Errorf("%s %s chunk %d: %s differs by %g at %d, want at most %g", file, name, chunk, suffix, d, at, bound)
						}
					}
					vocab := e.Config.VocabSize
					for i, want := range r.Argmax {
						if got := argmax(logits[i*vocab : (i+1)*vocab]); got != want {
							t.Errorf("%s %s chunk %d: position %d: argmax %d, want %d", file, name, chunk, i, got, want)
						}
					}
				}
			}
		}
	})
}

// Keys after RoPE, and values, as llama2.c has them: (layer, position, kv_dim).
func TestCacheOfStories260K(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		r := loadReference(t, "s260k_prompt64")
		e := open(t, sharedData(t, "stories260K/stories260K.gguf"), kind)
		p, err := e.Prefill(context.Background(), r.Input, Settings{KV: layout.CacheF32, Chunk: 16})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Free()
		k, v, err := p.Cache.Rows()
		if err != nil {
			t.Fatal(err)
		}
		checkRows := func(name string, got [][]float32, want []float32) {
			hd, kvHeads, n := e.Config.HeadDim, e.Config.NKVHeads, len(r.Input)
			for l := range e.Config.NLayers {
				for h := range kvHeads {
					rows := got[l*kvHeads+h]
					for i := range n {
						at := (l*n+i)*kvHeads*hd + h*hd
						if d, _ := worst(rows[i*hd:(i+1)*hd], want[at:at+hd]); d > 1e-4 {
							t.Fatalf("%s: layer %d head %d position %d differs by %g, want at most 1e-4", name, l, h, i, d)
						}
					}
				}
			}
		}
		checkRows("keys", k, r.floats(t, ".k.f32"))
		checkRows("values", v, r.floats(t, ".v.f32"))
	})
}

// Greedy text byte for byte as llama2.c writes it.
func TestGreedyTextOfStories260K(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		want, err := os.ReadFile(sharedData(t, "stories260K/s260k_t0_n200.txt"))
		if err != nil {
			t.Fatal(err)
		}
		e := open(t, sharedData(t, "stories260K/stories260K.gguf"), kind)
		prompt := []int{e.Tokenizer.BOS()}
		p, err := e.Prefill(context.Background(), prompt, Settings{KV: layout.CacheF32, Chunk: DefaultChunk})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Free()
		var ids []int
		err = p.Generate(context.Background(), Generation{N: 200, Sampler: greedy, Emit: func(tok Token) error {
			ids = append(ids, tok.ID)
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := e.Tokenizer.Decode(append(prompt, ids...))
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSuffix(text, "\n") != strings.TrimSuffix(string(want), "\n") {
			t.Errorf("got\n%s\nwant\n%s", text, want)
		}
	})
}

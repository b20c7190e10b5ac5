//go:build !js

package engine

import (
	"context"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

// benchModels are the models whose speed is measured.
func benchModels(b *testing.B) map[string]func() *checkpoint.File {
	shape := checkpoint.Config{
		Dim: 288, HiddenDim: 768, NLayers: 6, NHeads: 6, NKVHeads: 6, HeadDim: 48,
		VocabSize: 512, SeqLen: 512, NormEps: 1e-5, RopeBase: 10000,
	}
	random := func(wt checkpoint.Type) func() *checkpoint.File {
		return func() *checkpoint.File {
			data, err := models.Fixture(shape, wt, 1)
			if err != nil {
				b.Fatal(err)
			}
			return openBytes(b, data)
		}
	}
	return map[string]func() *checkpoint.File{
		"stories260K": func() *checkpoint.File {
			f, err := checkpoint.Open(sharedData(b, "stories260K/stories260K.gguf"))
			if err != nil {
				b.Fatal(err)
			}
			return f
		},
		"dim288-f16":  random(checkpoint.F16),
		"dim288-q8_0": random(checkpoint.Q8_0),
	}
}

// BenchmarkPrefill reads 256 tokens, BenchmarkDecode writes 32 behind them:
//
//	go test -run '^$' -bench 'Prefill|Decode' -count 5 ./engine
func BenchmarkPrefill(b *testing.B) {
	for name, file := range benchModels(b) {
		for _, kind := range []DeviceKind{CPU, GPU} {
			b.Run(name+"/"+string(kind), func(b *testing.B) {
				e := openFile(b, file(), kind)
				tokens := someTokens(256)
				read := func() {
					p, err := e.Prefill(context.Background(), tokens, Settings{KV: layout.CacheF16})
					if err != nil {
						b.Fatal(err)
					}
					p.Free()
				}
				read() // compiles the kernels
				for b.Loop() {
					read()
				}
				b.ReportMetric(256*float64(b.N)/b.Elapsed().Seconds(), "tok/s")
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, file := range benchModels(b) {
		for _, kind := range []DeviceKind{CPU, GPU} {
			b.Run(name+"/"+string(kind), func(b *testing.B) {
				e := openFile(b, file(), kind)
				e.Tokenizer = nil // nothing ends the text
				p, err := e.Prefill(context.Background(), someTokens(256), Settings{KV: layout.CacheF16})
				if err != nil {
					b.Fatal(err)
				}
				defer p.Free()
				for b.Loop() {
					b.StopTimer()
					c := fork(b, p.Cache)
					b.StartTimer()
					continuation(b, e, c, p.Logits, 33) // the last token is not fed: 32 passes
				}
				b.ReportMetric(32*float64(b.N)/b.Elapsed().Seconds(), "tok/s")
				if r, ok := e.r.(*gpuRunner); ok {
					b.ReportMetric(float64(r.dispatches), "dispatches/token")
				}
			})
		}
	}
}

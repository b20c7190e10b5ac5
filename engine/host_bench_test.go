package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
	"keyfold/models"
)

// instant is a runner whose passes take no time: it unpacks what a GPU's would leave.
type instant struct {
	*cpuRunner
	chosen, compared, candidates []uint32
	sums                         []byte // of a layer, as it comes from a device
}

func newInstant(r *cpuRunner, sums int) *instant {
	i := &instant{cpuRunner: r, chosen: []uint32{7, math.Float32bits(2), math.Float32bits(11)}, sums: make([]byte, 4*sums)}
	i.compared = make([]uint32, gpu.ComparedWords(r.cfg.VocabSize))
	i.candidates = make([]uint32, gpu.LikeliestWords(r.cfg.VocabSize, 10))
	for at := range i.candidates {
		i.candidates[at] = layout.Hash(1, 0, uint32(at)) >> 9 // ids, and logits of any size
	}
	return i
}

func (r *instant) forward(s *step) (results []*result, err error) {
	for _, lane := range s.lanes {
		results = append(results, r.pass(lane))
	}
	return results, nil
}

func (r *instant) pass(l *lane) *result {
	words := bytes.Clone(r.sums)
	res := &result{
		chosen:    []chosen{{int(r.chosen[0]), math.Float32frombits(r.chosen[1]), math.Float32frombits(r.chosen[2])}},
		compared:  []layout.Comparison{gpu.Compared(r.compared)},
		likeliest: [][]layout.Candidate{gpu.LikeliestOf(r.candidates, 10)},
	}
	if l.watched != nil {
		for range r.cfg.NLayers {
			v := make([]float32, len(words)/4)
			for i := range v {
				v[i] = math.Float32frombits(binary.LittleEndian.Uint32(words[4*i:]))
			}
			res.watched = append(res.watched, v)
		}
	}
	return res
}

// BenchmarkTokenOnTheHost is what a token with all that a page shows of it takes outside the
// device, whose passes take no time here. Layers and heads are those of SmolLM2-135M. As the
// page is built, in node:
//
//	GOOS=js GOARCH=wasm go test -exec "node $PWD/cpu/testdata/exec.mjs vector" -run '^$' -bench OnTheHost ./engine ./session
//
// session has the other part of it.
func BenchmarkTokenOnTheHost(b *testing.B) {
	for _, vocab := range []int{2048, 49152, 128256} {
		b.Run(fmt.Sprint(vocab), func(b *testing.B) {
			const slots, n = 512, 64
			data, err := models.Fixture(checkpoint.Config{Dim: 32, HiddenDim: 32, NLayers: 30, NHeads: 9, NKVHeads: 3, HeadDim: 4,
				VocabSize: vocab, SeqLen: 1024, NormEps: 1e-5, RopeBase: 10000}, checkpoint.F16, 1)
			if err != nil {
				b.Fatal(err)
			}
			f, err := checkpoint.OpenGGUF(bytes.NewReader(data), int64(len(data)), "fixture")
			if err != nil {
				b.Fatal(err)
			}
			e, err := Open(context.Background(), f, nil, CPU)
			if err != nil {
				b.Fatal(err)
			}
			r := newInstant(e.r.(*cpuRunner), 3*slots)
			e.r = r
			text := func() *Text {
				c, err := newCache(e.r, layout.CacheF16)
				if err != nil {
					b.Fatal(err)
				}
				return &Text{Cache: c, Logits: make([]float32, vocab), e: e}
			}
			for b.Loop() {
				watch, err := e.Watch(slots)
				if err != nil {
					b.Fatal(err)
				}
				err = text().Generate(context.Background(), Generation{N: n, Sampler: Sampler{RepeatPenalty: 1, TopP: 1}, Likeliest: 10,
					Shadow: NewShadow(text(), false), Watch: watch, Emit: func(Token) error { return nil }})
				if err != nil {
					b.Fatal(err)
				}
				watch.Free()
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N*n), "ms/token")
		})
	}
}

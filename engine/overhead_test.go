//go:build !js

package engine

import (
	"context"
	"testing"
	"time"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

// BenchmarkCompression measures what compression costs beside the prefill of
// 1,024 tokens that it follows, on random weights of two shapes:
//
//	go test -run '^$' -bench Compression -benchtime 5x ./engine
//
// Of each time the shortest of all rounds counts. It reports that of a prefill
// without any signal (prefill-ms), and in percent of it:
//
//	collect-%   what the prefill takes longer to collect the method's signals, exact mass apart
//	mass-%      what it takes longer to collect the exact mass; kvmerger
//	plan-%      the other signals, the plan and its application to the cache
//	replan-%    a copy of the full cache, and all of plan-% on it
func BenchmarkCompression(b *testing.B) {
	const tokens = 1024
	for name, shape := range map[string]checkpoint.Config{
		"stories260K-shape": {Dim: 64, HiddenDim: 172, NLayers: 5, NHeads: 8, NKVHeads: 4, HeadDim: 8,
			VocabSize: 512, SeqLen: tokens, NormEps: 1e-5, RopeBase: 10000},
		"dim288": {Dim: 288, HiddenDim: 768, NLayers: 6, NHeads: 6, NKVHeads: 6, HeadDim: 48,
			VocabSize: 512, SeqLen: tokens, NormEps: 1e-5, RopeBase: 10000},
	} {
		data, err := models.Fixture(shape, checkpoint.F32, 1)
		if err != nil {
			b.Fatal(err)
		}
		for _, kind := range []DeviceKind{CPU, GPU} {
			for _, method := range []string{"gvote", "kvmerger", "snapkv", "expected"} {
				b.Run(name+"/"+string(kind)+"/"+method, func(b *testing.B) {
					e := openFile(b, openBytes(b, data), kind)
					overhead(b, e, someTokens(tokens), newMethod(b, method, 0))
				})
			}
		}
	}
}

func overhead(b *testing.B, e *Engine, tokens []int, m compress.Method) {
	// took returns how long f takes until the device has done it.
	took := func(f func() error) time.Duration {
		start := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	var p *Prompt
	read := func(needs compress.Needs) time.Duration {
		return took(func() (err error) {
			p, err = e.Prefill(context.Background(), tokens, Settings{KV: layout.CacheF16, Needs: needs})
			return err
		})
	}
	needs := m.Needs()
	apart := needs // without the mass
	apart.Mass = false
	decideAndApply := func(c *Cache) func() error {
		return func() error {
			plan, _, err := p.Decide(m)
			if err != nil {
				return err
			}
			if err := c.Apply(plan); err != nil {
				return err
			}
			some := make([]int, e.Config.NKVHeads)
			some[0] = 1
			_, _, err = e.r.readRows(c.layers[e.Config.NLayers-1], some) // waits for the device
			return err
		}
	}
	// round returns the time of a prefill without signals, with all but the mass, with all, of the rest
	// of the compression, and of that on a copy of the full cache.
	round := func() (times [5]time.Duration) {
		times[0] = read(compress.Needs{})
		p.Free()
		times[1] = read(apart)
		p.Free()
		times[2] = read(needs)
		var copied *Cache
		times[4] = took(func() (err error) {
			if copied, err = p.Cache.Fork(); err != nil {
				return err
			}
			return decideAndApply(copied)()
		})
		copied.Free()
		times[3] = took(decideAndApply(p.Cache))
		p.Free()
		return times
	}
	round() // compiles the kernels
	best := round()
	for b.Loop() {
		for i, t := range round() {
			best[i] = min(best[i], t)
		}
	}
	percent := func(d time.Duration) float64 { return 100 * d.Seconds() / best[0].Seconds() }
	b.ReportMetric(1e3*best[0].Seconds(), "prefill-ms")
	b.ReportMetric(percent(best[1]-best[0]), "collect-%")
	if needs.Mass {
		b.ReportMetric(percent(best[2]-best[1]), "mass-%")
	}
	b.ReportMetric(percent(best[3]), "plan-%")
	b.ReportMetric(percent(best[4]), "replan-%")
	b.ReportMetric(0, "ns/op")
}

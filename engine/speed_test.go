//go:build !js

package engine

import (
	"fmt"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
	"keyfold/models"
)

// The bytes of a token's weights are those of the memory that holds them: on the
// CPU a small model's are float32 whatever the file has, a large one's are not.
func TestDecodeWorkIsWhatTheDeviceHolds(t *testing.T) {
	held := func(e *Engine) (bytes, operations int) {
		switch r := e.r.(type) {
		case *gpuRunner:
			matrices, vectors := []*gpu.Weights{r.w.logits}, []*gpu.Buffer{r.w.norm}
			for _, l := range r.w.layers {
				matrices = append(matrices, l.qkv, l.attnOut, l.gateUp, l.down)
				vectors = append(vectors, l.attnNorm, l.ffnNorm)
				for _, v := range []*gpu.Buffer{l.qkvBias, l.qkNorm} {
					if v != nil {
						vectors = append(vectors, v)
					}
				}
			}
			for _, m := range matrices {
				bytes, operations = bytes+m.Bytes(), operations+2*m.Rows*m.Cols
			}
			for _, v := range vectors {
				bytes += v.Size()
			}
			return bytes + r.w.embed.Bytes()/e.Config.VocabSize, operations
		case *cpuRunner:
			matrices, vectors := []layout.Stack{r.w.logits}, [][]float32{r.w.norm}
			for _, l := range r.w.layers {
				matrices = append(matrices, l.qkv, l.attnOut, l.gateUp, l.down)
				vectors = append(vectors, l.attnNorm, l.ffnNorm, l.qkvBias, l.qkNorm)
			}
			for _, m := range matrices {
				bytes, operations = bytes+m.Bytes(), operations+2*m.Rows()*m.Cols()
			}
			for _, v := range vectors {
				bytes += 4 * len(v)
			}
			return bytes + r.w.embed.Bytes()/e.Config.VocabSize, operations
		}
		panic("BUG: no such runner")
	}
	check := func(what string, e *Engine) (bytes int) {
		c, err := e.NewCache(layout.CacheF32)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Free()
		work := e.DecodeWork(c)
		bytes, operations := held(e)
		if work.WeightBytes != bytes || work.Operations != operations || work.CacheBytes != 0 {
			t.Errorf("%s: %+v of an empty cache; the device holds %d bytes for %d operations", what, work, bytes, operations)
		}
		return bytes
	}
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		eachArchitecture(t, func(t *testing.T, f *checkpoint.File) { check("F16", openFile(t, f, kind)) })
	})
	for _, wt := range []checkpoint.Type{checkpoint.F32, checkpoint.BF16, checkpoint.Q8_0, checkpoint.Q5_1, checkpoint.Q4_1, checkpoint.Q4_K, checkpoint.Q5_K} {
		onGPU := check(fmt.Sprintf("%v on the GPU", wt), openFixture(t, GPU, wt))
		onCPU := check(fmt.Sprintf("%v on the CPU", wt), openFixture(t, CPU, wt))
		if onCPU != onGPU {
			t.Errorf("%v: %d bytes on the GPU, %d on the CPU", wt, onGPU, onCPU)
		}
	}
}

// A filled cache is as long as asked for, the same on both devices, and can be
// decoded behind and compressed.
func TestFill(t *testing.T) {
	const n = 600 // more than the rows that are made
	for _, kv := range []layout.CacheType{layout.CacheF32, layout.CacheF16} {
		var keys, values [][]float32
		for _, kind := range []DeviceKind{CPU, GPU} {
			e := openFixture(t, kind, checkpoint.F16)
			p, err := e.Fill(n, Settings{KV: kv})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Free()
			c := p.Cache
			if c.Next() != n || c.Len(0, 0) != n || c.Slot(1, 1, n-1) != (layout.Slot{Pos: n - 1, N: 1}) {
				t.Fatalf("%s: next %d, %d slots, the last %+v", kind, c.Next(), c.Len(0, 0), c.Slot(1, 1, n-1))
			}
			k, v := rowsOf(t, c)
			for h := range k {
				if keys != nil {
					checkRows(t, k[h], keys[h])
					checkRows(t, v[h], values[h])
				}
			}
			keys, values = k, v
			plan, _, err := p.Decide(newMethod(t, "random", 0.5))
			if err != nil {
				t.Fatal(err)
			}
			apply(t, c, plan)
			if got := continuation(t, e, c, p.Logits, 4); len(got) != 4 || c.Next() != n+3 || c.Len(0, 0) != n/2+3 {
				t.Errorf("%s: %d tokens, next %d, %d slots", kind, len(got), c.Next(), c.Len(0, 0))
			}
		}
	}
	e := openFixture(t, CPU, checkpoint.F16)
	if _, err := e.Fill(models.FixtureConfig.SeqLen+1, Settings{KV: layout.CacheF16}); err == nil {
		t.Error("filled more than the context")
	}
}

func checkRows(t *testing.T, got, want []float32) {
	t.Helper()
	squares := 0.0
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("element %d is %g on the GPU, %g on the CPU", i, got[i], want[i])
		}
		squares += float64(got[i] * got[i])
	}
	if mean := squares / float64(len(got)); mean < 0.8 || mean > 1.2 {
		t.Fatalf("mean square %g, want 1", mean)
	}
}

// Times are joined over layers, and none are found on the CPU.
func TestProfileJoinsLayers(t *testing.T) {
	e := openFixture(t, GPU, checkpoint.F16)
	c, err := e.NewCache(layout.CacheF16)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Free()
	once := func() error {
		_, err := feedOne(lane{cache: c, tokens: []uint32{1}, choose: &layout.Draw{}})
		return err
	}
	if err := once(); err != nil {
		t.Fatal(err)
	}
	kernels, how, err := e.Profile(once)
	if err != nil || how == "" {
		t.Fatal(how, err)
	}
	dispatches, found := 0, false
	for _, k := range kernels {
		dispatches += k.Dispatches
		if k.Matrix == "ffn_down" {
			found = true
			if k.Dispatches != e.Config.NLayers {
				t.Errorf("%+v, want one per layer", k)
			}
		}
		t.Logf("%+v", k)
	}
	if want := e.r.(*gpuRunner).dispatches; dispatches != want || !found {
		t.Errorf("%d dispatches in %+v, want %d and ffn_down among them", dispatches, kernels, want)
	}
	onCPU := openFixture(t, CPU, checkpoint.F16)
	if kernels, how, err := onCPU.Profile(once); kernels != nil || how != "" || err != nil {
		t.Errorf("on the CPU: %v, %q, %v", kernels, how, err)
	}
}

func TestLimits(t *testing.T) {
	for _, kind := range []DeviceKind{CPU, GPU} {
		e := openFixture(t, kind, checkpoint.F16)
		l, err := e.Limits()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: copy %.3g bytes/s, matmul %.3g operations/s", kind, l.CopyBytes, l.MatMulRate)
		if l.CopyBytes < 1e6 || l.CopyBytes > 1e14 || l.MatMulRate < 1e6 || l.MatMulRate > 1e15 {
			t.Errorf("%s: %+v is no machine's", kind, l)
		}
	}
}

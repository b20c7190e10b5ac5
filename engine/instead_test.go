//go:build !js

package engine

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/gpu"
	"keyfold/layout"
)

// story is a run from the first token to the last, as far as it came.
type story struct {
	settings Settings
	plan     *compress.Plan
	shadow   bool
	written  []int
}

// run runs it, behind what is written already.
func (s *story) run(e *Engine, tokens []int) error {
	ctx := context.Background()
	o := s.settings
	o.Plan = s.plan
	p, err := e.Prefill(ctx, tokens, o)
	if err != nil {
		return err
	}
	defer p.Free()
	var shadow *Shadow
	if s.shadow {
		full, err := p.Fork()
		if err != nil {
			return err
		}
		shadow = NewShadow(full, true)
		defer shadow.Free()
	}
	plan, _, err := p.Compress()
	if err != nil {
		return err
	}
	if s.plan != nil && s.plan != plan && o.MaxSlots == 0 {
		return errors.New("what was decided is decided anew")
	}
	s.plan = plan
	n, known := 0, slices.Clone(s.written)
	return p.Generate(ctx, Generation{N: 12, Sampler: Sampler{TopP: 1, RepeatPenalty: 1}, Known: known, Shadow: shadow, Emit: func(t Token) error {
		if n++; n <= len(known) {
			if t.ID != known[n-1] {
				return errors.New("a token that was known has changed")
			}
			return nil
		}
		s.written = append(s.written, t.ID)
		return nil
	}})
}

// failing is a GPU whose driver fails at the n-th step of a kind, and at all after it.
type failing struct {
	kind     string // "": all kinds
	steps, n int    // since it was armed; n = 0: it does not fail
}

func (f *failing) fails(step string) error {
	if f.kind != "" && step != f.kind {
		return nil
	}
	if f.steps++; f.n > 0 && f.steps >= f.n {
		return errors.New(map[string]string{"": "the device was lost", "allocate": "out of memory"}[f.kind])
	}
	return nil
}

// open opens a model on the GPU.
func (f *failing) open(t *testing.T, model *checkpoint.File) *Engine {
	t.Helper()
	e, err := OpenFailing(context.Background(), model, nil, f.fails)
	if errors.Is(err, gpu.ErrNoDevice) && os.Getenv("REQUIRE_GPU") != "1" {
		t.Skipf("needs a WebGPU adapter: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// Whatever step of the driver a GPU is lost at, and whatever buffer it has no memory
// for, the CPU writes the text to its end: the same text as on one device. And what the
// GPU had allocated for it is given back.
func TestCPUGoesOnWithTheText(t *testing.T) {
	type trial struct {
		name, kind, method string
		shadow             bool
		every              int // step of the driver is one that fails, in turn
		set                func(*Settings)
	}
	unchanged := func(*Settings) {}
	trials := []trial{
		{"lost", "", "kvmerger", false, 17, unchanged},
		{"lost beside the full cache", "", "snapkv", true, 37, unchanged},
		{"lost where a cache is compressed again and again", "", "h2o", false, 31, func(o *Settings) { o.Every, o.MaxSlots = 4, 40 }},
		{"lost with positions in the cache", "", "window", false, 31, func(o *Settings) { o.InCache, o.Every = true, 5 }},
		{"out of memory beside the full cache", "allocate", "cam", true, 1, func(o *Settings) { o.KV = layout.CacheF32 }},
	}
	for _, method := range compress.Names() {
		if strings.HasPrefix(method, "ada:") { // reads the same signals
			continue
		}
		trials = append(trials, trial{"out of memory for " + method, "allocate", method, false, 13, unchanged})
	}
	for _, tc := range trials {
		t.Run(tc.name, func(t *testing.T) {
			model, tokens := fixtureFile(t, checkpoint.F16), someTokens(60)
			budget := 0.0
			if compress.TakesBudget(tc.method) {
				budget = 0.5
			}
			method := newMethod(t, tc.method, budget)
			begin := func() *story {
				s := &story{settings: Settings{Method: method, Chunk: 32}, shadow: tc.shadow}
				if method.Needs().Future {
					s.settings.Future = someTokens(20)
				}
				tc.set(&s.settings)
				return s
			}
			live := func(e *Engine) int { return e.r.(*gpuRunner).d.LiveBytes() }
			whole, good := begin(), (&failing{}).open(t, model)
			if err := whole.run(good, tokens); err != nil {
				t.Fatal(err)
			}
			f := &failing{kind: tc.kind}
			e := f.open(t, model)
			tried, written := 0, map[int]bool{}
			for n := 1; ; n += tc.every {
				s := begin()
				f.steps, f.n = 0, n
				err := s.run(e, tokens)
				f.n = 0
				if err == nil {
					break
				}
				if !e.Replaceable(err) || !strings.Contains(err.Error(), e.Device.Adapter+": ") {
					t.Fatalf("step %d: error %v, want one of the device by its name", n, err)
				}
				tried++
				written[len(s.written)] = true
				instead, err := OpenInstead(context.Background(), model, nil, err)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Count(instead.Note, e.Device.Adapter) != 1 || strings.Contains(instead.Note, "\n") {
					t.Errorf("the note is %q", instead.Note)
				}
				if err := s.run(instead, tokens); err != nil {
					t.Errorf("step %d: the CPU: %v", n, err)
				}
				if !slices.Equal(s.written, whole.written) {
					t.Errorf("step %d: wrote %v, want %v", n, s.written, whole.written)
				}
			}
			t.Logf("failed at %d steps, behind %d different numbers of tokens", tried, len(written))
			if tried == 0 || tc.kind == "" && len(written) < 2 {
				t.Error("not enough of them failed")
			}
			if now, want := live(e), live(good); now != want {
				t.Errorf("%d bytes are allocated, without failures %d", now, want)
			}
		})
	}
}

// Known tokens are taken, whatever would have been chosen, and the text goes on behind
// them as behind tokens that were read; the device may choose again from then on.
func TestKnownTokensAreTaken(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e, known := openFixture(t, kind, checkpoint.F16), []int{7, 300, 7, 41, 5}
		for _, sampler := range []Sampler{{TopP: 1, RepeatPenalty: 1}, {TopP: 0.9, TopK: 5, Temperature: 1, RepeatPenalty: 1}} {
			write := func(text *Text, n int, known []int) (ids []int) {
				t.Helper()
				defer text.Free()
				err := text.Generate(context.Background(), Generation{N: n, Sampler: sampler, Known: known, Emit: func(token Token) error {
					ids = append(ids, token.ID)
					return nil
				}})
				if err != nil {
					t.Fatal(err)
				}
				return ids
			}
			begin := func() *Text { return &prefill(t, e, someTokens(30), layout.CacheF16, compress.Needs{}).Text }
			read := begin()
			if err := read.Read(context.Background(), known); err != nil {
				t.Fatal(err)
			}
			want := append(slices.Clone(known), write(read, 9, nil)...)
			if got := write(begin(), len(known)+9, known); !slices.Equal(got, want) {
				t.Errorf("wrote %v, want %v", got, want)
			}
			if got := write(begin(), 3, known); !slices.Equal(got, known[:3]) {
				t.Errorf("wrote %v, want %v", got, known[:3])
			}
		}
	})
}

// Auto lets the devices decode as texts do, several tokens a submit.
func TestRaceFeedsAhead(t *testing.T) {
	f := &failing{kind: "submit"}
	e := f.open(t, fixtureFile(t, checkpoint.F16))
	f.steps = 0
	rate, err := race(context.Background(), e.r)
	if err != nil || rate <= 0 {
		t.Fatalf("%g tokens/s, error %v", rate, err)
	}
	if f.steps > 14 {
		t.Errorf("%d submits for 16 tokens", f.steps)
	}
	t.Logf("%.0f tokens/s, %d submits", rate, f.steps)
}

//go:build !js

package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// part is a text that is continued, alone or in a batch.
type part struct {
	prompt int     // tokens
	method string  // by which its cache was compressed; "": it was not
	every  int     // tokens after which it is compressed again
	shadow bool    // with the full cache beside it
	heads  bool    // and the attention-output errors
	watch  bool    // with the attention of decoded tokens
	n      int     // tokens to write
	s      Sampler // how
	more   func(*Generation)
}

// parts are texts of all kinds.
var parts = []part{
	{prompt: 40, n: 30, s: greedy},
	{prompt: 7, method: "window", n: 41, s: greedy, shadow: true},
	{prompt: 90, method: "kvmerger", n: 12, s: Sampler{RepeatPenalty: 1, TopP: 0.9, Temperature: 1, Seed: 3}},
	{prompt: 33, n: 25, s: Sampler{RepeatPenalty: 1.2, TopP: 1}}, // chosen on the host
	{prompt: 64, method: "h2o", every: 8, n: 30, s: greedy},
	{prompt: 50, method: "window", n: 33, s: Sampler{RepeatPenalty: 1, TopP: 1, Temperature: 0.7, Seed: 9}, shadow: true},
	{prompt: 21, n: 17, s: greedy, watch: true},
	{prompt: 45, method: "snapkv", n: 9, s: greedy, shadow: true, heads: true},
	{prompt: 12, n: 1, s: greedy},
	{prompt: 5, n: 50, s: Sampler{RepeatPenalty: 1, TopP: 0.5, Temperature: 1.5, Seed: 1}, more: func(g *Generation) { g.Likeliest = 3 }},
	{prompt: 60, n: 20, s: greedy, more: func(g *Generation) { g.Known = someTokens(4) }},
	{prompt: 30, method: "window", n: 60, s: greedy},
}

// written is what came of a part.
type written struct {
	tokens    []Token
	full      []int // what the full run wrote
	first     int   // difference from it
	heads     []float64
	textTo    []int
	slots     int
	positions int
	stop      Stop
}

// begun is a part with its prompt read and compressed.
type begun struct {
	*Prompt
	o    Generation
	got  written
	free func()
}

// begin reads the part's prompt and compresses it.
func (c part) begin(t *testing.T, e *Engine) *begun {
	t.Helper()
	settings := Settings{KV: layout.CacheF16, Every: c.every}
	if c.method != "" {
		settings.Method = newMethod(t, c.method, map[bool]float64{true: 0.5}[compress.TakesBudget(c.method)])
	}
	p, err := e.Prefill(context.Background(), someTokens(c.prompt), settings)
	if err != nil {
		t.Fatal(err)
	}
	b := &begun{Prompt: p, o: Generation{N: c.n, Sampler: c.s}, free: p.Free}
	if c.shadow {
		b.o.Shadow = NewShadow(forkText(t, &p.Text), c.heads)
		b.free = func() { b.o.Shadow.Free(); p.Free() }
	}
	if c.method != "" {
		if _, _, err := p.Compress(); err != nil {
			t.Fatal(err)
		}
	}
	if c.watch {
		if b.o.Watch, err = e.Watch(c.prompt + c.n); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.o.Watch.Free)
	}
	b.o.Emit = func(tok Token) error {
		tok.Time = 0
		b.got.tokens = append(b.got.tokens, tok)
		return nil
	}
	if c.more != nil {
		c.more(&b.o)
	}
	return b
}

// end returns what was written.
func (b *begun) end() written {
	b.got.textTo, b.got.slots, b.got.positions, b.got.stop = b.Tokens, b.Cache.Slots(), b.Cache.Next(), *b.Stop
	if s := b.o.Shadow; s != nil {
		b.got.full, b.got.first, b.got.heads = s.Text(), s.FirstDifference, s.HeadErrors()
	}
	b.free()
	return b.got
}

// Texts of all kinds that join and leave in any order write what each writes alone: on the CPU bit
// for bit, on the GPU as far as sums of another order let them.
func TestBatch(t *testing.T) {
	for _, kind := range []DeviceKind{CPU, GPU} {
		for _, typ := range []checkpoint.Type{checkpoint.F32, checkpoint.F16, checkpoint.Q8_0, checkpoint.Q4_1} {
			t.Run(fmt.Sprintf("%s %v", kind, typ), func(t *testing.T) {
				e := openFixture(t, kind, typ)
				e.Tokenizer = nil
				var alone []written
				for _, c := range parts {
					b := c.begin(t, e)
					if err := b.Generate(context.Background(), b.o); err != nil {
						t.Fatal(err)
					}
					alone = append(alone, b.end())
				}
				for seed := range uint64(3) {
					for i, got := range together(t, e, rand.New(rand.NewPCG(seed, 0))) {
						if kind == CPU && !reflect.DeepEqual(got, alone[i]) {
							t.Errorf("order %d: text %d is\n%+v, alone\n%+v", seed, i, got, alone[i])
						}
						if kind == GPU {
							if err := near(got, alone[i]); err != nil {
								t.Errorf("order %d: text %d: %v", seed, i, err)
							}
						}
					}
				}
			})
		}
	}
}

// together writes all parts in one batch, in an order and from steps that are drawn.
func together(t *testing.T, e *Engine, random *rand.Rand) []written {
	t.Helper()
	var b Batch
	texts, got := map[*Text]int{}, make([]written, len(parts))
	begun := make([]*begun, len(parts))
	waiting, most := random.Perm(len(parts)), 0
	for len(waiting) > 0 || b.Len() > 0 {
		for len(waiting) > 0 && (b.Len() == 0 || random.IntN(3) == 0) {
			i := waiting[0]
			waiting = waiting[1:]
			begun[i] = parts[i].begin(t, e)
			texts[&begun[i].Text] = i
			if err := begun[i].Join(&b, begun[i].o); err != nil {
				t.Fatal(err)
			}
		}
		most = max(most, b.Len())
		for _, ended := range b.Step(context.Background()) {
			if ended.Err != nil {
				t.Fatal(ended.Err)
			}
			i := texts[ended.Text]
			got[i] = begun[i].end()
		}
	}
	if most < 5 {
		t.Errorf("at most %d texts were together: this test needs more", most)
	}
	return got
}

// near returns an error unless two devices could have written so with the same model: the same tokens,
// and nearly the same numbers.
func near(got, want written) error {
	if !slices.Equal(got.textTo, want.textTo) || !slices.Equal(got.full, want.full) || got.first != want.first ||
		got.slots != want.slots || got.positions != want.positions || !reflect.DeepEqual(got.stop, want.stop) {
		return fmt.Errorf("%v (full cache %v), alone %v (%v)", got.textTo, got.full, want.textTo, want.full)
	}
	for i, tok := range got.tokens {
		other := want.tokens[i]
		if math.Abs(tok.Logprob-other.Logprob) > 1e-3 {
			return fmt.Errorf("token %d has probability exp(%g), alone exp(%g)", i, tok.Logprob, other.Logprob)
		}
		if tok.Quality != nil && math.Abs(tok.Quality.KL-other.Quality.KL) > 1e-3 {
			return fmt.Errorf("token %d has KL %g, alone %g", i, tok.Quality.KL, other.Quality.KL)
		}
	}
	for i, x := range got.heads {
		if math.Abs(x-want.heads[i]) > 1e-3 {
			return fmt.Errorf("head %d is off by %g, alone %g", i, x, want.heads[i])
		}
	}
	return nil
}

// A text that goes wrong leaves the batch, and the others go on. One whose listener has enough says
// so, and the end of everything ends them all.
func TestBatchLosesOne(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	e.Tokenizer = nil
	enough := errors.New("enough")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var b Batch
	counts := make([]int, 3)
	var texts []*Text
	for i := range counts {
		p := prefill(t, e, someTokens(20+i), layout.CacheF16, compress.Needs{})
		texts = append(texts, &p.Text)
		err := p.Join(&b, Generation{N: 100, Sampler: greedy, Emit: func(Token) error {
			counts[i]++
			switch {
			case i == 0 && counts[i] == 5:
				return enough
			case i == 1 && counts[i] == 9:
				return context.Canceled
			case i == 2 && counts[i] == 30:
				cancel()
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := texts[0].Join(&Batch{}, Generation{N: 1 << 20, Sampler: greedy}); err == nil {
		t.Error("a text that does not fit the context joined")
	}
	other := openFixture(t, CPU, checkpoint.F16)
	if err := prefill(t, other, someTokens(20), layout.CacheF16, compress.Needs{}).Join(&b, Generation{N: 1, Sampler: greedy}); err == nil {
		t.Error("a text of another engine joined")
	}
	var ended []Ended
	for b.Len() > 0 {
		ended = append(ended, b.Step(ctx)...)
	}
	want := []Ended{{texts[0], enough}, {texts[1], context.Canceled}, {texts[2], context.Canceled}}
	if !reflect.DeepEqual(ended, want) || !slices.Equal(counts, []int{5, 9, 30}) {
		t.Errorf("ended %v after %v tokens, want %v after 5, 9 and 30", ended, counts, want)
	}
	if texts[0].Stop != nil || texts[1].Stop == nil || texts[2].Stop == nil || texts[2].Stop.Reason != StopCancelled {
		t.Errorf("ended by %v, %v and %v", texts[0].Stop, texts[1].Stop, texts[2].Stop)
	}
}

// A text that joins where others are ahead gets into step with them: all share the steps after that.
func TestBatchGetsIntoStep(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F32)
	e.Tokenizer = nil
	submits := func(texts int) (n int) {
		synctest.Test(t, func(t *testing.T) {
			clock := *e
			clock.r = clocked{e.r, 0, time.Millisecond, &n, new(time.Duration)}
			var b Batch
			begin := func(tokens int) {
				c, err := newCache(clock.r, layout.CacheF16)
				if err != nil {
					t.Fatal(err)
				}
				text := &Text{e: &clock, Cache: c, Logits: make([]float32, e.Config.VocabSize)}
				if err := text.Join(&b, Generation{N: tokens, Sampler: greedy, Emit: func(Token) error { return nil }}); err != nil {
					t.Fatal(err)
				}
			}
			begin(1000)
			for step := 0; b.Len() > 0; step++ {
				if step == 110 && texts > 1 {
					begin(890)
				}
				b.Step(context.Background())
			}
		})
		return n
	}
	one, two := submits(1), submits(2)
	t.Logf("%d submits for one text, %d for two", one, two)
	if two > one+10 { // how much a step takes is learned anew
		t.Errorf("%d submits for two texts, %d for one", two, one)
	}
}

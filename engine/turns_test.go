//go:build !js

package engine

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// readFirstTurn reads the beginning of a text that goes on.
func readFirstTurn(t testing.TB, e *Engine, tokens []int, o Settings) *Prompt {
	t.Helper()
	o.Turns, o.Chunk = true, 100
	p, err := e.Prefill(context.Background(), tokens, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Free)
	return p
}

// extend reads a further turn, and checks that it alone is read.
func extend(t testing.TB, p *Prompt, tokens []int) {
	t.Helper()
	before, fed := p.Cache.Next(), 0
	if err := p.Extend(context.Background(), tokens, func(n int) error { fed = n; return nil }); err != nil {
		t.Fatal(err)
	}
	if fed != len(tokens) || p.Cache.Next() != before+len(tokens) || len(p.Tokens) != p.Cache.Next() {
		t.Fatalf("told of %d tokens, position %d, a text of %d; want %d behind %d", fed, p.Cache.Next(), len(p.Tokens), len(tokens), before)
	}
}

// write lets the text go on for n tokens and returns them, of which the last is not fed.
func write(t testing.TB, p *Prompt, n int) (ids []int) {
	t.Helper()
	err := p.Generate(context.Background(), Generation{N: n, Sampler: greedy, Emit: func(tok Token) error {
		ids = append(ids, tok.ID)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// Turns that keep everything make the text, the cache and the logits of one
// reading: bit for bit on the CPU.
func TestTurnsThatKeepAllAreOneReading(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		e.Tokenizer = nil // so that no token ends the text
		for _, inCache := range []bool{false, true} {
			p := readFirstTurn(t, e, someTokens(60), Settings{KV: layout.CacheF32, Method: newMethod(t, "full", 0), InCache: inCache})
			for turn, user := range [][]int{someTokens(41)[1:], {5}, someTokens(150)[1:]} {
				compressPrompt(t, p)
				written := write(t, p, 3+turn)
				extend(t, p, append(written[len(written)-1:], user...))
				whole := prefill(t, e, p.Tokens, layout.CacheF32, compress.Needs{})
				bound := map[DeviceKind]float64{CPU: 0, GPU: 1e-4}[kind] // there the order of sums depends on the chunk
				if d, at := worst(p.Logits, whole.Logits); d > bound {
					t.Errorf("turn %d: the logit of %d differs by %g", turn+2, at, d)
				}
				k, v := rowsOf(t, p.Cache)
				kWhole, vWhole := rowsOf(t, whole.Cache)
				for h := range k {
					if d, at := worst(k[h], kWhole[h]); d > bound {
						t.Fatalf("turn %d head %d: a key differs by %g at %d", turn+2, h, d, at)
					}
					if d, at := worst(v[h], vWhole[h]); d > bound {
						t.Fatalf("turn %d head %d: a value differs by %g at %d", turn+2, h, d, at)
					}
				}
			}
		}
	})
}

// Where nothing is lost and all queries count, the signals after turns are those of
// one reading: without answers, and with those that leave signals of their own.
func TestSignalsGoOnOverTurns(t *testing.T) {
	text := someTokens(220)
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		for name, m := range map[string]compress.Method{
			"mass":     newMethod(t, "h2o", 1),
			"votes":    newMethod(t, "gvote", 0, "p_nuc", "1"),
			"expected": newMethod(t, "expected", 1),
			"last":     newMethod(t, "snapkv", 1),
		} {
			for _, every := range []int{0, 70} {
				p := readFirstTurn(t, e, text[:60], Settings{KV: layout.CacheF32, Method: m, Every: every})
				compressPrompt(t, p)
				at := 60
				for _, n := range []int{70, 90} {
					if every > 0 {
						decodeGiven(t, p, text[at:at+5], func() {})
						at += 5
					}
					extend(t, p, text[at:at+n-5])
					at += n - 5
					whole := prefill(t, e, text[:at], layout.CacheF32, m.Needs())
					compareSignals(t, name, p, whole, m)
					compressPrompt(t, p)
				}
				if p.Compressions() != 3 {
					t.Errorf("%s: compressed %d times, want 3", name, p.Compressions())
				}
			}
		}
	})
}

// compareSignals fails the test unless both prompts have the same signals for a method.
func compareSignals(t testing.TB, name string, p, whole *Prompt, m compress.Method) {
	t.Helper()
	want, err := whole.Measure(m.Needs())
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Measure(m.Needs())
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, h int, x, y []float32, bound float64) {
		t.Helper()
		if d, at := worst(x, y); d > bound {
			t.Fatalf("%s, %d tokens, head %d: %s differs by %g at %d", name, p.Cache.Next(), h, what, d, at)
		}
	}
	for h, head := range want.Heads { // bounds as in TestSignalsGoOnWhileDecoding
		near("mass", h, got.Heads[h].Mass, head.Mass, 1e-4)
		near("length of values", h, got.Heads[h].ValueNorm, head.ValueNorm, 1e-4)
		for a := range head.Expected {
			near("expected attention", h, got.Heads[h].Expected[a], head.Expected[a], 1e-3)
		}
	}
	if ballots := whole.Ballots(); ballots != nil {
		near("mu", 0, p.Ballots().Mu, ballots.Mu, 1e-3)
		near("sd", 0, p.Ballots().SD, ballots.SD, 1e-3)
		near("last queries", 0, p.Ballots().LastQueries, ballots.LastQueries, 1e-3)
	}
	if m.Needs().LastQueries == 0 {
		return
	}
	for _, w := range []int{1, min(64, got.LastQueries)} {
		a, err := got.Window(w)
		if err != nil {
			t.Fatal(err)
		}
		b, err := want.Window(w)
		if err != nil {
			t.Fatal(err)
		}
		for h := range a {
			near("attention of the last queries", h, a[h], b[h], 1e-4)
		}
	}
}

// Every method goes on for three turns: it decides from what the last turn has read
// and from what the others left, positions follow on, pins of any turn hold, and no
// slot stands for more than it should.
func TestEveryMethodTakesTurns(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		e.Tokenizer = nil
		for _, name := range compress.Names() {
			for _, change := range []func(*Settings){
				func(*Settings) {},
				func(o *Settings) { o.InCache = true },
				func(o *Settings) { o.MaxSlots, o.Every, o.KV = 230, 64, layout.CacheF16 },
			} {
				budget := 0.0
				if compress.TakesBudget(name) {
					budget = 0.4
				}
				o := Settings{KV: layout.CacheF32, Method: newMethod(t, name, budget), Pins: [][2]int{{3, 6}}}
				change(&o)
				if CanTakeTurns(o.Method) != nil || o.MaxSlots > 0 && compress.KeepsAll(o.Method) {
					continue // TestTurnsAreRefused
				}
				takeTurns(t, name, e, o)
			}
		}
	})
}

// takeTurns has three turns: a long one, a short one, and one that is longer than a bound.
func takeTurns(t *testing.T, name string, e *Engine, o Settings) {
	t.Helper()
	tokens := someTokens(400)
	p := readFirstTurn(t, e, tokens[:90], o)
	pins, read := []int{3, 4, 5}, 90
	for turn, n := range []int{0, 7, 260} {
		if n > 0 {
			extend(t, p, tokens[100:100+n])
			if err := p.Pin(p.length-3, p.length-1); err != nil {
				t.Fatal(err)
			}
			pins = append(pins, p.length-3, p.length-2)
		}
		if read += n; o.Every == 0 && p.trace.counted(0) != read {
			t.Errorf("%s, turn %d: statistics of %d tokens, want the %d that were read", name, turn+1, p.trace.counted(0), read)
		}
		before := p.Cache.Slots()
		plan, signals, err := p.Compress()
		if err != nil {
			t.Fatalf("%s, turn %d: %v", name, turn+1, err)
		}
		if rows := plan.Rows(); rows != p.Cache.Slots() || signals.Total() != before || rows > before {
			t.Errorf("%s, turn %d: %d rows, %d of %d slots", name, turn+1, rows, p.Cache.Slots(), before)
		}
		write(t, p, 9)
		if o.MaxSlots > 0 && p.Cache.longest() > o.MaxSlots-o.nextTurn() {
			t.Errorf("%s, turn %d: %d slots in a head, want at most %d", name, turn+1, p.Cache.longest(), o.MaxSlots-o.nextTurn())
		}
		if o.InCache && p.Cache.Used() != p.Cache.longest() || !o.InCache && p.Cache.Used() != p.Cache.Next() {
			t.Errorf("%s, turn %d: goes on at %d of %d", name, turn+1, p.Cache.Used(), p.Cache.Next())
		}
		for l := range p.Cache.layers {
			for h := range e.Config.NKVHeads {
				slots, stand := p.Cache.headSlots(l, h), 0
				for _, slot := range slots {
					stand += int(slot.N)
				}
				if stand > p.Cache.Next() || !slices.IsSortedFunc(slots, func(a, b layout.Slot) int { return int(a.Pos) - int(b.Pos) }) {
					t.Fatalf("%s, turn %d: head %d.%d stands for %d of %d tokens", name, turn+1, l, h, stand, p.Cache.Next())
				}
				for _, pin := range pins {
					if !slices.ContainsFunc(slots, func(s layout.Slot) bool { return int(s.Pos) == pin && s.N == 1 }) {
						t.Fatalf("%s, turn %d: head %d.%d has lost the pinned token %d", name, turn+1, l, h, pin)
					}
				}
			}
		}
	}
	for _, x := range p.Logits {
		if math.IsNaN(float64(x)) {
			t.Fatalf("%s: a logit is no number", name)
		}
	}
}

// The queries of a short turn are all that there are, and none of an earlier turn's.
func TestLastQueriesOfAShortTurn(t *testing.T) {
	text := someTokens(107)
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		e := openFixture(t, kind, checkpoint.F16)
		m := newMethod(t, "snapkv", 1)
		p := readFirstTurn(t, e, text[:100], Settings{KV: layout.CacheF32, Method: m})
		compressPrompt(t, p)
		extend(t, p, text[100:])
		signals, err := p.Measure(m.Needs())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signals.Window(8); signals.LastQueries != 7 || err == nil {
			t.Errorf("%d last queries of a turn of 7 tokens, and of 8: %v", signals.LastQueries, err)
		}
		got, err := signals.Window(7)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := prefill(t, e, text, layout.CacheF32, m.Needs()).Measure(m.Needs())
		if err != nil {
			t.Fatal(err)
		}
		want, err := whole.Window(7)
		if err != nil {
			t.Fatal(err)
		}
		for h := range got {
			if d, at := worst(got[h], want[h]); d > 1e-4 {
				t.Fatalf("head %d: attention of the last 7 queries differs by %g at slot %d", h, d, at)
			}
		}
	})
}

// A bound leaves room for the next turn to begin in, however much a method would keep.
func TestBoundLeavesRoomForTheNextTurn(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	e.Tokenizer = nil
	o := Settings{KV: layout.CacheF32, Method: newMethod(t, "h2o", 0.98), MaxSlots: 150, Every: 20}
	p := readFirstTurn(t, e, someTokens(140), o)
	for range 3 {
		compressPrompt(t, p)
		for range 5 {
			write(t, p, 19) // of which 18 are fed
			if free := o.MaxSlots - p.Cache.longest(); free < leastRead(o.Method.Needs()) {
				t.Fatalf("%d slots are free for the next turn, want %d", free, leastRead(o.Method.Needs()))
			}
		}
		extend(t, p, someTokens(40))
	}
}

// The same turns by plans that are tried on forks, of which one is adopted.
func TestAdoptedForkGoesOn(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	e.Tokenizer = nil
	tokens, m := someTokens(120), newMethod(t, "h2o", 0.5)
	inPlace := readFirstTurn(t, e, tokens[:80], Settings{KV: layout.CacheF32, Method: m})
	compressPrompt(t, inPlace)
	answer := write(t, inPlace, 10)
	extend(t, inPlace, tokens[80:])
	compressPrompt(t, inPlace)

	p := readFirstTurn(t, e, tokens[:80], Settings{KV: layout.CacheF32, Needs: m.Needs()})
	for _, budget := range []float64{0.2, 0.5} { // the first is not kept
		plan, signals, _ := decide(t, p, newMethod(t, "h2o", budget))
		text, err := p.Fork()
		if err != nil {
			t.Fatal(err)
		}
		apply(t, text.Cache, plan)
		if budget != 0.5 {
			text.Free()
			continue
		}
		if err := text.Read(context.Background(), answer[:9]); err != nil {
			t.Fatal(err)
		}
		p.Adopt(text, plan, signals)
	}
	extend(t, p, tokens[80:])
	plan, _, _ := decide(t, p, m)
	apply(t, p.Cache, plan)
	for l := range p.Cache.layers {
		for h := range e.Config.NKVHeads {
			if got, want := p.Cache.headSlots(l, h), inPlace.Cache.headSlots(l, h); !slices.Equal(got, want) {
				t.Errorf("layer %d head %d keeps %v, want %v", l, h, got, want)
			}
		}
	}
}

// What cannot go on is refused in a sentence, before anything is read.
func TestTurnsAreRefused(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	window := newMethod(t, "window", 0.5)
	for want, o := range map[string]Settings{
		"kvzip reads the text again from the full cache":                                                {Turns: true, Method: newMethod(t, "kvzip", 0.5)},
		"oracle wants to know the tokens that follow, which neither":                                    {Turns: true, Method: newMethod(t, "oracle", 0.5)},
		"cannot be read again from its full cache":                                                      {Turns: true, Needs: compress.Needs{Reread: true}},
		"its future is not known":                                                                       {Turns: true, Needs: compress.Needs{Future: true}},
		"-max-slots over turns needs -every":                                                            {Turns: true, Method: window, MaxSlots: 100},
		"-max-slots is 100, want more than the 90 tokens that -every lets pass and 16 of the next turn": {Turns: true, Method: window, MaxSlots: 100, Every: 90},
	} {
		if _, err := e.Prefill(context.Background(), someTokens(40), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	once, err := e.Prefill(context.Background(), someTokens(40), Settings{Method: window})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(once.Free)
	compressPrompt(t, once)
	p := readFirstTurn(t, e, someTokens(40), Settings{Method: newMethod(t, "h2o", 0.5)})
	compressPrompt(t, p)
	write(t, p, 3)
	for _, tc := range []struct {
		p      *Prompt
		tokens []int
		want   string
	}{
		{once, someTokens(3), "was not read to go on by turns"},
		{p, nil, "a turn of no tokens"},
		{p, make([]int, e.Config.SeqLen), "more than the context of"},
		{p, []int{1 << 20}, "token 1048576, want 0 to"},
	} {
		if err := tc.p.Extend(context.Background(), tc.tokens, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
	if len(p.Tokens) != 42 || p.Cache.Next() != 42 {
		t.Errorf("a refused turn leaves a text of %d tokens, %d in the cache, want 42", len(p.Tokens), p.Cache.Next())
	}
	if _, _, err := p.Compress(); err == nil {
		t.Error("a cache is compressed by signals of a turn that was not read")
	}
}

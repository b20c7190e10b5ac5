package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"keyfold/compress"
	"keyfold/layout"
)

// Token is one generated token with what is known about its making.
type Token struct {
	ID      int
	Text    string        // what it adds to the text: see Generation.Stop; "" without a tokenizer
	Logprob float64       // natural log of the model's own probability of it (temperature 1)
	Time    time.Duration // from the previous token to this one; of several in one submit each has its share
	KVBytes int           // bytes of occupied slots when it was chosen
	Quality *Quality      // against the full cache; nil unless asked for

	// With a shadow, what the choice was made from, under the compressed and the
	// full cache: (vocab), valid until the next token.
	Logits, FullLogits []float32

	// With Watching, the attention that the query behind this choice paid to
	// each slot, mean over a group's heads: (n_layers * n_kv_heads)(slots). Nil
	// for the first token, which the prompt's own last query chose.
	Attention [][]float32
}

// Watching collects the attention of decoded tokens.
type Watching struct {
	mass  mass
	trace *trace
	last  [][]float32
}

// Watch makes room for watching caches of up to the given slots per head.
func (e *Engine) Watch(slots int) (*Watching, error) {
	w := &Watching{}
	var err error
	w.trace, err = newTrace(e.r, compress.Needs{Mass: true}, slots, []signal{&w.mass})
	return w, err
}

// Free gives its memory back.
func (w *Watching) Free() { w.trace.free() }

// read returns what was paid since the last call: the device only adds up.
func (w *Watching) read() ([][]float32, error) {
	sums, err := w.mass.read(w.trace)
	if err != nil {
		return nil, err
	}
	paid := make([][]float32, len(sums))
	for h := range sums {
		paid[h] = slices.Clone(sums[h])
		if w.last != nil {
			for j := range paid[h] {
				paid[h][j] -= w.last[h][j]
			}
		}
		sums[h] = slices.Clone(sums[h]) // the CPU's sums go on changing
	}
	w.last = sums
	return paid, nil
}

// Generation says how a text goes on.
type Generation struct {
	N       int // tokens at most
	Sampler Sampler
	Shadow  *Shadow   // the full cache to compare with; nil: none
	Watch   *Watching // of the attention of decoded tokens; nil: none
	Emit    func(Token) error

	// Stop are texts that end the text before them. The texts of all tokens, joined, are what the
	// model wrote less the one that ended it: a token that may begin one hands its text over to the
	// tokens after it.
	Stop []string
}

// Generate continues the text. It calls o.Emit for each token and ends early
// after one that ends a text or completes one of o.Stop, which is emitted too;
// t.Stop says what ended it. The last token is not fed to the cache. Afterwards the
// text's logits are of no use: where the device chooses, they are not read back.
//
// With a shadow the full cache is fed the same tokens and every token carries
// its Quality.
func (t *Text) Generate(ctx context.Context, o Generation) error { return t.generate(ctx, o, nil) }

// generate is Generate. If again is not nil, it compresses its cache, which is
// the text's, after every so many tokens. Then nobody watches.
func (t *Text) generate(ctx context.Context, o Generation, again *Prompt) error {
	g := &generator{Text: t, o: o, again: again, onDevice: o.Sampler.onDevice() && o.Shadow == nil}
	t.Stop = nil
	if err := g.check(); err != nil {
		return err
	}
	var err error
	if g.read, err = newReader(t.e.Tokenizer, t.Tokens, o.Stop); err != nil {
		return err
	}
	g.start = time.Now()
	g.choose()
	for left := o.N; left > 0; left-- { // tokens to emit
		if err := ctx.Err(); err != nil {
			t.Stop = &Stop{Reason: StopCancelled}
			return err
		}
		stop, err := g.emit(left - 1)
		if err != nil {
			if errors.Is(err, context.Canceled) {
				t.Stop = &Stop{Reason: StopCancelled}
			}
			return err
		}
		if t.Stop = stop; stop != nil {
			return nil
		}
		if err := g.feed(left - 1); err != nil {
			return err
		}
		g.choose()
	}
	return nil
}

// generator is a text while it is continued.
type generator struct {
	*Text
	o        Generation
	again    *Prompt
	onDevice bool // the device chooses
	read     *reader

	id        int // the token chosen last, not fed yet
	logprob   float64
	attention [][]float32 // as [Token].Attention

	chosen []chosen      // ahead of the text: the tokens after id, which all but the last are fed with
	start  time.Time     // of the work on the next token
	share  time.Duration // of each token in the time of the last submit
	ahead  ahead
}

// check returns an error unless the text can go on as it should.
func (g *generator) check() error {
	if err := g.o.Sampler.Validate(); err != nil {
		return err
	}
	n := g.o.N - 1 // the last token is not fed
	positions := n
	if g.again != nil {
		positions = g.again.positionsFor(n)
	}
	if err := g.Cache.fits(positions); err != nil {
		return err
	}
	if g.o.Shadow != nil {
		return g.o.Shadow.goesWith(g.Cache, n)
	}
	return nil
}

// choose chooses the next token, or takes the one that the device chose.
func (g *generator) choose() {
	if len(g.chosen) > 0 {
		g.id, g.logprob = g.chosen[0].id, float64(g.chosen[0].logit)-float64(g.chosen[0].lse)
		g.chosen = g.chosen[1:]
		return
	}
	g.id = g.o.Sampler.Choose(g.Logits, g.Cache.textPos, g.Tokens)
	g.logprob = LogProb(g.Logits, g.id)
}

// emit hands the chosen token out, and returns what ends the text after it, where
// left more are wanted.
func (g *generator) emit(left int) (*Stop, error) {
	text, ended := g.read.next(g.id)
	stop := g.stop(left, ended)
	if stop != nil && stop.Reason != StopText {
		text += g.read.rest()
	}
	token := Token{ID: g.id, Text: text, Logprob: g.logprob, KVBytes: g.Cache.Occupied(), Attention: g.attention}
	if shadow := g.o.Shadow; shadow != nil {
		var err error
		token.Logits, token.FullLogits = g.Logits, shadow.full.Logits
		if token.Quality, err = shadow.compare(g.Logits, g.id, g.o.Sampler); err != nil {
			return nil, err
		}
	}
	token.Time = g.share + time.Since(g.start)
	g.start = time.Now()
	return stop, g.o.Emit(token)
}

// feed feeds the chosen token, behind which up to n are wanted.
func (g *generator) feed(n int) error {
	if len(g.chosen) > 0 { // it is in the cache's buffers
		g.Cache.note(1)
	} else if err := g.submit(n); err != nil {
		return err
	}
	g.Tokens = append(g.Tokens, g.id)
	if g.o.Watch != nil {
		var err error
		if g.attention, err = g.o.Watch.read(); err != nil {
			return err
		}
	}
	if g.o.Shadow != nil {
		if err := g.o.Shadow.feed(g.id, g.Cache); err != nil {
			return err
		}
	}
	if g.again != nil {
		return g.again.countDecoded()
	}
	return nil
}

// submit runs the forward pass for the chosen token, and if the device chooses
// and nothing is traced, for as many after it as [ahead] says, n-1 at most.
func (g *generator) submit(n int) error {
	s := &step{tokens: words([]int{g.id})}
	if g.o.Watch != nil {
		s.trace = g.o.Watch.trace
	}
	if g.again != nil {
		s.trace = g.again.decodeTrace()
	}
	if g.onDevice {
		draw := g.o.Sampler.draw()
		s.choose = &draw
	} else {
		s.logits = lastRow
	}
	if g.onDevice && s.trace == nil {
		atOnce, err := g.Cache.reserveAhead(min(n, g.ahead.next()))
		if err != nil {
			return err
		}
		s.ahead = min(n, atOnce) - 1
	}
	res, err := feed(g.Cache, s)
	if err != nil {
		return err
	}
	g.chosen, g.Logits = res.chosen, res.logits
	took, fed := time.Since(g.start), max(1, len(g.chosen))
	g.share = took / time.Duration(fed)
	g.ahead.note(fed, took)
	g.start = time.Now()
	return nil
}

// LogProb returns ln softmax(logits)[id], in nats; logits are (vocab).
func LogProb(logits []float32, id int) float64 {
	return float64(logits[id]) - logSumExp(logits)
}

func logSumExp(logits []float32) float64 {
	wide := make([]float64, len(logits))
	for i, v := range logits {
		wide[i] = float64(v)
	}
	return layout.LogSumExp(wide)
}

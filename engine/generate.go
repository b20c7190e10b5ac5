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

	// The likeliest tokens, as many as were asked for, and with a shadow those under the full cache.
	Likeliest, FullLikeliest []Likely

	// With Watching, the attention that the query behind this choice paid to
	// each slot, mean over a group's heads: (n_layers * n_kv_heads)(slots). Nil
	// for the first token, which the prompt's own last query chose.
	Attention [][]float32
}

// Likely is a token that may be next.
type Likely struct {
	ID      int
	Logprob float64 // natural log of the model's own probability of it
}

// Watching collects the attention of decoded tokens.
type Watching struct {
	mass  mass
	trace *trace
	last  [][]float32 // (n_layers) what was paid until the last call
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

// paid returns what was paid since the last call, where so much was paid in all: the device
// only adds up. sums are (n_layers).
func (w *Watching) paid(sums [][]float32) [][]float32 {
	paid := make([][]float32, len(sums))
	for l, sum := range sums {
		paid[l] = slices.Clone(sum)
		if w.last != nil {
			for j, x := range w.last[l] {
				paid[l][j] -= x
			}
		}
	}
	w.last = sums
	return w.mass.heads(w.trace, paid)
}

// Generation says how a text goes on.
type Generation struct {
	N       int // tokens at most
	Sampler Sampler
	Shadow  *Shadow   // the full cache to compare with; nil: none
	Watch   *Watching // of the attention of decoded tokens; nil: none
	Emit    func(Token) error

	Likeliest int   // how many of the likeliest tokens each comes with
	Known     []int // the first tokens, which are taken instead of chosen: another device has written them

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
	g := &generator{Text: t, o: o, again: again, onDevice: o.Sampler.onDevice() && len(o.Known) == 0}
	t.Stop = nil
	if err := g.check(); err != nil {
		return err
	}
	var err error
	if g.read, err = newReader(t.e.Tokenizer, t.Tokens, o.Stop); err != nil {
		return err
	}
	g.start = time.Now()
	if err := g.begin(); err != nil {
		return err
	}
	for left := o.N; left > 0; left-- { // tokens to emit
		g.take()
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

	next      choice      // the token chosen last, not fed yet
	attention [][]float32 // as [Token].Attention

	choices []choice      // ahead of the text: the tokens after next, which all but the last are fed with
	start   time.Time     // of the work on the next token
	share   time.Duration // of each token in the time of the last submit
	ahead   ahead
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

// begin chooses the first token from the logits that the text has.
func (g *generator) begin() error {
	s, shadow := g.step(), g.o.Shadow
	s.given = g.Logits
	if shadow != nil {
		s.beside = []lane{{cache: shadow.full.Cache, given: shadow.full.Logits}}
	}
	if !g.onDevice {
		res := &result{logits: g.Logits}
		if shadow != nil {
			res.beside = [][]float32{shadow.full.Logits}
		}
		g.choices = []choice{g.choose(res)}
		return nil
	}
	res, err := feed(g.Cache, s)
	if err != nil {
		return err
	}
	g.choices = res.choices
	return nil
}

// choose chooses on the host, where a choice depends on the tokens before it, or is known.
func (g *generator) choose(res *result) choice {
	rows := slices.Concat([][]float32{res.logits}, res.beside)
	var picked []chosen
	for i, row := range rows {
		text := g.Tokens
		if i > 0 {
			text = g.o.Shadow.text
		}
		id := g.o.Sampler.Choose(row, g.Cache.textPos, text)
		if known := g.o.Known; i == 0 && len(known) > 0 {
			id, g.o.Known = known[0], known[1:]
		}
		picked = append(picked, chosen{id, row[id], float32(logSumExp(row))})
	}
	return choose(rows, picked, g.o.Likeliest)
}

// take takes the next token of those that are chosen.
func (g *generator) take() { g.next, g.choices = g.choices[0], g.choices[1:] }

// emit hands the token out, and returns what ends the text after it, where left more are wanted.
func (g *generator) emit(left int) (*Stop, error) {
	text, ended := g.read.next(g.next.id)
	stop := g.stop(left, ended)
	if stop != nil && stop.Reason != StopText {
		text += g.read.rest()
	}
	token := Token{
		ID: g.next.id, Text: text, Logprob: g.next.logprob(), KVBytes: g.Cache.Occupied(), Attention: g.attention,
		Likeliest: likely(g.next.likeliest, g.next.lse),
	}
	if shadow := g.o.Shadow; shadow != nil {
		token.FullLikeliest = likely(g.next.besideLikeliest, g.next.beside[0].lse)
		forked := shadow.forked()
		var err error
		if token.Quality, err = shadow.take(g.next); err != nil {
			return nil, err
		}
		if shadow.forked() != forked {
			g.choices = nil // which were fed to one text less, or one more
		}
	}
	token.Time = g.share + time.Since(g.start)
	g.start = time.Now()
	return stop, g.o.Emit(token)
}

// likely returns candidates with their probabilities among logits of that ln Σ exp.
func likely(candidates []layout.Candidate, lse float32) (l []Likely) {
	for _, c := range candidates {
		l = append(l, Likely{c.ID, float64(c.Logit) - float64(lse)})
	}
	return l
}

// feed feeds the token, behind which up to n are wanted.
func (g *generator) feed(n int) error {
	res, ahead := &result{}, len(g.choices) > 0 // it is in the cache's buffers
	if ahead {
		g.Cache.note(1)
	} else {
		var err error
		if res, err = g.submit(n); err != nil {
			return err
		}
	}
	g.Tokens = append(g.Tokens, g.next.id)
	if g.o.Watch != nil {
		g.attention = g.o.Watch.paid(res.watched)
	}
	if g.o.Shadow != nil {
		g.o.Shadow.note(g.next.id, ahead)
		g.o.Shadow.addHeadErrors(res)
	}
	if !g.onDevice {
		g.Logits, g.choices = res.logits, []choice{g.choose(res)}
	}
	if g.again != nil {
		return g.again.countDecoded()
	}
	return nil
}

// step returns a step that chooses as is wanted.
func (g *generator) step() *step {
	s := &step{likeliest: g.o.Likeliest}
	if g.onDevice {
		draw := g.o.Sampler.draw()
		s.choose = &draw
	} else {
		s.logits = lastRow
	}
	return s
}

// submit runs the forward pass for the token, and the full run's beside it. If the device
// chooses and nothing else is wanted, it feeds as many after it as [ahead] says, n-1 at most.
func (g *generator) submit(n int) (*result, error) {
	s := g.step()
	s.tokens = words([]int{g.next.id})
	if w := g.o.Watch; w != nil {
		s.trace, s.watched = w.trace, w.mass.sums
	}
	if g.again != nil {
		s.trace = g.again.decodeTrace()
	}
	perHead := false
	if g.o.Shadow != nil {
		s.beside = g.o.Shadow.lanes(g.next.id, g.Cache)
		perHead = g.o.Shadow.headErrors != nil
	}
	if g.onDevice && s.trace == nil && !perHead && s.likeliest == 0 {
		atOnce, err := g.reserveAhead(min(n, g.ahead.next()), s.beside)
		if err != nil {
			return nil, err
		}
		s.ahead = min(n, atOnce) - 1
	}
	res, err := feed(g.Cache, s)
	if err != nil {
		return nil, err
	}
	g.choices = res.choices
	took, fed := time.Since(g.start), max(1, len(g.choices))
	g.share = took / time.Duration(fed)
	g.ahead.note(fed, took)
	g.start = time.Now()
	return res, nil
}

// reserveAhead makes room in the text's cache and those beside it, and returns how many tokens,
// about n, to feed at once.
func (g *generator) reserveAhead(n int, beside []lane) (int, error) {
	atOnce, err := g.Cache.reserveAhead(n)
	for _, lane := range beside {
		if err == nil {
			var fit int
			fit, err = lane.cache.reserveAhead(n)
			atOnce = min(atOnce, fit)
		}
	}
	return atOnce, err
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

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
	var b Batch
	if err := b.add(t, o, again); err != nil {
		return err
	}
	for {
		for _, ended := range b.Step(ctx) { // there is only one
			return ended.Err
		}
	}
}

// generator is a text while it is continued.
type generator struct {
	*Text
	o        Generation
	left     int // tokens that are still to be emitted
	again    *Prompt
	onDevice bool // the device chooses
	read     *reader

	next      choice      // the token chosen last, not fed yet
	attention [][]float32 // as [Token].Attention

	choices []choice      // ahead of the text: the tokens after next, which all but the last are fed with
	start   time.Time     // of the work on the next token
	share   time.Duration // of each token in the time of the last submit

	over bool
	err  error // that ended it
}

// newGenerator returns a generator with its first choice made.
func newGenerator(t *Text, o Generation, again *Prompt) (*generator, error) {
	g := &generator{Text: t, o: o, left: o.N, again: again, onDevice: o.Sampler.onDevice() && len(o.Known) == 0}
	t.Stop = nil
	if err := g.check(); err != nil {
		return nil, err
	}
	var err error
	if g.read, err = newReader(t.e.Tokenizer, t.Tokens, o.Stop); err != nil {
		return nil, err
	}
	g.start = time.Now()
	return g, g.begin()
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
	lanes := g.lanes(nil)
	lanes[0].given = g.Logits
	if shadow := g.o.Shadow; shadow != nil {
		lanes[1].given = shadow.full.Logits
	}
	if g.onDevice {
		results, err := feed(g.Cache.r, &step{lanes: lanes})
		if err != nil {
			return err
		}
		g.choices = choices(results)
		return nil
	}
	var results []*result
	for _, lane := range lanes {
		results = append(results, &result{logits: lane.given})
	}
	g.choose(lanes, results)
	return nil
}

// choose chooses on the host, where a choice depends on the tokens before it, or is known.
func (g *generator) choose(lanes []*lane, results []*result) {
	var rows [][]float32
	for i, res := range results {
		text := g.Tokens
		if i > 0 {
			text = g.o.Shadow.text
		}
		id := g.o.Sampler.Choose(res.logits, g.Cache.textPos, text)
		if known := g.o.Known; i == 0 && len(known) > 0 {
			id, g.o.Known = known[0], known[1:]
		}
		res.chosen = []chosen{{id, res.logits[id], float32(layout.LogSumExp(res.logits))}}
		rows = append(rows, res.logits)
	}
	judge(lanes, rows, results)
	g.choices = choices(results)
}

// write emits the next token, and ends the text if it was the last one.
func (g *generator) write(ctx context.Context) {
	if g.left == 0 {
		g.end(nil)
		return
	}
	g.left--
	g.take()
	if err := ctx.Err(); err != nil {
		g.Stop = &Stop{Reason: StopCancelled}
		g.end(err)
		return
	}
	stop, err := g.emit(g.left)
	switch {
	case errors.Is(err, context.Canceled):
		g.Stop = &Stop{Reason: StopCancelled}
		g.end(err)
	case err != nil:
		g.end(err)
	case stop != nil:
		g.Stop = stop
		g.end(nil)
	}
}

// end ends the text, with an error or as it should.
func (g *generator) end(err error) { g.over, g.err = true, err }

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
		token.FullLikeliest = likely(g.next.fullLikeliest, g.next.full.lse)
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

// lanes returns what a step does for the text: its own lane, and those of its shadow. tokens is
// the one to feed.
func (g *generator) lanes(tokens []uint32) []*lane {
	own := &lane{cache: g.Cache, tokens: tokens, likeliest: g.o.Likeliest, logits: lastRow}
	if g.onDevice {
		draw := g.o.Sampler.draw()
		own.choose, own.logits = &draw, noRows
	}
	if tokens != nil {
		own.trace, own.watched = g.trace()
	}
	if g.o.Shadow == nil {
		return []*lane{own}
	}
	return slices.Concat([]*lane{own}, g.o.Shadow.lanes(own))
}

// trace returns what a token leaves its signals in, and what of that is read back right away;
// nil: nothing.
func (g *generator) trace() (t *trace, watched *perLayer) {
	switch {
	case g.o.Watch != nil:
		return g.o.Watch.trace, g.o.Watch.mass.sums
	case g.again != nil:
		return g.again.decodeTrace(), nil
	}
	return nil, nil
}

// observed reports whether something between the choices is wanted of every token: signals, or
// attention outputs.
func (g *generator) observed() bool {
	t, _ := g.trace()
	return t != nil || g.o.Shadow != nil && g.o.Shadow.headErrors != nil
}

// atOnce returns how many of the tokens that are still wanted may be fed at once.
func (g *generator) atOnce() int {
	if g.onDevice && g.o.Likeliest == 0 {
		return g.left
	}
	return 1
}

// fed notes that the token was fed, and what the step found out then. Without results that was
// ahead of the text: it lies in the caches' buffers.
func (g *generator) fed(lanes []*lane, results []*result) {
	if results == nil {
		g.Cache.note(1)
	}
	g.Tokens = append(g.Tokens, g.next.id)
	if g.o.Shadow != nil {
		g.o.Shadow.note(g.next.id, results)
	}
	if g.o.Watch != nil {
		g.attention = g.o.Watch.paid(results[0].watched)
	}
	switch {
	case results == nil:
	case g.onDevice:
		g.choices = choices(results)
	default:
		g.Logits = results[0].logits
		g.choose(lanes, results)
	}
	if g.again != nil {
		if err := g.again.countDecoded(); err != nil {
			g.end(err)
		}
	}
}

// LogProb returns ln softmax(logits)[id], in nats; logits are (vocab).
func LogProb(logits []float32, id int) float64 {
	return float64(logits[id]) - layout.LogSumExp(logits)
}

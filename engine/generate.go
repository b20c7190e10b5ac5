package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keyfold/compress"
	"keyfold/layout"
)

// Token is one generated token with what is known about its making.
type Token struct {
	ID      int
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
	r     runner
	trace *trace
	last  [][]float32
}

// Watch makes room for watching caches of up to the given slots per head.
func (e *Engine) Watch(slots int) (*Watching, error) {
	t, err := e.r.newTrace(compress.Needs{Mass: true}, slots)
	if err != nil {
		return nil, err
	}
	return &Watching{r: e.r, trace: t}, nil
}

// Free gives its memory back.
func (w *Watching) Free() { w.r.freeTrace(w.trace) }

// read returns what was paid since the last call: the device only adds up.
func (w *Watching) read() ([][]float32, error) {
	sums, err := w.r.readMass(w.trace)
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

// Generate continues a text. cache holds everything but the last token's
// successor: logits are those after the last token in it, text the tokens so
// far. It calls emit for each of at most n tokens and ends early after EOS or
// BOS, which are emitted too. The last token is not fed to the cache.
//
// With a shadow the full cache is fed the same tokens and every token carries
// its Quality. watch may be nil.
func (e *Engine) Generate(ctx context.Context, cache *Cache, logits []float32, text []int, n int,
	s Sampler, shadow *Shadow, watch *Watching, emit func(Token) error) error {
	return e.generate(ctx, cache, logits, text, n, s, shadow, watch, nil, emit)
}

// generate is Generate with a compressor, or nil. It has a trace or watch has,
// but not both.
func (e *Engine) generate(ctx context.Context, cache *Cache, logits []float32, text []int, n int,
	s Sampler, shadow *Shadow, watch *Watching, again *Compressor, emit func(Token) error) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if err := cache.fits(again.before(n - 1)); err != nil { // the last token is not fed
		return err
	}
	if shadow != nil {
		if err := shadow.goesWith(cache, n-1); err != nil {
			return err
		}
	}
	onDevice := s.onDevice() && shadow == nil
	draw := s.draw()
	start := time.Now()
	id := s.Choose(logits, cache.next, text)
	logprob := LogProb(logits, id)
	var attention [][]float32
	var fed []chosen        // ahead: the tokens after this one, all but the last in the cache's buffers
	var share time.Duration // of each of them in the time of their submit
	for i := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		token := Token{ID: id, Logprob: logprob, KVBytes: cache.Occupied(), Attention: attention}
		if shadow != nil {
			var err error
			token.Logits, token.FullLogits = logits, shadow.logits
			if token.Quality, err = shadow.compare(e, logits, id, s); err != nil {
				return err
			}
		}
		token.Time = share + time.Since(start)
		start = time.Now()
		if err := emit(token); err != nil {
			return err
		}
		text = append(text, id)
		if i == n-1 || e.ends(id) {
			return nil
		}
		if len(fed) > 0 {
			cache.note(1)
		} else {
			st := &step{tokens: []uint32{uint32(id)}}
			if onDevice {
				st.choose = &draw
			} else {
				st.logits = lastRow
			}
			if watch != nil {
				st.trace = watch.trace
			}
			if again != nil {
				st.trace = again.trace()
			}
			if onDevice && st.trace == nil {
				st.ahead = min(n-2-i, aheadWithin(share))
			}
			res, err := feed(cache, st)
			if err != nil {
				return err
			}
			fed, logits = res.chosen, res.logits
			share = time.Since(start) / time.Duration(max(1, len(fed)))
			start = time.Now()
		}
		if watch != nil {
			var err error
			if attention, err = watch.read(); err != nil {
				return err
			}
		}
		if shadow != nil {
			if err := shadow.feed(id, cache); err != nil {
				return err
			}
		}
		if again != nil {
			if err := again.took(); err != nil {
				return err
			}
		}
		if onDevice {
			id, logprob = fed[0].id, float64(fed[0].logit)-float64(fed[0].lse)
			fed = fed[1:]
		} else {
			id = s.Choose(logits, cache.next, text)
			logprob = LogProb(logits, id)
		}
	}
	return nil
}

const (
	maxAhead  = 15                    // tokens that one submit feeds ahead at most
	aheadTime = 33 * time.Millisecond // what it may take, so that nobody who reads along sees the text jump
)

// aheadWithin returns how many tokens to feed ahead where one takes so long; 0
// if that is not known yet.
func aheadWithin(token time.Duration) int {
	if token == 0 {
		return 0
	}
	return min(maxAhead, int(aheadTime/token))
}

// ends reports whether a token ends the text.
func (e *Engine) ends(id int) bool {
	return e.Tokenizer != nil && (id == e.Tokenizer.EOS() || id == e.Tokenizer.BOS())
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

// Logits gives o.Logits the teacher-forced logits (n, vocab) of a text, a few
// rows at a time. With a method the first `prefill` tokens are read and
// compressed, and the rest decoded one by one on the compressed cache, which is
// compressed again after every so many of them; 0: it is not.
func (e *Engine) Logits(ctx context.Context, tokens []int, m compress.Method, prefill, every int, o Reading) error {
	if m == nil {
		prefill = len(tokens)
	} else {
		o.Needs = m.Needs()
	}
	p, err := e.Prefill(ctx, tokens[:prefill], o)
	if err != nil {
		return err
	}
	defer p.Free()
	if m == nil {
		return nil
	}
	if o.Needs.Future {
		if err := p.Future(ctx, tokens[prefill:]); err != nil {
			return err
		}
	}
	c, err := p.Compressor(m, every)
	if err != nil {
		return err
	}
	if _, _, err := c.Compress(); err != nil {
		return err
	}
	return c.Feed(ctx, tokens[prefill:], o.Logits)
}

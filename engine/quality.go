package engine

import (
	"errors"
	"math"
	"slices"

	"keyfold/layout"
)

// Quality compares a compressed cache with the full one at one token, both
// having been fed the same text.
type Quality struct {
	KL       float64 // Σ_v p_full(v) ln(p_full(v) / p_comp(v)), nats
	DeltaNLL float64 // ln p_full(token) − ln p_comp(token): what the token costs more, nats
	Top1     bool    // both find the same token likeliest
}

// Shadow is the full cache beside a compressed run. Until the first token that
// differs the full run is the reference; there its cache forks: one copy goes
// on freely (what the model would have written), one is fed the compressed
// run's tokens and is what Quality compares with.
type Shadow struct {
	full *Text // fed the compressed run's tokens
	free *Text // the freely going copy; nil before the first difference

	text   []int // the prompt and what the full run wrote
	prompt int   // tokens of the prompt
	ended  bool  // the full run came to its end

	// FirstDifference is the index of the first generated token that the full
	// run writes differently, or -1.
	FirstDifference int

	headErrors []float64 // (n_layers * n_heads) sums over tokens; nil unless asked for
	headTokens int
}

// NewShadow takes over the uncompressed text that a compressed one is compared
// with. perHead asks for the attention-output errors too.
func NewShadow(full *Text, perHead bool) *Shadow {
	s := &Shadow{full: full, text: slices.Clone(full.Tokens), prompt: len(full.Tokens), FirstDifference: -1}
	if c := full.e.Config; perHead {
		s.headErrors = make([]float64, c.NLayers*c.NHeads)
	}
	return s
}

// Release hands the full cache out, which holds the compressed run's text: it is no
// longer the shadow's to free.
func (s *Shadow) Release() *Text {
	full := s.full
	s.full = nil
	return full
}

// Free gives back both caches.
func (s *Shadow) Free() {
	if s.full != nil {
		s.full.Free()
	}
	if s.free != nil {
		s.free.Free()
	}
}

// Text returns what the full run generated.
func (s *Shadow) Text() []int { return s.text[s.prompt:] }

// HeadErrors returns ‖o − o'‖ / ‖o‖ per layer and query head, the mean over the
// tokens fed: o is the attention output over the full cache, o' that over the
// compressed one, for the same query. (n_layers * n_heads), or nil if not asked for.
func (s *Shadow) HeadErrors() []float64 {
	if s.headErrors == nil {
		return nil
	}
	mean := make([]float64, len(s.headErrors))
	for i, sum := range s.headErrors {
		mean[i] = sum / float64(max(1, s.headTokens))
	}
	return mean
}

// take takes a choice that was made with the shadow: the full run's own, too. It returns the
// quality of the token that the compressed run chose.
func (s *Shadow) take(c choice) (*Quality, error) {
	q := &Quality{
		KL:       max(0, c.compared.KL),
		DeltaNLL: c.compared.DeltaNLL,
		Top1:     c.compared.Full.ID == c.compared.Comp.ID,
	}
	if s.ended {
		return q, nil
	}
	own := c.full.id
	if s.free != nil {
		own = c.free.id
	}
	s.text = append(s.text, own)
	s.ended = s.full.e.ends(own)
	if s.free == nil && own != c.id {
		s.FirstDifference = len(s.text) - 1 - s.prompt
		if !s.ended {
			var err error
			if s.free, err = s.full.Fork(); err != nil {
				return nil, err
			}
		}
	}
	return q, nil
}

// forked tells whether a copy goes on freely.
func (s *Shadow) forked() bool { return s.free != nil && !s.ended }

// goesWith returns an error if the shadow cannot be held beside a cache for n more tokens.
func (s *Shadow) goesWith(c *Cache, n int) error {
	if s.headErrors != nil && c.InCache {
		return errors.New("attention-output errors need keys that are rotated by positions in the text, as the full run's queries are")
	}
	return s.full.Cache.fits(n)
}

// lanes returns the lanes beside that of the compressed run, which is compared with the first:
// the full cache's, which is fed the same token, and that of the free copy with its own.
func (s *Shadow) lanes(compressed *lane) []*lane {
	beside := func(t *Text, tokens []uint32) *lane {
		return &lane{cache: t.Cache, tokens: tokens, logits: compressed.logits, choose: compressed.choose}
	}
	full := beside(s.full, compressed.tokens)
	full.follows, full.likeliest = compressed, compressed.likeliest
	if s.headErrors != nil {
		full.against = compressed.cache
	}
	compressed.full = full
	if !s.forked() {
		return []*lane{full}
	}
	return []*lane{full, beside(s.free, words(s.text[len(s.text)-1:]))}
}

// note notes a token of the compressed run that was fed, with the results of its step. Without
// them that was ahead of the text: it lies in the caches' buffers.
func (s *Shadow) note(id int, results []*result) {
	s.full.Tokens = append(s.full.Tokens, id)
	if results != nil {
		s.addHeadErrors(results[1])
		return
	}
	s.full.Cache.note(1)
	if s.forked() {
		s.free.Cache.note(1)
	}
}

// addHeadErrors adds those of a token, from the result of the full cache's lane.
func (s *Shadow) addHeadErrors(res *result) {
	if s.headErrors == nil {
		return
	}
	headDim := len(res.attention) / len(s.headErrors)
	for i := range s.headErrors {
		var diff, norm float64
		for j := i * headDim; j < (i+1)*headDim; j++ {
			full, comp := float64(res.attention[j]), float64(res.attentionAgainst[j])
			diff += (full - comp) * (full - comp)
			norm += full * full
		}
		s.headErrors[i] += math.Sqrt(diff / math.Max(norm, 1e-24))
	}
	s.headTokens++
}

// Compare returns the quality of compressed logits against full ones before a
// token of the text. Both are (vocab).
func Compare(full, comp []float32, id int) *Quality {
	fullNorm, compNorm := layout.LogSumExp(full), layout.LogSumExp(comp)
	var kl float64
	for i := range full {
		logFull := float64(full[i]) - fullNorm
		logComp := float64(comp[i]) - compNorm
		kl += math.Exp(logFull) * (logFull - logComp)
	}
	return &Quality{
		KL:       max(0, kl), // rounding leaves about -1e-16 where both agree
		DeltaNLL: (float64(full[id]) - fullNorm) - (float64(comp[id]) - compNorm),
		Top1:     argmax(full) == argmax(comp),
	}
}

func argmax(v []float32) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}

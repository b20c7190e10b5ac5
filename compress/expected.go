package compress

import (
	"fmt"
	"math"
)

// expected keeps the slots that queries like those of the prompt would attend
// to from the positions that follow. The queries of each query head a, before
// RoPE and without the first 4 tokens, are taken for normally distributed,
// N(mu_a, Sigma_a); R is the rotation by a position, averaged over the next 512.
// For each KV head with G query heads:
//
//	z_aj    = k_j·R mu_a / √d + k_jᵀ R Sigma_a Rᵀ k_j / 2d + bias_j    = ln E exp(q·k_j/√d + bias_j)
//	score_j = (1/G Σ_a softmax_j(z_a) + eps) ‖v_j‖                      over the slots j behind the first 4 positions
//
// The first 4 positions are kept before all others. The z are measured by the
// engine (Signals.Heads.Expected); the rest happens here.
//
// Source: Devoto et al. 2025, Expected Attention, arXiv 2510.00636, as NVIDIA's
// kvpress has it.
type expected struct{ eps float64 }

// expectedSkip is how many first tokens are attention sinks: no part of the
// statistics, and always kept. expectedHorizon is how far the queries look ahead.
const (
	expectedSkip    = 4
	expectedHorizon = 512
)

var expectedEntry = entry{
	name:    "expected",
	summary: "keeps what queries like the prompt's would attend to next (Expected Attention, arXiv 2510.00636)",
	options: []OptionHelp{
		{Key: "eps", Default: "0", Want: "a number from 0 to 1",
			Meaning: "added to the expected attention before it is multiplied with the value's length"},
	},
	scorer: func(r *reader) scorer { return expected{r.number("eps", 0, 1)} },
}

func (expected) Name() string              { return "expected" }
func (m expected) options() map[string]any { return map[string]any{"eps": m.eps} }
func (expected) deviations() []string      { return nil }

func (expected) Needs() Needs {
	return Needs{Expected: &ExpectedOptions{NSkip: expectedSkip, Horizon: expectedHorizon}}
}

func (m expected) scores(s *Signals, _ []int) ([][]float64, error) {
	scores := make([][]float64, len(s.Heads))
	for i := range s.Heads {
		h := &s.Heads[i]
		first := 0 // slot behind the sinks
		for first < h.Slots() && h.Pos[first] < expectedSkip {
			first++
		}
		scores[i] = make([]float64, h.Slots())
		for slot := range first {
			scores[i][slot] = math.Inf(1)
		}
		if first == h.Slots() {
			continue // sinks alone: there are no statistics either
		}
		if err := h.checkExpected(); err != nil {
			return nil, fmt.Errorf("expected: layer %d head %d has %w", i/s.NKVHeads, i%s.NKVHeads, err)
		}
		for _, z := range h.Expected {
			addSoftmax(scores[i][first:], z[first:], 1/float64(len(h.Expected)))
		}
		for slot := first; slot < h.Slots(); slot++ {
			scores[i][slot] = (scores[i][slot] + m.eps) * float64(h.ValueNorm[slot])
		}
	}
	return scores, nil
}

// checkExpected reports the first way in which a head does not hold what
// expected reads.
func (h *Head) checkExpected() error {
	if len(h.Expected) == 0 {
		return fmt.Errorf("no expected attention of any query head")
	}
	for _, z := range h.Expected {
		if len(z) != h.Slots() {
			return fmt.Errorf("%d values of expected attention, want one per slot = %d", len(z), h.Slots())
		}
	}
	if len(h.ValueNorm) != h.Slots() {
		return fmt.Errorf("%d lengths of values, want one per slot = %d", len(h.ValueNorm), h.Slots())
	}
	return nil
}

// addSoftmax adds scale * softmax(z) to sum.
func addSoftmax(sum []float64, z []float32, scale float64) {
	top, total := math.Inf(-1), 0.0
	for _, x := range z {
		top = max(top, float64(x))
	}
	for _, x := range z {
		total += math.Exp(float64(x) - top)
	}
	for j, x := range z {
		sum[j] += scale * math.Exp(float64(x)-top) / total
	}
}

//go:build !js

package compress

import "math"

// kvZip keeps the slots that the model needs to repeat the text: it reads the
// text again behind itself, and what nothing attends to then is dropped. For the
// slots of all layers and KV heads together, with n_keep of each head (score.go):
//
//	score_j = the most attention that any query of any query head of the group
//	          pays to slot j while the text is read again
//	kept    = in each head the newest slot and pinned slots, then of all heads' other slots the
//	          first 4 positions and those with the largest scores, up to the sum of all n_keep
//
// Of equal scores the lower slot stays, of equal slots the one of the lower head.
//
// Differs from the paper: attention is shared among all slots, where the paper
// leaves out those of other pieces of a text that is too long to be read in one
// (piece sizes: engine). It costs the prompt a second prefill.
//
// Source: Kim et al. 2025, KVzip, arXiv 2505.23416; the first positions as in
// NVIDIA's kvpress.
type kvZip struct{ scoring }

const kvZipSinks = 4

var kvZipEntry = entry{
	name:    "kvzip",
	summary: "keeps what the model looks at when it reads the text again (KVzip, arXiv 2505.23416)",
	build:   func(r *reader) Method { return kvZip{newScoring(r, rereading{})} },
}

func (m kvZip) Plan(s *Signals) (*Plan, error) {
	nKeep, scores, err := m.rank(s)
	if err != nil {
		return nil, err
	}
	kept := make([][]bool, len(s.Heads))
	ada{m.scoring, 0}.share(s.Heads, scores, nKeep, s.most(), kept) // all layers' heads share, and none has a safe part
	return keepWhere(m.Name(), m.options(), s, func(h, slot int) bool { return kept[h][slot] }), nil
}

// rereading scores slots by the attention they get when the text is read again.
type rereading struct{}

func (rereading) Name() string            { return "kvzip" }
func (rereading) Needs() Needs            { return Needs{Reread: true} }
func (rereading) options() map[string]any { return map[string]any{} }

func (rereading) deviations() []string {
	return []string{"a text too long to be repeated in one piece shares attention among all slots; the paper leaves other pieces out"}
}

func (rereading) scores(s *Signals, _ []int) ([][]float64, error) {
	scores := make([][]float64, len(s.Heads))
	for i := range s.Heads {
		h := &s.Heads[i]
		for slot, attention := range h.Reread {
			score := float64(attention)
			if h.Pos[slot] < kvZipSinks {
				score = math.Inf(1)
			}
			scores[i] = append(scores[i], score)
		}
	}
	return scores, nil
}

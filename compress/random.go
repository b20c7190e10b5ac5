package compress

// random keeps slots by chance: the control that every other method must beat.
//
//	score_i = a number from 0 to 1 that depends on seed, layer, head and the position of slot i
//
// It depends on the position and not on the slot, so that a smaller budget keeps
// a part of what a larger one keeps, and every token of a text that is
// compressed again and again is as likely to be there as any other.
//
// Source: definition.
type random struct{ seed uint32 }

var randomEntry = entry{
	name:    "random",
	summary: "keeps slots by chance: a control",
	scorer:  func(r *reader) scorer { return random{r.seed} },
}

func (random) Name() string            { return "random" }
func (random) Needs() Needs            { return Needs{} }
func (random) options() map[string]any { return map[string]any{} }
func (random) deviations() []string    { return nil }

func (m random) scores(s *Signals, _ []int) ([][]float64, error) {
	scores := make([][]float64, len(s.Heads))
	for h := range s.Heads {
		for _, pos := range s.Heads[h].Pos {
			scores[h] = append(scores[h], chance(m.seed, forRandom, h, pos))
		}
	}
	return scores, nil
}

// What a random number is for. Numbers for different purposes are independent.
const (
	forRandom = iota
	forCam
	forSets
)

// chance returns a number in [0, 1) for a head (of all layers) and a position
// or another counter. Counters instead of a generator's state: no order of
// evaluation can change a draw.
//
// Source: O'Neill 2014, PCG, output function RXS-M-XS 32, chained over its arguments.
func chance(seed uint32, purpose, head, i int) float64 {
	x := seed
	for _, word := range [...]int{purpose, head, i} {
		x = pcg(x) ^ uint32(word)
	}
	return float64(pcg(x)) / (1 << 32)
}

func pcg(v uint32) uint32 {
	state := v*747796405 + 2891336453
	word := ((state >> ((state >> 28) + 4)) ^ state) * 277803737
	return (word >> 22) ^ word
}

//go:build !js

package compress

// oracle keeps the slots that the text behind the prompt really attends to: the
// control that says what choosing better could gain. What it loses is lost to
// the size of the cache and not to the choice.
//
//	score_j = attention that slot j receives from the tokens that follow, mean over the
//	          query heads of the group
//
// It knows the future, so it is for measurements: nobody has these tokens when
// the prompt has been read.
//
// Source: definition.
type oracle struct{}

var oracleEntry = entry{
	name:    "oracle",
	summary: "keeps what the text that follows will attend to: a control that knows the future",
	scorer:  func(*reader) scorer { return oracle{} },
}

func (oracle) Name() string            { return "oracle" }
func (oracle) Needs() Needs            { return Needs{Future: true} }
func (oracle) options() map[string]any { return map[string]any{} }
func (oracle) deviations() []string    { return nil }

func (oracle) scores(s *Signals, _ []int) ([][]float64, error) {
	scores := make([][]float64, len(s.Heads))
	for h := range s.Heads {
		for _, paid := range s.Heads[h].Future {
			scores[h] = append(scores[h], float64(paid))
		}
	}
	return scores, nil
}

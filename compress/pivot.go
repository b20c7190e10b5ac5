package compress

// pivot is the control for the blend. It wraps kvmerger, and has its sets, pivots,
// n and biases, but the new slot holds the key and the value of the pivot alone.
// What kvmerger does better than pivot is the merit of blending, what it does not
// comes from choosing pivots and counting tokens.
//
//	k* = k_p      v* = v_p      n* and bias* as in kvmerger.go
//
// With values=paper v* is n* v_p / n_p.
//
// Source: definition.
type pivot struct{ *kvMerger }

var pivotEntry = entry{
	name:    "pivot",
	summary: "kvmerger without the blend: a control",
	options: kvMergerOptions,
	build:   func(r *reader) Method { return pivot{newKVMerger(r)} },
}

func (m pivot) deviations() []string { return []string{"a control, of no paper"} }

func (m pivot) Plan(s *Signals) (*Plan, error) {
	c, err := m.choose(s)
	if err != nil {
		return nil, err
	}
	blend := *m.kvMerger
	if blend.values != "effective" {
		blend.sigmaRule = "" // without a blend no number comes out of σ, and nothing has to be measured
	}
	rows, err := blend.fold(s, c.sets)
	if err != nil {
		return nil, err
	}
	for h := range rows {
		for i, row := range rows[h] {
			if row.Rule == Gaussian {
				rows[h][i] = pivotAlone(row, s.Heads[h].N[row.Pivot])
			}
		}
	}
	return &Plan{Method: m.name, Options: m.options(c), Heads: rows}, nil
}

// pivotAlone returns a merged row with the key and the value of its pivot, which
// stands for n tokens.
func pivotAlone(row Row, n int) Row {
	scale := row.ValueScale
	if row.PerToken {
		scale /= float32(n)
	}
	return Row{
		Pivot: row.Pivot, Slots: row.Slots, N: row.N, Bias: row.Bias, Rule: Explicit,
		KeyWeights:   []Weight{{row.Pivot, 1}},
		ValueWeights: []Weight{{row.Pivot, scale}},
	}
}

package compress

// pivot is the control for the blend: KVMerger's sets, pivots, n and biases, but
// the new slot holds the key and the value of the pivot alone. What kvmerger does
// better than pivot is the merit of blending, what it does not comes from
// choosing pivots and counting tokens.
//
//	k* = k_p      v* = v_p      n* and bias* as in kvmerger.go
//
// With values=paper v* is n* v_p / n_p.
//
// Source: definition.
var pivotEntry = entry{
	name:    "pivot",
	summary: "kvmerger without the blend: a control",
	options: kvMergerOptions,
	build: func(r *reader) Method {
		m := newKVMerger(r)
		m.pivotOnly = true
		return m
	},
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

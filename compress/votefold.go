package compress

import "slices"

// voteFold lets GVote decide who is needed and KVMerger what becomes of the
// others: slots that gvote keeps are kept, and runs of similar slots that it
// would drop are folded into one each. For one layer and KV head:
//
//	protected = what gvote.go keeps
//	S         = a maximal run of consecutive slots, none of them protected,
//	            with cos(k_i, k_{i-1}) > eps
//
// Each S becomes a row as in kvmerger.go, and nothing is dropped. eps = 0 folds
// neighbours that are more alike than not, because they would be lost otherwise;
// a slot between unlike neighbours is kept.
//
// Source: ours, of the two papers that gvote.go and kvmerger.go name.
type voteFold struct {
	vote *gVote
	fold *kvMerger
}

var voteFoldEntry = entry{
	name:     "votefold",
	summary:  "gvote's votes protect, kvmerger folds the rest (ours)",
	noBudget: "its size follows from the votes and the similarities",
	options: slices.Concat(gVoteEntry.options, []OptionHelp{
		{Key: "eps", Default: "0", Want: "a number from -1 to 2",
			Meaning: "cosine above which neighbours without votes are merged; 1 or more: none"},
	}, foldOptions),
	build: func(r *reader) Method { return &voteFold{newGVote(r), newFold(r)} },
}

func (m *voteFold) Name() string { return "votefold" }

func (m *voteFold) Needs() Needs {
	needs := m.fold.Needs()
	needs.Votes = m.vote.Needs().Votes
	return needs
}

func (m *voteFold) deviations() []string {
	return []string{"ours: GVote's paper drops what has no votes, KVMerger's protects by attention and recency"}
}

func (m *voteFold) Plan(s *Signals) (*Plan, error) {
	if err := s.check("votefold", m.Needs()); err != nil {
		return nil, err
	}
	skip, err := m.fold.skipped(s.NLayers)
	if err != nil {
		return nil, err
	}
	kept, err := m.vote.electAll("votefold", s)
	if err != nil {
		return nil, err
	}
	protected := make([][]bool, len(s.Heads))
	for h := range s.Heads {
		protected[h] = make([]bool, s.Heads[h].Slots())
		for slot := range protected[h] {
			protected[h][slot] = kept[h] == nil || kept[h][slot] || skip[h/s.NKVHeads] || s.Heads[h].pinned(slot)
		}
	}
	keys, err := m.fold.anchorKeys(s)
	if err != nil {
		return nil, err
	}
	rows, err := m.fold.fold(s, m.fold.allSets(s, protected, m.fold.eps, keys))
	if err != nil {
		return nil, err
	}
	options := m.fold.foldOptions(layersOf(skip))
	for key, value := range m.vote.options() {
		options[key] = value
	}
	options["eps"] = m.fold.eps
	return &Plan{Method: "votefold", Options: options, Heads: rows}, nil
}

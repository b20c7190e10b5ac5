package compress

// full keeps every slot: the uncompressed cache, as a method like the others.
type full struct{}

var fullEntry = entry{
	name:     "full",
	summary:  "keeps everything; what the other methods are measured against",
	noBudget: "it keeps everything",
	build:    func(*reader) Method { return full{} },
}

func (full) Name() string         { return "full" }
func (full) Needs() Needs         { return Needs{} }
func (full) deviations() []string { return nil }

// KeepsAll reports whether a method never drops or merges a slot.
func KeepsAll(m Method) bool {
	_, is := m.(full)
	return is
}

func (full) Plan(s *Signals) (*Plan, error) {
	if err := s.check("full", Needs{}); err != nil {
		return nil, err
	}
	return keepWhere("full", map[string]any{}, s, func(_, _ int) bool { return true }), nil
}

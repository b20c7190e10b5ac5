package engine

import (
	"slices"

	"keyfold/compress"
	"keyfold/cpu"
	"keyfold/gpu"
	"keyfold/layout"
)

// mass is the attention that slots receive from the queries of the text, or from
// its last ones: per KV head the mean over the query heads of its group.
type mass struct {
	quiet
	max  bool      // the most that one query pays, not what all pay together
	sums *perLayer // (n_kv_heads, slots)

	// before is what slots received before the last compression, as parts of
	// others: (n_layers * n_kv_heads)(slots); nil: nothing.
	before [][]float32
}

func (*mass) collects(needs compress.Needs) bool { return needs.Mass }

func (m *mass) start(t *trace) (err error) {
	m.sums, err = t.allocate("mass", t.r.config().NKVHeads*t.slots)
	return err
}

func (m *mass) attentionCPU(at place, c layout.Cache, q layout.Queries, lse []float32) {
	if m.max {
		cpu.AttnMax(c, q, lse, m.sums.cpu[at.layer], at.t.slots)
	} else {
		cpu.AttnMass(c, q, lse, m.sums.cpu[at.layer], m.from(at), at.t.slots)
	}
}

func (m *mass) attentionGPU(at place, p *gpu.Pass, c *gpu.Cache, q gpu.Queries, lse *gpu.Buffer) {
	if m.max {
		p.AttnMax(c, q, lse, m.sums.gpu[at.layer], at.t.slots)
	} else {
		p.AttnMass(c, q, lse, m.sums.gpu[at.layer], m.from(at), at.t.slots)
	}
}

// from returns the first token whose attention counts.
func (m *mass) from(at place) int {
	if last := at.needs().MassLast; last > 0 {
		return at.from(last)
	}
	return 0
}

// compressed keeps what slots have received so far, for the rows that they
// became: what is dropped takes its sum along. The attention of last queries is
// counted anew each time. A method that did not ask for the sums loses them.
func (m *mass) compressed(p *Prompt, plan *compress.Plan, s *compress.Signals) {
	m.before = nil
	switch {
	case p.has.MassLast > 0:
	case s.Heads[0].Mass != nil:
		m.before = received(plan, s)
	default:
		p.has.Mass = false
	}
}

// hold keeps what slots have received so far.
func (m *mass) hold(p *Prompt) error {
	if p.has.MassLast > 0 || !p.has.Mass {
		return nil
	}
	s := p.slots()
	if err := m.measure(p, p.has, s); err != nil {
		return err
	}
	m.before = nil
	for _, head := range s.Heads {
		m.before = append(m.before, slices.Clone(head.Mass)) // the CPU's sums go on
	}
	return nil
}

// received returns the attention that each row of a plan has received as part of
// its slots: (n_layers * n_kv_heads)(rows).
func received(plan *compress.Plan, s *compress.Signals) [][]float32 {
	sums := make([][]float32, len(plan.Heads))
	for h, rows := range plan.Heads {
		for _, row := range rows {
			var sum float32
			for _, slot := range row.Slots {
				sum += s.Heads[h].Mass[slot]
			}
			sums[h] = append(sums[h], sum)
		}
	}
	return sums
}

// restart adds up from nothing.
func (m *mass) restart(t *trace) error {
	old := m.sums
	if err := m.start(t); err != nil {
		return err
	}
	t.release(old)
	return nil
}

// read returns the sums: (n_layers * n_kv_heads)(slots that there is room for).
func (m *mass) read(t *trace) ([][]float32, error) {
	layers, err := t.r.readPerLayer(m.sums, t.r.config().NKVHeads*t.slots)
	if err != nil {
		return nil, err
	}
	return m.heads(t, layers), nil
}

// heads cuts the sums of layers into those of heads.
func (*mass) heads(t *trace, layers [][]float32) (heads [][]float32) {
	for _, layer := range layers {
		heads = slices.AppendSeq(heads, slices.Chunk(layer, t.slots))
	}
	return heads
}

func (m *mass) measure(p *Prompt, needs compress.Needs, s *compress.Signals) error {
	if !needs.Mass {
		return nil
	}
	sums, err := m.read(p.trace)
	if err != nil {
		return err
	}
	for i := range s.Heads {
		s.Heads[i].Mass = sums[i][:s.Heads[i].Slots()]
		if m.before != nil {
			s.Heads[i].Mass = slices.Clone(s.Heads[i].Mass) // the CPU's sums go on
			for slot, sum := range m.before[i] {
				s.Heads[i].Mass[slot] += sum
			}
		}
	}
	return nil
}

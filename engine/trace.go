package engine

import (
	"slices"

	"keyfold/compress"
	"keyfold/gpu"
	"keyfold/layout"
)

// trace collects signals while a text is fed.
type trace struct {
	r       runner
	needs   compress.Needs
	slots   int  // that a head has at most
	begin   int  // tokens of the text when it was last made ready
	end     int  // tokens of the text when the signals are to be read
	missed  int  // tokens of the text that were fed without it
	stale   bool // what it has is about slots that are no more
	signals []signal
	memory  []*perLayer
}

// newTrace makes those of the signals ready that collect something for needs.
func newTrace(r runner, needs compress.Needs, slots int, signals []signal) (*trace, error) {
	t := &trace{r: r, needs: needs, slots: slots, end: slots}
	for _, s := range signals {
		if !s.collects(needs) {
			continue
		}
		if err := s.start(t); err != nil {
			t.free()
			return nil, err
		}
		t.signals = append(t.signals, s)
	}
	return t, nil
}

// allocate returns n zeros for every layer, which live as long as the trace.
func (t *trace) allocate(label string, n int) (*perLayer, error) {
	m, err := t.r.allocatePerLayer(label, n)
	if err == nil {
		t.memory = append(t.memory, m)
	}
	return m, err
}

// release frees memory earlier.
func (t *trace) release(m *perLayer) {
	m.free()
	t.memory = slices.DeleteFunc(t.memory, func(o *perLayer) bool { return o == m })
}

func (t *trace) free() {
	for _, m := range t.memory {
		m.free()
	}
	t.memory, t.signals = nil, nil
}

// restart makes the signals ready for the text's tokens begin..end-1, behind other slots.
func (t *trace) restart(slots, begin, end int) error {
	t.slots, t.begin, t.end, t.stale = slots, begin, end, false
	for _, s := range t.signals {
		if err := s.restart(t); err != nil {
			return err
		}
	}
	return nil
}

// collecting returns the signals that want to hear of a forward pass. t may be nil.
func (t *trace) collecting() []signal {
	if t == nil {
		return nil
	}
	return t.signals
}

func (t *trace) wantsInput() bool {
	return slices.ContainsFunc(t.collecting(), func(s signal) bool { return s.wantsInput() })
}

func (t *trace) inputCPU(l, first, n int, xb []float32) {
	for _, s := range t.collecting() {
		s.inputCPU(place{t, l, first, n}, xb)
	}
}

func (t *trace) queriesCPU(l, first int, q layout.Queries) {
	for _, s := range t.collecting() {
		s.queriesCPU(place{t, l, first, q.N}, q)
	}
}

func (t *trace) attentionCPU(l, first int, c layout.Cache, q layout.Queries, lse []float32) {
	for _, s := range t.collecting() {
		s.attentionCPU(place{t, l, first, q.N}, c, q, lse)
	}
}

func (t *trace) inputGPU(p *gpu.Pass, l, first, n int, xb *gpu.Buffer) {
	for _, s := range t.collecting() {
		s.inputGPU(place{t, l, first, n}, p, xb)
	}
}

func (t *trace) queriesGPU(p *gpu.Pass, l, first int, q gpu.Queries) {
	for _, s := range t.collecting() {
		s.queriesGPU(place{t, l, first, q.N}, p, q)
	}
}

func (t *trace) attentionGPU(p *gpu.Pass, l, first int, c *gpu.Cache, q gpu.Queries, lse *gpu.Buffer) {
	for _, s := range t.collecting() {
		s.attentionGPU(place{t, l, first, q.N}, p, c, q, lse)
	}
}

// place is where a forward pass is: which tokens of the text it feeds, and in
// which layer.
type place struct {
	t        *trace
	layer    int
	first, n int // place of the first token in the text, and tokens
}

func (at place) needs() compress.Needs { return at.t.needs }

// from returns the first of the tokens that is one of the last `last` of the text.
func (at place) from(last int) int { return max(0, at.t.end-last-at.first) }

// skipping returns, for statistics that leave out the first tokens of the text,
// how many tokens they have been made of so far and how many of these are left out.
func (at place) skipping(tokens int) (before, skip int) {
	seen := at.first - at.t.missed
	return max(0, seen-tokens), max(0, tokens-seen)
}

// counted returns how many tokens such statistics are made of in the end; 0: none.
func (t *trace) counted(skipped int) int { return max(0, t.end-t.missed-skipped) }

// perLayer is memory on the device, as many elements for every layer: one of the
// two is in use.
type perLayer struct {
	cpu [][]float32
	gpu []*gpu.Buffer
}

func (m *perLayer) free() {
	for _, b := range m.gpu {
		b.Destroy()
	}
	*m = perLayer{}
}

func (r *cpuRunner) allocatePerLayer(_ string, n int) (*perLayer, error) {
	m := &perLayer{}
	for range r.cfg.NLayers {
		m.cpu = append(m.cpu, make([]float32, n))
	}
	return m, nil
}

func (r *gpuRunner) allocatePerLayer(label string, n int) (*perLayer, error) {
	m := &perLayer{}
	for range r.cfg.NLayers {
		b, err := r.d.NewBuffer(label, 4*n)
		if err != nil {
			m.free()
			return nil, err
		}
		m.gpu = append(m.gpu, b)
	}
	return m, nil
}

// readLayers asks for the first n elements of every layer.
func readLayers(p *gpu.Pass, m *perLayer, n int) (reads []*gpu.Read) {
	for _, b := range m.gpu {
		reads = append(reads, p.Read(b, 0, 4*n))
	}
	return reads
}

// readPerLayer returns the first n elements of every layer. On the CPU they go on
// changing.
func (r *cpuRunner) readPerLayer(m *perLayer, n int) (layers [][]float32, err error) {
	for _, values := range m.cpu {
		layers = append(layers, values[:n])
	}
	return layers, nil
}

func (r *gpuRunner) readPerLayer(m *perLayer, n int) (layers [][]float32, err error) {
	p := r.d.Begin()
	reads := readLayers(p, m, n)
	if err := p.Submit(); err != nil {
		return nil, err
	}
	for _, read := range reads {
		layers = append(layers, read.Floats())
	}
	return layers, nil
}

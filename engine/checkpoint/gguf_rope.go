package checkpoint

// ropeFreqs is the tensor of factors that frequencies are divided by.
const ropeFreqs = "rope_freqs.weight"

// ropeFactors returns what the frequencies are divided by, from the metadata and the tensor
// rope_freqs.weight together, and refuses other kinds of scaling.
func (m *metaReader) ropeFactors(c Config, found map[string]*Tensor) []float32 {
	c.RopeFactors = m.scaled.factors(c.RopeBase, c.HeadDim)
	t := found[ropeFreqs]
	if t == nil || t.unreadable {
		return c.RopeFactors
	}
	if t.Rows != 1 || t.Cols != c.HeadDim/2 {
		m.refused.addTensor(m.src, "shape", ropeFreqs, " has shape "+shapeString(t.Rows, t.Cols)+", want "+
			shapeString(1, c.HeadDim/2)+" = (head_dim/2)")
		return nil
	}
	data, factors := make([]byte, t.Bytes()), make([]float32, t.Cols)
	if err := t.readAt(data, 0); err != nil {
		m.refused.addErr(err)
		return nil
	}
	t.Type.Dequantize(factors, data)
	if !c.divideFrequencies(factors) {
		m.refused.addTensor(m.src, "factors", ropeFreqs, " holds a factor that is not above 0")
	}
	return c.RopeFactors
}

// scaling returns the scaling of the metadata, and refuses what is not linear. A factor of 1 changes
// nothing, whatever the type of scaling that it belongs to.
func (m *metaReader) scaling() (s scaling) {
	typ := m.text(m.key("rope.scaling.type"))
	given := false
	for _, name := range []string{"rope.scale_linear", "rope.scaling.factor"} { // the newer name decides
		if v := m.float(m.key(name), 0); v != 0 {
			s.factor, given = v, true
		}
	}
	if v := m.float(m.key("rope.scaling.attn_factor"), 1); v != 1 {
		m.fail("RoPE scaling of type %s is not supported (metadata %s is %g)",
			plain(typ), plain(m.key("rope.scaling.attn_factor")), v)
	}
	switch {
	case typ == "none" || given && s.factor == 1 && (typ == "" || typ == "linear" || typ == "yarn"):
	case (typ == "" || typ == "linear") && given && usableFactor(s.factor):
		s.typ = "linear"
	case (typ == "" || typ == "linear") && given:
		m.fail("metadata %s is %g, want a number above 0", plain(m.key("rope.scaling.factor")), s.factor)
	case typ != "" && typ != "linear":
		m.fail("RoPE scaling of type %s is not supported (metadata %s)", plain(typ), plain(m.key("rope.scaling.type")))
	}
	return s
}

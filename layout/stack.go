package layout

// Part is some neighbouring rows of a matrix that have a type together.
type Part struct {
	Type WeightType
	Rows int
}

// Words returns the words of a part with so many columns.
func (p Part) Words(cols int) int {
	return p.Type.QuantWords(p.Rows, cols) + p.Type.ScaleWords(p.Rows, cols)
}

// Stack is a matrix whose rows need not all have the same type: parts of equal
// width, one below the other.
type Stack []*Weights

// NewStack returns a matrix of zeros.
func NewStack(cols int, parts ...Part) Stack {
	var s Stack
	for _, p := range parts {
		s = append(s, &Weights{Type: p.Type, Rows: p.Rows, Cols: cols, Words: make([]uint32, p.Words(cols))})
	}
	return s
}

// Rows returns the rows of all parts.
func (s Stack) Rows() int {
	n := 0
	for _, w := range s {
		n += w.Rows
	}
	return n
}

// Cols returns the columns, which all parts have.
func (s Stack) Cols() int { return s[0].Cols }

// Bytes returns the bytes that the matrix takes.
func (s Stack) Bytes() int {
	n := 0
	for _, w := range s {
		n += 4 * len(w.Words)
	}
	return n
}

// Put copies rows of the type of the part that they lie in, as [Weights.Put] does;
// row0 counts from the top of the stack.
func (s Stack) Put(row0 int, src *Weights) {
	for _, w := range s {
		if row0 < w.Rows {
			w.Put(row0, src)
			return
		}
		row0 -= w.Rows
	}
}

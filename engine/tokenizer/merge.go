package tokenizer

// symbol is word[start:end] while a word is being merged. Symbols are a linked list in the order
// of the text; a symbol that has been swallowed by its left neighbour has start == end.
type symbol struct {
	start, end int
	prev, next int   // index in the list, -1 at its ends
	id         int32 // -1 if the text is no piece
}

// candidate is a join of two neighbours that would give piece id. It is out of date once either
// symbol has changed, which shows in size.
type candidate struct {
	order       float64 // lowest first: rank in the list of merges, or minus the score
	left, right int     // indices of symbols
	size        int     // bytes of both symbols together when the candidate was found
	id          int32
}

// before is the order in which joins are made: best first, leftmost where equal.
func (c candidate) before(d candidate) bool {
	return c.order < d.order || c.order == d.order && c.left < d.left
}

// merger joins the symbols of one word after another; its slices are used again.
//
// All possible joins wait in a heap. A join makes at most two new ones possible, so that a word of
// n symbols costs O(n log n), where looking for the best pair after each join costs O(n²).
type merger struct {
	symbols []symbol
	heap    []candidate
}

// run merges m.symbols, of which start, end and id are set, until no two neighbours join to a
// piece. Afterwards the list from symbols[0] along next is the result. A symbol without a piece
// (id -1) takes part only where scores decide, and only if the joined text is a piece.
func (m *merger) run(t *Tokenizer, word string) {
	n := len(m.symbols)
	for i := range m.symbols {
		m.symbols[i].prev, m.symbols[i].next = i-1, i+1
	}
	if n > 0 {
		m.symbols[n-1].next = -1
	}
	m.heap = m.heap[:0]
	for i := 1; i < n; i++ {
		m.consider(t, word, i-1, i)
	}
	for len(m.heap) > 0 {
		c := m.pop()
		l, r := &m.symbols[c.left], &m.symbols[c.right]
		if l.start == l.end || r.start == r.end || r.end-l.start != c.size {
			continue // out of date
		}
		// The left symbol grows over the right one, which leaves the list.
		l.end, l.id, l.next = r.end, c.id, r.next
		if r.next >= 0 {
			m.symbols[r.next].prev = c.left
		}
		r.end = r.start
		m.consider(t, word, l.prev, c.left)
		m.consider(t, word, c.left, l.next)
	}
}

// consider puts the join of two neighbours into the heap if it is a piece.
func (m *merger) consider(t *Tokenizer, word string, left, right int) {
	if left < 0 || right < 0 {
		return
	}
	l, r := m.symbols[left], m.symbols[right]
	c := candidate{left: left, right: right, size: r.end - l.start}
	if t.merges != nil {
		j, ok := t.merges[idPair{l.id, r.id}]
		if !ok {
			return
		}
		c.id, c.order = j.id, float64(j.rank)
	} else {
		id, ok := t.ids[word[l.start:r.end]]
		if !ok {
			return
		}
		c.id, c.order = id, -float64(t.scores[id])
	}
	m.push(c)
}

// push and pop keep m.heap a binary heap: the children of i are 2i+1 and 2i+2, and none is before
// its parent. container/heap would box every candidate in an interface.
func (m *merger) push(c candidate) {
	h := append(m.heap, c)
	i := len(h) - 1
	for i > 0 && h[i].before(h[(i-1)/2]) {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
		i = (i - 1) / 2
	}
	m.heap = h
}

func (m *merger) pop() candidate {
	h := m.heap
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(h[i]) {
			break
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
	m.heap = h
	return top
}

package ref

// A ranking hands out token ids one by one, likeliest first, ties by lower id.
// Most draws are from few tokens, and sorting a vocabulary for them takes longer
// than decoding with a small model.
type ranking struct {
	logits []float32
	ids    []int // a heap: ids[i] comes before ids[2*i+1] and ids[2*i+2]
}

func newRanking(logits []float32) *ranking {
	r := &ranking{logits, make([]int, len(logits))}
	for id := range r.ids {
		r.ids[id] = id
	}
	for i := len(r.ids)/2 - 1; i >= 0; i-- {
		r.sink(i)
	}
	return r
}

// next takes the first id out; there must be one.
func (r *ranking) next() int {
	id, last := r.ids[0], len(r.ids)-1
	r.ids[0] = r.ids[last]
	r.ids = r.ids[:last]
	r.sink(0)
	return id
}

// sink moves ids[i] down to where it comes before those below it.
func (r *ranking) sink(i int) {
	for {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(r.ids); child++ {
			a, b := r.ids[child], r.ids[first]
			if r.logits[a] > r.logits[b] || r.logits[a] == r.logits[b] && a < b {
				first = child
			}
		}
		if first == i {
			return
		}
		r.ids[i], r.ids[first] = r.ids[first], r.ids[i]
		i = first
	}
}

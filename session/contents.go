package session

import "keyfold/compress"

// contents says which tokens of a text the slots of its cache stand for:
// (n_layers * n_kv_heads)(slots). In a chat a slot was perhaps folded from slots that
// were folded before. Tokens that were dropped are in no slot.
type contents [][]members

// members are the tokens in one slot, and the share of each in its key.
type members struct {
	tokens []int
	shares []float32
}

// with returns what a cache stands for behind which the text's tokens from..to-1
// were read. c may be nil: an empty one, of so many heads.
func (c contents) with(heads, from, to int) contents {
	out := make(contents, heads)
	for h := range out {
		if c != nil {
			out[h] = c[h][:len(c[h]):len(c[h])]
		}
		for token := from; token < to; token++ {
			out[h] = append(out[h], members{[]int{token}, []float32{1}})
		}
	}
	return out
}

// after returns what the rows of a plan stand for, with the share of each slot in its
// row: (n_layers * n_kv_heads)(rows)(slots).
func (c contents) after(plan *compress.Plan, weights [][][]float32) contents {
	out := make(contents, len(plan.Heads))
	for h, rows := range plan.Heads {
		for j, row := range rows {
			out[h] = append(out[h], c.mix(h, row.Slots, weights[h][j]))
		}
	}
	return out
}

// mix returns the tokens of some slots of a head, with the shares that they have where
// the slots have these.
func (c contents) mix(h int, slots []int, weights []float32) members {
	var m members
	for i, slot := range slots {
		for k, token := range c[h][slot].tokens {
			m.tokens = append(m.tokens, token)
			m.shares = append(m.shares, weights[i]*c[h][slot].shares[k])
		}
	}
	return m
}

// perToken deals what a head's slots have out to the text's n tokens; those that are in
// no slot get none. Empty stays empty.
func perToken[T any](c contents, h int, values []T, n int, none T) []T {
	if len(values) == 0 {
		return nil
	}
	out := make([]T, n)
	for i := range out {
		out[i] = none
	}
	for slot, m := range c[h] {
		for _, token := range m.tokens {
			out[token] = values[slot]
		}
	}
	return out
}

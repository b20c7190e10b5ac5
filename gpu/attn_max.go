package gpu

// AttnMax records the largest attention that one of the tokens of a chunk that
// [Pass.Attention] has just processed, or of those before, pays to each slot.
//
//	q        of the last n tokens in the cache
//	lse      (at least First+n, n_heads)  as Attention left it
//	largest  (n_kv_heads, stride)         raised, up to each head's slots
//
// CPU twin: [ref.AttnMax].
func (p *Pass) AttnMax(c *Cache, q Queries, lse, largest *Buffer, stride int) {
	p.perSlot("attn_max", c, q, lse, largest, 0, stride)
}

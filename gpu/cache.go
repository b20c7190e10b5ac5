package gpu

import "keyfold/layout"

// Cache names the buffers of one layer's cache for the kernels that touch it.
//
//	K, V   (slots of all heads, head_dim)  of type Type
//	Slots  (slots of all heads, 3) words   position, n, bias as f32
//	Heads  (n_kv_heads, 2) u32             offset and length of each head in slots
//
// Heads stays as it is while tokens are appended; kernels are told how many there
// are, so that a decoded token uploads nothing per layer. As in [layout.Cache], the
// CPU's half of this type, kernels that take n new tokens take them to be the last
// n of the appended ones.
type Cache struct {
	Type     layout.CacheType
	HeadDim  int
	NKVHeads int
	Longest  int // slots of the longest head, as in Heads
	K, V     *Buffer
	Slots    *Buffer
	Heads    *Buffer
	Appended int // tokens that every head has behind the length that Heads gives
}

// With returns the same cache with another number of appended tokens.
func (c *Cache) With(appended int) *Cache {
	other := *c
	other.Appended = appended
	return &other
}

// Queries are the queries of N tokens: the GPU's half of [layout.Queries]. The rows of several
// texts may lie in one buffer; where the CPU takes a slice of it, kernels begin at row First, in
// Buf and in whatever else has a row for each token.
//
//	Buf  (at least First+N, Stride): row First+t begins with the queries (Heads, head_dim) of token t
type Queries struct {
	Buf              *Buffer
	First            int
	N, Stride, Heads int
	Scale            float32
}

// wantQueries fails the pass if the queries' buffer ends before them.
func (p *Pass) wantQueries(kernel string, q Queries) {
	p.want(kernel, "q", q.Buf, (q.First+q.N)*q.Stride, "(first+n)*stride")
}

// QueryMoments are what is expected of queries to come: the GPU's half of
// [layout.QueryMoments].
//
//	Mean  (Heads, head_dim)
//	Cov   (Heads, head_dim, head_dim)  symmetric
type QueryMoments struct {
	Mean, Cov *Buffer
	Heads     int
	Scale     float32
}

// kernel names a kernel that reads this cache, and one that writes it if write is set.
func (c *Cache) kernel(name string, read, write bool) kernelID {
	id := kernelID{name: name, consts: [2]constant{{"HEAD_DIM", c.HeadDim}}}
	if read {
		id.parts[0] = "cache_" + c.Type.String()
	}
	if write {
		id.parts[1] = "cache_write_" + c.Type.String()
	}
	return id
}

// room returns the slots that a head has on average, used or free.
func (c *Cache) room() int { return c.K.size / (4 * c.Type.RowWords(c.HeadDim)) / c.NKVHeads }

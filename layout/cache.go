package layout

// Cache is one layer of a KV cache in the CPU's memory. Heads keep different
// numbers of slots; each has a region of its own in the buffers. On a GPU the
// same is gpu.Cache.
//
//	K, V      (slots of all heads, head_dim)  keys after RoPE, and values
//	Slots     (slots of all heads)
//	Heads     (n_kv_heads)  where each head's slots lie
//	Appended  tokens that every head has behind its Len
//
// Heads stays as it is while tokens are appended: every head gains one slot per
// token, so one number tells it for all. A function that takes n new tokens, or
// their queries, takes them to be the last n of the appended ones. So a head
// shows token t of them Len + Appended - n + t + 1 slots: what the cache held
// before, and the new tokens up to t itself.
type Cache struct {
	K, V     Rows
	Slots    []Slot
	Heads    []Head
	Appended int
}

// With returns the same cache with another number of appended tokens.
func (c Cache) With(appended int) Cache {
	c.Appended = appended
	return c
}

// HeadDim returns the elements of a key.
func (c Cache) HeadDim() int { return c.K.HeadDim }

// Len returns the slots of a head, the appended ones too.
func (c Cache) Len(head int) int { return c.Heads[head].Len + c.Appended }

// Visible returns how many slots of a head the token t of n new ones sees.
func (c Cache) Visible(head, t, n int) int { return c.Len(head) - n + t + 1 }

// Scores returns scale q·k_j + bias_j for the first n slots of a head.
func (c Cache) Scores(head, n int, query []float32, scale float32) []float64 {
	first := c.Heads[head].Offset
	row := make([]float32, c.HeadDim())
	scores := make([]float64, n)
	for j := range scores {
		c.K.Get(row, first+j)
		scores[j] = float64(scale)*Dot(query, row) + float64(c.Slots[first+j].Bias)
	}
	return scores
}

// Queries are the queries of N tokens, after RoPE unless a function says
// otherwise. On a GPU the same is gpu.Queries.
//
//	Buf    (N, Stride): row t begins with the token's queries (Heads, head_dim)
//	Heads  n_heads
//	Scale  what a product of query and key is multiplied with: 1/sqrt(head_dim)
type Queries struct {
	Buf              []float32
	N, Stride, Heads int
	Scale            float32
}

// Row returns the query of a head of token t.
func (q Queries) Row(t, head, headDim int) []float32 {
	at := t*q.Stride + head*headDim
	return q.Buf[at : at+headDim]
}

// QueryMoments are what is expected of the queries of tokens to come, for each
// query head: their mean and covariance, rotated like the keys. On a GPU the
// same is gpu.QueryMoments.
//
//	Mean  (Heads, head_dim)
//	Cov   (Heads, head_dim, head_dim)  symmetric
type QueryMoments struct {
	Mean, Cov []float32
	Heads     int
	Scale     float32 // as in [Queries]
}

// Ballot says how GVote's queries vote.
//
//	PNuc       mass of softmax weights that sets a query head's budget, 0 < PNuc; all slots if it is 1 or more
//	IncludeC0  whether the last prompt query votes as well
//	Stride     votes are (n_kv_heads, Stride)
type Ballot struct {
	PNuc      float32
	IncludeC0 bool
	Stride    int
}

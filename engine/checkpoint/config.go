package checkpoint

import "fmt"

// Config holds the sizes of a model and what it has beside a Llama's parts, by the names that the field uses.
type Config struct {
	Dim       int // length of the residual vector
	HiddenDim int // width of the feed-forward network
	NLayers   int
	NHeads    int // query heads
	NKVHeads  int // key/value heads; divides NHeads
	HeadDim   int // from the file where it says so, else Dim / NHeads
	VocabSize int // rows of the embedding table
	SeqLen    int // positions that the file declares; not always those it was trained for

	// These are float32 values, also where config.json writes more digits, so that one model gives
	// one Config from every format.
	NormEps  float64 // added to the mean square in RMSNorm
	RopeBase float64 // base of the rotation frequencies: RopeBase^(-2i/HeadDim) for pair i

	RopeFactors []float32 // (HeadDim/2) what these frequencies are divided by; nil: by one

	QKVBias bool // queries, keys and values have biases
	QKNorm  bool // queries and keys are normalised, head by head, before RoPE
}

// QDim returns the width of a query: NHeads * HeadDim. It may differ from Dim.
func (c Config) QDim() int { return c.NHeads * c.HeadDim }

// KVDim returns the width of a key or value: NKVHeads * HeadDim.
func (c Config) KVDim() int { return c.NKVHeads * c.HeadDim }

// QKVDim returns the width of a row of queries, keys and values.
func (c Config) QKVDim() int { return c.QDim() + 2*c.KVDim() }

// GroupSize returns how many query heads read one KV head: NHeads / NKVHeads.
func (c Config) GroupSize() int { return c.NHeads / c.NKVHeads }

// Validate refuses sizes that are not positive, absurdly large, do not divide each other, or that
// the kernels cannot read (they take four elements at a time).
func (c Config) Validate() error {
	if err := c.check(); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return nil
}

// check is Validate without the prefix, for callers that name the file.
//
// The upper limits are several times the largest Llama there is (405B: dim 16384, hidden_dim 53248,
// 126 layers, 128 heads, vocab_size 128256), and small enough that products of two fit an int.
func (c Config) check() error {
	for _, s := range []struct {
		name          string
		value, top, m int // 1 <= value <= top, a multiple of m
	}{
		{"dim", c.Dim, 1 << 16, 4},
		{"hidden_dim", c.HiddenDim, 1 << 18, 4},
		{"n_layers", c.NLayers, 1 << 10, 1},
		{"n_heads", c.NHeads, 1 << 10, 1},
		{"n_kv_heads", c.NKVHeads, 1 << 10, 1},
		{"head_dim", c.HeadDim, 1 << 10, 4},
		{"vocab_size", c.VocabSize, 1 << 22, 1},
		{"seq_len", c.SeqLen, 1 << 24, 1},
	} {
		if s.value < 1 || s.value > s.top {
			return fmt.Errorf("%s=%d, want 1 to %d", s.name, s.value, s.top)
		}
		if s.value%s.m != 0 {
			return fmt.Errorf("%s=%d, want a multiple of %d", s.name, s.value, s.m)
		}
	}
	if c.NHeads%c.NKVHeads != 0 {
		return fmt.Errorf("n_heads=%d is not a multiple of n_kv_heads=%d", c.NHeads, c.NKVHeads)
	}
	if !(c.NormEps > 0 && c.NormEps < 1) { // false for NaN
		return fmt.Errorf("norm_eps=%g, want 0 < norm_eps < 1", c.NormEps)
	}
	if !(c.RopeBase > 1 && c.RopeBase <= 1e12) {
		return fmt.Errorf("rope_base=%g, want 1 < rope_base <= 1e12", c.RopeBase)
	}
	if n := len(c.RopeFactors); n != 0 && n != c.HeadDim/2 {
		return fmt.Errorf("%d RoPE factors, want head_dim/2 = %d", n, c.HeadDim/2)
	}
	for i, f := range c.RopeFactors {
		if !usableFactor(float64(f)) {
			return fmt.Errorf("RoPE factor %d is %g, want 0 < factor <= 1e12", i, f)
		}
	}
	return nil
}

// setHeadDim fills HeadDim with given, or with Dim / NHeads where given is 0.
func (c *Config) setHeadDim(given int) error {
	c.HeadDim = given
	if given != 0 {
		return nil
	}
	if c.NHeads < 1 {
		return fmt.Errorf("n_heads=%d, want at least 1", c.NHeads)
	}
	if c.Dim%c.NHeads != 0 {
		return fmt.Errorf("dim=%d is not a multiple of n_heads=%d", c.Dim, c.NHeads)
	}
	c.HeadDim = c.Dim / c.NHeads
	return nil
}

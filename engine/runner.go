package engine

import (
	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// runner runs a model on one device. The CPU's and the GPU's forward pass have
// the same numbered steps (forward_cpu.go, forward_gpu.go) and are compared
// with each other in the tests.
//
// A runner moves and computes. Bookkeeping (which slots there are, what they
// stand for, when memory grows) is [Cache]'s.
type runner interface {
	device() Device
	tokensAtOnce(slots int) int // that one submit can take in a cache of that many slots per head
	config() checkpoint.Config
	lost() error // why the device no longer works; nil while it does
	close()

	// forward feeds tokens behind what the cache holds; the cache has room.
	forward(c *Cache, s *step) (*result, error)

	// Memory of a cache layer whose tables are set.
	trust(t layout.CacheType) error                   // an error if caches of this type come out wrong
	allocate(l *cacheLayer, t layout.CacheType) error // buffers, and the tables in them
	free(l *cacheLayer)
	bytes(l *cacheLayer) int
	copyRows(dst, src *cacheLayer) error // every slot of dst's heads from src, bit for bit
	// applyRows makes what a plan says: (n_kv_heads)(rows). With weights, the share of
	// each slot in its row: (n_kv_heads)(rows)(slots).
	applyRows(dst, src *cacheLayer, rows [][]compress.Row, weights bool) ([][][]float32, error)
	// turnKeys makes dst's keys src's, turned by so many positions, where that is not 0:
	// by (slots of all heads), from -farthest to farthest.
	turnKeys(dst, src *cacheLayer, by []int32, farthest int) error
	readRows(l *cacheLayer, slots []int) (k, v []layout.Rows, err error) // the first slots[h] rows of each head, bit for bit
	writeRows(l *cacheLayer, k, v []layout.Rows) error                   // and back, to the start of each head

	// Signals.
	newTrace(needs compress.Needs, slots int) (*trace, error)
	freeTrace(t *trace)
	readMass(t *trace) ([][]float32, error)                               // (n_layers * n_kv_heads)(slots)
	cosine(c *Cache) ([][]float32, error)                                 // likewise
	distance(c *Cache, pivots [][]int, aligned bool) ([][]float32, error) // likewise
	ballots(c *Cache, t *trace, o compress.VoteOptions) (*Ballots, error) // GVote's votes
	window(c *Cache, t *trace, w int) ([][]float32, error)                // attention that the last w queries paid, as readMass
	// expected returns ln of what exp(score) will be on average, (n_layers * n_kv_heads)(group)(slots),
	// and the lengths of the values, (n_layers * n_kv_heads)(slots).
	expected(c *Cache, t *trace, o compress.ExpectedOptions) (logits [][][]float32, norms [][]float32, err error)
}

// Device says what a model runs on.
type Device struct {
	Kind     string // "cpu" or "gpu"
	Adapter  string // what the driver calls it; empty on the CPU
	Backend  string // "Vulkan", "Metal", "D3D12", "WebGPU"; "Go" on the CPU
	Software bool   // the adapter emulates a GPU on the CPU
}

// step is one forward pass over neighbouring tokens of a text.
type step struct {
	tokens []uint32
	trace  *trace // collects signals; nil: none
	logits rowsWanted
	choose *layout.Draw // pick the token after the last row on the device; nil: no

	// ahead is how many of the chosen tokens to feed right away, each behind the
	// one before, and to choose after. The cache has room for them. One token and
	// nothing else but a choice; a runner may do fewer.
	ahead int

	// against is another cache of the same text that holds these tokens
	// already. The attention outputs over it, for this pass's queries, are
	// returned beside those of this pass. One token only. nil: no.
	against *Cache
}

type rowsWanted uint8

const (
	noRows rowsWanted = iota
	lastRow
	allRows
)

type result struct {
	logits []float32 // (rows wanted, vocab)
	chosen []chosen  // with step.choose: the token after the last row, and those after the ones fed ahead

	// With step.against: attention outputs (n_layers, n_heads, head_dim).
	attention, attentionAgainst []float32
}

// chosen is a token that the device picked.
type chosen struct {
	id    int
	logit float32
	lse   float32 // ln Σ exp(logit)
}

// trace is what a prefill leaves behind for the methods, on the device.
type trace struct {
	needs compress.Needs
	slots int  // mass has this many entries per head
	end   int  // tokens of the text when the signals are to be read
	most  bool // mass is the most that one query paid, not what all paid together

	gpu gpuTrace
	cpu cpuTrace
}

// Ballots are the outcome of GVote's vote and what it was decided from.
type Ballots struct {
	Votes [][]uint32 // (n_layers * n_kv_heads)(slots)
	BStep [][]int    // (n_layers * n_kv_heads)(group)

	Mu, SD         []float32 // (n_layers, dim) statistics of the attention input after its RMSNorm
	Hidden         []float32 // (n_layers, samples, dim) the sampled hidden states
	SampledQueries []float32 // (n_layers, samples, n_heads, head_dim) after RoPE
	LastQueries    []float32 // (n_layers, n_heads, head_dim) of the last prompt position, after RoPE
}

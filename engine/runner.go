package engine

import (
	"math"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

// runner runs a model on one device: the model, the memory of caches, and that
// of signals. The CPU's and the GPU's forward pass have the same numbered steps
// (forward_cpu.go, forward_gpu.go) and are compared with each other in the tests.
//
// A runner moves and computes. Bookkeeping (which slots there are, what they
// stand for, when memory grows) is [Cache]'s. What only one signal asks of it is
// in that signal's file.
type runner interface {
	model
	cacheMemory
	signalMemory
}

type model interface {
	device() Device
	config() checkpoint.Config
	tokensAtOnce(slots int) int // that one submit can take in a cache of that many slots per head
	lost() error                // why the device no longer works; nil while it does
	close()

	// forward feeds tokens behind what the caches hold, which have room. It returns what it found
	// out of each lane.
	forward(s *step) ([]*result, error)
}

// cacheMemory is the memory of cache layers whose tables are set.
type cacheMemory interface {
	supports(t layout.CacheType) error                // an error if caches of this type come out wrong
	allocate(l *cacheLayer, t layout.CacheType) error // buffers, and the tables in them
	free(l *cacheLayer)
	bytes(l *cacheLayer) int
	copyRows(dst, src *cacheLayer) error // every slot of dst's heads from src, bit for bit
	// applyRows makes what a plan says: (n_kv_heads)(rows). With weights, the share of
	// each slot in its row: (n_kv_heads)(rows)(slots).
	applyRows(dst, src *cacheLayer, rows [][]compress.Row, weights bool) ([][][]float32, error)
	// rotateKeys makes dst's keys src's, rotated by so many positions, where that is not 0:
	// by (slots of all heads), from -farthest to farthest.
	rotateKeys(dst, src *cacheLayer, by []int32, farthest int) error
	readRows(l *cacheLayer, slots []int) (k, v []layout.Rows, err error) // the first slots[h] rows of each head, bit for bit
	writeRows(l *cacheLayer, k, v []layout.Rows) error                   // and back, to the start of each head
}

// signalMemory is what signals are collected in.
type signalMemory interface {
	allocatePerLayer(label string, n int) (*perLayer, error) // n zeros for every layer
	readPerLayer(m *perLayer, n int) ([][]float32, error)    // the first n of every layer
}

// Device says what a model runs on.
type Device struct {
	Kind     string // "cpu" or "gpu"
	Adapter  string // what the driver calls it; empty on the CPU
	Backend  string // "Vulkan", "Metal", "D3D12", "WebGPU"; "Go" on the CPU
	Software bool   // the adapter emulates a GPU on the CPU
}

// step is one forward pass. It feeds texts, each behind what its own cache holds, and reads the
// weights once for all of them.
type step struct {
	lanes []*lane

	// ahead is how many of the chosen tokens to feed right away, each behind the
	// one before, and to choose after. The caches have room for them. Every lane has one token
	// and wants nothing else but a choice; a runner may do fewer.
	ahead int
}

// lane is what a step does with one text.
type lane struct {
	cache  *Cache
	tokens []uint32  // neighbouring tokens of the text
	given  []float32 // logits (vocab) to choose from instead of feeding tokens; nil: none. All lanes of a step have them, or none

	trace  *trace // collects signals; nil: none. Of the first lane only
	logits rowsWanted

	choose    *layout.Draw // pick the token after the last row on the device; nil: no
	likeliest int          // how many of the likeliest tokens to return with the choice
	full      *lane        // an earlier or later lane that chooses, too: the full cache to compare with; nil: none
	follows   *lane        // fed ahead, the text gets what that lane chooses; nil: what it chooses itself

	// against is the cache of an earlier lane that is fed the same token. The attention outputs
	// over it, for this lane's queries, are returned beside those of this lane. nil: none.
	against *Cache

	watched *perLayer // return what it holds after the pass; nil: nothing
}

// rows returns how many tokens the step feeds, of all lanes.
func (s *step) rows() int {
	n := 0
	for _, lane := range s.lanes {
		n += len(lane.tokens)
	}
	return n
}

// tokens returns them, lane after lane.
func (s *step) tokens() (tokens []uint32) {
	for _, lane := range s.lanes {
		tokens = append(tokens, lane.tokens...)
	}
	return tokens
}

type rowsWanted uint8

const (
	noRows rowsWanted = iota
	lastRow
	allRows
)

// wanted returns which of its tokens' rows logits are computed for, from..end-1: a
// choice needs the last one.
func (l *lane) wanted() (from, end int) {
	n := len(l.tokens)
	switch {
	case n == 0:
	case l.logits == allRows:
		return 0, n
	case l.logits == lastRow || l.choose != nil:
		return n - 1, n
	}
	return 0, 0
}

// wantedRows returns which rows of all tokens logits are computed for, lane after lane.
func (s *step) wantedRows() (rows []int) {
	first := 0
	for _, lane := range s.lanes {
		for row, end := lane.wanted(); row < end; row++ {
			rows = append(rows, first+row)
		}
		first += len(lane.tokens)
	}
	return rows
}

// positionsFrom returns n positions from first on.
func positionsFrom(first, n int) []uint32 {
	positions := make([]uint32, n)
	for t := range positions {
		positions[t] = uint32(first + t)
	}
	return positions
}

// result is what a step found out of a lane. What was not asked for is nil.
type result struct {
	logits    []float32            // (rows wanted, vocab)
	chosen    []chosen             // after the last row, and after each token fed ahead
	likeliest [][]layout.Candidate // beside each
	compared  []layout.Comparison  // with the full cache, beside each
	watched   [][]float32          // (n_layers)

	// With against: attention outputs (n_layers, n_heads, head_dim).
	attention, attentionAgainst []float32
}

// attentionScale returns 1 / sqrt(head_dim), what scores are multiplied with.
func attentionScale(cfg checkpoint.Config) float32 {
	return float32(1 / math.Sqrt(float64(cfg.HeadDim)))
}

// frequencies returns by how much each pair of a head turns per position.
func frequencies(cfg checkpoint.Config) []float64 {
	return layout.RoPEFrequencies(cfg.RopeBase, cfg.HeadDim, cfg.RopeFactors)
}

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

	// forward feeds tokens behind what the cache holds; the cache has room.
	forward(c *Cache, s *step) (*result, error)
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

// step is one forward pass over neighbouring tokens of a text.
type step struct {
	tokens []uint32
	trace  *trace // collects signals; nil: none
	logits rowsWanted
	given  []float32 // logits (vocab) to choose from instead of feeding tokens; nil: none

	choose    *layout.Draw // pick the token after the last row on the device; nil: no
	likeliest int          // how many of the likeliest tokens to return with the choice

	// beside are other texts, which are fed one token each in the same submit. Each chooses as
	// this one does, and the first is what this one is compared with.
	beside []lane

	// ahead is how many of the chosen tokens to feed right away, each behind the
	// one before, and to choose after. The caches have room for them. One token and
	// nothing else but a choice; a runner may do fewer.
	ahead int

	// against is another cache of the same text, which the same submit feeds these tokens
	// before. The attention outputs over it, for this pass's queries, are
	// returned beside those of this pass. One token only. nil: no.
	against *Cache

	watched *perLayer // return what it holds after the pass; nil: nothing
}

// lane is a text beside that of a step.
type lane struct {
	cache   *Cache
	tokens  []uint32  // one, or
	given   []float32 // logits as the step's
	against *Cache    // as the step's
	follows bool      // fed ahead, it gets what the step's own text chooses; otherwise what it chooses itself
}

type rowsWanted uint8

const (
	noRows rowsWanted = iota
	lastRow
	allRows
)

// wantedRows returns which rows of n tokens logits are computed for, from..end-1: a
// choice needs the last one.
func wantedRows(s *step, n int) (from, end int) {
	switch {
	case s.logits == allRows:
		return 0, n
	case s.logits == lastRow || s.choose != nil:
		return n - 1, n
	}
	return 0, 0
}

// positionsFrom returns n positions from first on.
func positionsFrom(first, n int) []uint32 {
	positions := make([]uint32, n)
	for t := range positions {
		positions[t] = uint32(first + t)
	}
	return positions
}

type result struct {
	logits  []float32   // (rows wanted, vocab)
	beside  [][]float32 // with step.logits: those of the texts beside it, (vocab) each
	choices []choice    // with step.choose: after the last row, and after each token fed ahead
	watched [][]float32 // with step.watched: (n_layers)

	// With against, of the step or of a text beside it: attention outputs (n_layers, n_heads, head_dim).
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

package engine

import (
	"fmt"
	"math"

	"keyfold/gpu"
	"keyfold/layout"
)

// Cache is the KV cache of one text: for every layer and KV head a list of
// slots, each with a key (after RoPE), a value, a position, the number of
// tokens it stands for and a bias. Heads keep different numbers of slots once
// a plan has been applied; the buffers are really that small.
//
// A slot's position is that of its (pivot) token in the text, and as a rule it
// is what the key is rotated by. With InCache a plan that was applied rotates all
// keys: the last slot of every head is then rotated by one position less than
// the longest head has slots, the others of a head by those before, without
// gaps, and tokens go on behind. Only the differences of positions count in
// attention, so that is as if each head counted its own slots from 0. What tokens
// are rotated by stays within the slots in use, however long the text.
type Cache struct {
	r       runner
	Type    layout.CacheType
	InCache bool // keys are rotated by positions in the cache; set before a plan is applied
	layers  []*cacheLayer

	// appended holds the positions of the tokens appended since the layers'
	// tables were written; every head has them behind its own slots.
	appended []uint32
	textPos  int // position of the next token in the text
	ropePos  int // what its query and key are rotated by: textPos, but for InCache
	peak     int // most bytes allocated so far
}

// cacheLayer is one layer: a K and a V buffer in which each head has a
// contiguous region. Exactly one of gpu and cpu is in use.
type cacheLayer struct {
	heads     []layout.Head   // (n_kv_heads) offset and length, without the appended tokens
	capacity  []int           // (n_kv_heads) slots of each head's region
	slots     [][]layout.Slot // (n_kv_heads)(len) what the slots were when the tables were written; Pos is in the text
	ropeFirst []int           // (n_kv_heads) what slot 0's key is rotated by, the others' following on; nil: by Pos

	gpu gpu.Cache
	cpu layout.Cache
}

const (
	slotAlign = 16 // a head's region is a multiple of this many slots
	growSlots = 64 // and gets at least this many free slots when it is full,
	growShare = 8  // or, of a longer cache, its length divided by this
)

// slotBytes is what position, n and bias of a slot take.
const slotBytes = 12

// newLayer returns a layer with the given slots, (n_kv_heads)(len), and memory for
// free more behind each head's. Its rows are still to be written. With InCache the
// keys are rotated by the positions up to ropePos, which is the next token's.
func (c *Cache) newLayer(slots [][]layout.Slot, free, ropePos int) (*cacheLayer, error) {
	l := &cacheLayer{slots: slots}
	offset := 0
	for _, s := range slots {
		capacity := align(max(1, len(s)+free))
		l.capacity = append(l.capacity, capacity)
		l.heads = append(l.heads, layout.Head{Offset: offset, Len: len(s)})
		offset += capacity
		if c.InCache {
			l.ropeFirst = append(l.ropeFirst, ropePos-len(s))
		}
	}
	if err := c.r.allocate(l, c.Type); err != nil {
		c.r.free(l)
		return nil, err
	}
	return l, nil
}

// deviceSlots returns a head's slots as kernels see them: Pos is what the key is
// rotated by.
func (l *cacheLayer) deviceSlots(h int) []layout.Slot {
	if l.ropeFirst == nil {
		return l.slots[h]
	}
	var slots []layout.Slot
	for i, s := range l.slots[h] {
		s.Pos = uint32(l.ropeFirst[h] + i)
		slots = append(slots, s)
	}
	return slots
}

// onCPU returns a layer for kernels, once `more` tokens have joined the appended ones.
func (c *Cache) onCPU(l, more int) layout.Cache { return c.layers[l].cpu.With(len(c.appended) + more) }

// onGPU does the same on the GPU.
func (c *Cache) onGPU(l, more int) *gpu.Cache { return c.layers[l].gpu.With(len(c.appended) + more) }

// total returns the slots of all regions of the layer.
func (l *cacheLayer) total() int {
	n := 0
	for _, capacity := range l.capacity {
		n += capacity
	}
	return n
}

// usable returns an error if the model's heads cannot have a type of cache, or
// if the device does not compute with it what it should.
func usable(r runner, t layout.CacheType) error {
	if err := t.Check(r.config().HeadDim); err != nil {
		return err
	}
	return r.supports(t)
}

// newCache returns an empty cache of a [usable] type.
func newCache(r runner, t layout.CacheType) (*Cache, error) {
	if err := usable(r, t); err != nil {
		return nil, err
	}
	c := &Cache{r: r, Type: t}
	cfg := r.config()
	for range cfg.NLayers {
		layer, err := c.newLayer(make([][]layout.Slot, cfg.NKVHeads), 0, 0)
		if err != nil {
			c.Free()
			return nil, err
		}
		c.layers = append(c.layers, layer)
	}
	c.notePeak(0)
	return c, nil
}

// Free gives the cache's memory back. The cache must not be used afterwards.
func (c *Cache) Free() {
	for _, l := range c.layers {
		c.r.free(l)
	}
	c.layers = nil
}

// Next returns the position of the next token in the text: its length so far,
// whatever compression did to the slots.
func (c *Cache) Next() int { return c.textPos }

// Used returns how much of the model's context is used: the length of the text, or
// with InCache the slots of the longest head. The next token is rotated by it.
func (c *Cache) Used() int { return c.ropePos }

// Len returns the occupied slots of a head.
func (c *Cache) Len(layer, head int) int {
	return c.layers[layer].heads[head].Len + len(c.appended)
}

// headLens returns the occupied slots of each head of a layer, and the largest.
func (c *Cache) headLens(l int) (lens []int, longest int) {
	for h := range c.layers[l].heads {
		lens = append(lens, c.Len(l, h))
		longest = max(longest, c.Len(l, h))
	}
	return lens, longest
}

// longest returns the occupied slots of the head that has most.
func (c *Cache) longest() int {
	most := 0
	for l := range c.layers {
		_, n := c.headLens(l)
		most = max(most, n)
	}
	return most
}

// Slots returns the occupied slots over all layers and heads.
func (c *Cache) Slots() int {
	n := 0
	for l := range c.layers {
		for h := range c.layers[l].heads {
			n += c.Len(l, h)
		}
	}
	return n
}

// RowBytes returns what one slot takes: a key, a value (with their scales, where
// they are quantised), position, n and bias.
func RowBytes(t layout.CacheType, headDim int) int { return 2*4*t.RowWords(headDim) + slotBytes }

// RowBytes returns what one slot takes.
func (c *Cache) RowBytes() int { return RowBytes(c.Type, c.r.config().HeadDim) }

// Occupied returns the bytes of the occupied slots.
func (c *Cache) Occupied() int { return c.Slots() * c.RowBytes() }

// Allocated returns the bytes of the cache's live buffers.
func (c *Cache) Allocated() int {
	n := 0
	for _, l := range c.layers {
		n += c.r.bytes(l)
	}
	return n
}

// Peak returns the most bytes that were allocated at any time, copies during
// growth and compression included.
func (c *Cache) Peak() int { return c.peak }

// notePeak records the bytes allocated now, extra bytes of a layer being
// replaced included.
func (c *Cache) notePeak(extra int) { c.peak = max(c.peak, c.Allocated()+extra) }

// Slot returns what slot i of a head is besides its key and value. Its position
// is that in the text.
func (c *Cache) Slot(layer, head, i int) layout.Slot {
	slots := c.layers[layer].slots[head]
	if i < len(slots) {
		return slots[i]
	}
	return layout.Slot{Pos: c.appended[i-len(slots)], N: 1}
}

// headSlots returns all slots of a head.
func (c *Cache) headSlots(layer, head int) []layout.Slot {
	slots := make([]layout.Slot, c.Len(layer, head))
	for i := range slots {
		slots[i] = c.Slot(layer, head, i)
	}
	return slots
}

// fits returns an error if n more tokens would be rotated by positions that the
// model was not trained for.
func (c *Cache) fits(n int) error {
	context := c.r.config().SeqLen
	switch {
	case c.ropePos+n <= context:
		return nil
	case c.InCache:
		return fmt.Errorf("%d tokens behind the %d slots in use are more than the context of %d", n, c.ropePos, context)
	}
	return fmt.Errorf("%d tokens behind a text of %d are more than the context of %d", n, c.ropePos, context)
}

// reserve makes room for n more tokens in every head. When a head is full every
// layer is copied to larger buffers in which each head has at least growSlots
// free slots: once per growSlots tokens, never once per token. Beyond 512 slots they are
// an eighth of the longest head, so that a long text is not copied ever more often. What is
// free never takes more than the model's context leaves.
func (c *Cache) reserve(n int) error {
	if n > c.free() {
		most := c.r.config().SeqLen - c.ropePos // tokens that can still come
		return c.replace(max(n, growSlots, min(c.longest()/growShare, most)))
	}
	return nil
}

// reserveAhead makes room for one more token in every head, and returns how many of them, about
// n, to feed at once. Where n is much of growSlots the cache grows by whole times n. What is free
// is shared out, so that no few tokens are left to fill the cache: a submit of few costs the
// same wait. So it may be a third more than n.
func (c *Cache) reserveAhead(n int) (int, error) {
	room := 1
	if n > growSlots/2 {
		room = (growSlots + n - 1) / n * n
	}
	free := c.free()
	if free < (n+1)/2 { // so few are left only where another cache beside this one had less room
		if err := c.reserve(max(room, n)); err != nil {
			return 0, err
		}
		free = c.free()
	}
	times := max(1, (free+2*n/3)/n)
	return (free + times - 1) / times, nil
}

// free returns the slots that are free in every head.
func (c *Cache) free() int {
	free := math.MaxInt
	for l, layer := range c.layers {
		for h, capacity := range layer.capacity {
			free = min(free, capacity-c.Len(l, h))
		}
	}
	return free
}

// replace copies every layer to new buffers with free slots behind each head.
// Appended tokens become ordinary slots of the new tables.
func (c *Cache) replace(free int) error {
	return c.rebuild(func(l int, _ *cacheLayer) (*cacheLayer, error) { return c.copyLayer(l, free) })
}

// copyLayer returns a copy of layer l in buffers of its own, with room for free
// more slots behind each head.
func (c *Cache) copyLayer(l, free int) (*cacheLayer, error) {
	old := c.layers[l]
	slots := make([][]layout.Slot, len(old.heads))
	for h := range slots {
		slots[h] = c.headSlots(l, h)
	}
	layer, err := c.newLayer(slots, free, c.ropePos)
	if err != nil {
		return nil, err
	}
	if err := c.r.copyRows(layer, old); err != nil {
		c.r.free(layer)
		return nil, err
	}
	return layer, nil
}

// rebuild replaces the layers one by one, so that old and new memory exist side
// by side for one layer only. If it fails half way the cache is given up.
func (c *Cache) rebuild(build func(l int, old *cacheLayer) (*cacheLayer, error)) error {
	for l, old := range c.layers {
		layer, err := build(l, old)
		if err != nil {
			c.Free()
			return fmt.Errorf("rebuild layer %d of the cache: %w", l, err)
		}
		c.notePeak(c.r.bytes(layer))
		c.r.free(old)
		c.layers[l] = layer
	}
	c.appended = nil
	return nil
}

// align rounds slots up to a multiple of slotAlign.
func align(n int) int { return (n + slotAlign - 1) / slotAlign * slotAlign }

// note records that tokens were appended, their positions following on.
func (c *Cache) note(n int) {
	for range n {
		c.appended = append(c.appended, uint32(c.textPos))
		c.textPos++
		c.ropePos++
	}
}

// Fork returns an independent copy.
func (c *Cache) Fork() (*Cache, error) {
	fork := &Cache{r: c.r, Type: c.Type, InCache: c.InCache, textPos: c.textPos, ropePos: c.ropePos}
	for l := range c.layers {
		layer, err := c.copyLayer(l, 0)
		if err != nil {
			fork.Free()
			return nil, fmt.Errorf("fork the cache: %w", err)
		}
		fork.layers = append(fork.layers, layer)
	}
	fork.notePeak(0)
	return fork, nil
}

// Rows reads the cache back: keys after RoPE and values as float32,
// (n_layers * n_kv_heads)(slots, head_dim).
func (c *Cache) Rows() (k, v [][]float32, err error) {
	for l := range c.layers {
		kRows, vRows, err := c.layerRows(l)
		if err != nil {
			return nil, nil, err
		}
		for h := range kRows {
			k, v = append(k, floats(kRows[h])), append(v, floats(vRows[h]))
		}
	}
	return k, v, nil
}

// layerRows reads a layer back as it is stored: (n_kv_heads) keys and values.
func (c *Cache) layerRows(l int) (k, v []layout.Rows, err error) {
	slots := make([]int, len(c.layers[l].heads))
	for h := range slots {
		slots[h] = c.Len(l, h)
	}
	return c.r.readRows(c.layers[l], slots)
}

// floats returns rows as float32, (slots, head_dim).
func floats(rows layout.Rows) []float32 {
	hd, slots := rows.HeadDim, len(rows.Words)/rows.Type.RowWords(rows.HeadDim)
	values := make([]float32, slots*hd)
	for i := range slots {
		rows.Get(values[i*hd:(i+1)*hd], i)
	}
	return values
}

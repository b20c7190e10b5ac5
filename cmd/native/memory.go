//go:build !js

package main

import (
	"errors"
	"fmt"
	"strings"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/hub"
	"keyfold/layout"
	"keyfold/models"
)

// fits fails if a model with a cache of so many tokens is larger than the memory that is free,
// before the weights are read.
func (d *deviceFlags) fits(f *checkpoint.File, kv layout.CacheType, tokens int) error {
	err := engine.CheckMemory(f, engine.DeviceKind(d.device), kv, tokens)
	var large *engine.MemoryError
	if !errors.As(err, &large) {
		return err
	}
	return fmt.Errorf("%s does not fit into memory: it takes %s (weights %s, a cache of %d tokens %s), and %s are available; %s",
		f.Model, hub.Bytes(large.Total()), hub.Bytes(large.Weights), tokens, hub.Bytes(large.Cache), hub.Bytes(large.Available),
		wouldFit(large, f.Config, kv, tokens))
}

// wouldFit names what would: a smaller type of the cache's elements, fewer tokens, a smaller model.
func wouldFit(large *engine.MemoryError, c checkpoint.Config, kv layout.CacheType, tokens int) string {
	room := large.Available - large.Weights
	perToken := func(t layout.CacheType) int64 {
		return int64(c.NLayers*c.NKVHeads) * int64(engine.RowBytes(t, c.HeadDim))
	}
	var ways []string
	if room > 0 {
		for _, t := range layout.CacheTypes {
			if t.Check(c.HeadDim) == nil && perToken(t) < perToken(kv) && perToken(t)*int64(tokens) <= room {
				ways = append(ways, "-kv "+t.String())
			}
		}
		if n := room / perToken(kv); n > 0 {
			ways = append(ways, fmt.Sprintf("%d tokens", n))
		}
	}
	if smaller := largestBelow(large.Available); room <= 0 && smaller != nil {
		ways = append(ways, fmt.Sprintf("-model %s, a file of %s", smaller.Name, hub.Bytes(smaller.Size)))
	}
	if len(ways) == 0 {
		return "close other programs"
	}
	return "what would fit: " + strings.Join(ways, "; or ")
}

// largestBelow returns the largest model of the catalogue that takes half of the memory or less,
// so that its cache has room too; nil: there is none.
func largestBelow(available int64) *models.Entry {
	var largest *models.Entry
	for _, e := range models.Catalogue() {
		if e.Size <= available/2 && (largest == nil || e.Size > largest.Size) {
			largest = &e
		}
	}
	return largest
}

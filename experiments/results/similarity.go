//go:build !js

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"keyfold/engine"
	"keyfold/eval"
	"keyfold/layout"
)

// A KeyMap is what the keys of one layer and KV head have in common, as they
// stand in the cache, rotated by RoPE: the cosine of every two, in cells.
type KeyMap struct {
	Layer int `json:"layer"`
	Head  int `json:"head"`
	// The mean cosine of the pairs of a cell, without those of a key with itself:
	// row i has the columns 0 to i, the others are their mirror.
	Cosine [][]float64 `json:"cosine"`
}

// mapCells is how many cells a map has on a side.
const mapCells = 64

// mapKeys maps keys of the first, a middle and the last layer over one text of stories.
func mapKeys(s *subject) ([]KeyMap, error) {
	ids, err := s.text("story", 0)
	if err != nil {
		return nil, err
	}
	p, err := s.e.Prefill(context.Background(), ids, engine.Settings{KV: layout.CacheF16})
	if err != nil {
		return nil, err
	}
	defer p.Free()
	var maps []KeyMap
	for _, head := range ends(s.Model.KVHeads, 2) {
		for _, layer := range ends(s.Model.Layers, 3) {
			cosine, err := p.Cache.Similarity(layer, head)
			if err != nil {
				return nil, err
			}
			maps = append(maps, KeyMap{layer, head, inCells(cosine, len(ids))})
		}
	}
	return maps, nil
}

// ends returns the first and the last of n, and with three the middle one.
func ends(n, want int) []int {
	list := []int{0, n / 2, n - 1}
	if want == 2 {
		list = []int{0, n - 1}
	}
	return slices.Compact(list)
}

// inCells takes means over the cells of cosine, (n, n).
func inCells(cosine []float32, n int) [][]float64 {
	side := n / mapCells
	cells := make([][]float64, mapCells)
	for i := range cells {
		for j := range i + 1 {
			sum, pairs := 0.0, 0
			for a := i * side; a < (i+1)*side; a++ {
				for b := j * side; b < (j+1)*side; b++ {
					if a != b {
						sum += float64(cosine[a*n+b])
						pairs++
					}
				}
			}
			cells[i] = append(cells[i], math.Round(1e2*sum/float64(pairs))/1e2)
		}
	}
	return cells
}

func (m KeyMap) check(a *About) error {
	if m.Layer < 0 || m.Layer >= a.Model.Layers || m.Head < 0 || m.Head >= a.Model.KVHeads || len(m.Cosine) != mapCells {
		return fmt.Errorf("a map of %d rows of layer %d, KV head %d", len(m.Cosine), m.Layer, m.Head)
	}
	for i, row := range m.Cosine {
		if len(row) != i+1 || slices.ContainsFunc(row, func(v float64) bool { return !(math.Abs(v) <= 1.01) }) {
			return fmt.Errorf("row %d of a map is %v", i, row)
		}
	}
	return nil
}

// drawKeys draws the maps of a model.
func drawKeys(w io.Writer, m *Measured[KeyMap]) error {
	least := 0.0
	var heats []eval.Heat
	for _, km := range m.Rows {
		h := eval.Heat{Title: fmt.Sprintf("layer %d, KV head %d", km.Layer, km.Head)}
		side := float64(m.Tokens) / mapCells
		for i, row := range km.Cosine {
			h.Xs = append(h.Xs, side*(float64(i)+0.5))
			all := slices.Clone(row)
			for j := i + 1; j < mapCells; j++ {
				all = append(all, km.Cosine[j][i])
			}
			h.Cell = append(h.Cell, all)
			least = min(least, slices.Min(row))
		}
		h.Ys = h.Xs
		heats = append(heats, h)
	}
	return eval.WriteHeats(w, fmt.Sprintf("%s: how alike keys are, %d tokens of stories", m.Model.Name, m.Tokens),
		"token", "token", 3, eval.Scale{
			Name:   fmt.Sprintf("cosine of two keys, mean of %[1]d x %[1]d pairs", m.Tokens/mapCells),
			Lowest: math.Floor(5*least) / 5, Highest: 1,
		}, heats)
}

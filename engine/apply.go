package engine

import (
	"fmt"

	"keyfold/compress"
	"keyfold/layout"
)

// Apply replaces the cache's contents by what the plan says. Generation goes on
// at the position where it was, or with InCache behind the slots in use.
func (c *Cache) Apply(plan *compress.Plan) error {
	_, err := c.apply(plan, false)
	return err
}

// ApplyWeights applies a plan and returns the share of each slot in its row:
// (n_layers * n_kv_heads)(rows)(slots). Reading them back costs a wait per layer.
func (c *Cache) ApplyWeights(plan *compress.Plan) ([][][]float32, error) { return c.apply(plan, true) }

func (c *Cache) apply(plan *compress.Plan, wantWeights bool) (weights [][][]float32, err error) {
	kvHeads := c.r.config().NKVHeads
	if len(plan.Heads) != len(c.layers)*kvHeads {
		return nil, fmt.Errorf("plan has %d heads, this cache %d", len(plan.Heads), len(c.layers)*kvHeads)
	}
	ropePos := c.ropePos
	if c.InCache {
		ropePos = 0
		for _, rows := range plan.Heads {
			ropePos = max(ropePos, len(rows))
		}
	}
	err = c.rebuild(func(l int, old *cacheLayer) (*cacheLayer, error) {
		rows := plan.Heads[l*kvHeads : (l+1)*kvHeads]
		slots := make([][]layout.Slot, kvHeads)
		for h := range rows {
			slots[h] = make([]layout.Slot, 0, len(rows[h]))
			for _, row := range rows[h] {
				slots[h] = append(slots[h], layout.Slot{Pos: c.Slot(l, h, row.Pivot).Pos, N: uint32(row.N), Bias: row.Bias})
			}
		}
		layer, err := c.newLayer(slots, 0, ropePos)
		if err != nil {
			return nil, err
		}
		shares, err := c.r.applyRows(layer, old, rows, wantWeights)
		if err != nil {
			c.r.free(layer)
			return nil, err
		}
		weights = append(weights, shares...)
		if c.InCache {
			return c.rotate(layer, l, rows)
		}
		return layer, nil
	})
	c.ropePos = ropePos
	return weights, err
}

// rotate returns a layer that rows of layer l were written to, with their keys
// rotated from where their pivots were to layer.ropeFirst and the positions
// behind it. It gives layer's memory back, unless there is nothing to rotate.
func (c *Cache) rotate(layer *cacheLayer, l int, rows [][]compress.Row) (*cacheLayer, error) {
	by, farthest := make([]int32, layer.total()), int32(0)
	for h, head := range layer.heads {
		was := c.ropePos - c.Len(l, h) // of slot 0
		for j, row := range rows[h] {
			n := int32(layer.ropeFirst[h] + j - (was + row.Pivot))
			by[head.Offset+j], farthest = n, max(farthest, n, -n)
		}
	}
	if farthest == 0 {
		return layer, nil
	}
	defer c.r.free(layer)
	rotated, err := c.newLayer(layer.slots, 0, layer.ropeFirst[0]+layer.heads[0].Len)
	if err != nil {
		return nil, err
	}
	c.notePeak(c.r.bytes(layer) + c.r.bytes(rotated))
	err = c.r.copyRows(rotated, layer)
	if err == nil {
		err = c.r.rotateKeys(rotated, layer, by, int(farthest))
	}
	if err != nil {
		c.r.free(rotated)
		return nil, err
	}
	return rotated, nil
}

// rowTables are the rows of a plan for one layer in the form in which the
// kernels take them: slots count from the start of the layer's buffers.
type rowTables struct {
	moves    []layout.Move        // kept rows
	merges   []layout.MergeRow    // Gaussian rows
	members  []uint32             // of all Gaussian rows
	explicit []layout.ExplicitRow // rows with weights of their own
}

// tabulate lays out the plan's rows, (n_kv_heads)(rows), from src to dst.
func tabulate(dst, src *cacheLayer, rows [][]compress.Row) rowTables {
	var t rowTables
	for h := range rows {
		from, to := src.heads[h].Offset, dst.heads[h].Offset
		for j, row := range rows[h] {
			switch row.Rule {
			case compress.Keep:
				t.moves = append(t.moves, layout.Move{From: from + row.Pivot, To: to + j})
				continue
			case compress.Explicit:
				t.explicit = append(t.explicit, layout.ExplicitRow{
					To: to + j, Keys: shares(row.KeyWeights, from), Values: shares(row.ValueWeights, from),
				})
				continue
			}
			t.merges = append(t.merges, layout.MergeRow{
				To: to + j, Pivot: from + row.Pivot,
				First: len(t.members), Count: len(row.Slots),
				Sigma: row.Sigma, ValueScale: row.ValueScale, Aligned: row.Aligned, PerToken: row.PerToken,
			})
			for _, slot := range row.Slots {
				t.members = append(t.members, uint32(from+slot))
			}
		}
	}
	return t
}

// shares returns weights of a head's slots by slots of the layer's buffers.
func shares(weights []compress.Weight, offset int) []layout.Share {
	list := make([]layout.Share, len(weights))
	for i, w := range weights {
		list[i] = layout.Share{Slot: offset + w.Slot, Weight: w.Weight}
	}
	return list
}

// split deals the weights of all Gaussian members out to the rows: (n_kv_heads)(rows)(slots).
// A kept row has the single weight 1, an explicit one those of its keys.
func split(rows [][]compress.Row, weights []float32) [][][]float32 {
	out := make([][][]float32, len(rows))
	for h := range rows {
		for _, row := range rows[h] {
			switch row.Rule {
			case compress.Keep:
				out[h] = append(out[h], []float32{1})
				continue
			case compress.Explicit:
				_, keys, _ := row.Explicit()
				out[h] = append(out[h], keys[:len(row.Slots)])
				continue
			}
			out[h] = append(out[h], weights[:len(row.Slots):len(row.Slots)])
			weights = weights[len(row.Slots):]
		}
	}
	return out
}

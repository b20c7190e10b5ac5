package ref

import (
	"math"

	"keyfold/layout"
)

// PivotDistance is the CPU twin of gpu/shaders/pivot_distance.wgsl.
//
//	distance[h, i] = ‖k_p − k_i‖, p = pivots[h, i]    0 where p is NoPivot
//
// With aligned, k_i is rotated to its pivot's position first.
//
//	pivots    (n_kv_heads, stride)  counted from the head's first slot
//	distance  (n_kv_heads, stride)  overwritten up to each head's slots
//	table     see [layout.RoPETable], from position 0 to the largest difference of positions
//
// Source: Wang et al. 2024, KVMerger, arXiv:2407.08454, eq. 4.
func PivotDistance(c layout.Cache, pivots []uint32, distance, table []float32, stride int, aligned bool) {
	pivot, key := make([]float32, c.HeadDim()), make([]float32, c.HeadDim())
	for h, head := range c.Heads {
		for i := range c.Len(h) {
			square := 0.0
			if p := pivots[h*stride+i]; p != layout.NoPivot {
				c.K.Get(pivot, head.Offset+int(p))
				c.K.Get(key, head.Offset+i)
				if aligned {
					rotate(table, key, between(c.Slots[head.Offset+i], c.Slots[head.Offset+int(p)]))
				}
				square = squaredDistance(pivot, key)
			}
			distance[h*stride+i] = float32(math.Sqrt(square))
		}
	}
}

// between returns how many positions a key is turned by on its way from one slot's position to another's.
func between(from, to layout.Slot) int { return int(to.Pos) - int(from.Pos) }

// squaredDistance returns ‖a − b‖².
func squaredDistance(a, b []float32) float64 {
	var sum float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return sum
}

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
//	k         (slots of all heads, head_dim)
//	heads     (n_kv_heads), each with Len + nAfter slots
//	pivots    (n_kv_heads, stride)  counted from the head's first slot
//	distance  (n_kv_heads, stride)  overwritten up to each head's length
//	slots     (slots of k)
//	table     see [layout.RoPETable], from position 0 to the largest difference of positions
//
// Source: Wang et al. 2024, KVMerger, arXiv:2407.08454, eq. 4.
func PivotDistance(k layout.Rows, heads []layout.Head, pivots []uint32, distance []float32, slots []layout.Slot, table []float32,
	stride, nAfter int, aligned bool) {
	pivot, key := make([]float32, k.HeadDim), make([]float32, k.HeadDim)
	for h, head := range heads {
		for i := range head.Len + nAfter {
			square := 0.0
			if p := pivots[h*stride+i]; p != layout.NoPivot {
				k.Get(pivot, head.Offset+int(p))
				k.Get(key, head.Offset+i)
				if aligned {
					rotate(table, key, between(slots[head.Offset+i], slots[head.Offset+int(p)]))
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

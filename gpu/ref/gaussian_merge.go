package ref

import "math"

// MergeRow says how one row is blended from several slots. Slots count from the
// start of their buffers.
type MergeRow struct {
	To           int     // slot of the new cache
	Pivot        int     // slot of the old cache
	First, Count int     // its members are members[First:First+Count], Pivot among them
	Sigma        float32 // width of the kernel, at least 1e-6
	ValueScale   float32 // factor on the blended value
}

// GaussianMerge is the CPU twin of gpu/shaders/gaussian_merge.wgsl.
//
//	g_i = exp(−‖k_p − k_i‖² / 2σ²)    w_i = n_i g_i / Σ_j n_j g_j
//	k*  = Σ_i w_i k_i                 v*  = ValueScale Σ_i w_i v_i
//
//	k, v        (slots of all heads, head_dim)
//	kOut, vOut  (slots of all heads, head_dim)  written at each row's To
//	rows        (n_rows)
//	members     (members of all rows)  slots of k
//	slots       (slots of k)
//	weights     (members of all rows)  overwritten: w_i
//
// Source: Wang et al. 2024, KVMerger, arXiv:2407.08454, eqs. 4-6.
func GaussianMerge(k, v, kOut, vOut Rows, rows []MergeRow, members []uint32, slots []Slot, weights []float32) {
	pivot, row := make([]float32, k.HeadDim), make([]float32, k.HeadDim)
	for _, r := range rows {
		set := members[r.First : r.First+r.Count]
		shares := make([]float64, len(set))
		var total float64
		k.Get(pivot, r.Pivot)
		for i, slot := range set {
			k.Get(row, int(slot))
			sigma := float64(r.Sigma)
			shares[i] = float64(slots[slot].N) * math.Exp(-squaredDistance(pivot, row)/(2*sigma*sigma))
			total += shares[i]
		}
		for i := range shares {
			shares[i] /= total
			weights[r.First+i] = float32(shares[i])
		}
		kOut.Put(r.To, blend(k, set, shares, 1))
		vOut.Put(r.To, blend(v, set, shares, float64(r.ValueScale)))
	}
}

// blend returns scale Σ_i w_i row_i.
func blend(rows Rows, set []uint32, w []float64, scale float64) []float32 {
	row, sum := make([]float32, rows.HeadDim), make([]float64, rows.HeadDim)
	for i, slot := range set {
		rows.Get(row, int(slot))
		for c, x := range row {
			sum[c] += w[i] * float64(x)
		}
	}
	for c, x := range sum {
		row[c] = float32(scale * x)
	}
	return row
}

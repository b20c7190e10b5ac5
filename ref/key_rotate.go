package ref

import "keyfold/layout"

// KeyRotate is the CPU twin of gpu/shaders/key_rotate.wgsl. It turns keys that
// were rotated by some position p so that they are rotated by p + by:
//
//	kOut[slot] = R(by[slot]) k[slot]    for each slot with by[slot] != 0
//
//	to     K is written; other slots are left alone
//	by     (slots of all heads)            positions
//	table  see [layout.RoPETable], from position 0 to the largest |by|
//
// Source: Su et al. 2021, RoFormer, arXiv:2104.09864, eq. 34: rotations add up.
func KeyRotate(from, to layout.Cache, by []int32, table []float32) {
	key := make([]float32, from.HeadDim())
	for slot, positions := range by {
		if positions == 0 {
			continue
		}
		from.K.Get(key, slot)
		rotate(table, key, int(positions))
		to.K.Put(slot, key)
	}
}

// rotate turns a key by so many positions, forwards or backwards, in place.
func rotate(table, key []float32, by int) {
	sign := 1.0
	if by < 0 {
		by, sign = -by, -1
	}
	turns := table[by*len(key) : (by+1)*len(key)]
	for i := 0; i < len(key); i += 2 {
		cos, sin := float64(turns[i]), sign*float64(turns[i+1])
		a, b := float64(key[i]), float64(key[i+1])
		key[i], key[i+1] = float32(a*cos-b*sin), float32(a*sin+b*cos)
	}
}

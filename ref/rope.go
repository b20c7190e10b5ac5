package ref

// RoPE is the CPU twin of gpu/shaders/rope.wgsl. It rotates the pairs of
// elements (2i, 2i+1) of the first nHeads heads of each row, in place.
//
//	(x[2i], x[2i+1]) = (x[2i] cos a − x[2i+1] sin a, x[2i] sin a + x[2i+1] cos a)
//
//	table      see [layout.RoPETable], from position 0
//	positions  (n)
//	qkv        (n, stride)
//
// Source: Su et al. 2021, RoFormer, arXiv:2104.09864, eq. 34.
func RoPE(table []float32, positions []uint32, qkv []float32, stride, nHeads, headDim int) {
	for t, pos := range positions {
		turns := table[int(pos)*headDim : (int(pos)+1)*headDim]
		for h := range nHeads {
			x := qkv[t*stride+h*headDim : t*stride+(h+1)*headDim]
			for i := 0; i < headDim; i += 2 {
				cos, sin := float64(turns[i]), float64(turns[i+1])
				a, b := float64(x[i]), float64(x[i+1])
				x[i], x[i+1] = float32(a*cos-b*sin), float32(a*sin+b*cos)
			}
		}
	}
}

package cpu

// matvecGo computes y = w x, the one product that all of the package is made
// of. Each element is a sum of eight lanes:
//
//	lane_l = Σ_{i ≡ l mod 8} w[r, i] x[i]    in the order of i
//	y[r]   = ((lane_0 + lane_1) + (lane_2 + lane_3)) + ((lane_4 + lane_5) + (lane_6 + lane_7))
//
// Every product and every sum is rounded to float32, so the result is the same
// bits on every machine, for any number of rows at a time and on any number of
// threads. With c columns a lane is c/8 additions long.
//
//	w  (rows, cols), row r from r*stride on
//	x  (cols)
//	y  (rows)  overwritten
func matvecGo(y, w, x []float32, stride int) {
	for r := range y {
		row := w[r*stride:]
		row = row[:len(x)]
		var l0, l1, l2, l3, l4, l5, l6, l7 float32
		in := x
		for len(in) >= 8 && len(row) >= 8 {
			l0 += float32(row[0] * in[0])
			l1 += float32(row[1] * in[1])
			l2 += float32(row[2] * in[2])
			l3 += float32(row[3] * in[3])
			l4 += float32(row[4] * in[4])
			l5 += float32(row[5] * in[5])
			l6 += float32(row[6] * in[6])
			l7 += float32(row[7] * in[7])
			in, row = in[8:], row[8:]
		}
		lanes := [8]float32{l0, l1, l2, l3, l4, l5, l6, l7}
		for i, v := range in {
			lanes[i] += float32(row[i] * v)
		}
		y[r] = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
	}
}

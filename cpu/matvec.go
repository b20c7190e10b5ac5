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

// addRowsGo adds x_r times row r to lanes of sums, of which [sumLanes] makes
// columns of the product x w as [matvecGo] would of w's columns, bit for bit.
//
//	lanes[l, c] += x[r] w[r, c]    r ≡ l mod 8, in the order of r
//
//	lanes (8, cols)
//	w     (rows, cols)  at least as many rows as x has
//	x     (rows)
func addRowsGo(lanes, w, x []float32) {
	cols := len(lanes) / 8
	for r, v := range x {
		row := w[r*cols : (r+1)*cols]
		lane := lanes[r%8*cols:]
		lane = lane[:len(row)]
		for c, u := range row {
			lane[c] += float32(v * u)
		}
	}
}

// sumLanes writes scale times the sums of eight lanes (8, cols), added as [matvecGo] does.
func sumLanes(y, lanes []float32, scale float32) {
	n := len(y)
	for c := range y {
		l := lanes[c : c+7*n+1]
		y[c] = (((l[0] + l[n]) + (l[2*n] + l[3*n])) + ((l[4*n] + l[5*n]) + (l[6*n] + l[7*n]))) * scale
	}
}

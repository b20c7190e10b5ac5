//go:build !js

package bench

import "testing"

func TestRate(t *testing.T) {
	for _, tc := range []struct {
		runs                []float64
		median, least, most float64
	}{
		{[]float64{3}, 3, 3, 3},
		{[]float64{9, 1}, 5, 1, 9},
		{[]float64{5, 1, 9, 2, 7}, 5, 1, 9},
	} {
		r := newRate(tc.runs)
		if r.Median != tc.median || r.Least != tc.least || r.Most != tc.most {
			t.Errorf("%v: %+v", tc.runs, r)
		}
	}
}

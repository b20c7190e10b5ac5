//go:build !js

package engine

import (
	"slices"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

// Small models have float32 weights on a CPU whose vector instructions nobody uses,
// others those of the file: the logits are the same bits.
func TestWideWeightsChangeNothing(t *testing.T) {
	for _, wt := range []checkpoint.Type{checkpoint.F16, checkpoint.Q8_0, checkpoint.Q4_0, checkpoint.Q4_1, checkpoint.Q5_1, checkpoint.Q4_K, checkpoint.Q6_K} {
		data, err := models.Fixture(models.FixtureConfigOf(wt), wt, 1)
		if err != nil {
			t.Fatal(err)
		}
		var logits [2][]float32
		for i, wide := range []bool{false, true} {
			f := openBytes(t, data)
			r, err := loadCPURunner(f, wide)
			if err != nil {
				t.Fatal(err)
			}
			want := layout.F32
			if !wide {
				want = residentTypes[wt]
			}
			if got := r.w.layers[0].down[0].Type; got != want {
				t.Errorf("%v, wide %v: the weights are %v, want %v", wt, wide, got, want)
			}
			e := &Engine{Config: f.Config, r: r}
			logits[i] = e.allLogits(t, someTokens(20), 7, nil, 0)
		}
		if !slices.Equal(logits[0], logits[1]) {
			t.Errorf("%v: the logits differ", wt)
		}
	}
}

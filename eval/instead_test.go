package eval

import (
	"context"
	"errors"
	"os"
	"testing"

	"keyfold/engine"
	"keyfold/engine/tokenizer"
	"keyfold/models"
)

// A sweep whose GPU is lost stops there, keeps what it has, and can go on with another
// engine: no example has failed, and each says where it was not the device of the sweep.
func TestSweepGoesOnWithoutItsGPU(t *testing.T) {
	f, err := models.OpenFixture()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tok, err := tokenizer.FromGGUF(f.Meta)
	if err != nil {
		t.Fatal(err)
	}
	lost := false
	onGPU, err := engine.OpenFailing(context.Background(), f, tok, func(string) error {
		if lost {
			return errors.New("the device was lost")
		}
		return nil
	})
	if err != nil && os.Getenv("REQUIRE_GPU") != "1" {
		t.Skipf("needs a WebGPU adapter: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer onGPU.Close()

	c := tinyConfig(t, "window", []float64{0.5}, 4)
	c.Device = onGPU.Device.Describe()
	s := newSweep(t, onGPU, c, tinyExamples(4))
	var results []Result
	run := func() error {
		_, left := s.Resume(results)
		return s.Run(context.Background(), left, func(r Result) error {
			results = append(results, r)
			lost = len(results) == 2
			return nil
		})
	}
	err = run()
	if len(results) != 2 || !onGPU.Replaceable(err) {
		t.Fatalf("%d results, error %v, want 2 and one that ends with the device", len(results), err)
	}
	if s.Engine, err = engine.OpenInstead(context.Background(), f, tok, err); err != nil {
		t.Fatal(err)
	}
	if err := run(); err != nil {
		t.Fatal(err)
	}
	where := map[string]int{}
	for _, r := range results {
		if r.Failed || r.Skipped != "" {
			t.Errorf("%s: %s", r.ID, r.Skipped)
		}
		where[r.Device]++
	}
	if len(results) != 4 || where[""] != 2 || where["cpu"] != 2 {
		t.Errorf("%d results, devices %v", len(results), where)
	}
}

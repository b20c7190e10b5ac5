//go:build !js

package main

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Before anything is dropped a run predicts what the reference does, and both
// files have its points.
func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	keeping := run{name: "all", method: "window", budget: 1, every: 100, inCache: true}
	if err := measure(dir, prompt+2*window, []run{keeping}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "positions.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatalf("%d rows, want a heading, two of the run and two of the reference (%v)", len(rows), err)
	}
	for i := range 2 {
		run, reference := rows[1+i], rows[3+i]
		x, _ := strconv.ParseFloat(run[2], 64)
		y, _ := strconv.ParseFloat(reference[2], 64)
		if run[0] != "all" || run[1] != reference[1] || math.Abs(x-y) > 2e-4 || x < 0.1 {
			t.Errorf("the run has %v, the reference %v", run, reference)
		}
	}
	svg, err := os.ReadFile(filepath.Join(dir, "positions.svg"))
	if err != nil || !strings.Contains(string(svg), "NLL less the reference") {
		t.Errorf("the plot has %d bytes (%v)", len(svg), err)
	}
}

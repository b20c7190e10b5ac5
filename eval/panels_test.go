package eval

import (
	"bytes"
	"encoding/base64"
	"image/color"
	"image/png"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
)

func TestWritePanels(t *testing.T) {
	low := []Series{{Name: "story", Line: true, Points: []Point{{X: 0, Y: 20}, {X: 1, Y: 30}}}}
	high := []Series{{Name: "story", Line: true, Points: []Point{{X: 0, Y: 70}, {X: 1, Y: 80}}}}
	var svg bytes.Buffer
	if err := WritePanels(&svg, "what is kept", "layer", "slots kept", 2, []Panel{{"kvmerger", low}, {"gvote", high}}); err != nil {
		t.Fatal(err)
	}
	d := parseSVG(t, svg.Bytes())
	if lacks := d.lacks("what is kept", "layer", "slots kept", "kvmerger", "gvote", "story"); len(lacks) > 0 {
		t.Errorf("texts %q, without %q", d.texts, lacks)
	}
	// The axes are alike and begin at 0: each mark of theirs is there twice.
	for _, mark := range []string{"0", "20", "80"} {
		if n := count(d.texts, mark); n < 2 {
			t.Errorf("%d marks of %s, want one in each panel", n, mark)
		}
	}
	if n := count(d.texts, "story"); n != 1 {
		t.Errorf("%d legends, want one", n)
	}

	// Bars are as wide as they are apart, and stand around their point.
	svg.Reset()
	bars := []Series{{Bars: true, Points: []Point{{X: 1, Y: 2}, {X: 3, Y: 4}, {X: 5, Y: 0}}}}
	if err := WritePanels(&svg, "sigma", "x", "heads", 1, []Panel{{"layer 0", bars}}); err != nil {
		t.Fatal(err)
	}
	if d := parseSVG(t, svg.Bytes()); d.filled[blue] != 3 || slices.Contains(d.texts, "") {
		t.Errorf("filled %v, want 3 bars; texts %q", d.filled, d.texts)
	}
	h, err := histogram(plotter.XYs{{X: 1, Y: 2}, {X: 3, Y: 4}})
	if err != nil || h.Bins[0].Min != 0 || h.Bins[0].Max != 2 || h.Bins[1].Max != 4 || h.Bins[1].Weight != 4 {
		t.Errorf("bars %+v, %v; want 0 to 2 and 2 to 4", h, err)
	}
}

func count(texts []string, text string) int {
	n := 0
	for _, s := range texts {
		if s == text {
			n++
		}
	}
	return n
}

func TestWriteHeats(t *testing.T) {
	few := Heat{"full", []float64{256, 512}, []float64{0.1, 0.9}, [][]float64{{0, 1}, {0.5, 0.25}}}
	var svg bytes.Buffer
	if err := WriteHeats(&svg, "needles", "tokens", "depth", 2, Scale{"score", 0, 1}, []Heat{few, few}); err != nil {
		t.Fatal(err)
	}
	d := parseSVG(t, svg.Bytes())
	if lacks := d.lacks("needles", "tokens", "depth", "score", "full", "256", "512", "0.1", "0.9", "0.25", "0.6"); len(lacks) > 0 {
		t.Errorf("texts %q, without %q", d.texts, lacks)
	}
	if d.filled[dark] != 2 || d.filled[light] != 2 || count(d.texts, "0.25") != 2 {
		t.Errorf("filled %v and texts %q; want two maps", d.filled, d.texts)
	}
}

// A map of many cells is a picture: a pixel a cell, the first row at the bottom.
func TestHeatIsAPicture(t *testing.T) {
	many := Heat{Title: "layer 0"}
	for i := range 20 {
		many.Xs, many.Ys = append(many.Xs, 2+4*float64(i)), append(many.Ys, 2+4*float64(i))
		row := make([]float64, 20)
		row[i] = 1
		many.Cell = append(many.Cell, row)
	}
	many.Cell[0][19] = math.NaN()
	var svg bytes.Buffer
	if err := WriteHeats(&svg, "keys", "token", "token", 1, Scale{"cosine", 0, 1}, []Heat{many}); err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`data:image/png;base64,([^"]+)`).FindAllStringSubmatch(svg.String(), -1)
	if len(found) != 2 { // the scale is one, too
		t.Fatalf("%d pictures, want 2", len(found))
	}
	right := false
	for _, f := range found {
		picture, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(f[1])))
		if err != nil {
			t.Fatal(err)
		}
		if picture.Bounds().Dx() != 20 {
			continue
		}
		_, _, _, alpha := picture.At(19, 19).RGBA()
		gray := func(x, y int) uint8 { return color.GrayModel.Convert(picture.At(x, y)).(color.Gray).Y }
		right = gray(0, 19) > 200 && gray(19, 0) > 200 && gray(0, 0) < 50 && alpha == 0
	}
	if !right || !strings.Contains(svg.String(), `style="image-rendering:pixelated"`) {
		t.Error("the picture is not the map")
	}
	if low, high := ends(many.Xs); low != 0 || high != 80 {
		t.Errorf("the axis goes from %g to %g, want 0 to 80", low, high)
	}
}

func TestPanelErrors(t *testing.T) {
	one := func(v float64) []Heat { return []Heat{{"", []float64{1}, []float64{1}, [][]float64{{v}}}} }
	for _, tc := range []struct {
		err  error
		want string
	}{
		{WritePanels(io.Discard, "t", "x", "y", 2, nil), `plot "t": no panels`},
		{WritePanels(io.Discard, "t", "x", "y", 2, []Panel{{"p", []Series{{Name: "s"}}}}), `"p": no points in 1 series`},
		{WritePanels(io.Discard, "t", "x", "y", 2, []Panel{{"p", []Series{{Bars: true, Points: []Point{{X: math.NaN()}}}}}}), "NaN"},
		{WriteHeats(io.Discard, "t", "x", "y", 2, Scale{"s", 0, 1}, nil), `plot "t": no maps`},
		{WriteHeats(io.Discard, "t", "x", "y", 2, Scale{"s", 0, 1}, one(1.5)), "values from 1.5 to 1.5, the scale goes from 0 to 1"},
		{WriteHeats(io.Discard, "t", "x", "y", 2, Scale{"s", 0, 1}, one(math.NaN())), "no values in 1 x 1 cells"},
		{WriteHeats(io.Discard, "t", "x", "y", 2, Scale{"s", 0, 1}, []Heat{{Ys: []float64{1}}}), `0 rows of cells for 1 values of "y"`},
	} {
		if tc.err == nil || !strings.Contains(tc.err.Error(), tc.want) {
			t.Errorf("error %v, want %q", tc.err, tc.want)
		}
	}
}

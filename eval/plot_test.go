package eval

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// drawn is what an SVG shows: its texts, and how many shapes have a colour.
type drawn struct {
	texts           []string
	strokes, filled map[string]int
}

func parseSVG(t *testing.T, svg []byte) drawn {
	t.Helper()
	d := drawn{strokes: map[string]int{}, filled: map[string]int{}}
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for inText := false; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return d
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
			for _, a := range token.Attr {
				if a.Name.Local != "style" || token.Name.Local != "path" {
					continue
				}
				for style := range strings.SplitSeq(a.Value, ";") {
					if c, ok := strings.CutPrefix(style, "stroke:"); ok && c != "none" {
						d.strokes[c]++
					}
					if c, ok := strings.CutPrefix(style, "fill:"); ok && c != "none" {
						d.filled[c]++
					}
				}
			}
		case xml.CharData:
			if inText {
				d.texts = append(d.texts, string(token))
			}
		case xml.EndElement:
			inText = false
		}
	}
}

func (d drawn) lacks(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return slices.Contains(d.texts, s) })
}

const blue, vermilion = "#0072B2", "#D55E00"

func TestWriteLines(t *testing.T) {
	series := []Series{
		{Name: "window & co", Line: true, Points: []Point{{0.5, 0.6, 0.5, 0.7}, {0.2, -0.2, -0.3, -0.1}, {1, 1, 1, 1}}},
		{Name: "gvote", Points: []Point{{0.4, 0.9, math.NaN(), math.NaN()}, {0.6, 0.95, 0.9, 1}}},
		{Name: "nothing"},
	}
	var svg bytes.Buffer
	if err := WriteLines(&svg, "a < b", "kept / total", "exact", series); err != nil {
		t.Fatal(err)
	}
	d := parseSVG(t, svg.Bytes())
	if lacks := d.lacks("a < b", "kept / total", "exact", "window & co", "gvote", "nothing", "0.2", "1.0", "0.0", "-0.2"); len(lacks) > 0 {
		t.Errorf("texts %q, without %q", d.texts, lacks)
	}
	// Two intervals of 3 strokes, the line, the legend's line; an interval without line.
	if d.strokes[blue] != 8 || d.strokes[vermilion] != 3 {
		t.Errorf("strokes %v; want 8 of %s and 3 of %s", d.strokes, blue, vermilion)
	}
	// A mark for every point and for the legend.
	if d.filled[blue] != 4 || d.filled[vermilion] != 3 || d.filled["#009E73"] != 1 {
		t.Errorf("filled %v; want 4 of %s, 3 of %s and 1 of #009E73", d.filled, blue, vermilion)
	}
	if bytes.Contains(svg.Bytes(), []byte("Serif")) || !bytes.Contains(svg.Bytes(), []byte("Arial,Helvetica,sans-serif;")) {
		t.Error("the texts are not all in a sans-serif family with fallbacks")
	}

	slices.SortFunc(series[0].Points, func(a, b Point) int { return int(math.Copysign(1, a.X-b.X)) })
	var sorted bytes.Buffer
	if err := WriteLines(&sorted, "a < b", "kept / total", "exact", series); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(svg.Bytes(), sorted.Bytes()) {
		t.Error("points in order of X are not drawn as those out of order")
	}
	if err := WriteLines(io.Discard, "one", "x", "y", []Series{{Name: "a", Points: []Point{{X: 3, Y: 4}}}}); err != nil {
		t.Errorf("a single point: %v", err)
	}
}

func TestManySeriesLookDifferent(t *testing.T) {
	seen := map[[3]int]int{}
	for i := range 21 {
		look := [3]int{i % len(lineColors), i % len(lineGlyphs), i / len(lineColors) % len(lineDashes)}
		if j, ok := seen[look]; ok {
			t.Errorf("series %d and %d look alike", j, i)
		}
		seen[look] = i
	}
	var svg bytes.Buffer
	var series []Series
	for range 21 {
		series = append(series, Series{Name: "s", Line: true, Points: []Point{{X: 1, Y: 1}, {X: 2, Y: 2}}})
	}
	if err := WriteLines(&svg, "t", "x", "y", series); err != nil {
		t.Fatal(err)
	}
	for _, dash := range []string{"stroke-dasharray:6,3", "stroke-dasharray:2,2"} {
		if n := strings.Count(svg.String(), dash); n != 14 { // 7 lines, and in the legend
			t.Errorf("%d strokes with %s, want 14", n, dash)
		}
	}
}

func TestRoundTicks(t *testing.T) {
	for _, tc := range []struct {
		low, high float64
		want      string
	}{
		{0, 1, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{0.05, 1, "0.2 0.4 0.6 0.8 1.0"},
		{-0.3, 0.35, "-0.3 -0.2 -0.1 0.0 0.1 0.2 0.3"},
		{0, 0.008, "0.000 0.001 0.002 0.003 0.004 0.005 0.006 0.007 0.008"},
		{100, 16384, "5000 10000 15000"},
		{0, 0.3, "0.00 0.05 0.10 0.15 0.20 0.25 0.30"}, // 6 * 0.05 > 0.3 in float64
		{2, 4, "2.0 2.5 3.0 3.5 4.0"},
	} {
		var got []string
		for _, tick := range roundTicks(tc.low, tc.high) {
			got = append(got, tick.Label)
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%v to %v: %s, want %s", tc.low, tc.high, strings.Join(got, " "), tc.want)
		}
	}
}

// The ends of the scale for cells, one less per channel than the colours asked
// for: palettes round down.
const dark, light = "#00204C", "#FEEA45"

func TestWriteHeat(t *testing.T) {
	var svg bytes.Buffer
	cell := [][]float64{{0, 0.25, 1}, {0.5, math.NaN(), 0.75}}
	if err := WriteHeat(&svg, "needle", "tokens", "depth", []float64{128, 256, 1048576}, []float64{0.1, 0.9}, cell); err != nil {
		t.Fatal(err)
	}
	d := parseSVG(t, svg.Bytes())
	want := []string{"needle", "tokens", "depth", "128", "256", "1048576", "0.1", "0.9", "0.00", "0.25", "1.00", "0.50", "0.75"}
	if lacks := d.lacks(want...); len(lacks) > 0 || slices.Contains(d.texts, "NaN") {
		t.Errorf("texts %q, without %q", d.texts, lacks)
	}
	if d.filled[dark] != 1 || d.filled[light] != 1 {
		t.Errorf("filled %v; want the cell of 0 in %s, that of 1 in %s", d.filled, dark, light)
	}
	// Columns go right and rows up; y is negative, and grows upwards in size. White on dark, black on light.
	at := func(text string) (x, y float64, white bool) {
		end := strings.Index(svg.String(), ">"+text+"<")
		tag := svg.String()[strings.LastIndex(svg.String()[:end], "<text"):end]
		if _, err := fmt.Sscanf(tag, `<text x="%g" y="%g"`, &x, &y); err != nil {
			t.Fatalf("%q: %v", tag, err)
		}
		return x, -y, strings.Contains(tag, "fill:#FFFFFF")
	}
	x00, y00, white00 := at("0.00")
	x02, y02, white02 := at("1.00")
	x10, y10, _ := at("0.50")
	if x00 >= x02 || y00 != y02 || math.Abs(x00-x10) > 1 || y00 >= y10 {
		t.Errorf("0.00 at (%v, %v), 1.00 at (%v, %v), 0.50 at (%v, %v); want them right of and above the first",
			x00, y00, x02, y02, x10, y10)
	}
	if !white00 || white02 {
		t.Errorf("0.00 is white: %v, 1.00: %v; want true and false", white00, white02)
	}

	// 0.5 is the middle of 0 to 1, but the least of 0.5 to 2.
	svg.Reset()
	if err := WriteHeat(&svg, "", "x", "y", []float64{1, 2}, []float64{1}, [][]float64{{0.5, 2}}); err != nil {
		t.Fatal(err)
	}
	if d := parseSVG(t, svg.Bytes()); d.filled[dark] != 1 || d.filled[light] != 1 {
		t.Errorf("filled %v; want both ends of the scale", d.filled)
	}
	if err := WriteHeat(io.Discard, "", "x", "y", []float64{1}, []float64{1}, [][]float64{{3}}); err != nil {
		t.Errorf("one cell of 3: %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestPlotErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	some := []Series{{Name: "s", Points: []Point{{X: 1, Y: 2}}}}
	for _, tc := range []struct {
		err  error
		want string
	}{
		{WriteLines(io.Discard, "t", "x", "y", nil), `plot "t": no points in 0 series`},
		{WriteLines(io.Discard, "t", "x", "y", []Series{{Name: "s", Points: []Point{{X: 1, Y: nan}}}}), `series "s": plotter: NaN`},
		{WriteLines(io.Discard, "t", "x", "y", []Series{{Name: "s", Points: []Point{{X: inf, Y: 1}}}}), `series "s": plotter: infinite`},
		{WriteLines(io.Discard, "t", "x", "y", []Series{{Name: "s", Points: []Point{{X: 1, Y: 1, Low: 0, High: inf}}}}), "infinite"},
		{WriteLines(brokenWriter{}, "t", "x", "y", some), "disk full"},
		{WriteHeat(io.Discard, "t", "x", "y", []float64{1}, []float64{1, 2}, [][]float64{{1}}), `1 rows of cells for 2 values of "y"`},
		{WriteHeat(io.Discard, "t", "x", "y", []float64{1}, []float64{1}, [][]float64{{1, 2}}), `row 0 has 2 cells for 1 values of "x"`},
		{WriteHeat(io.Discard, "t", "x", "y", []float64{1}, []float64{1}, [][]float64{{inf}}), "row 0, column 0 is +Inf"},
		{WriteHeat(io.Discard, "t", "x", "y", []float64{1}, []float64{1}, [][]float64{{nan}}), "no values in 1 x 1 cells"},
		{WriteHeat(io.Discard, "t", "x", "y", nil, nil, nil), "no values in 0 x 0 cells"},
	} {
		if tc.err == nil || !strings.Contains(tc.err.Error(), tc.want) {
			t.Errorf("error %v, want %q", tc.err, tc.want)
		}
	}
}

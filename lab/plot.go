package lab

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A Point is a measurement at X: Y, with the interval from Low to High. No
// interval is drawn where one of them is NaN, or both are equal.
type Point struct{ X, Y, Low, High float64 }

// A Series is what one method reached. Its points are joined by a line in the
// order of X where Line is set, as they should be where X was chosen, and not
// where X came out.
type Series struct {
	Name   string
	Points []Point
	Line   bool
}

// The palette of Okabe and Ito, which people who see fewer colours can tell
// apart, without its yellow, which is too pale for lines on white.
var lineColors = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, // blue
	color.RGBA{0xd5, 0x5e, 0x00, 0xff}, // vermilion
	color.RGBA{0x00, 0x9e, 0x73, 0xff}, // green
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, // purple
	color.RGBA{0xe6, 0x9f, 0x00, 0xff}, // orange
	color.RGBA{0x56, 0xb4, 0xe9, 0xff}, // sky blue
	color.RGBA{0x00, 0x00, 0x00, 0xff},
}

// Colours repeat after 7 series and shapes after 3: no two of 21 look alike.
var lineGlyphs = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}}

// The first seven lines are drawn through, the next seven dashed, and so on.
var lineDashes = [][]vg.Length{nil, {6, 3}, {2, 2}}

const (
	plotWidth  = 9 * vg.Inch
	plotHeight = 5.5 * vg.Inch
	margin     = 0.15 * vg.Inch
)

// WriteLines draws series into one SVG of 9 x 5.5 inches, with the legend to
// the right of them. It fails if there is no point, or if one lies at NaN or
// infinity.
func WriteLines(w io.Writer, title, xlabel, ylabel string, series []Series) error {
	p := newPlot(title, xlabel, ylabel)
	p.Add(plotter.NewGrid())
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(roundTicks), plot.TickerFunc(roundTicks)
	legend := p.Legend // drawn beside the plot; p keeps an empty one
	legend.Top, legend.Left = true, true
	legend.Padding = vg.Points(4)
	total := 0
	for i, s := range series {
		total += len(s.Points)
		thumbs, err := addSeries(p, s, i)
		if err != nil {
			return fmt.Errorf("lab: plot %q: series %q: %w", title, s.Name, err)
		}
		legend.Add(s.Name, thumbs...)
	}
	if total == 0 {
		return fmt.Errorf("lab: plot %q: no points in %d series", title, len(series))
	}
	return writeSVG(w, func(c draw.Canvas) {
		box := legend.Rectangle(c)
		room := box.Max.X - box.Min.X + 2*margin
		p.Draw(draw.Crop(c, 0, -room, 0, 0))
		legend.Draw(draw.Crop(c, c.Max.X-c.Min.X-room+margin, 0, 0, -2*margin))
	})
}

// newPlot returns an empty plot with its texts.
func newPlot(title, xlabel, ylabel string) *plot.Plot {
	p := plot.New()
	for _, style := range []*text.Style{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle,
		&p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		style.Font.Variant = "Sans"
	}
	p.Title.Text = title
	p.Title.Padding = vg.Points(8)
	p.X.Label.Text, p.Y.Label.Text = xlabel, ylabel
	return p
}

// roundTicks marks the multiples of 1, 2 or 5 times a power of ten that divide
// an axis into at most 8 parts.
func roundTicks(low, high float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/8)))
	for _, by := range []float64{1, 2, 5, 10} {
		if (high-low)/(by*step) <= 8 {
			step *= by
			break
		}
	}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var marks []plot.Tick
	for i := math.Ceil(low/step - 1e-9); i*step <= high+1e-9*step; i++ {
		marks = append(marks, plot.Tick{Value: i * step, Label: strconv.FormatFloat(i*step+0, 'f', decimals, 64)})
	}
	return marks
}

// addSeries adds the points of the i-th series, its intervals and its line,
// and returns what the legend shows of them. A series without points is in the
// legend only.
func addSeries(p *plot.Plot, s Series, i int) ([]plot.Thumbnailer, error) {
	c := lineColors[i%len(lineColors)]
	points := slices.Clone(s.Points)
	slices.SortStableFunc(points, func(a, b Point) int {
		if a.X < b.X {
			return -1
		}
		return int(oneIf(a.X > b.X))
	})
	var at plotter.XYs
	var bars struct {
		plotter.XYs
		plotter.YErrors
	}
	for _, point := range points {
		at = append(at, plotter.XY{X: point.X, Y: point.Y})
		if point.Low < point.High { // not so for NaN
			bars.XYs = append(bars.XYs, at[len(at)-1])
			bars.YErrors = append(bars.YErrors, struct{ Low, High float64 }{point.Y - point.Low, point.High - point.Y})
		}
	}
	var thumbs []plot.Thumbnailer
	if len(bars.XYs) > 0 {
		b, err := plotter.NewYErrorBars(bars)
		if err != nil {
			return nil, err
		}
		b.LineStyle.Color = c
		p.Add(b)
	}
	if s.Line && len(at) > 0 {
		line, err := plotter.NewLine(at)
		if err != nil {
			return nil, err
		}
		line.LineStyle = draw.LineStyle{
			Color: c, Width: vg.Points(1.5), Dashes: lineDashes[i/len(lineColors)%len(lineDashes)],
		}
		p.Add(line)
		thumbs = append(thumbs, line)
	}
	marks := &plotter.Scatter{GlyphStyle: draw.GlyphStyle{Color: c, Radius: vg.Points(3.5), Shape: lineGlyphs[i%len(lineGlyphs)]}}
	if len(at) > 0 {
		checked, err := plotter.NewScatter(at)
		if err != nil {
			return nil, err
		}
		marks.XYs = checked.XYs
		p.Add(marks)
	}
	return append(thumbs, marks), nil
}

// WriteHeat draws values over two axes into one SVG of 9 x 5.5 inches: a cell
// and a number each, light where they are large. cell[i][j] belongs to ys[i]
// and xs[j]; the first of ys is at the bottom, NaN leaves a cell empty. Colours
// go from 0 to 1 where all values do, else from the least to the greatest. It
// fails if there are no values, or cell has not the shape (len(ys), len(xs)).
func WriteHeat(w io.Writer, title, xlabel, ylabel string, xs, ys []float64, cell [][]float64) error {
	if len(cell) != len(ys) {
		return fmt.Errorf("lab: plot %q: %d rows of cells for %d values of %q", title, len(cell), len(ys), ylabel)
	}
	least, most := 0.0, 1.0
	some := false
	for i, row := range cell {
		if len(row) != len(xs) {
			return fmt.Errorf("lab: plot %q: row %d has %d cells for %d values of %q", title, i, len(row), len(xs), xlabel)
		}
		for j, v := range row {
			if math.IsInf(v, 0) {
				return fmt.Errorf("lab: plot %q: the cell in row %d, column %d is %v", title, i, j, v)
			}
			some = some || !math.IsNaN(v)
		}
	}
	if !some {
		return fmt.Errorf("lab: plot %q: no values in %d x %d cells", title, len(ys), len(xs))
	}
	if lo, hi := span(cell); lo < least || hi > most {
		least, most = lo, hi
	}
	// Dark blue over grey to yellow, light growing evenly.
	shades, err := moreland.NewLuminance([]color.Color{
		color.RGBA{0x00, 0x20, 0x4d, 0xff}, color.RGBA{0x7c, 0x7b, 0x78, 0xff}, color.RGBA{0xff, 0xea, 0x46, 0xff},
	})
	if err != nil {
		return fmt.Errorf("lab: plot %q: %w", title, err)
	}
	heat := plotter.NewHeatMap(grid(cell), shades.Palette(256))
	heat.Min, heat.Max = least, most
	p := newPlot(title, xlabel, ylabel)
	p.Add(heat, numbers(cell, p.X.Tick.Label, least, most))
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks(xs), ticks(ys)
	return writeSVG(w, p.Draw)
}

// span returns the least and the greatest value that is a number.
func span(cell [][]float64) (least, most float64) {
	least, most = math.Inf(1), math.Inf(-1)
	for _, v := range slices.Concat(cell...) {
		if !math.IsNaN(v) {
			least, most = min(least, v), max(most, v)
		}
	}
	return least, most
}

// A grid is a table of cells, all of one size.
type grid [][]float64

func (g grid) Dims() (columns, rows int) { return len(g[0]), len(g) }
func (g grid) Z(column, row int) float64 { return g[row][column] }
func (g grid) X(column int) float64      { return float64(column) }
func (g grid) Y(row int) float64         { return float64(row) }
func ticks(values []float64) plot.ConstantTicks {
	var t plot.ConstantTicks
	for i, v := range values {
		t = append(t, plot.Tick{Value: float64(i), Label: strconv.FormatFloat(v, 'f', -1, 64)})
	}
	return t
}

// numbers writes the values into their cells, white on dark ones.
func numbers(cell [][]float64, style text.Style, least, most float64) *plotter.Labels {
	style.XAlign, style.YAlign = text.XCenter, text.YCenter
	labels := &plotter.Labels{}
	for i, row := range cell {
		for j, v := range row {
			if math.IsNaN(v) {
				continue
			}
			style.Color = color.Black
			if v-least < 0.5*(most-least) {
				style.Color = color.White
			}
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(j), Y: float64(i)})
			labels.Labels = append(labels.Labels, strconv.FormatFloat(v, 'f', 2, 64))
			labels.TextStyle = append(labels.TextStyle, style)
		}
	}
	return labels
}

// writeSVG draws on a white page with a margin and writes it.
func writeSVG(w io.Writer, paint func(draw.Canvas)) error {
	page := vgsvg.New(plotWidth, plotHeight)
	all := draw.New(page)
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	paint(draw.Crop(all, margin, -margin, margin, -margin))
	var b bytes.Buffer
	if _, err := page.WriteTo(&b); err != nil {
		return err
	}
	// Texts are laid out for Liberation's letters; Arial's are as wide.
	_, err := w.Write(bytes.ReplaceAll(b.Bytes(),
		[]byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")))
	return err
}

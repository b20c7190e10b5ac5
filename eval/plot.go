package eval

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
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
// where X came out. Where Bars is set they are bars from 0 instead, as wide as
// they are apart.
type Series struct {
	Name   string
	Points []Point
	Line   bool
	Bars   bool
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
	legend := newLegend() // drawn beside the plot
	total := 0
	for i, s := range series {
		total += len(s.Points)
		thumbs, err := addSeries(p, s, i)
		if err != nil {
			return fmt.Errorf("plot %q: series %q: %w", title, s.Name, err)
		}
		legend.Add(s.Name, thumbs...)
	}
	if total == 0 {
		return fmt.Errorf("plot %q: no points in %d series", title, len(series))
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
	at, bars := s.sorted()
	if s.Bars && len(at) > 0 {
		h, err := histogram(at)
		if err != nil {
			return nil, err
		}
		h.FillColor = c
		p.Add(h)
		return []plot.Thumbnailer{h}, nil
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

// errorBars are points with how far their intervals reach below and above.
type errorBars struct {
	plotter.XYs
	plotter.YErrors
}

// sorted returns the points of a series from left to right, and the bars of
// those that have an interval.
func (s *Series) sorted() (at plotter.XYs, bars errorBars) {
	points := slices.Clone(s.Points)
	slices.SortStableFunc(points, func(a, b Point) int {
		if a.X < b.X {
			return -1
		}
		return int(oneIf(a.X > b.X))
	})
	for _, point := range points {
		at = append(at, plotter.XY{X: point.X, Y: point.Y})
		if point.Low < point.High { // not so for NaN
			bars.XYs = append(bars.XYs, at[len(at)-1])
			bars.YErrors = append(bars.YErrors, struct{ Low, High float64 }{point.Y - point.Low, point.High - point.Y})
		}
	}
	return at, bars
}

// histogram returns bars around the points, which are equally far apart.
func histogram(at plotter.XYs) (*plotter.Histogram, error) {
	at, err := plotter.CopyXYs(at) // which checks that they are numbers
	if err != nil {
		return nil, err
	}
	h := &plotter.Histogram{Width: 1, LineStyle: draw.LineStyle{Color: color.White, Width: vg.Points(0.5)}}
	if len(at) > 1 {
		h.Width = at[1].X - at[0].X
	}
	for _, point := range at {
		h.Bins = append(h.Bins, plotter.HistogramBin{Min: point.X - h.Width/2, Max: point.X + h.Width/2, Weight: point.Y})
	}
	return h, nil
}

// WriteHeat draws values over two axes into one SVG of 9 x 5.5 inches: a cell
// and a number each, light where they are large. cell[i][j] belongs to ys[i]
// and xs[j]; the first of ys is at the bottom, NaN leaves a cell empty. Colours
// go from 0 to 1 where all values do, else from the least to the greatest. It
// fails if there are no values, or cell has not the shape (len(ys), len(xs)).
func WriteHeat(w io.Writer, title, xlabel, ylabel string, xs, ys []float64, cell [][]float64) error {
	h := Heat{Title: title, Xs: xs, Ys: ys, Cell: cell}
	low, high, err := h.check(xlabel, ylabel)
	if err != nil {
		return fmt.Errorf("plot %q: %w", title, err)
	}
	lowest, highest := 0.0, 1.0
	if low < lowest || high > highest {
		lowest, highest = low, high
	}
	shades, err := lightness()
	if err != nil {
		return fmt.Errorf("plot %q: %w", title, err)
	}
	return writeSVG(w, h.plot(xlabel, ylabel, shades, lowest, highest).Draw)
}

func ticks(values []float64) plot.ConstantTicks {
	var t plot.ConstantTicks
	for i, v := range values {
		t = append(t, plot.Tick{Value: float64(i), Label: strconv.FormatFloat(v, 'f', -1, 64)})
	}
	return t
}

// numbers writes the values into their cells, white on dark ones.
func numbers(cell [][]float64, style text.Style, lowest, highest float64) *plotter.Labels {
	style.XAlign, style.YAlign = text.XCenter, text.YCenter
	labels := &plotter.Labels{}
	for i, row := range cell {
		for j, v := range row {
			if math.IsNaN(v) {
				continue
			}
			style.Color = color.Black
			if v-lowest < 0.5*(highest-lowest) {
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
	// Texts are laid out for Liberation's letters; Arial's are as wide. Images are
	// PNG, whatever the library calls them, and their pixels are cells of a map.
	_, err := strings.NewReplacer(
		"font-family:Liberation Sans;", "font-family:Liberation Sans,Arial,Helvetica,sans-serif;",
		"<image ", `<image preserveAspectRatio="none" style="image-rendering:pixelated" `,
		"data:image/jpg;", "data:image/png;",
	).WriteString(w, b.String())
	return err
}

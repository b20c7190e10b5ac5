package eval

import (
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// This file draws several plots of one kind into one SVG, with axes that are
// alike, so that what differs between them is seen.

// A Panel is one of several plots of lines or bars.
type Panel struct {
	Title  string
	Series []Series
}

// WritePanels draws panels into one SVG of 9 x 5.5 inches, so many in a row, with
// the legend of the first one's series to the right unless they have no names.
// The axis of y begins at 0, unless there is something below.
// It fails where WriteLines would.
func WritePanels(w io.Writer, title, xlabel, ylabel string, columns int, panels []Panel) error {
	var plots []*plot.Plot
	legend := newLegend()
	named := false
	for k, panel := range panels {
		p := newPlot(panel.Title, "", "")
		p.Add(plotter.NewGrid())
		total := 0
		for i, s := range panel.Series {
			total += len(s.Points)
			thumbs, err := addSeries(p, s, i)
			if err != nil {
				return fmt.Errorf("plot %q: %q: series %q: %w", title, panel.Title, s.Name, err)
			}
			if k == 0 && s.Name != "" {
				legend.Add(s.Name, thumbs...)
				named = true
			}
		}
		if total == 0 {
			return fmt.Errorf("plot %q: %q: no points in %d series", title, panel.Title, len(panel.Series))
		}
		plots = append(plots, p)
	}
	if len(plots) == 0 {
		return fmt.Errorf("plot %q: no panels", title)
	}
	alike(plots)
	for _, p := range plots {
		p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(roundTicks), plot.TickerFunc(roundTicks)
	}
	return writeSVG(w, func(c draw.Canvas) {
		if named {
			box := legend.Rectangle(c)
			room := box.Max.X - box.Min.X + 2*margin
			legend.Draw(draw.Crop(c, c.Max.X-c.Min.X-room+margin, 0, 0, -2*margin))
			c = draw.Crop(c, 0, -room, 0, 0)
		}
		drawTiles(c, title, xlabel, ylabel, columns, plots)
	})
}

// newLegend returns a legend to be drawn beside plots.
func newLegend() plot.Legend {
	legend := newPlot("", "", "").Legend
	legend.Top, legend.Left = true, true
	legend.Padding = vg.Points(4)
	return legend
}

// alike gives all plots the same axes, wide enough for each and for y = 0.
func alike(plots []*plot.Plot) {
	x, y := plots[0].X, plots[0].Y
	y.Min = min(0, y.Min)
	for _, p := range plots {
		x.Min, x.Max = min(x.Min, p.X.Min), max(x.Max, p.X.Max)
		y.Min, y.Max = min(y.Min, p.Y.Min), max(y.Max, p.Y.Max)
	}
	for _, p := range plots {
		p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = x.Min, x.Max, y.Min, y.Max
	}
}

// drawTiles draws plots, so many in a row, under a title, with the names of the
// axes, which they share, at the left and below.
func drawTiles(c draw.Canvas, title, xlabel, ylabel string, columns int, plots []*plot.Plot) {
	style := plots[0].Title.TextStyle
	style.XAlign, style.YAlign = text.XCenter, text.YTop
	c.FillText(style, vg.Point{X: c.Center().X, Y: c.Max.Y}, title)
	style.YAlign = text.YBottom
	c.FillText(style, vg.Point{X: c.Center().X, Y: c.Min.Y}, xlabel)
	style.Rotation, style.YAlign = math.Pi/2, text.YTop
	c.FillText(style, vg.Point{X: c.Min.X, Y: c.Center().Y}, ylabel)
	const line = 20 // points
	c = draw.Crop(c, vg.Points(line), 0, vg.Points(line), -vg.Points(line+4))

	columns = min(columns, len(plots))
	tiles := draw.Tiles{Cols: columns, Rows: (len(plots) + columns - 1) / columns, PadX: vg.Points(10), PadY: vg.Points(8)}
	for i, p := range plots {
		p.Title.TextStyle.Font.Size = vg.Points(10)
		p.Title.Padding = vg.Points(3)
		p.Draw(tiles.At(c, i%columns, i/columns))
	}
}

// A Heat is a table of values over two axes: Cell[i][j] belongs to Ys[i] and
// Xs[j], the first of Ys is at the bottom, and NaN leaves a cell empty.
type Heat struct {
	Title string      `json:"title"`
	Xs    []float64   `json:"xs"`
	Ys    []float64   `json:"ys"`
	Cell  [][]float64 `json:"cell"`
}

// fewCells is how many columns a map has at most whose cells show their numbers.
const fewCells = 12

// Scale is the scale of a picture's colours, shown beside it under its name.
type Scale struct {
	Name            string
	Lowest, Highest float64
}

// WriteHeats draws tables into one SVG of 9 x 5.5 inches, so many in a row, with
// one scale of colours. Where there are few columns each value of the axes has its mark and
// each cell its number; else the axes are to scale. It fails if there are no
// values, one lies outside the scale, or cells have not the shape of the axes.
func WriteHeats(w io.Writer, title, xlabel, ylabel string, columns int, scale Scale, heats []Heat) error {
	if len(heats) == 0 {
		return fmt.Errorf("plot %q: no maps", title)
	}
	shades, err := lightness()
	if err != nil {
		return fmt.Errorf("plot %q: %w", title, err)
	}
	var plots []*plot.Plot
	for _, h := range heats {
		low, high, err := h.check(xlabel, ylabel)
		if err == nil && (low < scale.Lowest || high > scale.Highest) {
			err = fmt.Errorf("values from %g to %g, the scale goes from %g to %g", low, high, scale.Lowest, scale.Highest)
		}
		if err != nil {
			return fmt.Errorf("plot %q: %w", title, err)
		}
		plots = append(plots, h.plot("", "", shades, scale.Lowest, scale.Highest))
	}
	shades.SetMin(scale.Lowest)
	shades.SetMax(scale.Highest)
	bar := newPlot("", "", scale.Name)
	bar.Add(&plotter.ColorBar{ColorMap: shades, Vertical: true, Colors: 128})
	bar.HideX()
	bar.Y.Tick.Marker, bar.Y.Padding = plot.TickerFunc(roundTicks), 0
	return writeSVG(w, func(c draw.Canvas) {
		const room = 0.75 * vg.Inch
		bar.Draw(draw.Crop(c, c.Max.X-c.Min.X-room, 0, 0.6*vg.Inch, -0.6*vg.Inch))
		drawTiles(draw.Crop(c, 0, -room-margin, 0, 0), title, xlabel, ylabel, columns, plots)
	})
}

// lightness returns colours that people who see fewer of them can tell apart:
// dark blue over grey to yellow, light growing evenly.
func lightness() (palette.ColorMap, error) {
	return moreland.NewLuminance([]color.Color{
		color.RGBA{0x00, 0x20, 0x4d, 0xff}, color.RGBA{0x7c, 0x7b, 0x78, 0xff}, color.RGBA{0xff, 0xea, 0x46, 0xff},
	})
}

// check returns the least and the greatest value.
func (h *Heat) check(xlabel, ylabel string) (low, high float64, err error) {
	if len(h.Cell) != len(h.Ys) {
		return 0, 0, fmt.Errorf("%d rows of cells for %d values of %q", len(h.Cell), len(h.Ys), ylabel)
	}
	some := false
	for i, row := range h.Cell {
		if len(row) != len(h.Xs) {
			return 0, 0, fmt.Errorf("row %d has %d cells for %d values of %q", i, len(row), len(h.Xs), xlabel)
		}
		for j, v := range row {
			if math.IsInf(v, 0) {
				return 0, 0, fmt.Errorf("the cell in row %d, column %d is %v", i, j, v)
			}
			some = some || !math.IsNaN(v)
		}
	}
	if !some {
		return 0, 0, fmt.Errorf("no values in %d x %d cells", len(h.Ys), len(h.Xs))
	}
	low, high = span(h.Cell)
	return low, high, nil
}

// plot returns the map with its axes.
func (h *Heat) plot(xlabel, ylabel string, shades palette.ColorMap, lowest, highest float64) *plot.Plot {
	p := newPlot(h.Title, xlabel, ylabel)
	few := len(h.Xs) <= fewCells
	colors := shades.Palette(256)
	if few {
		heat := plotter.NewHeatMap(grid(h.Cell), colors)
		heat.Min, heat.Max = lowest, highest
		p.Add(heat, numbers(h.Cell, p.X.Tick.Label, lowest, highest))
		p.X.Tick.Marker, p.Y.Tick.Marker = ticks(h.Xs), ticks(h.Ys)
		return p
	}
	p.Add(h.image(colors.Colors(), lowest, highest))
	p.X.Padding, p.Y.Padding = 0, 0
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(roundTicks), plot.TickerFunc(roundTicks)
	return p
}

// span returns the least and the greatest value that is a number.
func span(cell [][]float64) (lowest, highest float64) {
	lowest, highest = math.Inf(1), math.Inf(-1)
	for _, v := range slices.Concat(cell...) {
		if !math.IsNaN(v) {
			lowest, highest = min(lowest, v), max(highest, v)
		}
	}
	return lowest, highest
}

// image returns the map as a picture with a pixel a cell, which takes a fiftieth
// of the bytes that shapes take. The values of both axes are equally far apart.
func (h *Heat) image(colors []color.Color, lowest, highest float64) *plotter.Image {
	picture := image.NewPaletted(image.Rect(0, 0, len(h.Xs), len(h.Ys)), append(slices.Clone(colors[:255]), color.Transparent))
	for i, row := range h.Cell {
		for j, v := range row {
			index := uint8(255)
			if !math.IsNaN(v) {
				index = uint8(math.Round((v - lowest) / (highest - lowest) * 254))
			}
			picture.SetColorIndex(j, len(h.Ys)-1-i, index)
		}
	}
	low, high := ends(h.Xs)
	bottom, top := ends(h.Ys)
	return plotter.NewImage(picture, low, bottom, high, top)
}

// ends returns where the cells of an axis begin and end.
func ends(values []float64) (low, high float64) {
	n := len(values)
	half := (values[n-1] - values[0]) / float64(max(1, n-1)) / 2
	return values[0] - half, values[n-1] + half
}

// A grid is a table of cells, all of one size.
type grid [][]float64

func (g grid) Dims() (columns, rows int) { return len(g[0]), len(g) }
func (g grid) Z(column, row int) float64 { return g[row][column] }
func (g grid) X(column int) float64      { return float64(column) }
func (g grid) Y(row int) float64         { return float64(row) }

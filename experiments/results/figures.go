//go:build !js

package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"keyfold/eval"
)

// draw draws what there is.
func draw(k *kept, dir string) error {
	type drawing struct {
		file  string
		write func(io.Writer) error
	}
	drawings := []drawing{
		{"text.svg", k.lines("Text behind a compressed context", "KL against the full cache, nats per token",
			func(s eval.Sample) float64 { return s.KL }, "text")},
		{"questions.svg", k.lines("Questions about a compressed context", "score, mean over questions, 0 to 1",
			eval.Sample.Value, "questions-512", "questions-q8_0", "questions-q4_0")},
	}
	if s := k.sweeps["needle"]; s != nil {
		drawings = append(drawings, drawing{"needle.svg", s.drawNeedles})
	}
	for name, m := range k.keys {
		if m != nil {
			drawings = append(drawings, drawing{name + ".svg", m.draw(drawKeys)})
		}
	}
	for name, m := range k.inputs {
		if m != nil {
			model := strings.TrimPrefix(name, "inputs")
			drawings = append(drawings, drawing{"layers" + model + ".svg", m.draw(drawKept)}, drawing{"sigma" + model + ".svg", m.draw(drawSigma)})
		}
	}
	for _, d := range drawings {
		if d.write == nil {
			continue
		}
		var b bytes.Buffer
		if err := d.write(&b); err != nil {
			return err
		}
		if err := replaceFile(filepath.Join(dir, d.file), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// lines returns what draws quality against bytes of sweeps; nil if none has run.
func (k *kept) lines(title, ylabel string, value func(eval.Sample) float64, sweeps ...string) func(io.Writer) error {
	var series []eval.Series
	for _, name := range sweeps {
		if s := k.sweeps[name]; s != nil {
			series = append(series, s.series(value)...)
		}
	}
	if len(series) == 0 {
		return nil
	}
	return func(w io.Writer) error {
		return eval.WriteLines(w, title, "bytes, % of a full cache of f16", ylabel, series)
	}
}

// drawNeedles draws where needles are found, a map for each method.
func (s *Summary) drawNeedles(w io.Writer) error {
	var heats []eval.Heat
	for _, h := range s.Needles {
		ratio, cells := 0.0, 0.0
		for _, length := range s.Config.Lengths {
			for _, c := range s.find(h.Title, length) {
				ratio, cells = ratio+c.Ratio, cells+1
			}
		}
		method, _, _ := strings.Cut(h.Title, " at ")
		h.Title = fmt.Sprintf("%s, %.0f %% kept", method, 100*ratio/cells)
		heats = append(heats, h)
	}
	return eval.WriteHeats(w, fmt.Sprintf("%s: needles found, by length of the document and depth", s.Config.Model.Name),
		"tokens of the document", "depth of the needle, share of the context", 4, eval.Scale{Name: "score, 0 to 1", Highest: 1}, heats)
}

// draw returns what draws a measurement.
func (m *Measured[Row]) draw(with func(io.Writer, *Measured[Row]) error) func(io.Writer) error {
	return func(w io.Writer) error { return with(w, m) }
}

// series returns a line for each method of a sweep, a point for each budget.
func (s *Summary) series(value func(eval.Sample) float64) []eval.Series {
	length := s.Config.Lengths[0]
	var list []eval.Series
	for _, row := range s.names(length) {
		cells := s.find(row, length)
		name := cells[0].Method
		if s.Config.KV != "f16" {
			name += ", " + s.Config.KV
		}
		at := slices.IndexFunc(list, func(l eval.Series) bool { return l.Name == name })
		if at < 0 {
			at = len(list)
			list = append(list, eval.Series{Name: name, Line: true})
		}
		list[at].Points = append(list[at].Points, eval.Point{
			X: 100 * s.bytes(cells), Y: mean(pooled(cells), value), Low: math.NaN(), High: math.NaN(),
		})
	}
	return list
}

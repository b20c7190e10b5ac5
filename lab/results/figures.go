package main

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"

	"keyfold/lab"
)

// draw draws what summaries there are: quality against bytes.
func draw(summaries map[string]*Summary, dir string) error {
	for _, f := range []struct {
		file, title, ylabel string
		sweeps              []string
		value               func(lab.Sample) float64
	}{
		{"text.svg", "Text behind a compressed context", "KL against the full cache, nats per token",
			[]string{"text"}, func(s lab.Sample) float64 { return s.KL }},
		{"questions.svg", "Questions about a compressed context", "score, mean over questions, 0 to 1",
			[]string{"questions-512", "questions-q8_0", "questions-q4_0"}, lab.Sample.Value},
	} {
		var series []lab.Series
		for _, name := range f.sweeps {
			if s := summaries[name]; s != nil {
				series = append(series, s.series(f.value)...)
			}
		}
		if len(series) == 0 {
			continue
		}
		var b bytes.Buffer
		if err := lab.WriteLines(&b, f.title, "bytes, % of a full cache of f16", f.ylabel, series); err != nil {
			return err
		}
		if err := replaceFile(filepath.Join(dir, f.file), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// series returns a line for each method of a sweep, a point for each budget.
func (s *Summary) series(value func(lab.Sample) float64) []lab.Series {
	length := s.Config.Lengths[0]
	var list []lab.Series
	for _, row := range s.names(length) {
		cells := s.find(row, length)
		name := cells[0].Method
		if s.Config.KV != "f16" {
			name += ", " + s.Config.KV
		}
		at := slices.IndexFunc(list, func(l lab.Series) bool { return l.Name == name })
		if at < 0 {
			at = len(list)
			list = append(list, lab.Series{Name: name, Line: true})
		}
		list[at].Points = append(list[at].Points, lab.Point{
			X: 100 * s.bytes(cells), Y: mean(pooled(cells), value), Low: math.NaN(), High: math.NaN(),
		})
	}
	return list
}

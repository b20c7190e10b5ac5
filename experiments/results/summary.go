//go:build !js

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"

	"keyfold/engine"
	"keyfold/eval"
	"keyfold/layout"
)

// A Summary is what the repository keeps of a sweep: its configuration and
// cells as `keyfold eval` gives them, and instead of all answers what each
// question scored, so that any two methods can be compared on the same ones.
type Summary struct {
	Command string      `json:"command"`
	Config  eval.Config `json:"configuration"`
	Needles []eval.Heat `json:"needles,omitempty"` // where there are several lengths: scores of the task needle by length and depth
	Cells   []Cell      `json:"cells"`
}

// A Cell is one of a sweep, with the values of its questions, or for the task
// perplexity of its windows.
type Cell struct {
	eval.Cell
	Values Values `json:"values"`
}

// Values are those of eval.Sample, one array for each of its fields, rounded to
// 4 digits. Absent ones are 0.
type Values struct {
	Number        []int     `json:"number"`
	Score         []float64 `json:"score,omitempty"`
	KL            []float64 `json:"kl,omitempty"`
	DeltaNLL      []float64 `json:"delta_nll,omitempty"`
	NLL           []float64 `json:"nll,omitempty"`
	ContextNLL    []float64 `json:"context_nll,omitempty"`
	ContextTokens []int     `json:"context_tokens,omitempty"`
}

// summarise condenses a report of `keyfold eval`.
func summarise(command string, config eval.Config, results []eval.Result) (*Summary, error) {
	r, err := eval.NewReport(config, results, eval.Full)
	if err != nil {
		return nil, err
	}
	s := &Summary{Command: command, Config: config}
	if len(config.Lengths) > 1 {
		s.Needles = r.Needles()
	}
	for _, c := range r.Cells {
		var v Values
		for _, sample := range c.Samples {
			v.Number = append(v.Number, sample.Number)
			if c.Task != eval.Perplexity {
				v.Score = append(v.Score, rounded(sample.Score))
			} else {
				v.NLL = append(v.NLL, rounded(sample.NLL))
				v.ContextNLL = append(v.ContextNLL, rounded(sample.ContextNLL))
				v.ContextTokens = append(v.ContextTokens, sample.ContextTokens)
			}
			if c.Method != eval.Full && c.Method != eval.Removed {
				v.KL = append(v.KL, rounded(sample.KL))
				v.DeltaNLL = append(v.DeltaNLL, rounded(sample.DeltaNLL))
			}
		}
		s.Cells = append(s.Cells, Cell{c, v})
	}
	return s, nil
}

// rounded rounds to 4 digits, and what is below a billionth to 0.
func rounded(v float64) float64 {
	if math.Abs(v) < 1e-9 {
		return 0
	}
	unit := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*unit) / unit
}

// samples returns the questions of a cell, named by their task, length and
// number, so that those of several tasks can stand in one list.
func (c Cell) samples() []eval.Sample {
	list := make([]eval.Sample, len(c.Values.Number))
	at := func(values []float64, i int) float64 {
		if values == nil {
			return 0
		}
		return values[i]
	}
	for i, number := range c.Values.Number {
		list[i] = eval.Sample{
			Number: number, Context: fmt.Sprintf("%s/%d/%d", c.Task, c.Length, number),
			Score: at(c.Values.Score, i), KL: at(c.Values.KL, i), DeltaNLL: at(c.Values.DeltaNLL, i),
			NLL: at(c.Values.NLL, i), ContextNLL: at(c.Values.ContextNLL, i),
		}
		if c.Values.ContextTokens != nil {
			list[i].ContextTokens = c.Values.ContextTokens[i]
		}
	}
	return list
}

// find returns the cells of a method at a budget, such as "kvmerger at 0.5", on
// tasks and a length, those of all tasks if there are none.
func (s *Summary) find(name string, length int, tasks ...string) []Cell {
	var found []Cell
	for _, c := range s.Cells {
		if c.String() == name && c.Length == length && (len(tasks) == 0 || slices.Contains(tasks, c.Task)) {
			found = append(found, c)
		}
	}
	return found
}

// bytes returns what cells weigh, over the bytes of a full cache of f16
// elements: the mean over the cells.
func (s *Summary) bytes(cells []Cell) float64 {
	kv, known := layout.CacheTypeOf(s.Config.KV)
	if !known {
		panic("BUG: results: a cache of " + s.Config.KV) // keyfold eval wrote it
	}
	f16 := float64(engine.RowBytes(layout.CacheF16, s.Config.Model.HeadDim))
	sum := 0.0
	for _, c := range cells {
		sum += c.Bytes / c.BytesFull
	}
	return sum / float64(len(cells)) * float64(engine.RowBytes(kv, s.Config.Model.HeadDim)) / f16
}

// pooled returns the samples of several cells in one list.
func pooled(cells []Cell) []eval.Sample {
	var all []eval.Sample
	for _, c := range cells {
		all = append(all, c.samples()...)
	}
	return all
}

// write writes the summary with a cell a line, whole or not at all.
func (s *Summary) write(path string) error {
	head := struct {
		Command string      `json:"command"`
		Config  eval.Config `json:"configuration"`
		Needles []eval.Heat `json:"needles,omitempty"`
	}{s.Command, s.Config, s.Needles}
	return writeList(path, head, "cells", s.Cells)
}

// writeList writes an object and one list more, whose elements have a line each,
// whole or not at all.
func writeList[T any](path string, head any, name string, list []T) error {
	data, err := json.MarshalIndent(head, "", " ")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.Write(bytes.TrimSuffix(data, []byte("\n}")))
	fmt.Fprintf(&b, ",\n %q: [", name)
	for i, v := range list {
		line, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n  ")
		b.Write(line)
	}
	b.WriteString("\n ]\n}\n")
	return replaceFile(path, b.Bytes())
}

// replaceFile writes a file, whole or not at all.
func replaceFile(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

package gpu

import (
	"fmt"
	"hash/fnv"
	"math"
	"time"

	"keyfold/layout"
)

// Timing is what a kernel took for a sample of its task.
type Timing struct {
	Kernel string
	Time   time.Duration
}

// Measure times the kernels that do a task with these matrices, which are of one
// type, uses the fastest from now on and returns the times. That of the adapter's
// class comes first and stays unless another takes a tenth less: a difference that
// no user notices should not follow the noise.
//
// A sample is one submit of many products, the matrices' in turn as in a forward
// pass, so that what a submit takes counts little and small matrices come from
// memory as often as they do there. The kernels take turns, because a machine is
// not as fast at all times, and the least time of each counts. Left out is what does
// not compile or run, and, so that nobody waits for it, what takes four times as long
// as another for one product: on an adapter that emulates a GPU barriers make it
// hundreds.
func (d *Device) Measure(task Task, matrices []*Weights) ([]Timing, error) {
	tokens := [...]int{OneToken: 1, FewTokens: fewTokens, ManyTokens: 64}[task]
	sample, t := takeSample(matrices, tokens, d.MostWork()/200), matrices[0].Type
	rows, cols := 0, 0
	for _, w := range sample {
		rows, cols = max(rows, w.Rows), max(cols, w.Cols)
	}
	x, err := d.NewBuffer("measured input", 4*tokens*cols)
	if err != nil {
		return nil, err
	}
	defer x.Destroy()
	y, err := d.NewBuffer("measured output", 4*tokens*rows)
	if err != nil {
		return nil, err
	}
	defer y.Destroy()

	// The first round compiles and the second one tries, each with one product; the
	// others count.
	const trying, rounds = 1, 7
	kernels := d.preferred(task)
	times := make([]time.Duration, len(kernels)) // the least so far
	out := make([]bool, len(kernels))
	for round := range rounds {
		turn := sample
		if round <= trying {
			turn = sample[:1]
		}
		least := time.Duration(math.MaxInt64) // of this round
		for i, v := range kernels {
			if out[i] {
				continue
			}
			d.Use(task, t, v.String())
			start := time.Now()
			p := d.Begin()
			for _, w := range turn {
				p.MatMul(w, x, y, tokens, 0, w.Rows, 0, false)
			}
			p.Read(y, 0, 4)
			out[i] = p.Submit() != nil
			took := time.Since(start)
			if round <= trying+1 || took < times[i] {
				times[i] = took
			}
			if !out[i] {
				least = min(least, took)
			}
		}
		for i := range kernels {
			hopeless := round == trying && times[i]/4 > least
			out[i] = out[i] || hopeless && i > 0
		}
	}
	var timings []Timing
	for i, v := range kernels {
		if !out[i] {
			timings = append(timings, Timing{v.String(), times[i]})
		}
	}
	if len(timings) == 0 {
		return nil, fmt.Errorf("gpu: no kernel for %v with weights of type %v runs on %s", task, t, d.Name)
	}
	d.Use(task, t, fastest(timings))
	return timings, nil
}

// fastest returns the kernel that took least, or the first one if it took less
// than a tenth more.
func fastest(timings []Timing) string {
	best := timings[0]
	for _, t := range timings[1:] {
		if t.Time < best.Time {
			best = t
		}
	}
	if 10*best.Time > 9*timings[0].Time {
		return timings[0].Kernel
	}
	return best.Kernel
}

// takeSample returns matrices to be multiplied one after the other: those given,
// in turn, until that takes so many operations, or more dispatches than anyone
// wants to wait for. Those that are too large for it are cut.
func takeSample(matrices []*Weights, tokens, operations int) []*Weights {
	const dispatches = 64
	var sample []*Weights
	for i := 0; i < dispatches && operations > 0; i++ {
		w := matrices[i%len(matrices)]
		part := w.parts[0]
		part.rows = min(part.rows, divUp(operations, 2*tokens*w.Cols))
		operations -= 2 * tokens * w.Cols * part.rows
		sample = append(sample, &Weights{Type: w.Type, Rows: part.rows, Cols: w.Cols, parts: []weightPart{part}})
	}
	return sample
}

// Sources returns a hash of the kernels that do a task with matrices of type t. What
// was measured with other kernels is of no use.
func Sources(task Task, t layout.WeightType) (string, error) {
	h := fnv.New64a()
	for _, v := range variants[task] {
		id := v.id()
		id.parts[0] = (&Weights{Type: t}).reader()
		if task == OneToken {
			id.parts[1] = "input_plain"
		}
		src, err := id.source()
		if err != nil {
			return "", err
		}
		h.Write([]byte(src))
	}
	return fmt.Sprintf("%016x", h.Sum64()), nil
}

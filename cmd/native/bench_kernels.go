//go:build !js

package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
)

// KernelReport is what bench -kernels measured: all kernels that do the same task,
// on the model's own matrices and on a cache of so many slots.
type KernelReport struct {
	Date    string              `json:"date"`
	Machine string              `json:"machine"`
	Model   engine.ModelReport  `json:"model"`
	Device  engine.DeviceReport `json:"device"`
	KV      string              `json:"kv"`
	Slots   int                 `json:"slots"`
	Tasks   []KernelTask        `json:"tasks"`
}

// KernelTask compares the kernels that do a task. Table is the one that the table of
// adapter types takes on this device. Fastest is the same, unless another kernel takes
// less than nine tenths of its time: a smaller difference could be noise.
type KernelTask struct {
	Task    string        `json:"task"`
	Table   string        `json:"table"`
	Fastest string        `json:"fastest"`
	Times   []KernelTrial `json:"times"` // the table's first
}

// KernelTrial is what a kernel took for the task's sample, or why it did not run.
type KernelTrial struct {
	Kernel string  `json:"kernel"`
	MS     float64 `json:"ms,omitempty"`
	Error  string  `json:"error,omitempty"`
}

func newKernelTask(t engine.TaskTimes) KernelTask {
	task := KernelTask{Task: t.Task, Table: t.Times[0].Kernel, Fastest: t.Times[0].Kernel}
	least := 0.9 * t.Times[0].Time.Seconds()
	if t.Times[0].Err != nil {
		least = math.Inf(1)
	}
	for _, v := range t.Times {
		trial := KernelTrial{Kernel: v.Kernel, MS: 1e3 * v.Time.Seconds()}
		if v.Err != nil {
			trial.Error = v.Err.Error()
		} else if v.Time.Seconds() < least {
			task.Fastest, least = v.Kernel, v.Time.Seconds()
		}
		task.Times = append(task.Times, trial)
	}
	return task
}

// compareKernels does what bench -kernels asks for. It prints each task's times as
// they come, because a software adapter takes minutes for all.
func (b *benchmark) compareKernels(t terminal, e *engine.Engine, f *checkpoint.File) error {
	sum, err := f.SHA256()
	if err != nil {
		return err
	}
	r := &KernelReport{Date: now(), Machine: machine(), Model: e.DescribeModel(f.Model, sum), Device: e.Device.Describe(), KV: b.kv.String(), Slots: b.slots(e)}
	out := t.out
	if b.json == "-" {
		out = io.Discard
	}
	fmt.Fprintf(out, "%s on %s (%s), %s cache of %d slots; %s\n", r.Model.Name, r.Device.Adapter, r.Device.Backend, r.KV, r.Slots, r.Date)
	err = e.TimeKernels(b.kv, r.Slots, func(times engine.TaskTimes) {
		task := newKernelTask(times)
		task.print(out)
		r.Tasks = append(r.Tasks, task)
	})
	if err != nil {
		return err
	}
	r.printChanges(out)
	if b.json == "" {
		return nil
	}
	return writeJSON(t, b.json, r)
}

// slots returns how many slots the cache has that kernels are compared on: those of
// the longest -context, or 512 if there is none and the model takes so many.
func (b *benchmark) slots(e *engine.Engine) int {
	longest := 1
	for _, n := range b.contextN {
		longest = max(longest, n)
	}
	if longest > 1 {
		return longest
	}
	return min(512, e.Config.SeqLen)
}

func (k KernelTask) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n", k.Task)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, trial := range k.Times {
		took := fmt.Sprintf("%.3g ms", trial.MS)
		switch {
		case trial.Error != "":
			took = trial.Error
		case trial.Kernel == k.Table:
			took += ", in the table for this type of adapter"
		case trial.Kernel == k.Fastest:
			took += ", faster by more than a tenth"
		}
		fmt.Fprintf(table, "    %s\t%s\n", trial.Kernel, took)
	}
	table.Flush()
}

// printChanges prints how the table would have to change to fit the times.
func (r *KernelReport) printChanges(w io.Writer) {
	changes := 0
	for _, k := range r.Tasks {
		if k.Fastest != k.Table {
			changes++
			fmt.Fprintf(w, "\n%s: %s would replace %s", k.Task, k.Fastest, k.Table)
		}
	}
	if changes == 0 {
		fmt.Fprintf(w, "\nNothing would change: no kernel takes less than nine tenths of the time of the table's.")
	}
	fmt.Fprintln(w)
}

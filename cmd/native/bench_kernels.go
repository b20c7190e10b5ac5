//go:build !js

package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"keyfold/bench"
	"keyfold/engine"
	"keyfold/engine/checkpoint"
)

// compareKernels does what bench -kernels asks for.
func (b *benchmark) compareKernels(t terminal, e *engine.Engine, f *checkpoint.File) error {
	r, err := bench.NewKernelReport(e, f, b.read.KV, b.slots(e))
	if err != nil {
		return err
	}
	out := t.besides(b.json)
	fmt.Fprintf(out, "%s on %s (%s), %s cache of %d slots; %s\n", r.Model.Name, r.Device.Adapter, r.Device.Backend, r.KV, r.Slots, r.Date)
	if err := r.Compare(e, func(task bench.Task) { printTask(out, task) }); err != nil {
		return err
	}
	printChanges(out, r)
	return t.writeJSON(b.json, r)
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

func printTask(w io.Writer, k bench.Task) {
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
func printChanges(w io.Writer, r *bench.KernelReport) {
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

package compress_test

import (
	"errors"
	"fmt"

	"keyfold/compress"
)

// head returns a head of single tokens with the attention that they received.
func head(mass ...float32) compress.Head {
	h := compress.Head{Mass: mass}
	for slot := range mass {
		h.Pos = append(h.Pos, slot)
		h.N = append(h.N, 1)
		h.Bias = append(h.Bias, 0)
	}
	return h
}

// A method reads signals and returns a plan: here h2o keeps half of a head of
// eight slots, the last ones and those that received the most attention.
func Example() {
	method, err := compress.New(compress.Settings{Name: "h2o", Budget: 0.5})
	if err != nil {
		fmt.Println(err)
		return
	}
	signals := &compress.Signals{
		NLayers: 1, NKVHeads: 1,
		Heads: []compress.Head{head(4, 0.1, 0.2, 3, 0.1, 0.2, 0.3, 0.1)},
	}
	plan, err := method.Plan(signals)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range plan.Heads[0] {
		fmt.Println("slot", row.Pivot)
	}
	fmt.Println("kept", plan.Ratio(signals))
	// Output:
	// slot 0
	// slot 3
	// slot 6
	// slot 7
	// kept 0.5
}

// Wrong choices of a user wrap ErrUsage, and say what would do.
func ExampleNew() {
	_, err := compress.New(compress.Settings{Name: "gvote", Options: map[string]string{"samples": "many"}})
	fmt.Println(err)
	fmt.Println(errors.Is(err, compress.ErrUsage))
	// Output:
	// gvote: option samples is many, want an integer from 1 to 1024
	// true
}

// Help has what a page or a command shows about a method.
func ExampleHelp() {
	options, line, err := compress.Help("snapkv")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(line)
	fmt.Println(len(options), "options")
	// Output:
	// keeps the most recent slots and what their queries attend to (SnapKV, arXiv 2404.14469); takes a budget
	// 0 options
}

// Whoever writes a method has its plans checked: this one drops the newest slot.
func ExamplePlan_Check() {
	signals := &compress.Signals{NLayers: 1, NKVHeads: 1, Heads: []compress.Head{head(1, 1)}}
	plan := &compress.Plan{Heads: [][]compress.Row{{{Pivot: 0, Slots: []int{0}, N: 1}}}}
	fmt.Println(plan.Check(signals))
	// Output:
	// plan for layer 0 head 0: the newest slot 1 is dropped
}

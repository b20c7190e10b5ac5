package gpu

import "keyfold/layout"

// Several kernels compute the same thing, each in another way. GPUs want many
// threads that work together; adapters that emulate a GPU want threads that
// never wait for each other. This file says which kernels there are and which one
// a wrapper records: the first choice of the adapter's class, or for matrices what
// [Device.Measure] found to be faster.

// Task is something that several kernels do.
type Task uint8

const (
	OneToken   Task = iota // a matrix times one token
	FewTokens              // times as many as one workgroup of matmul.wgsl takes
	ManyTokens             // times more
	rowNorms
	attendOne  // one token's attention
	attendMany // that of more
	ballots    // of GVote
)

// fewTokens are the tokens of a workgroup of matmul.wgsl.
const fewTokens = 8

// MatrixTasks are those that are done with matrices of every type, and can be measured.
var MatrixTasks = []Task{OneToken, FewTokens, ManyTokens}

func (t Task) String() string {
	return [...]string{"1 token", "2 to 8 tokens", "more tokens", "norms", "attention of 1 token", "attention of more", "ballots"}[t]
}

// matrixTask returns the task of multiplying n tokens.
func matrixTask(n int) Task {
	switch {
	case n == 1:
		return OneToken
	case n <= fewTokens:
		return FewTokens
	}
	return ManyTokens
}

// variant is a kernel that does a task.
type variant struct {
	kernel       string
	threads      int  // of a workgroup, written into WG_SIZE; 0: as the file says
	rows, tokens int  // that a workgroup takes; 0 where the wrapper knows better
	subgroups    bool // it needs the feature of this name, which some browsers have
}

func (v variant) String() string { return v.id().String() }

// id returns its text, without what is joined to it.
func (v variant) id() kernelID {
	id := kernelID{name: v.kernel}
	if v.threads > 0 {
		id.consts[1] = constant{"WG_SIZE", v.threads}
	}
	return id
}

// variants are the kernels of every task. The first one is for GPUs, the last one
// for software adapters.
//
// Ballots are cast by one kernel. Barriers are slow on software adapters except in
// a workgroup no wider than their vector unit: 72 voters over 256 slots of head_dim
// 8 take 6 ms on lavapipe with 8 threads, 120 ms with 64, 38 ms with 1 (two cores
// with AVX2, 2026-11).
var variants = [...][]variant{
	OneToken: {
		{kernel: "matvec", rows: 4},
		{kernel: "matvec", threads: 32, rows: 4},
		{kernel: "matvec", threads: 128, rows: 4},
		{kernel: "matvec_subgroups", rows: 4, subgroups: true},
		{kernel: "matvec_rows", rows: 32},
	},
	FewTokens: {
		{kernel: "matmul_tiled", rows: 32, tokens: 32},
		{kernel: "matmul", rows: 32, tokens: fewTokens},
	},
	ManyTokens: {
		{kernel: "matmul_tiled", rows: 32, tokens: 32},
		{kernel: "matmul", rows: 32, tokens: fewTokens},
	},
	rowNorms: {
		{kernel: "rms_norm", rows: 1},
		{kernel: "rms_norm_rows", rows: 8},
	},
	attendOne:  {{kernel: "decode_parts"}, {kernel: "attention"}},
	attendMany: {{kernel: "prefill_tiles"}, {kernel: "prefill_rows_software"}},
	ballots:    {{kernel: "gvote_vote"}, {kernel: "gvote_vote", threads: 8}},
}

// matrixKey names a choice: what is done with matrices of a type.
type matrixKey struct {
	task    Task
	weights layout.WeightType
}

// choice returns the kernel of a task that this adapter's class puts at place i.
// Those at both ends run everywhere.
func (d *Device) choice(task Task, i int) variant {
	list := variants[task]
	if d.Software {
		return list[len(list)-1-i]
	}
	return list[i]
}

// preferred returns the kernels of a task that run here, in the order of this adapter's class.
func (d *Device) preferred(task Task) []variant {
	var order []variant
	for i := range variants[task] {
		if v := d.choice(task, i); !v.subgroups || d.subgroups {
			order = append(order, v)
		}
	}
	return order
}

// matrixVariant returns the kernel for a matrix task.
func (d *Device) matrixVariant(task Task, t layout.WeightType) variant {
	if v, ok := d.chosen[matrixKey{task, t}]; ok {
		return v
	}
	return d.choice(task, 0)
}

// Kernel returns the kernel that is used for a task with matrices of type t:
// "matvec", or "matvec(WG_SIZE=32)" for its text with another constant.
func (d *Device) Kernel(task Task, t layout.WeightType) string {
	return d.matrixVariant(task, t).String()
}

// Use makes a kernel the one for a task with matrices of type t, and reports
// whether there is one of that name that runs here.
func (d *Device) Use(task Task, t layout.WeightType, kernel string) bool {
	for _, v := range d.preferred(task) {
		if v.String() == kernel {
			d.chosen[matrixKey{task, t}] = v
			return true
		}
	}
	return false
}

// UseDefaults goes back to the kernels of the adapter's class, and reports whether
// others were in use.
func (d *Device) UseDefaults() bool {
	others := false
	for key, v := range d.chosen {
		others = others || v != d.choice(key.task, 0)
	}
	clear(d.chosen)
	return others
}

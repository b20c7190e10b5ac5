package gpu

import (
	"slices"

	"keyfold/layout"
)

// Several kernels compute the same thing, each in another way. GPUs want many
// threads that work together; adapters that emulate a GPU want threads that
// never wait for each other. This file says which kernels there are, and which one
// each type of adapter takes. "keyfold bench -kernels" times all of them, so that
// the table can be revised with evidence.

// Task is something that several kernels do.
type Task uint8

const (
	OneToken   Task = iota // a matrix times one token
	FewTokens              // times those of a few texts that are decoded together
	ManyTokens             // times those of a prompt
	Norms
	AttendOne  // one token's attention
	AttendMany // that of more
	Ballots    // of GVote
)

// fewTokens are the most of [FewTokens]. With as many, kernels for prompts compute for nothing most of the time.
const fewTokens = 16

// matrixTasks are those that are done with a matrix of weights.
var matrixTasks = []Task{OneToken, FewTokens, ManyTokens}

func (t Task) String() string {
	return [...]string{
		"1 token", "2 to 16 tokens", "more tokens", "norms", "attention of 1 token", "attention of more", "ballots",
	}[t]
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
	threads      int      // of a workgroup, written into WG_SIZE; 0: as the file says
	rows, tokens int      // that a workgroup takes; 0 where the wrapper knows better
	shrinks      bool     // tokens are written into TOKENS, and are 4 or 2 where there are no more
	blocks       *variant // not nil: it reads blocks, and leaves types without them to this one
	subgroups    bool     // it needs the feature of this name, which some browsers have
}

// String returns "matvec", or "matvec(WG_SIZE=32)" for its text with another constant.
func (v variant) String() string { return v.id().String() }

// id returns its text, without what is joined to it.
func (v variant) id() kernelID {
	id := kernelID{name: v.kernel}
	if v.threads > 0 {
		id.consts[1] = constant{"WG_SIZE", v.threads}
	}
	if v.shrinks {
		id.consts[0] = constant{"TOKENS", v.tokens}
	}
	return id
}

// forTokens returns the kernel for n tokens: v, or its text for fewer tokens at a time.
func (v variant) forTokens(n int) variant {
	for v.shrinks && v.tokens > 2 && v.tokens/2 >= n {
		v.tokens /= 2
	}
	return v
}

// kernels are the variants of a task by the type of adapter that takes them.
type kernels struct {
	gpu, software variant
	lean          []variant // which GPUs with few registers take instead: one or none
	others        []variant // which no type takes
}

// matvec is the plain kernel of a matrix times one token, and matmul that of more.
var (
	matvec = variant{kernel: "matvec", rows: 4}
	matmul = variant{kernel: "matmul", rows: 32, tokens: 8, shrinks: true}
	// matmulFew is the plain kernel of a few tokens.
	matmulFew = variant{kernel: "matmul_few", rows: 16, tokens: 8, shrinks: true}
)

// of returns the kernel that does the task with weights of a type: v, unless that
// needs blocks and the type has none.
func (v variant) of(t layout.WeightType) variant {
	if v.blocks != nil && t.ColumnsOf()%layout.Block != 0 {
		plain := *v.blocks
		plain.tokens = v.tokens
		return plain
	}
	return v
}

// reader names the shader file through which v reads weights.
func (v variant) reader(p weightPart) string {
	if v.blocks != nil {
		return "blocks_" + p.typ.String()
	}
	return p.reader()
}

// all returns the kernels of every type of adapter.
func (k kernels) all() []variant {
	return slices.Concat([]variant{k.gpu, k.software}, k.lean, k.others)
}

// table is the table of adapter types.
//
// Ballots are cast by one kernel. Barriers are slow on software adapters except in
// a workgroup no wider than their vector unit: 72 voters over 256 slots of head_dim
// 8 take 6 ms on lavapipe with 8 threads, 120 ms with 64, 38 ms with 1 (two cores
// with AVX2, 2026-11).
var table = [...]kernels{
	OneToken: {
		gpu:      variant{kernel: "matvec_blocks", rows: 16, blocks: &matvec},
		software: variant{kernel: "matvec_rows", rows: 32},
		others: []variant{
			matvec,
			{kernel: "matvec", threads: 32, rows: 4},
			{kernel: "matvec", threads: 128, rows: 4},
			{kernel: "matvec_subgroups", rows: 4, subgroups: true},
		},
	},
	FewTokens: {
		gpu:      variant{kernel: "matmul_few_blocks", rows: 16, tokens: 8, shrinks: true, blocks: &matmulFew},
		software: matmul,
		lean:     []variant{{kernel: "matmul_few_blocks", rows: 16, tokens: 4, shrinks: true, blocks: &matmulFew}},
		others:   []variant{matmulFew},
	},
	ManyTokens: {
		gpu:      variant{kernel: "matmul_wide", rows: 64, tokens: 64},
		software: matmul,
		lean:     []variant{{kernel: "matmul_tiled", rows: 32, tokens: 32}},
	},
	Norms: {
		gpu:      variant{kernel: "rms_norm", rows: 1},
		software: variant{kernel: "rms_norm_rows", rows: 8},
	},
	AttendOne: {
		gpu:      variant{kernel: "decode_parts"},
		software: variant{kernel: "attention"},
	},
	AttendMany: {
		gpu:      variant{kernel: "prefill_tiles"},
		software: variant{kernel: "prefill_rows_software"},
	},
	Ballots: {
		gpu:      variant{kernel: "gvote_vote"},
		software: variant{kernel: "gvote_vote", threads: 8},
	},
}

// variants returns the kernels of a task that run on this device, first the one of its
// adapter type.
func (d *Device) variants(task Task) []variant {
	if v, ok := d.trial[task]; ok {
		return []variant{v}
	}
	t := table[task]
	list := slices.Concat([]variant{t.gpu, t.software}, t.lean)
	switch {
	case d.Software:
		list = slices.Concat([]variant{t.software, t.gpu}, t.lean)
	case d.lean:
		list = slices.Concat(t.lean, []variant{t.gpu, t.software})
	}
	for _, v := range t.others {
		if !v.subgroups || d.subgroups {
			list = append(list, v)
		}
	}
	return list
}

// variant returns the kernel that does a task on this type of adapter.
func (d *Device) variant(task Task) variant { return d.variants(task)[0] }

// try makes v do a task instead of the table's kernel, until the returned function
// is called.
func (d *Device) try(task Task, v variant) (done func()) {
	before, tried := d.trial[task]
	d.trial[task] = v
	return func() {
		if delete(d.trial, task); tried {
			d.trial[task] = before
		}
	}
}

package cpu

import (
	"fmt"
	"math"
	"testing"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

// run calls this package's function for a call, and reports whether it has one that
// is not the twin itself: see plain.go.
func run(call kernelcase.Call) bool {
	switch c := call.(type) {
	case *kernelcase.MatMul:
		if c.Add {
			AddMatMul(layout.Stack{c.W}, c.X, c.Y, c.N)
		} else {
			MatMul(layout.Stack{c.W}, c.X, c.Y, c.N)
		}
	case *kernelcase.RMSNorm:
		RMSNorm(c.X, c.W, c.Y, c.Rows, c.Dim, c.Row0, c.Eps)
	case *kernelcase.RoPE:
		RoPE(c.Table, c.Positions, c.QKV, c.Stride, c.NHeads, c.HeadDim)
	case *kernelcase.CacheWrite:
		q, positions := c.Q.OnCPU(), c.Positions[c.First:]
		RoPE(c.Table, positions, q.Buf, q.Stride, q.Heads+len(c.Cache.Heads), c.Cache.HeadDim())
		CacheWrite(q.Buf, c.Cache, positions, q.Heads)
	case *kernelcase.SwiGLU:
		SwiGLU(c.GateUp, c.Y, c.N, c.Hidden)
	case *kernelcase.GVoteStats:
		GVoteStats(c.X, c.State, c.N, c.Dim, c.CountBefore, c.Skip)
	case *kernelcase.Attention:
		Attention(c.Cache, c.Q.OnCPU(), c.Q.Own(c.Out), c.Q.Own(c.LSE))
	case *kernelcase.AttnMass:
		AttnMass(c.Cache, c.Q.OnCPU(), c.Q.Own(c.LSE), c.Mass, c.TFirst, c.Stride)
	case *kernelcase.AttnMax:
		AttnMax(c.Cache, c.Q.OnCPU(), c.Q.Own(c.LSE), c.Largest, c.Stride)
	case *kernelcase.Choose:
		row := c.Logits[c.Row*c.Vocab:]
		id, lse := Choose(row, c.Draw, c.Position)
		copy(c.Chosen[c.At*3:], []float32{math.Float32frombits(uint32(id)), row[id], lse})
	case *kernelcase.GVoteVote:
		GVoteVote(c.Cache, c.Last.OnCPU(), c.Sampled.OnCPU(), c.Votes, c.BStep, c.Ballot)
	default:
		return false
	}
	return true
}

// compare runs the same cases with this package's functions and with the twins.
func compare(t *testing.T, cases func() []kernelcase.Case) {
	t.Helper()
	twins := cases()
	for i, c := range cases() {
		for _, call := range c.Calls {
			if !run(call) {
				t.Fatalf("%s: package cpu has no %T", c.Name, call)
			}
		}
		twins[i].Twin()
		got := c.Outputs()
		for j, want := range twins[i].Outputs() {
			if err := want.Compare(got[j].Want(), kernelcase.Strict); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
	}
}

// Every function that is not the twin itself agrees with it, over the shapes that are
// awkward for the kernels, and for threads and panels.
func TestCases(t *testing.T) {
	perType := func(cases func(layout.CacheType) []kernelcase.Case) func() []kernelcase.Case {
		return func() (all []kernelcase.Case) {
			for _, ct := range layout.CacheTypes {
				all = append(all, cases(ct)...)
			}
			return all
		}
	}
	for name, cases := range map[string]func() []kernelcase.Case{
		"MatMul": func() (all []kernelcase.Case) {
			for _, wt := range weightTypes {
				all = append(all, kernelcase.MatMulCases(wt)...)
			}
			return all
		},
		"RMSNorm":    kernelcase.RMSNormCases,
		"RoPE":       kernelcase.RoPECases,
		"CacheWrite": perType(kernelcase.CacheWriteCases),
		"SwiGLU":     kernelcase.SwiGLUCases,
		"GVoteStats": kernelcase.GVoteStatsCases,
		"Attention":  perType(kernelcase.AttentionCases),
		"AttnMass":   perType(kernelcase.AttnMassCases),
		"AttnMax":    perType(kernelcase.AttnMaxCases),
		"Choose":     kernelcase.ChooseCases,
		"LongLoops":  kernelcase.LongLoops,
		"GVoteVote":  perType(kernelcase.GVoteVoteCases),
		"TiedVotes":  perType(kernelcase.TiedVotes),
		"ShortVotes": func() []kernelcase.Case {
			return append(kernelcase.ShortVotes(layout.CacheF16), kernelcase.ShortVotes(layout.CacheF32)...)
		},
		"LargeVotes": func() []kernelcase.Case {
			return []kernelcase.Case{kernelcase.LargeVote(1e-6), kernelcase.LargeVote(0.3), kernelcase.LargeVote(0.95), kernelcase.LargeVote(1)}
		},
	} {
		t.Run(name, func(t *testing.T) { compare(t, cases) })
	}
}

// Heads narrower than four elements, which no GPU kernel takes.
func TestAttentionOfNarrowHeads(t *testing.T) {
	for _, ct := range []layout.CacheType{layout.CacheF16, layout.CacheF32} {
		compare(t, func() []kernelcase.Case {
			c := kernelcase.NewAttention(ct, kernelcase.CacheShape{Why: "narrow", HeadDim: 2, Lens: []int{9}, Group: 2}, 3, 0)
			return []kernelcase.Case{{Name: fmt.Sprint(ct), Calls: []kernelcase.Call{c}}}
		})
	}
}

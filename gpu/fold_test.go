package gpu

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

// On a device that takes one workgroup along an axis, or two, kernels that are folded do
// what their twins do.
func TestFoldedDispatches(t *testing.T) {
	const ct, wt = layout.CacheF16, layout.Q8_0
	d := openForTest(t)
	limit := d.Limits.Groups
	for _, groups := range []int{1, 2} {
		t.Run(fmt.Sprintf("at most %d workgroups", groups), func(t *testing.T) {
			d.Limits.Groups = groups
			defer func() { d.Limits.Groups = limit }()
			d.runCases(t, slices.Concat(
				kernelcase.ZeroCases(), kernelcase.QueryCovCases(),
				kernelcase.AttnMassCases(ct), kernelcase.AttnMaxCases(ct), kernelcase.ExpectedLogitsCases(ct),
				kernelcase.KeySimilarityCases(ct), kernelcase.PivotDistanceCases(ct), kernelcase.KeyRotateCases(ct),
				kernelcase.KVGatherCases(ct), kernelcase.GaussianMergeCases(ct), kernelcase.ExplicitMergeCases(ct),
			))
			oneToken := slices.DeleteFunc(kernelcase.MatMulCases(wt), func(c kernelcase.Case) bool {
				m, ok := c.Calls[0].(*kernelcase.MatMul)
				return ok && m.N > 1
			})
			for _, v := range d.variants(OneToken) {
				done := d.try(OneToken, v)
				d.runCases(t, slices.Concat(oneToken, kernelcase.NormMatVecCases(wt)))
				done()
			}
		})
	}
	ran := map[string]bool{}
	for _, k := range d.kernels {
		ran[k.id.name] = k.folds
	}
	for name, src := range shaderFiles(t) {
		if folds(src) && !ran[name] && !browserOnly(name) {
			t.Errorf("%s was not folded", name)
		}
	}
}

// Kernels whose workgroups are numbered along x alone are folded, or have few.
func TestLongDispatchesAreFolded(t *testing.T) {
	few := map[string]string{
		"choose":         "one",
		"choose_slices":  "one per slice of the vocabulary",
		"compare":        "one per slice of the vocabulary",
		"decode_combine": "those of a token's width",
		"gvote_vote":     "the wrapper cuts them",
		"likeliest":      "one per slice of the vocabulary",
		"rms_norm":       "one per token of a chunk",
		"rms_norm_rows":  "fewer",
	}
	alongX := regexp.MustCompile(`(?m)^// Dispatch   .*, 1, 1\)`)
	for name, src := range shaderFiles(t) {
		label := alongX.FindString(src)
		if said := strings.Contains(src, ", 1, 1), or folded over x and y\n"); said != folds(src) {
			t.Errorf("%s: the label Dispatch says folded: %v, the text: %v", name, said, folds(src))
		}
		if label != "" && !folds(src) && few[name] == "" {
			t.Errorf("%s may have more workgroups than a device takes along x", name)
		}
	}
}

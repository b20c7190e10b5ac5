package gpu

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"keyfold/internal/kernelcase"
	"keyfold/layout"
)

// allCases returns those of the start and of first uses, but for kernels that the device
// has no use for.
func (d *Device) allCases(weights []layout.WeightType, caches []layout.CacheType, headDim int) []kernelcase.Case {
	var cases []kernelcase.Case
	for _, t := range weights {
		cases = slices.Concat(cases, kernelcase.OfWeights(t), kernelcase.OfTokens(t))
	}
	cases = slices.Concat(cases, kernelcase.Plain(), kernelcase.OfMethods(headDim))
	for _, t := range caches {
		cases = slices.Concat(cases, kernelcase.OfCache(t, headDim), kernelcase.OfCacheMethods(t, headDim))
	}
	return slices.DeleteFunc(cases, func(c kernelcase.Case) bool {
		_, parts := c.Calls[0].(*kernelcase.DecodeParts)
		return parts && d.variant(AttendOne).kernel != "decode_parts"
	})
}

// Every kernel passes on this device, for heads of every width, and nothing
// stays allocated. Every text in use is compiled by it, and nothing else.
func TestSelfTest(t *testing.T) {
	compiled := map[kernelID]bool{}
	bothTypes(t, func(t *testing.T, d *Device) {
		for _, headDim := range []int{4, 8, 32, 64, 80, 96, 128} {
			caches := slices.DeleteFunc(slices.Clone(layout.CacheTypes), func(t layout.CacheType) bool {
				return !slices.Contains(headDims(t), headDim)
			})
			before, start := d.LiveBytes(), time.Now()
			checks, err := d.test(d.allCases(weightTypes, caches, headDim))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("head_dim %d: %d checks in %v", headDim, len(checks), time.Since(start))
			for _, c := range checks {
				if c.Err != nil {
					t.Errorf("head_dim %d: %s: %v", headDim, c.Kernel, c.Err)
				}
			}
			d.staging.Destroy() // what came back stays for the next submit
			d.staging = nil
			if after := d.LiveBytes(); after > before {
				t.Errorf("head_dim %d: %d bytes are allocated, %d were before", headDim, after, before)
			}
		}
		for id := range d.kernels {
			compiled[id] = true
		}
	})
	allVariants(t, matrixTasks, func(t *testing.T, d *Device) {
		checks, err := d.test(d.allCases(weightTypes, nil, 4))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range checks {
			if c.Err != nil {
				t.Errorf("%s: %v", c.Kernel, c.Err)
			}
		}
		for id := range d.kernels {
			compiled[id] = true
		}
	})
	if len(compiled) == 0 {
		return // skipped
	}
	for _, id := range kernelIDs(t) {
		if !compiled[id] && !browserOnly(id.name) {
			t.Errorf("%v was not tested", id)
		}
		delete(compiled, id)
	}
	for id := range compiled {
		t.Errorf("%v was compiled, and nothing else uses it", id)
	}
}

// sabotage is a change to a shader and the checks that it should fail.
type sabotage struct {
	file, old, new string
	want           string
	gpu            bool // what only adapters use that are no software
}

// withWeights begins the list of all kernels that read a matrix and scales.
const withWeights = "embed q8_0, matmul q8_0 (1 row), matmul q8_0 (5 rows), matmul q8_0 (33 rows), " +
	"norm_matvec q8_0, norm_swiglu q8_0, matmul q8_0 (2 rows), matmul q8_0 (3 rows), "

// The products of more tokens than one: all, those of matmul_few_blocks.wgsl, and of matmul_few.wgsl.
const (
	allMatMuls          = "matmul q8_0 (5 rows), matmul q8_0 (33 rows), matmul q8_0 (2 rows), matmul q8_0 (3 rows)"
	fewTokensMatMuls    = "matmul q8_0 (5 rows), matmul q8_0 (2 rows), matmul q8_0 (3 rows)"
	fewTokensMatMulsF16 = "matmul f16 (5 rows), matmul f16 (2 rows), matmul f16 (3 rows)"
)

const allChoices = "choose (temperature 0), choose (temperature 0.8), choose (top-k), choose (top-p), choose (min-p), choose (top-k and top-p)"

var sabotages = []sabotage{
	{"embed", "tokens[params.first + t]", "tokens[t]", "embed q8_0", false},
	{"embed", "token - params.row0, col4", "token - params.row0, col4 ^ 1u", "embed q8_0", false},
	{"embed", "(params.x_row + t)", "t", "embed q8_0", false},
	{"rms_norm_rows", " + params.eps", " - params.eps", "rms_norm", false},
	{"rms_norm_rows", "(params.row0 + r)", "(params.row0 - r)", "rms_norm", false},
	{"rms_norm", " + params.eps", "", "rms_norm", true},
	{"rms_norm", "half = WG_SIZE / 2u", "half = WG_SIZE / 4u", "rms_norm", true},
	{"matmul", "sum[i] += vec4", "sum[i] -= vec4", allMatMuls, false},
	{"matmul", "min(t0 + i, ", "min(t0 + i + 1u, ", allMatMuls, false},
	{"matmul", "y[at], params.add != 0u", "y[at], params.add == 9u", allMatMuls, false},
	{"matmul", "id.y * TOKENS", "id.y", "matmul q8_0 (33 rows)", false},
	{"matmul_few", "min(t0 + i, params.n - 1u)", "0u", fewTokensMatMulsF16, true},
	{"matmul_few", "c += LANES", "c += 2u * LANES", fewTokensMatMulsF16, true},
	{"matmul_few", "weight4(min(r + 3u, last), c)", "weight4(min(r + 2u, last), c)", fewTokensMatMulsF16, true},
	{"matmul_few", "l < LANES", "l < LANES / 2u", fewTokensMatMulsF16, true},
	{"matmul_few", "r0 = group.x * QUADS * 4u", "r0 = 0u * group.x", fewTokensMatMulsF16, true},
	{"matmul_few", "y[at + i], params.add != 0u", "y[at + i], params.add == 9u", fewTokensMatMulsF16, true},
	{"matmul_few", "token < params.n", "token <= params.n", "matmul f16 (5 rows), matmul f16 (3 rows)", true},
	{"matmul_few", "thread % QUADS * 4u", "0u * thread", fewTokensMatMulsF16, true},
	{"matmul_few_blocks", "min(t0 + i, params.n - 1u)", "0u", fewTokensMatMuls, true},
	{"matmul_few_blocks", "unit += LANES", "unit += 2u * LANES", fewTokensMatMuls, true},
	{"matmul_few_blocks", "packed(row.w", "packed(row.z", fewTokensMatMuls, true},
	{"matmul_few_blocks", "terms(row.y", "terms(row.x", fewTokensMatMuls, true},
	{"matmul_few_blocks", "unit * UNIT4 + k", "unit * UNIT4", fewTokensMatMuls, true},
	{"matmul_few_blocks", "l < LANES", "l < LANES / 2u", fewTokensMatMuls, true},
	{"matmul_few_blocks", "vec4<u32>(params.rows - 1u)", "vec4<u32>(params.rows - 2u)", fewTokensMatMuls, true},
	{"matmul_few_blocks", "y[at + i], params.add != 0u", "y[at + i], params.add == 9u", fewTokensMatMuls, true},
	{"matmul_few_blocks", "token < params.n", "token <= params.n", "matmul q8_0 (5 rows), matmul q8_0 (3 rows)", true},
	{"matmul_tiled", "min(t0 + i / DEPTH4, ", "min(t0 + i / DEPTH4 + 1u, ", "matmul q8_0 (33 rows)", true},
	{"matmul_tiled", "r0 = group.x * SIDE", "r0 = 0u * group.x", "matmul q8_0 (33 rows)", true},
	{"matmul_tiled", "w_tile[c + r + 24u]", "w_tile[c + r + 16u]", "matmul q8_0 (33 rows)", true},
	{"matmul_tiled", "c0 += DEPTH4", "c0 += 2u * DEPTH4", "matmul q8_0 (33 rows)", true},
	{"matmul_tiled", "y[at], params.add != 0u", "y[at], params.add == 9u", "matmul q8_0 (33 rows)", true},
	{"matmul_wide", "min(t + 1u, last)", "min(t + 2u, last)", "matmul q8_0 (33 rows)", true},
	{"matmul_wide", "min(r + 3u, last)", "min(r + 2u, last)", "matmul q8_0 (33 rows)", true},
	{"matmul_wide", "sum_t += products(w_first, x_other)", "sum_t += products(w_first, x_first)", "matmul q8_0 (33 rows)", true},
	{"matmul_wide", "sum_r += products(w_other, x_first)", "sum_r += products(w_first, x_first)", "matmul q8_0 (33 rows)", true},
	{"matmul_wide", "thread / 8u % 4u", "thread / 8u % 2u", "matmul q8_0 (33 rows)", true},
	{"matmul_wide", "t0 = group.y * SIDE", "t0 = 0u * group.y", "matmul q8_0 (33 rows)", true},
	{"matmul_wide", "c0 += DEPTH / 4u", "c0 += DEPTH / 2u", "matmul q8_0 (33 rows)", true},
	{"matmul_wide", "y[at + i], params.add != 0u", "y[at + i], params.add == 9u", "matmul q8_0 (33 rows)", true},
	{"matvec", "c += WG_SIZE", "c += 2u * WG_SIZE", "matmul f16 (1 row), norm_matvec f16, norm_swiglu f16", true},
	{"matvec", "y[at], params.add != 0u", "y[at], params.add == 9u", "matmul f16 (1 row)", true},
	{"matvec", "squares[t] += squares[t + half]", "squares[t] += squares[t]", "norm_matvec f16, norm_swiglu f16", true},
	{"matvec", "params.gate, gated", "2u, gated", "norm_swiglu f16", true},
	{"matvec", "1.0 + exp", "1.0 - exp", "norm_swiglu f16", true},
	{"matvec", "exp(min(-s[t], 80.0))", "select(exp(-s[t]), 1.0, s[t] < -88.0)", "norm_swiglu f16", true}, // a device without infinities
	{"matvec_blocks", "half = LANES / 2u", "half = LANES / 4u", "matmul q8_0 (1 row), norm_matvec q8_0, norm_swiglu q8_0", true},
	{"matvec_blocks", "block += LANES", "block += 2u * LANES", "matmul q8_0 (1 row), norm_matvec q8_0, norm_swiglu q8_0", true},
	{"matvec_blocks", "y[at], params.add != 0u", "y[at], params.add == 9u", "matmul q8_0 (1 row)", true},
	{"matvec_blocks", "squares[t] += squares[t + half]", "squares[t] += squares[t]", "norm_matvec q8_0, norm_swiglu q8_0", true},
	{"matvec_blocks", "params.gate, gated", "2u, gated", "norm_swiglu q8_0", true},
	{"matvec_blocks", "1.0 + exp", "1.0 - exp", "norm_swiglu q8_0", true},
	{"matvec_blocks", "exp(min(-s[lane], 80.0))", "select(exp(-s[lane]), 1.0, s[lane] < -88.0)", "norm_swiglu q8_0", true}, // a device without infinities
	{"matvec_rows", "params.x_row * cols4", "0u", "norm_matvec q8_0", false},
	{"matvec_rows", "y[at], params.add != 0u", "y[at], params.add == 9u", "matmul q8_0 (1 row)", false},
	{"matvec_rows", "params.gate, gated);\n    let end", "2u, gated);\n    let end", "norm_swiglu q8_0", false},
	{"matvec_rows", "1.0 + exp", "1.0 - exp", "norm_swiglu q8_0", false},
	{"matvec_rows", "exp(min(-s, vec4<f32>(80.0)))", "select(exp(-s), vec4<f32>(1.0), s < vec4<f32>(-88.0))", "norm_swiglu q8_0", false},
	{"input_plain", "return v;", "return -v;", "matmul q8_0 (1 row)", false},
	{"input_norm", "v * norm_w[col4]", "v", "norm_matvec q8_0, norm_swiglu q8_0", false},
	{"input_norm", " + params.eps", " - params.eps", "norm_matvec q8_0, norm_swiglu q8_0", false},
	{"add_bias", "+= bias[i]", "-= bias[i]", "add_bias", false},
	{"add_bias", "id.y * params.width", "0u * params.width", "add_bias", false},
	{"head_norm", " + params.eps", " + 2.0 * params.eps", "head_norm", false},
	{"head_norm", "group.x >= params.n_heads", "group.x > params.n_heads", "head_norm", false},
	{"head_norm", "row0 + group.y)", "row0)", "head_norm", false},
	{"head_norm", "(params.row0 + group.y)", "group.y", "head_norm", false},
	{"head_norm", "i = 0u; i < WG_SIZE", "i = 1u; i < WG_SIZE", "head_norm", false},
	{"rope", "a * turn.x - b", "a * turn.x + b", "rope", false},
	{"rope", "table[positions[t] * half", "table[t * half", "rope", false},
	{"cache_write", "+ params.n_before + t", "+ t", "cache_write f16", false},
	{"cache_write", "positions[params.first + t]", "positions[t]", "cache_write f16", false},
	{"cache_write", "-turn.y", "turn.y", "cache_write f16", false},
	{"cache_write", "slots[3u * slot + 2u] = 0u", "slots[3u * slot + 2u] = 1u", "cache_write f16", false},
	{"cache_write", "(params.row0 + t)", "t", "cache_write f16", false},
	{"attention", "+ bitcast<f32>(slots", "- bitcast<f32>(slots", "attention f16 (1 token)", false},
	{"attention", "sum[i] *= shrink", "sum[i] *= 1.0", "attention f16 (1 token)", false},
	{"attention", "top + log(total)", "top - log(total)", "attention f16 (1 token)", false},
	{"attention", "params.row0 * (params.stride", "0u * (params.stride", "attention f16 (1 token)", false},
	{"attention", "to = params.row0", "to = 0u", "attention f16 (1 token)", false},
	{"prefill_rows_software", "products + bias", "products - bias", "attention f16 (5 tokens)", false},
	{"prefill_rows_software", "+ t + 1u", "+ 0u * t + 1u", "attention f16 (5 tokens)", false},
	{"prefill_rows_software", "slot < vec4<u32>(visible)", "slot <= vec4<u32>(visible)", "attention f16 (5 tokens)", false},
	{"prefill_rows_software", "mat4x4<f32>(shrink.x", "mat4x4<f32>(1.0", "attention f16 (5 tokens)", false},
	{"prefill_rows_software", "top + log(total)", "top - log(total)", "attention f16 (5 tokens)", false},
	{"prefill_rows_software", "query = ((params.row0 + t)", "query = (t", "attention f16 (5 tokens)", false},
	{"prefill_rows_software", "to = (params.row0 + t)", "to = t", "attention f16 (5 tokens)", false},
	{"decode_parts", "chunk += WG_SIZE", "chunk += 2u * WG_SIZE", "attention f16 (1 token)", true},
	{"decode_parts", "visible - part * params.span", "visible", "attention f16 (1 token, parts)", true},
	{"decode_parts", "+ a * HEAD_DIM4 + i], k", "+ i], k", "attention f16 (1 token), attention f16 (1 token, parts)", true},
	{"decode_parts", "l < LANES", "l < LANES / 2u", "attention f16 (1 token), attention f16 (1 token, parts)", true},
	{"decode_parts", "query = params.query0 + ", "query = ", "attention f16 (1 token), attention f16 (1 token, parts)", true},
	{"decode_parts", "at = params.row0 + ", "at = ", "attention f16 (1 token)", true},
	{"decode_combine", "first += parts_of(before)", "first += 1u", "attention f16 (1 token, parts)", true},
	{"decode_combine", "- top)", ")", "attention f16 (1 token, parts)", true},
	{"decode_combine", "top + log(total)", "log(total)", "attention f16 (1 token, parts)", true},
	{"decode_combine", "to = params.row0", "to = 0u", "attention f16 (1 token, parts)", true},
	{"prefill_tiles", "+ min(token, last_token) + 1u", "+ 1u", "attention f16 (5 tokens)", true},
	{"prefill_tiles", "row % params.group_size", "0u", "attention f16 (5 tokens)", true},
	{"prefill_tiles", "total *= shrink", "total *= 1.0", "attention f16 (5 tokens)", true},
	{"prefill_tiles", "first += SLOTS", "first += 2u * SLOTS", "attention f16 (5 tokens)", true},
	{"prefill_tiles", "slot < visible", "slot <= visible", "attention f16 (5 tokens)", true},
	{"prefill_tiles", "query = ((params.row0 + min", "query = ((min", "attention f16 (5 tokens)", true},
	{"prefill_tiles", "to = (params.row0 + token)", "to = token", "attention f16 (5 tokens)", true},
	{"attn_mass", "sum / f32(params.group_size)", "sum * f32(params.group_size)", "attn_mass f16", false},
	{"attn_mass", "max(params.t_first, t_sees)", "t_sees", "attn_mass f16", false},
	{"attn_mass", "max(j, len) - len", "0u", "attn_mass f16", false},
	{"attn_mass", "query = ((params.row0 + t)", "query = (t", "attn_mass f16", false},
	{"attn_mass", "lse[(params.row0 + t)", "lse[t", "attn_mass f16", false},
	{"attn_max", "group_size; a <", "group_size + 1u; a <", "attn_max f16", false},
	{"attn_max", "max(j, len) - len", "0u", "attn_max f16", false},
	{"attn_max", "max(top, s - lse", "max(top, s + lse", "attn_max f16", false},
	{"attn_max", "query = ((params.row0 + t)", "query = (t", "attn_max f16", false},
	{"attn_max", "lse[(params.row0 + t)", "lse[t", "attn_max f16", false},
	{"expected_logits", "0.5 * params.scale", "params.scale", "expected_logits f16", false},
	{"expected_logits", "2u * HEAD_DIM4] * k.z", "2u * HEAD_DIM4] * k.y", "expected_logits f16", false},
	{"expected_logits", "* z + bias", "* z", "expected_logits f16", false},
	{"expected_logits", "let v = v4", "let v = k4", "expected_logits f16", false},
	{"query_cov", "cov[at] += products +", "cov[at] = products +", "query_cov", false},
	{"query_cov", "products - r_i", "products + r_i", "query_cov", false},
	{"query_cov", "h * params.head_dim4 + at", "at", "query_cov", false},
	{"query_cov", "(params.row0 + t)", "t", "query_cov", false},
	{"swiglu", "1.0 + exp", "1.0 - exp", "swiglu", false},
	{"swiglu", "exp(min(-g, 80.0))", "select(exp(-g), 1.0, g < -88.0)", "swiglu", false},
	{"summary", "b < a)", "b > a)", "choose (temperature 0)", false},
	{"summary", "a.sum * exp(a.top - top)", "a.sum", allChoices, false},
	{"choose_slices", "first + params.size", "first + params.size / 2u", allChoices, true},
	{"choose", "all.top + log(all.sum)", "log(all.sum)", allChoices, false},
	{"choose", "3u * params.at", "0u * params.at", allChoices, false},
	{"choose", "before.count < params.top_k", "before.count <= params.top_k + 99u", "choose (top-k), choose (top-k and top-p)", false},
	{"choose", "state.mass = before.mass", "state.mass = 0.0", "choose (top-p), choose (top-k and top-p)", false},
	{"choose", "params.top_p * state.at_least", "params.top_p + state.at_least", "choose (top-k and top-p)", false},
	{"choose", "bests.later, kept", "NO_TOKEN, kept", "choose (top-k and top-p)", false},
	{"choose", "< params.min_p", "> params.min_p + 1.0", "choose (min-p)", false},
	{"compare", "d * d * (0.5", "d * d * (0.4", "compare", false},
	{"compare", "p_full * (d - 1.0)", "p_full * d", "compare", false},
	{"compare", "bitcast<u32>(d)", "bitcast<u32>(-d)", "compare", false},
	{"compare", "3u * params.at + 2u", "2u", "compare", false},
	{"compare", "params.at * groups.x + group.x", "group.x", "compare", false},
	{"compare", "other_id < ids[t]", "other_id > ids[t]", "compare", false},
	{"likeliest", "logit_i == logit_j && i < j", "logit_i == logit_j && i > j", "likeliest", false},
	{"likeliest", "params.at * groups.x + group.x", "group.x", "likeliest", false},
	{"likeliest", "% WG_SIZE == t", "% WG_SIZE == 0u", "likeliest", false},
	{"random", "0.6931472", "0.6931", "gvote_sample", false},
	{"random", "state >> 28u", "state >> 27u", "choose (temperature 0.8), choose (top-k), choose (top-p), choose (min-p), choose (top-k and top-p), gvote_sample", false},
	{"key_similarity", "sqrt(square) * sqrt(square_before)", "sqrt(square) * sqrt(square)", "key_similarity f16", false},
	{"pivot_distance", "k4(pivot, c) - turned", "k4(pivot, c) + turned", "pivot_distance f16", false},
	{"pivot_distance", "if pivots[at] != NO_PIVOT", "if pivots[at] != 3u", "pivot_distance f16", false},
	{"kv_gather", "v_cache[slots.x", "v_cache[slots.y", "kv_gather f16", false},
	{"gaussian_merge", "exp(-square", "exp(square", "gaussian_merge f16", false},
	{"gaussian_merge", "f32(slots[3u * slot + 1u])", "1.0", "gaussian_merge f16", false},
	{"gaussian_merge", "v[i] *= value_scale", "v[i] *= 1.0", "gaussian_merge f16", false},
	{"gaussian_merge", "table[at].yy", "table[at].xx", "gaussian_merge f16", false},
	{"gaussian_merge", "weights[m] / f32(slots[3u * slot + 1u])", "weights[m]", "gaussian_merge f16", false},
	{"pivot_distance", "k.yxwz", "k", "pivot_distance f16", false},
	{"explicit_merge", "s < row.w", "s < row.w - 1u", "explicit_merge f16", false},
	{"explicit_merge", "* k4(shares[s].x", "+ k4(shares[s].x", "explicit_merge f16", false},
	{"key_rotate", "f32(sign(turn)) *", "", "key_rotate f16", false},
	{"key_rotate", "by[slot] == 0 {", "by[slot] == 1 {", "key_rotate f16", false},
	{"key_rotate", "span / SPANS", "span % params.n_slots", "key_rotate f16", false},
	{"gvote_stats", "m2 += state[", "m2 -= state[", "gvote_stats", false},
	{"gvote_stats", "f32(params.n - params.skip)", "f32(params.n)", "gvote_stats", false},
	{"gvote_sample", "abs(v - 0.5) - 0.25", "abs(v - 0.5) + 0.25", "gvote_sample", false},
	{"gvote_sample", "params.layer << 16u", "params.layer << 15u", "gvote_sample", false},
	{"gvote_vote", "var need = params.p_nuc *", "var need = 0.8 *", "gvote_vote f16", false},
	{"gvote_vote", "params.include_c0 == 1u", "params.include_c0 == 0u", "gvote_vote f16", false},
	{"gvote_vote", "params.row0 + group.x", "group.x", "gvote_vote f16", false},
	{"halves", "f32(magnitude) / 16777216.0", "0.0", withWeights + "key_similarity q8_0, key_rotate q8_0", false}, // as devices that have no subnormal halves
	{"halves", "0x38000000u, 0x7", "0x38800000u, 0x7", withWeights + "attention q8_0 (1 token), attention q8_0 (5 tokens), " +
		"attn_mass q8_0, pivot_distance q8_0, attn_max q8_0, expected_logits q8_0, gaussian_merge q8_0, " +
		"explicit_merge q8_0, key_rotate q8_0, gvote_vote q8_0", false},
	{"halves", "u32(round(bitcast<f32>(magnitude) * 16777216.0))", "0u", "cache_write q8_0, key_rotate q8_0", false},
	{"halves", "0xfffu", "0u", "cache_write q8_0", false},
	// Faults of long rows alone, and of many tokens.
	{"matvec_rows", "c < cols4", "c < min(cols4, 383u)", "matmul q8_0 (1 row), norm_matvec q8_0, norm_swiglu q8_0", false},
	{"matvec_rows", "c < cols4", "c < min(cols4, 511u)", "matmul q8_0 (1 row), norm_matvec q8_0", false},
	{"matmul", "c < cols4", "c < min(cols4, 511u)", "matmul q8_0 (5 rows), matmul q8_0 (33 rows), matmul q8_0 (2 rows)", false},
	{"matmul", "t0 + i < params.n", "t0 + i < min(params.n, 199u)", "matmul q8_0 (33 rows)", false},
	{"matmul_few", "c < cols4", "c < min(cols4, 511u)", "matmul f16 (5 rows), matmul f16 (2 rows)", true},
	{"matmul_tiled", "c0 < cols4", "c0 < min(cols4, 511u)", "matmul q8_0 (33 rows)", true},
	{"matmul_wide", "token < params.n", "token < min(params.n, 199u)", "matmul q8_0 (33 rows)", true},
	{"rms_norm_rows", "(params.row0 + r)", "(params.row0 + min(r, 198u))", "rms_norm", false},
	{"prefill_rows_software", "+ t + 1u", "+ min(t, vec4<u32>(198u)) + 1u", "attention f16 (5 tokens)", false},
	{"prefill_tiles", "token < params.n", "token < min(params.n, 199u)", "attention f16 (5 tokens)", true},
	{"zero", "x[i] = 0u", "x[i] = 1u", "zero, gvote_vote f16", false},
	{"zero", "i < params.n", "i <= params.n", "zero", false},
}

// partSabotages are changes to what is joined to kernels.
func partSabotages() []sabotage {
	var list []sabotage
	add := func(file, old, new string, typ any, kernels ...string) {
		want := strings.ReplaceAll(strings.Join(kernels, ", "), "TYPE", fmt.Sprint(typ))
		list = append(list, sabotage{file, old, new, want, false})
	}
	for _, tc := range []struct {
		t        layout.WeightType
		old, new string
	}{
		{layout.F32, "return weights", "return -weights"},
		{layout.F16, "cell.x)", "cell.y)"},
		{layout.Q8_0, "col4 / 8u", "col4 / 4u"}, // another block's scale
		{layout.Q8_0, ">> vec4<u32>(24u)", ">> vec4<u32>(25u)"},
		{layout.Q4_0, "col4 / 8u", "col4 / 4u"},
		{layout.Q4_0, "vec4<f32>(q) - 8.0", "vec4<f32>(q) - 7.0"},
		{layout.Q8M, "col4 / 8u", "col4 / 4u"},
		{layout.Q8M, " + dm.y", " - dm.y"},
		{layout.Q4M, "col4 / 8u", "col4 / 4u"},
		{layout.Q4M, " + dm.y", " - dm.y"},
		{layout.Q4K, "col4 % 64u / 16u", "col4 % 64u / 32u"}, // another group's scale
		{layout.Q4K, "col4 / 8u % 2u", "col4 / 16u % 2u"},
		{layout.Q4K, "(pair << 8u) >> 24u", "(pair << 8u) >> 25u"},
		{layout.Q4K, " - dm.y", " + dm.y"},
		{layout.Q8K, "col4 / 4u % 2u", "col4 / 8u % 2u"},
		{layout.Q8K, "dm.y * f32(pair >> 24u)", "dm.y * f32(pair >> 25u)"},
	} {
		add("weights_"+tc.t.String(), tc.old, tc.new, tc.t, "embed TYPE", "matmul TYPE (1 row)", "matmul TYPE (5 rows)", "matmul TYPE (33 rows)",
			"norm_matvec TYPE", "norm_swiglu TYPE", "matmul TYPE (2 rows)", "matmul TYPE (3 rows)")
	}
	one := []string{"matmul TYPE (1 row)", "norm_matvec TYPE", "norm_swiglu TYPE"}
	few := []string{"matmul TYPE (5 rows)", "matmul TYPE (2 rows)", "matmul TYPE (3 rows)"}
	all := []string{one[0], few[0], one[1], one[2], few[1], few[2]}
	for _, tc := range []struct {
		t        layout.WeightType
		old, new string
		kernels  []string
	}{
		{layout.Q8_0, "i / 2u", "i", all}, // another block's scale
		{layout.Q8_0, "i % 2u", "0u", all},
		{layout.Q8_0, "bytes(q2.w) * b[3]", "bytes(q2.w) * b[2]", one},
		{layout.Q8_0, "q[k]", "q[k ^ 1u]", few},
		{layout.Q4_0, "i % 2u", "0u", all},
		{layout.Q4_0, "-8.0 * d", "-7.0 * d", all},
		{layout.Q4_0, "sums.x + sums.y", "sums.x", one},
		{layout.Q4_0, "0xf00u", "0x700u", all},
		{layout.Q4_0, "u[3] * PARTS", "u[3]", one},
		{layout.Q4_0, "16u * (k % 2u)", "0u", few},
		{layout.Q8M, "+ dm.y;", "- dm.y;", few},
		{layout.Q8M, "+ dm.y * ", "- dm.y * ", one},
		{layout.Q8M, "unit / 2u", "unit", all},
		{layout.Q4M, "sums.x + sums.y", "sums.y", one},
		{layout.Q4M, "(dm.x * PARTS)", "dm.x", few},
		{layout.Q4K, "unit % 8u / 2u", "unit % 8u / 4u", all}, // another group's scale
		{layout.Q4K, "unit % 2u * 16u", "0u", all},
		{layout.Q4K, "-dm.y * f32", "dm.y * f32", all},
		{layout.Q8K, "pairs.xz", "pairs.xx", one},
		{layout.Q8K, "pairs.yw", "pairs.yy", one},
		{layout.Q8K, "unit / 2u % 8u", "unit / 4u % 8u", few},
		{layout.Q8K, "unit % 2u * 16u", "0u", few},
	} {
		want := strings.ReplaceAll(strings.Join(tc.kernels, ", "), "TYPE", tc.t.String())
		list = append(list, sabotage{"blocks_" + tc.t.String(), tc.old, tc.new, want, true})
	}
	writers := []string{"cache_write TYPE", "gaussian_merge TYPE", "explicit_merge TYPE", "key_rotate TYPE"} // the last of keys alone
	for _, ct := range layout.CacheTypes {
		reader, writer := "cache_"+ct.String(), "cache_write_"+ct.String()
		k, v := "k_cache[slot", "v_cache[slot"
		if ct.Quantised() {
			k, v = "k_cache[row", "v_cache[row"
		}
		add(reader, k, k+" + 1u", ct, "attention TYPE (1 token)", "attention TYPE (5 tokens)",
			"attn_mass TYPE", "key_similarity TYPE", "pivot_distance TYPE", "attn_max TYPE",
			"expected_logits TYPE", "gaussian_merge TYPE", "explicit_merge TYPE", "key_rotate TYPE", "gvote_vote TYPE")
		add(reader, v, v+" + 1u", ct, "attention TYPE (1 token)", "attention TYPE (5 tokens)", "expected_logits TYPE",
			"gaussian_merge TYPE", "explicit_merge TYPE")
		for i, side := range []string{"k", "v"} {
			kernels := writers[:len(writers)-i]
			if ct.Quantised() {
				add(writer, "(*"+side+")[i] *", "(*"+side+")[i ^ 2u] *", ct, kernels...)
				add(writer, "with_scale("+side+"_out[scales], i4", "with_scale("+side+"_out[scales], 0u", ct, kernels...)
				continue
			}
			add(writer, side+"_out[slot * (HEAD_DIM / 4u) + i4]", side+"_out[slot * (HEAD_DIM / 4u) + (i4 ^ 1u)]", ct, kernels...)
		}
	}
	for _, tc := range []struct {
		t        layout.CacheType
		old, new string
	}{
		{layout.CacheQ8_0, ">> vec4<u32>(24u)", ">> vec4<u32>(25u)"},
		{layout.CacheQ8_0, "i4 / 8u % 2u * 16u", "0u"}, // another block's scale
		{layout.CacheQ4_0, "i4 / 8u % 2u * 16u", "0u"},
		{layout.CacheQ4_0, "16u * (i4 % 2u)", "0u"},
		{layout.CacheQ4_0, " - 8.0", " - 7.0"},
	} {
		add("cache_"+tc.t.String(), tc.old, tc.new, tc.t, "attention TYPE (1 token)", "attention TYPE (5 tokens)",
			"attn_mass TYPE", "key_similarity TYPE", "pivot_distance TYPE", "attn_max TYPE",
			"expected_logits TYPE", "gaussian_merge TYPE", "explicit_merge TYPE", "key_rotate TYPE", "gvote_vote TYPE")
	}
	for _, tc := range []struct {
		t        layout.CacheType
		old, new string
	}{
		{layout.CacheQ8_0, "/ 127.0", "/ 128.0"},
		{layout.CacheQ8_0, "step(vec4<f32>(0.5)", "step(vec4<f32>(1.0)"}, // towards zero
		{layout.CacheQ8_0, "sign(x) *", ""},
		{layout.CacheQ8_0, "return 1.0 / d", "return 1.01 / d"},
		{layout.CacheQ4_0, "/ -8.0", "/ 8.0"},
		{layout.CacheQ4_0, "x + 8.5", "x + 8.0"},
		{layout.CacheQ4_0, "abs(v) > abs(top)", "v > top"},
		{layout.CacheQ4_0, "vec4<u32>(15u)", "vec4<u32>(14u)"},
	} {
		add("cache_write_"+tc.t.String(), tc.old, tc.new, tc.t, writers...)
	}
	add("cache_write_f16", "clamp(x,", "clamp(x * 0.998,", "f16", writers...)
	return list
}

// wrongShader returns shader files one of which has new for old, once. It stands for
// a driver that computes wrong numbers.
func wrongShader(t *testing.T, file, old, new string) func(name string) (string, bool) {
	t.Helper()
	right, _ := shaderFile(file)
	if !strings.Contains(right, old) {
		t.Fatalf("%s.wgsl has no %q", file, old)
	}
	return func(name string) (string, bool) {
		if name == file {
			return strings.Replace(right, old, new, 1), true
		}
		return shaderFile(name)
	}
}

// A kernel that computes something else is named, and no other.
func TestSelfTestNamesWhatIsWrong(t *testing.T) {
	d := openForTest(t)
	broken, before := map[string]bool{}, ""
	for _, s := range slices.Concat(sabotages, partSabotages()) {
		for id, k := range d.kernels {
			for _, name := range id.files() {
				if name == s.file || name == before {
					delete(d.kernels, id)
					k.pipeline.free()
					break
				}
			}
		}
		broken[s.file], before = true, s.file
		d.shader = wrongShader(t, s.file, s.old, s.new)
		d.Software, d.lean = !s.gpu, s.file == "matmul_tiled"
		weights, caches := []layout.WeightType{layout.Q8_0}, []layout.CacheType{layout.CacheF16}
		if strings.HasPrefix(s.file, "weights_") || strings.HasPrefix(s.file, "blocks_") {
			weights, caches = weightTypes, nil
		} else if s.file == "halves" {
			caches = []layout.CacheType{layout.CacheQ8_0}
		} else if s.file == "matvec" || s.file == "matmul_few" { // take types without blocks
			weights = []layout.WeightType{layout.F16}
		} else if i := slices.IndexFunc(layout.CacheTypes, func(t layout.CacheType) bool {
			return strings.HasSuffix(s.file, "_"+t.String())
		}); i >= 0 {
			caches = layout.CacheTypes[i : i+1]
		}
		headDim := 8
		if len(caches) > 0 && caches[0].Quantised() {
			headDim = 64
		}
		// Kernels without the file do what they did.
		cases := slices.DeleteFunc(d.allCases(weights, caches, headDim), func(c kernelcase.Case) bool {
			return !slices.ContainsFunc(d.kernelsOf(c), func(id kernelID) bool {
				return slices.Contains(id.files(), s.file)
			})
		})
		checks, err := d.test(cases)
		if err != nil {
			t.Fatal(err)
		}
		var failed []string
		for _, c := range checks {
			if c.Err == nil {
				continue
			}
			failed = append(failed, c.Kernel)
			if len(failed) == 1 {
				t.Logf("%s: %q for %q: %s: %v", s.file, s.new, s.old, c.Kernel, c.Err)
			}
			if !strings.Contains(c.Err.Error(), "] = ") {
				t.Errorf("%s: %v, want an index and two numbers", c.Kernel, c.Err)
			}
		}
		if got := strings.Join(failed, ", "); got != s.want {
			t.Errorf("%s.wgsl with %q for %q: failed %q, want %q", s.file, s.new, s.old, got, s.want)
		}
	}
	for file := range shaderFiles(t) {
		if !broken[file] && !browserOnly(file) {
			t.Errorf("%s.wgsl was not broken", file)
		}
	}
}

// A kernel that does not compile has failed its check, and the others go on.
func TestSelfTestOfWhatDoesNotCompile(t *testing.T) {
	d := openForTest(t)
	d.shader = wrongShader(t, "swiglu", "let i = id.x;", "let i = id.x")
	checks, err := d.SelfTest([]layout.WeightType{layout.F32}, []layout.CacheType{layout.CacheF32}, 8)
	var wrong *WrongKernels
	if !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), "kernel swiglu failed on "+d.Name+": compile swiglu: ") {
		t.Errorf("error %v, want that swiglu does not compile", err)
	}
	for _, c := range checks {
		if failed := c.Err != nil; failed != (c.Kernel == "swiglu") {
			t.Errorf("%s: %v", c.Kernel, c.Err)
		}
	}
	if last := checks[len(checks)-1].Kernel; last != "attention f32 (5 tokens)" {
		t.Errorf("the last check is of %s, want attention f32 (5 tokens)", last)
	}
}

// Without memory there is an error and no verdict.
func TestSelfTestWithoutMemory(t *testing.T) {
	d := openForTest(t)
	d.Limits.BindingBytes = 16
	checks, err := d.SelfTest(weightTypes, layout.CacheTypes, 32)
	if err == nil || len(checks) > 0 {
		t.Errorf("%d checks and error %v, want none and an error", len(checks), err)
	}
}

// Every kernel that the start has not tested is tested when it is first recorded, whatever
// its task takes by itself; what is wrong is named then and whenever it is recorded again.
func TestKernelsAreTestedAtFirstUse(t *testing.T) {
	for _, software := range []bool{true, false} {
		t.Run(fmt.Sprintf("software=%v", software), func(t *testing.T) { testKernelsAtFirstUse(t, software) })
	}
}

// All kernels are tried on a software adapter but the one that software adapters do without.
func testKernelsAtFirstUse(t *testing.T, software bool) {
	d := openForTest(t)
	d.Software = software
	weights, caches, headDim := []layout.WeightType{layout.Q8_0}, []layout.CacheType{layout.CacheF16}, 8
	if _, err := d.SelfTest(weights, caches, headDim); err != nil {
		t.Fatal(err)
	}
	for _, id := range kernelIDs(t) {
		if browserOnly(id.name) || software == (id.name == "choose_slices") {
			continue
		}
		if err := d.prove(id); err != nil {
			t.Error(err)
		}
		if _, ok := d.tested[id]; !ok {
			t.Errorf("%v was not tested", id)
		}
	}
}

// A kernel that is wrong at its first use fails the pass, and those after it.
func TestWrongKernelAtFirstUse(t *testing.T) {
	d := openForTest(t)
	d.shader = wrongShader(t, "zero", "x[i] = 0u", "x[i] = 1u")
	if _, err := d.SelfTest([]layout.WeightType{layout.Q8_0}, []layout.CacheType{layout.CacheF16}, 8); err != nil {
		t.Fatal(err)
	}
	x := d.poisoned(t, 4)
	for range 2 {
		p := d.Begin()
		p.SwiGLU(x, d.poisoned(t, 2), 1, 2)
		p.Zero(x, 4)
		var wrong *WrongKernels
		if err := p.Submit(); !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), "kernel zero failed on "+d.Name+": x[0] = 1, want 0") {
			t.Errorf("error %v, want one that names zero", err)
		}
	}
}

// On a GPU the test at the start is one submit that is waited for.
func TestSelfTestIsOneSubmit(t *testing.T) {
	d := openForTest(t)
	d.Software, d.emulated = false, false
	if _, err := d.SelfTest([]layout.WeightType{layout.Q8_0}, []layout.CacheType{layout.CacheF16}, 64); err != nil {
		t.Fatal(err)
	}
	kernels, waits := d.Counts()
	if kernels > 12 || waits != 1 {
		t.Errorf("%d kernels and %d waits, want 12 at most and 1", kernels, waits)
	}
	t.Logf("%d kernels, %d waits", kernels, waits)
}

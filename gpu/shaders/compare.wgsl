// compare.wgsl: compares two rows of logits, those under a full and those under a compressed cache, slice by slice.
//
//     d_i = ln p_full(i) - ln p_comp(i)
//     kl = sum_i p_full(i) (exp(-d_i) - 1 + d_i)        over the slice; over all tokens the KL divergence in nats
//     delta = d_i of the token that the compressed run chose
//
// Since probabilities sum to 1, the sum over all tokens is that of p_full(i) d_i. But no term is negative, so that
// nothing cancels out where the rows are nearly the same.
//
// Shapes     full, comp (vocab) f32
//            full_chosen, comp_chosen (at + 1, 3) words as in choose.wgsl: ln sum exp of each row, and the token
//            slices (at + 1, n_slices, 6) words, row `at` is written: kl and delta as f32, delta 0 where the token is
//            in another slice; then the likeliest token of each row, full first: id, logit as f32
// Dispatch   (n_slices, 1, 1)
// Threads    WG_SIZE; thread t owns tokens t, t+WG_SIZE, ... of its slice
// Limits     ties go to the lower id
// Twin       ref/compare.go
// Source     definition

struct Params {
    vocab: u32,
    size: u32, // of a slice
    at: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> full: array<f32>;
@group(0) @binding(2) var<storage, read> comp: array<f32>;
@group(0) @binding(3) var<storage, read> full_chosen: array<u32>;
@group(0) @binding(4) var<storage, read> comp_chosen: array<u32>;
@group(0) @binding(5) var<storage, read_write> slices: array<u32>;

const WG_SIZE: u32 = 64u;
const NEG_LARGE: f32 = -1e30;
const NO_TOKEN: u32 = 0xffffffffu;

// Of each thread's tokens: the sum, and the largest logits with their ids.
var<workgroup> sums: array<f32, WG_SIZE>;
var<workgroup> tops: array<vec2<f32>, WG_SIZE>;
var<workgroup> ids: array<vec2<u32>, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>,
        @builtin(num_workgroups) groups: vec3<u32>) {
    let t = local.x;
    let from_token = group.x * params.size;
    let end = min(from_token + params.size, params.vocab);
    let token = comp_chosen[3u * params.at];
    let full_lse = bitcast<f32>(full_chosen[3u * params.at + 2u]);
    let comp_lse = bitcast<f32>(comp_chosen[3u * params.at + 2u]);
    let slice = 6u * (params.at * groups.x + group.x);

    // 1. Each thread goes over its own tokens.
    var kl = 0.0;
    var top = vec2<f32>(NEG_LARGE);
    var id = vec2<u32>(NO_TOKEN);
    for (var i = from_token + t; i < end; i += WG_SIZE) {
        let f = full[i];
        let c = comp[i];
        let d = (f - c) - (full_lse - comp_lse); // each difference is exact where the two are close
        let p_full = exp(f - full_lse);
        if abs(d) < 0.25 {
            kl += p_full * d * d * (0.5 - d * (0.16666667 - d * (0.041666668 - d * (0.008333334 - d * 0.0013888889))));
        } else {
            kl += p_full * (d - 1.0) + exp(c - comp_lse);
        }
        let larger = (vec2<f32>(f, c) > top) | (id == vec2<u32>(NO_TOKEN));
        top = select(top, vec2<f32>(f, c), larger);
        id = select(id, vec2<u32>(i), larger);
        if i == token {
            slices[slice + 1u] = bitcast<u32>(d);
        }
    }
    sums[t] = kl;
    tops[t] = top;
    ids[t] = id;
    workgroupBarrier();

    // 2. They are joined by a tree.
    for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
        if t < half {
            sums[t] += sums[t + half];
            let other = tops[t + half];
            let other_id = ids[t + half];
            let larger = (other > tops[t]) | ((other == tops[t]) & (other_id < ids[t]));
            tops[t] = select(tops[t], other, larger);
            ids[t] = select(ids[t], other_id, larger);
        }
        workgroupBarrier();
    }
    if t == 0u {
        slices[slice] = bitcast<u32>(sums[0]);
        if token < from_token || token >= end {
            slices[slice + 1u] = 0u;
        }
        slices[slice + 2u] = ids[0].x;
        slices[slice + 3u] = bitcast<u32>(tops[0].x);
        slices[slice + 4u] = ids[0].y;
        slices[slice + 5u] = bitcast<u32>(tops[0].y);
    }
}

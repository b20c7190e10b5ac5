// gvote_sample.wgsl: draws hidden states from a normal distribution with the
// mean and variance of gvote_stats. Joined to random.wgsl.
//
//     h[s, c] = mean_c + sqrt(M2_c / count) * z,   z = sqrt(-2 ln u) cos(2 pi v)
//     u, v = uniform(hash(seed ^ GVOTE_SEED, layer * 2^16 + s, 2c)), uniform(hash(..., 2c + 1))
//
// Draw s does not depend on how many are drawn: more samples add to the first ones.
//
// Shapes     state (2, dim) f32: mean, M2   h (samples, dim) f32
// Dispatch   (dim / WG_SIZE rounded up, samples, 1)
// Threads    WG_SIZE; one thread owns one element
// Limits     count >= 1; layer and samples below 2^16
// Twin       ref/gvote_sample.go
// Source     Tang et al. 2025, GVote, arXiv:2509.03136, sampling of future hidden states; Box & Muller 1958,
//            "A Note on the Generation of Random Normal Deviates"

struct Params {
    dim: u32,
    count: u32,
    seed: u32,
    layer: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> h: array<f32>;

const WG_SIZE: u32 = 64u;
const GVOTE_SEED: u32 = 0x67766f74u; // "gvot": other draws than those that choose tokens

fn normal(seed: u32, stream: u32, index: u32) -> f32 {
    let u = uniform01(hash(seed, stream, 2u * index));
    let v = uniform01(hash(seed, stream, 2u * index + 1u));
    // cos(2 pi v) = sin(2 pi (|v - 1/2| - 1/4)), whose argument is within a quarter turn.
    return sqrt(-2.0 * ln(u)) * sin_quarter(6.2831855 * (abs(v - 0.5) - 0.25));
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    let s = id.y;
    if c >= params.dim {
        return;
    }
    let deviation = sqrt(state[params.dim + c] / f32(params.count));
    let z = normal(params.seed ^ GVOTE_SEED, (params.layer << 16u) + s, c);
    h[s * params.dim + c] = state[c] + deviation * z;
}

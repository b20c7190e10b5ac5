// head_norm.wgsl: root-mean-square normalisation of each head of queries and keys, in place.
//
//     x[i] = x[i] * w[i] / sqrt(mean_j(x[j]^2) + eps)
//
// Shapes     qkv (row0 + rows, stride) f32: queries (n_heads, head_dim), then keys, then what is left alone
//            w (2, head_dim) f32: of queries, of keys
// Dispatch   (n_heads + n_kv_heads, rows, 1)    one workgroup per head
// Threads    WG_SIZE; thread t owns elements t, t+WG_SIZE, t+2*WG_SIZE ... A head is short, and as
//            few threads as a software adapter's vector unit is wide make its barriers cheap.
// Limits     none
// Twin       ref/head_norm.go
// Source     Qwen Team 2025, "Qwen3 Technical Report", arXiv:2505.09388, section 2 (QK-Norm)

struct Params {
    row0: u32,
    stride: u32,
    n_heads: u32,
    head_dim: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;

const WG_SIZE: u32 = 8u;

var<workgroup> partial: array<f32, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let head = (params.row0 + group.y) * params.stride + group.x * params.head_dim;
    let gains = select(0u, params.head_dim, group.x >= params.n_heads);
    let t = local.x;

    // 1. Each thread sums the squares of its own elements.
    var sum = 0.0;
    for (var i = t; i < params.head_dim; i += WG_SIZE) {
        sum += qkv[head + i] * qkv[head + i];
    }
    partial[t] = sum;
    workgroupBarrier();

    // 2. Each thread adds the sums of all, and scales what it owns.
    sum = 0.0;
    for (var i = 0u; i < WG_SIZE; i += 1u) {
        sum += partial[i];
    }
    let inv_rms = inverseSqrt(sum / f32(params.head_dim) + params.eps);
    for (var i = t; i < params.head_dim; i += WG_SIZE) {
        qkv[head + i] = qkv[head + i] * inv_rms * w[gains + i];
    }
}

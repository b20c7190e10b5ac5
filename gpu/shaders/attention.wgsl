// attention.wgsl: attention of one token over a ragged cache, one thread per
// query head. Joined to a cache reader.
//
//     s_j = scale * q . k_j + bias_j       j over the slots of KV head h / group_size
//     out = sum_j exp(s_j - lse) v_j       lse = ln sum_j exp(s_j)
//
// Shapes     k_cache, v_cache of the joined type   slots (all slots, 3) words: position, n, bias as f32
//            heads (n_kv_heads) vec2(offset, len)   q (row0 + 1, stride) f32, its first n_heads * HEAD_DIM columns
//            out (row0 + 1, n_heads * HEAD_DIM) f32   lse (row0 + 1, n_heads) f32
// Dispatch   (n_heads / WG_SIZE rounded up, HEAD_DIM / 4 / BLOCK4, 1)
// Threads    WG_SIZE; one thread owns BLOCK4 vec4 columns of a query head
// Limits     BLOCK4 divides HEAD_DIM / 4; n must be 1. The token sees heads[h].len + n_before + 1 slots: what the
//            cache held, and itself, which cache_write has stored
// Twin       ref/attention.go
// Source     Vaswani et al. 2017, arXiv:1706.03762, eq. 1; running maximum as in Milakov & Gimelshein 2018,
//            arXiv:1805.02867, algorithm 3

struct Params {
    n: u32,
    stride: u32,
    n_heads: u32,
    group_size: u32,
    n_before: u32,
    scale: f32,
    row0: u32, // the token's row in q, out and lse
    head_dim4: u32, // HEAD_DIM / 4, not a constant here: lavapipe unrolls loops with constant bounds
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> slots: array<u32>;
@group(0) @binding(4) var<storage, read> heads: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> lse: array<f32>;

const WG_SIZE: u32 = 32u;
const HEAD_DIM: u32 = 64u;
const BLOCK4: u32 = 16u;
const NEG_LARGE: f32 = -1e30;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let h = id.x;
    if h >= params.n_heads {
        return;
    }
    let head = heads[h / params.group_size];
    let first = head.x;
    let end = first + head.y + params.n_before + 1u;
    let query = params.row0 * (params.stride / 4u) + h * params.head_dim4;
    let to = params.row0 * params.n_heads + h;
    let column = id.y * BLOCK4;

    var sum: array<vec4<f32>, BLOCK4>;
    var top = NEG_LARGE;
    var total = 0.0;
    for (var slot = first; slot < end; slot++) {
        var s4 = vec4<f32>(0.0);
        for (var i = 0u; i < params.head_dim4; i++) {
            s4 += q[query + i] * k4(slot, i);
        }
        let s = params.scale * ((s4.x + s4.y) + (s4.z + s4.w)) + bitcast<f32>(slots[3u * slot + 2u]);
        // A new maximum rescales what was summed so far.
        if s > top {
            let shrink = exp(top - s);
            total *= shrink;
            for (var i = 0u; i < BLOCK4; i++) {
                sum[i] *= shrink;
            }
            top = s;
        }
        let p = exp(s - top);
        total += p;
        for (var i = 0u; i < BLOCK4; i++) {
            sum[i] += p * v4(slot, column + i);
        }
    }
    for (var i = 0u; i < BLOCK4; i++) {
        out[to * params.head_dim4 + column + i] = sum[i] / total;
    }
    if id.y == 0u {
        lse[to] = top + log(total);
    }
}

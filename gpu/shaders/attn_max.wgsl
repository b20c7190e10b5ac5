// attn_max.wgsl: the most attention that one of the new tokens of a chunk, or
// of those before, pays to each slot, after attention.wgsl. Joined to a cache reader.
//
//     most[h, j] = max(most[h, j], max_a max_t exp(scale * q_ta . k_j + bias_j - lse_ta))
//                  a over the query heads of KV head h, t over the tokens t_first .. t_end-1 that see slot j
//
// Shapes     k_cache, v_cache of the joined type   slots (all slots, 3) words: position, n, bias as f32
//            heads (n_kv_heads) vec2(offset, len)   q (row0 + n, q_stride) f32, its first n_heads * HEAD_DIM columns
//            lse (row0 + n, n_heads) f32   most (n_kv_heads, stride) f32
// Dispatch   (n_kv_heads * stride / WG_SIZE rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; one thread owns one slot of one KV head
// Limits     HEAD_DIM a multiple of 4. Token t sees heads[h].len + n_before + t + 1 slots; a head has
//            heads[h].len + n_before + n, at most stride, and what most holds beyond them is left alone
// Twin       ref/attn_max.go
// Source     Kim et al. 2025, KVzip, arXiv:2505.23416

struct Params {
    n: u32,
    q_stride: u32,
    n_heads: u32,
    group_size: u32,
    n_before: u32,
    scale: f32,
    row0: u32, // token 0's row in q and lse
    t_first: u32,
    t_end: u32,
    stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> slots: array<u32>;
@group(0) @binding(4) var<storage, read> heads: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> lse: array<f32>;
@group(0) @binding(7) var<storage, read_write> most: array<f32>;

const WG_SIZE: u32 = 32u;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = id.x + id.y * groups.x * WG_SIZE;
    let h = at / params.stride;
    let j = at % params.stride;
    if h * params.group_size >= params.n_heads {
        return;
    }
    let len = heads[h].y + params.n_before;
    if j >= len + params.n {
        return;
    }
    let slot = heads[h].x + j;
    let bias = bitcast<f32>(slots[3u * slot + 2u]);

    // Slots below len are seen by every token, slot len + t by token t and those after it.
    let t_sees = max(j, len) - len;
    var top = -1e30; // of ln attention
    for (var t = max(params.t_first, t_sees); t < params.t_end; t++) {
        for (var a = h * params.group_size; a < (h + 1u) * params.group_size; a++) {
            let query = ((params.row0 + t) * params.q_stride + a * HEAD_DIM) / 4u;
            var s4 = vec4<f32>(0.0);
            for (var i = 0u; i < HEAD_DIM4; i++) {
                s4 += q[query + i] * k4(slot, i);
            }
            let s = params.scale * ((s4.x + s4.y) + (s4.z + s4.w)) + bias;
            top = max(top, s - lse[(params.row0 + t) * params.n_heads + a]);
        }
    }
    most[at] = max(most[at], exp(top));
}

// cache_write.wgsl: rotates the queries and keys of new tokens by their
// positions, in place, and appends keys and values to the cache of every KV
// head. Joined to a cache writer.
//
//     (x[2i], x[2i+1]) = (x[2i] cos a - x[2i+1] sin a, x[2i] sin a + x[2i+1] cos a)      of queries and keys
//     a = position * base^(-2i / HEAD_DIM), looked up in a table        position = positions[first + t]
//     slot(t, h) = heads[h].offset + heads[h].len + n_before + t
//     k_out[slot] = key of (t, h), v_out[slot] = value of (t, h), slots[slot] = (position, 1, 0)
//
// Shapes     qkv (row0 + n, stride) f32: n_heads queries, n_kv_heads keys and as many values of HEAD_DIM each
//            heads (n_kv_heads) vec2(offset, len) in slots   positions (first + n) u32
//            k_out, v_out of the joined type   slots (all slots, 3) words: position, n, bias as f32
//            table (positions, HEAD_DIM / 2) pairs of cos a, sin a
// Dispatch   ((n_heads + n_kv_heads) * SPANS / WG_SIZE rounded up, n, 1)
// Threads    WG_SIZE; one thread owns a span of a token's query, or of its key and value: as many elements as the
//            writer says
// Limits     HEAD_DIM a multiple of 4; every head has room; the table must reach the last position
// Twin       ref/cache_write.go after ref/rope.go
// Source     Su et al. 2021, RoFormer, arXiv:2104.09864, eq. 34, in the interleaved form

struct Params {
    stride: u32,
    n_heads: u32,
    n_kv_heads: u32,
    n_before: u32,
    row0: u32, // token 0's row in qkv
    first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> heads: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read> positions: array<u32>;
@group(0) @binding(6) var<storage, read_write> slots: array<u32>;
@group(0) @binding(7) var<storage, read> table: array<vec4<f32>>;

const WG_SIZE: u32 = 32u;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;
const SPANS: u32 = (HEAD_DIM4 + SPAN4 - 1u) / SPAN4;

// turned returns two pairs of elements, rotated by (cos, sin, cos, sin).
fn turned(x: vec4<f32>, turn: vec4<f32>) -> vec4<f32> {
    return x * turn.xxzz + x.yxwz * vec4<f32>(-turn.y, turn.y, -turn.w, turn.w);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let t = id.y;
    let head = id.x / SPANS; // the query heads, then the KV heads
    let first = id.x % SPANS * SPAN4;
    if head >= params.n_heads + params.n_kv_heads {
        return;
    }
    let position = positions[params.first + t];
    let row = (params.row0 + t) * (params.stride / 4u) + head * HEAD_DIM4;
    for (var i4 = first; i4 < min(first + SPAN4, HEAD_DIM4); i4++) {
        qkv[row + i4] = turned(qkv[row + i4], table[position * HEAD_DIM4 + i4]);
    }
    if head < params.n_heads {
        return;
    }

    let h = head - params.n_heads;
    let slot = heads[h].x + heads[h].y + params.n_before + t;
    for (var i4 = first; i4 < min(first + SPAN4, HEAD_DIM4); i4 += PUT4) {
        var k: array<vec4<f32>, PUT4>;
        var v: array<vec4<f32>, PUT4>;
        for (var i = 0u; i < PUT4; i++) {
            k[i] = qkv[row + i4 + i];
            v[i] = qkv[row + params.n_kv_heads * HEAD_DIM4 + i4 + i];
        }
        put_k(slot, i4, &k);
        put_v(slot, i4, &v);
    }
    if first == 0u {
        slots[3u * slot] = position;
        slots[3u * slot + 1u] = 1u;
        slots[3u * slot + 2u] = 0u;
    }
}

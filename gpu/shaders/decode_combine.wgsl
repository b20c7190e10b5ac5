// decode_combine.wgsl: makes the attention of one token over each head from
// that over parts of it, which decode_parts.wgsl computed.
//
//     lse = ln sum_p exp(lse_p)       out = sum_p exp(lse_p - lse) out_p       p over the parts of the KV head
//
// Shapes     heads (n_kv_heads) vec2(offset, len)   part_out (parts, group_size, head_dim) f32
//            part_lse (parts, group_size) f32   out (row0 + 1, n_heads * head_dim) f32
//            lse (row0 + 1, n_heads) f32
// Dispatch   (n_heads * head_dim / 4 / WG_SIZE rounded up, 1, 1)
// Threads    WG_SIZE; one thread owns a vec4 of out
// Limits     head_dim a multiple of 4
// Twin       ref/decode_combine.go
// Source     Dao et al. 2023, flash-decoding, pytorch.org/blog/flash-decoding

struct Params {
    n_kv_heads: u32,
    group_size: u32,
    n_before: u32,
    span: u32,
    row0: u32, // the token's row in out and lse
    head_dim4: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> heads: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read> part_out: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> part_lse: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;

const WG_SIZE: u32 = 64u;
const NEG_LARGE: f32 = -1e30;

// parts_of returns how many parts KV head h has: one at least, as the token sees itself.
fn parts_of(h: u32) -> u32 {
    return (heads[h].y + params.n_before) / params.span + 1u;
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let h = id.x / params.head_dim4;
    let column = id.x % params.head_dim4;
    let kv_head = h / params.group_size;
    if kv_head >= params.n_kv_heads {
        return;
    }
    var first = 0u;
    for (var before = 0u; before < kv_head; before++) {
        first += parts_of(before);
    }
    let end = first + parts_of(kv_head);

    var top = NEG_LARGE;
    for (var p = first; p < end; p++) {
        top = max(top, part_lse[p * params.group_size + h % params.group_size]);
    }
    var sum = vec4<f32>(0.0);
    var total = 0.0;
    for (var p = first; p < end; p++) {
        let row = p * params.group_size + h % params.group_size;
        let weight = exp(part_lse[row] - top);
        total += weight;
        sum += weight * part_out[row * params.head_dim4 + column];
    }
    let to = params.row0 * params.n_kv_heads * params.group_size + h;
    out[to * params.head_dim4 + column] = sum / total;
    if column == 0u {
        lse[to] = top + log(total);
    }
}

// cache_write.wgsl: appends the keys and values of new tokens to the cache of
// every KV head. Joined to a cache writer.
//
//     slot(t, h) = heads[h].offset + heads[h].len + n_before + t
//     k_out[slot] = key of (t, h), v_out[slot] = value of (t, h), slots[slot] = (positions[t], 1, 0)
//
// Shapes     qkv (n, stride) f32: queries (q_dim), keys (n_kv_heads, HEAD_DIM), values (n_kv_heads, HEAD_DIM)
//            heads (n_kv_heads) vec2(offset, len) in slots   positions (n) u32
//            k_out, v_out of the joined type   slots (all slots, 3) words: position, n, bias as f32
// Dispatch   (n_kv_heads * SPANS / WG_SIZE rounded up, n, 1)
// Threads    WG_SIZE; one thread owns a span of one token's key and value: as many elements as the writer says
// Limits     HEAD_DIM a multiple of 4; every head has room
// Twin       gpu/ref/cache_write.go
// Source     definition

struct Params {
    stride: u32,
    q_dim: u32,
    n_kv_heads: u32,
    n_before: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> heads: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read> positions: array<u32>;
@group(0) @binding(6) var<storage, read_write> slots: array<u32>;

const WG_SIZE: u32 = 32u;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;
const SPANS: u32 = (HEAD_DIM4 + SPAN4 - 1u) / SPAN4;

fn qkv4(at: u32) -> vec4<f32> {
    return vec4<f32>(qkv[at], qkv[at + 1u], qkv[at + 2u], qkv[at + 3u]);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let t = id.y;
    let h = id.x / SPANS;
    let first = id.x % SPANS * SPAN4;
    if h >= params.n_kv_heads {
        return;
    }
    let slot = heads[h].x + heads[h].y + params.n_before + t;
    let key = t * params.stride + params.q_dim + h * HEAD_DIM;
    let value = key + params.n_kv_heads * HEAD_DIM;
    for (var i4 = first; i4 < min(first + SPAN4, HEAD_DIM4); i4 += PUT4) {
        var k: array<vec4<f32>, PUT4>;
        var v: array<vec4<f32>, PUT4>;
        for (var i = 0u; i < PUT4; i++) {
            k[i] = qkv4(key + 4u * (i4 + i));
            v[i] = qkv4(value + 4u * (i4 + i));
        }
        put_k(slot, i4, &k);
        put_v(slot, i4, &v);
    }
    if first == 0u {
        slots[3u * slot] = positions[t];
        slots[3u * slot + 1u] = 1u;
        slots[3u * slot + 2u] = 0u;
    }
}

// key_similarity.wgsl: cosine of each key with the key in the slot before it.
// Joined to a cache reader.
//
//     cosine[h, i] = k_i . k_{i-1} / max(|k_i| |k_{i-1}|, 1e-12)       0 at i = 0
//
// Shapes     k_cache, v_cache of the joined type   heads (n_kv_heads) vec2(offset, len)
//            cosine (n_kv_heads, stride) f32
// Dispatch   (n_kv_heads * stride / WG_SIZE rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; one thread owns one slot of one head
// Limits     HEAD_DIM a multiple of 4. Head h has heads[h].len + n_after slots, at most stride; what cosine
//            holds beyond them is left alone
// Twin       ref/key_similarity.go
// Source     Wang et al. 2024, KVMerger, arXiv:2407.08454, definition 4.1

struct Params {
    n_kv_heads: u32,
    stride: u32,
    n_after: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> heads: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> cosine: array<f32>;

const WG_SIZE: u32 = 64u;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = id.x + id.y * groups.x * WG_SIZE;
    let h = at / params.stride;
    let i = at % params.stride;
    if h >= params.n_kv_heads || i >= heads[h].y + params.n_after {
        return;
    }
    if i == 0u {
        cosine[at] = 0.0;
        return;
    }
    let slot = heads[h].x + i;
    var product = 0.0;
    var square = 0.0;
    var square_before = 0.0;
    for (var c = 0u; c < HEAD_DIM4; c++) {
        let k = k4(slot, c);
        let before = k4(slot - 1u, c);
        product += dot(k, before);
        square += dot(k, k);
        square_before += dot(before, before);
    }
    cosine[at] = product / max(sqrt(square) * sqrt(square_before), 1e-12);
}

// key_rotate.wgsl: turns keys by given numbers of positions, on their way from
// one cache to another. Joined to a cache reader and a cache writer.
//
//     k_out[s] = R(by[s]) k_cache[s]        for each slot s with by[s] != 0
//
// A key that was rotated by position p is then rotated by p + by. Other keys of k_out, and all values, are left alone.
//
// Shapes     k_cache and k_out of the joined type, the same slots in both
//            by (n_slots) i32, positions   table (positions, HEAD_DIM / 2) vec2(cos, sin), up to the largest |by|
// Dispatch   (as many as there are spans / WG_SIZE rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; one thread owns a span of a key: as many elements as the writer says
// Limits     HEAD_DIM a multiple of 4; k_out must not be k_cache, nor v_out v_cache; fewer than 2^32 spans
// Twin       ref/key_rotate.go
// Source     Su et al. 2021, RoFormer, arXiv:2104.09864, eq. 34, in the interleaved form: rotations add up

struct Params {
    n_slots: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read> by: array<i32>;
@group(0) @binding(6) var<storage, read> table: array<vec2<f32>>;

const WG_SIZE: u32 = 64u;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;
const SPANS: u32 = (HEAD_DIM4 + SPAN4 - 1u) / SPAN4;

// turned returns R(turn) k for four elements from 4 * i4 on, two pairs.
fn turned(k: vec4<f32>, i4: u32, turn: i32) -> vec4<f32> {
    let at = u32(abs(turn)) * (HEAD_DIM / 2u) + 2u * i4;
    let cos = vec4<f32>(table[at].xx, table[at + 1u].xx);
    let sin = f32(sign(turn)) * vec4<f32>(table[at].yy, table[at + 1u].yy);
    return k * cos + k.yxwz * sin * vec4<f32>(-1.0, 1.0, -1.0, 1.0);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let span = id.x + id.y * groups.x * WG_SIZE;
    let slot = span / SPANS;
    let first = span % SPANS * SPAN4;
    if slot >= params.n_slots || by[slot] == 0 {
        return;
    }
    for (var i4 = first; i4 < min(first + SPAN4, HEAD_DIM4); i4 += PUT4) {
        var k: array<vec4<f32>, PUT4>;
        for (var i = 0u; i < PUT4; i++) {
            k[i] = turned(k4(slot, i4 + i), i4 + i, by[slot]);
        }
        put_k(slot, i4, &k);
    }
}

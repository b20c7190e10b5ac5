// pivot_distance.wgsl: distance of each key from the key of a pivot slot.
// Joined to a cache reader.
//
//     distance[h, i] = |k_p - k_i|,  p = pivots[h, i]       0 where p is NO_PIVOT
//
// With aligned it is |k_p - R(pos_p - pos_i) k_i|: the key rotated to its pivot's position first.
//
// Shapes     k_cache, v_cache of the joined type   heads (n_kv_heads) vec2(offset, len)
//            pivots (n_kv_heads, stride) u32, a slot of the same head counted from its first, or NO_PIVOT
//            distance (n_kv_heads, stride) f32   slots (slots of k_cache, 3) words: position, n, bias
//            table (positions, HEAD_DIM / 2) vec2(cos, sin), up to the largest difference of positions
// Dispatch   (n_kv_heads * stride / WG_SIZE rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; one thread owns one slot of one head
// Limits     HEAD_DIM a multiple of 4. Head h has heads[h].len + n_after slots, at most stride; what distance
//            holds beyond them is left alone
// Twin       ref/pivot_distance.go
// Source     Wang et al. 2024, KVMerger, arXiv:2407.08454, eq. 4

struct Params {
    n_kv_heads: u32,
    stride: u32,
    n_after: u32,
    aligned: u32, // 0 or 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> heads: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read> pivots: array<u32>;
@group(0) @binding(5) var<storage, read_write> distance: array<f32>;
@group(0) @binding(6) var<storage, read> slots: array<u32>;
@group(0) @binding(7) var<storage, read> table: array<vec2<f32>>;

const WG_SIZE: u32 = 64u;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;
const NO_PIVOT: u32 = 0xffffffffu;

// turned returns R(by) k for four elements from 4 * i4 on, two pairs: k rotated by so many positions.
fn turned(k: vec4<f32>, i4: u32, by: i32) -> vec4<f32> {
    if by == 0 {
        return k;
    }
    let at = u32(abs(by)) * (HEAD_DIM / 2u) + 2u * i4;
    let cos = vec4<f32>(table[at].xx, table[at + 1u].xx);
    let sin = f32(sign(by)) * vec4<f32>(table[at].yy, table[at + 1u].yy);
    return k * cos + k.yxwz * sin * vec4<f32>(-1.0, 1.0, -1.0, 1.0);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = id.x + id.y * groups.x * WG_SIZE;
    let h = at / params.stride;
    let i = at % params.stride;
    if h >= params.n_kv_heads || i >= heads[h].y + params.n_after {
        return;
    }
    var square = 0.0;
    if pivots[at] != NO_PIVOT {
        let pivot = heads[h].x + pivots[at];
        let slot = heads[h].x + i;
        let by = i32(params.aligned) * (i32(slots[3u * pivot]) - i32(slots[3u * slot]));
        for (var c = 0u; c < HEAD_DIM4; c++) {
            let step = k4(pivot, c) - turned(k4(slot, c), c, by);
            square += dot(step, step);
        }
    }
    distance[at] = sqrt(square);
}

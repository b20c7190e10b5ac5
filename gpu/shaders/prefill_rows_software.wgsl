// prefill_rows_software.wgsl: attention of several new tokens over a ragged cache,
// four queries per thread, which share every key and value that is read. The
// variant of attention.wgsl for software adapters: no barriers. Joined to a
// cache reader.
//
//     s_j = scale * q . k_j + bias_j       j over the slots of the KV head, first to the token's own
//     out = sum_j exp(s_j - lse) v_j       lse = ln sum_j exp(s_j)
//
// Shapes     k_cache, v_cache of the joined type   slots (all slots, 3) words: position, n, bias as f32
//            heads (n_kv_heads) vec2(offset, len)   q (row0 + n, stride) f32, its first n_heads * HEAD_DIM columns
//            out (row0 + n, n_heads * HEAD_DIM) f32   lse (row0 + n, n_heads) f32
// Dispatch   (n * group_size / 4 / WG_SIZE rounded up, n_kv_heads, 1)
// Threads    WG_SIZE; one thread owns rows 4 id.x .. 4 id.x + 3 of KV head id.y: query head row % group_size of the
//            KV head's, token row / group_size. In a matrix of scores or weights a row is a column, a slot a line
// Limits     HEAD_DIM a multiple of 4. Token t sees heads[h].len + n_before + t + 1 slots: what the cache held, and
//            the new tokens up to itself, which cache_write has stored
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
    row0: u32, // the first token's row in q, out and lse
    head_dim4: u32, // HEAD_DIM / 4, not a constant here: lavapipe unrolls loops with constant bounds
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> slots: array<u32>;
@group(0) @binding(4) var<storage, read> heads: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> lse: array<f32>;

const WG_SIZE: u32 = 8u;
const HEAD_DIM: u32 = 64u;
const NEG_LARGE: f32 = -1e30;

// four returns the numbers of four neighbours, that of the last one instead of those behind it.
fn four(first: u32, last: u32) -> vec4<u32> {
    return min(first + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(last));
}

// seen returns the scores of one row: NEG_LARGE, which weighs 0, for slots from `visible` on.
fn seen(products: vec4<f32>, bias: vec4<f32>, j: u32, visible: u32) -> vec4<f32> {
    let slot = j + vec4<u32>(0u, 1u, 2u, 3u);
    return select(vec4<f32>(NEG_LARGE), params.scale * products + bias, slot < vec4<u32>(visible));
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let n_rows = params.n * params.group_size;
    if 4u * id.x >= n_rows {
        return;
    }
    // Where there are no four rows, the last one is computed several times.
    let row = four(4u * id.x, n_rows - 1u);
    let t = row / params.group_size;
    let h = id.y * params.group_size + row % params.group_size;
    let query = ((params.row0 + t) * params.stride + h * HEAD_DIM) / 4u;
    let to = (params.row0 + t) * params.n_heads + h;
    let at = to * params.head_dim4;
    let head = heads[id.y];
    let visible = head.y + params.n_before + t + 1u;

    var top = vec4<f32>(NEG_LARGE);
    var total = vec4<f32>(0.0);
    for (var j = 0u; j < visible.w; j += 4u) {
        // 1. Score four slots.
        let slot = head.x + four(j, visible.w - 1u);
        var products = mat4x4<f32>();
        for (var i = 0u; i < params.head_dim4; i++) {
            let k = mat4x4<f32>(k4(slot.x, i), k4(slot.y, i), k4(slot.z, i), k4(slot.w, i));
            products += transpose(k) * mat4x4<f32>(q[query.x + i], q[query.y + i], q[query.z + i], q[query.w + i]);
        }
        let b = 3u * slot + 2u;
        let bias = bitcast<vec4<f32>>(vec4<u32>(slots[b.x], slots[b.y], slots[b.z], slots[b.w]));
        let s = mat4x4<f32>(seen(products[0], bias, j, visible.x), seen(products[1], bias, j, visible.y),
            seen(products[2], bias, j, visible.z), seen(products[3], bias, j, visible.w));

        // 2. A new maximum rescales what was summed so far.
        let by_slot = transpose(s);
        let new_top = max(top, max(max(by_slot[0], by_slot[1]), max(by_slot[2], by_slot[3])));
        let shrink = exp(top - new_top);
        top = new_top;
        let weights = mat4x4<f32>(exp(s[0] - top.x), exp(s[1] - top.y), exp(s[2] - top.z), exp(s[3] - top.w));
        total = total * shrink + vec4<f32>(1.0) * weights;

        // 3. Sum the values in out, where there is room for heads of any width.
        for (var i = 0u; i < params.head_dim4; i++) {
            var sum = mat4x4<f32>(v4(slot.x, i), v4(slot.y, i), v4(slot.z, i), v4(slot.w, i)) * weights;
            if j > 0u {
                sum += mat4x4<f32>(shrink.x * out[at.x + i], shrink.y * out[at.y + i],
                    shrink.z * out[at.z + i], shrink.w * out[at.w + i]);
            }
            out[at.x + i] = sum[0];
            out[at.y + i] = sum[1];
            out[at.z + i] = sum[2];
            out[at.w + i] = sum[3];
        }
    }

    // 4. Divide. All four are read before one is written: a row that stands here several times is divided once.
    for (var i = 0u; i < params.head_dim4; i++) {
        let mean = mat4x4<f32>(out[at.x + i] / total.x, out[at.y + i] / total.y,
            out[at.z + i] / total.z, out[at.w + i] / total.w);
        out[at.x + i] = mean[0];
        out[at.y + i] = mean[1];
        out[at.z + i] = mean[2];
        out[at.w + i] = mean[3];
    }
    let norm = top + log(total);
    lse[to.x] = norm.x;
    lse[to.y] = norm.y;
    lse[to.z] = norm.z;
    lse[to.w] = norm.w;
}

// decode_parts.wgsl: attention of one token over parts of a ragged cache,
// one workgroup per part and up to HEADS query heads. The decode variant of
// attention.wgsl for GPUs. Joined to a cache reader.
//
//     s_j = scale * q . k_j + bias_j       j over the slots of one part of KV head h / group_size
//     out = sum_j exp(s_j - lse) v_j       lse = ln sum_j exp(s_j)
//
// The slots of a KV head are cut into parts of `span`, the last one shorter; the parts of all heads are numbered
// through. decode_combine makes one of them. Where span is no less than any head, part h is all of head h.
//
// Shapes     k_cache, v_cache of the joined type   slots (all slots, 3) words: position, n, bias as f32
//            heads (n_kv_heads) vec2(offset, len)   q f32, n_heads * HEAD_DIM from vec4 query0 on
//            out (row0 + parts * group_size, HEAD_DIM) f32   lse (row0 + parts * group_size) f32
// Dispatch   (at least the parts, group_size / HEADS rounded up, 1)
// Threads    WG_SIZE; for scores thread t owns slot t of a chunk of WG_SIZE slots, for the sum of values columns
//            4 (t % HEAD_DIM4) .. + 3 of every LANES-th slot
// Limits     HEAD_DIM a multiple of 4 and at most 4 * WG_SIZE
// Twin       ref/decode_parts.go
// Source     Dao et al. 2023, flash-decoding, pytorch.org/blog/flash-decoding; running maximum as in Milakov &
//            Gimelshein 2018, arXiv:1805.02867, algorithm 3

struct Params {
    n_kv_heads: u32,
    group_size: u32,
    n_before: u32,
    span: u32,
    scale: f32,
    query0: u32, // the token's first vec4 in q
    row0: u32, // part 0's first row in out and lse
    head_dim4: u32, // HEAD_DIM / 4, not a constant in loops: lavapipe unrolls those with constant bounds
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> slots: array<u32>;
@group(0) @binding(4) var<storage, read> heads: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> lse: array<f32>;

const WG_SIZE: u32 = 64u;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;
const LANES: u32 = WG_SIZE / HEAD_DIM4; // slots whose values are summed at the same time
const HEADS: u32 = 4u; // a vec4 holds a number for each
const NEG_LARGE: f32 = -1e30;

var<workgroup> weights: array<vec4<f32>, WG_SIZE>; // of the chunk's slots: scores, then exp(score - top)
var<workgroup> partial: array<vec4<f32>, WG_SIZE>; // to be reduced

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let t = local.x;
    let lane = t / HEAD_DIM4;
    let column = t % HEAD_DIM4;

    // 1. Find the part: number `part` of KV head h. Behind the last one there is nothing to do.
    var h = 0u;
    var part = group.x;
    var first = 0u;
    var n_slots = 0u;
    for (; h < params.n_kv_heads; h++) {
        let visible = heads[h].y + params.n_before + 1u;
        let parts = (visible - 1u) / params.span + 1u;
        if part < parts {
            first = heads[h].x + part * params.span;
            n_slots = min(params.span, visible - part * params.span);
            break;
        }
        part -= parts;
    }
    let first_query = group.y * HEADS; // of the group
    let n_queries = min(HEADS, params.group_size - first_query);
    let query = params.query0 + (h * params.group_size + first_query) * HEAD_DIM4;

    var sum: array<vec4<f32>, HEADS>; // of values
    var top = vec4<f32>(NEG_LARGE);
    var total = vec4<f32>(0.0);
    for (var chunk = 0u; chunk < n_slots; chunk += WG_SIZE) {
        // 2. One slot's scores per thread: its key is read once for all query heads. A thread without a slot
        //    scores NEG_LARGE, which weighs 0.
        var s = vec4<f32>(NEG_LARGE);
        if chunk + t < n_slots {
            let slot = first + chunk + t;
            s = vec4<f32>(0.0);
            for (var i = 0u; i < params.head_dim4; i++) {
                let k = k4(slot, i);
                for (var a = 0u; a < HEADS; a++) {
                    if a < n_queries {
                        s[a] += dot(q[query + a * HEAD_DIM4 + i], k);
                    }
                }
            }
            s = params.scale * s + bitcast<f32>(slots[3u * slot + 2u]);
        }

        // 3. The chunk's maximum, by a tree. A new maximum rescales what was summed so far.
        partial[t] = s;
        workgroupBarrier();
        for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
            if t < half {
                partial[t] = max(partial[t], partial[t + half]);
            }
            workgroupBarrier();
        }
        let chunk_top = max(top, partial[0]);
        let shrink = exp(top - chunk_top);
        top = chunk_top;
        total *= shrink;
        for (var a = 0u; a < HEADS; a++) {
            sum[a] *= shrink[a];
        }
        weights[t] = exp(s - top);
        workgroupBarrier();

        // 4. Sum the values, a row by neighbouring threads.
        if lane < LANES {
            for (var j = lane; j < min(WG_SIZE, n_slots - chunk); j += LANES) {
                let p = weights[j];
                let v = v4(first + chunk + j, column);
                total += p;
                for (var a = 0u; a < HEADS; a++) {
                    sum[a] += p[a] * v;
                }
            }
        }
        workgroupBarrier(); // before the next chunk overwrites the weights
    }

    // 5. Add up the lanes.
    weights[t] = total;
    workgroupBarrier();
    total = vec4<f32>(0.0);
    for (var l = 0u; l < LANES; l++) {
        total += weights[l * HEAD_DIM4];
    }
    for (var a = 0u; a < n_queries; a++) {
        partial[t] = sum[a];
        workgroupBarrier();
        if lane == 0u && n_slots > 0u {
            var row = vec4<f32>(0.0);
            for (var l = 0u; l < LANES; l++) {
                row += partial[l * HEAD_DIM4 + column];
            }
            let at = params.row0 + group.x * params.group_size + first_query + a;
            out[at * HEAD_DIM4 + column] = row / total[a];
            if column == 0u {
                lse[at] = top[a] + log(total[a]);
            }
        }
        workgroupBarrier(); // before the next query head overwrites them
    }
}

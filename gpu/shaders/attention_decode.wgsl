// attention_decode.wgsl: attention of one token over a ragged cache, one
// workgroup per query head. The decode variant of attention.wgsl for GPUs.
// Joined to a cache reader.
//
//     s_j = scale * q . k_j + bias_j       j over the slots of KV head h / group_size
//     out = sum_j exp(s_j - lse) v_j       lse = ln sum_j exp(s_j)
//
// Shapes     k_cache, v_cache of the joined type   slots (all slots, 3) words: position, n, bias as f32
//            heads (n_kv_heads) vec2(offset, len)   q (stride) f32, its first n_heads * HEAD_DIM columns
//            out (n_heads * HEAD_DIM) f32   lse (n_heads) f32
// Dispatch   (n_heads, 1, 1)
// Threads    WG_SIZE; for scores thread t owns slot t of a chunk of WG_SIZE slots, for the sum of values
//            columns 4t .. 4t+3
// Limits     HEAD_DIM a multiple of 4 and at most 4 * WG_SIZE; n must be 1
// Twin       gpu/ref/attention.go
// Source     Vaswani et al. 2017, arXiv:1706.03762, eq. 1; running maximum as in Milakov & Gimelshein 2018,
//            arXiv:1805.02867, algorithm 3

struct Params {
    n: u32,
    stride: u32,
    n_heads: u32,
    group_size: u32,
    n_before: u32,
    scale: f32,
    head_dim4: u32, // HEAD_DIM / 4
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
const NEG_LARGE: f32 = -1e30;

var<workgroup> scores: array<f32, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let h = group.x;
    let t = local.x;
    let head = heads[h / params.group_size];
    let n_slots = head.y + params.n_before + 1u;

    var sum = vec4<f32>(0.0);
    var top = NEG_LARGE;
    var total = 0.0;
    for (var chunk = 0u; chunk < n_slots; chunk += WG_SIZE) {
        // 1. One score per thread; a thread without a slot scores NEG_LARGE, which weighs 0.
        var s = NEG_LARGE;
        if chunk + t < n_slots {
            let slot = head.x + chunk + t;
            var s4 = vec4<f32>(0.0);
            for (var i = 0u; i < HEAD_DIM4; i++) {
                s4 += q[h * HEAD_DIM4 + i] * k4(slot, i);
            }
            s = params.scale * ((s4.x + s4.y) + (s4.z + s4.w)) + bitcast<f32>(slots[3u * slot + 2u]);
        }
        scores[t] = s;
        workgroupBarrier();

        // 2. Every thread finds the chunk's maximum for itself and rescales.
        var chunk_top = top;
        for (var j = 0u; j < WG_SIZE; j++) {
            chunk_top = max(chunk_top, scores[j]);
        }
        let shrink = exp(top - chunk_top);
        total *= shrink;
        sum *= shrink;
        top = chunk_top;

        // 3. Every thread sums the weights; those with columns also sum values.
        for (var j = 0u; j < min(WG_SIZE, n_slots - chunk); j++) {
            let p = exp(scores[j] - top);
            total += p;
            if t < HEAD_DIM4 {
                sum += p * v4(head.x + chunk + j, t);
            }
        }
        workgroupBarrier(); // before the next chunk overwrites the scores
    }
    if t < HEAD_DIM4 {
        out[h * HEAD_DIM4 + t] = sum / total;
    }
    if t == 0u {
        lse[h] = top + log(total);
    }
}

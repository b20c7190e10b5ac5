// gvote_vote.wgsl: each voter, a query of one query head, votes for the slots
// that it attends to most. Joined to a cache reader.
//
//     s_j = scale * q . k_j + bias_j       j over the slots of KV head h of query head a
//     nucleus = 1: the voter is the last prompt query; it picks the smallest set of largest softmax weights
//                  with mass >= p_nuc, stores its size in b_step[a], and votes if include_c0 = 1
//     nucleus = 0: the voter is a sampled query; it votes for the b_step[a] largest scores
//     Ties go to the lower slot. votes[h, j] += 1 for each voter that picks j.
//
// Nothing is sorted. Both kinds of voter give each slot a weight (exp(s - max), or 1), need a total (p_nuc of
// all, or b_step) and look for the largest score above which the weights sum to it.
//
// Shapes     k_cache, v_cache of the joined type   slots (all slots, 3) words: position, n, bias as f32
//            heads (n_kv_heads) vec2(offset, len)   q (samples, q_stride) f32, first n_heads * HEAD_DIM columns
//            scores (voters of this dispatch, stride) f32, scratch   votes (n_kv_heads, stride) u32
//            b_step (n_heads) u32
// Dispatch   (samples of this dispatch * n_heads, 1, 1)
// Threads    WG_SIZE (8 on software adapters); thread t owns slots t, t+WG_SIZE, ...
// Limits     HEAD_DIM a multiple of 4; p_nuc > 0, and >= 1 means all slots; heads[h].len + n_after slots, at most
//            stride and below 2^24
// Twin       gpu/ref/gvote_vote.go
// Source     Tang et al. 2025, GVote, arXiv:2509.03136, single-step budget and voting

struct Params {
    q_stride: u32,
    n_heads: u32,
    group_size: u32,
    n_after: u32,
    scale: f32,
    stride: u32,
    first_sample: u32,
    nucleus: u32,
    p_nuc: f32,
    include_c0: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> slots: array<u32>;
@group(0) @binding(4) var<storage, read> heads: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> scores: array<f32>;
@group(0) @binding(7) var<storage, read_write> votes: array<atomic<u32>>;
@group(0) @binding(8) var<storage, read_write> b_step: array<u32>;

const WG_SIZE: u32 = 64u;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;
const NEG_LARGE: f32 = -1e30;

var<workgroup> partial: array<f32, WG_SIZE>;

// sum_over returns the sum of every thread's x to every thread. Counts are exact.
fn sum_over(t: u32, x: f32) -> f32 {
    partial[t] = x;
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < WG_SIZE; i++) {
        sum += partial[i];
    }
    workgroupBarrier(); // everyone has read before the next sum overwrites
    return sum;
}

fn max_over(t: u32, x: f32) -> f32 {
    partial[t] = x;
    workgroupBarrier();
    var top = NEG_LARGE;
    for (var i = 0u; i < WG_SIZE; i++) {
        top = max(top, partial[i]);
    }
    workgroupBarrier();
    return top;
}

// rank_of maps floats to integers of the same order; score_of maps them back.
fn rank_of(s: f32) -> u32 {
    let bits = bitcast<u32>(s);
    return bits ^ select(0x80000000u, 0xffffffffu, bits >= 0x80000000u);
}

fn score_of(rank: u32) -> f32 {
    return bitcast<f32>(rank ^ select(0xffffffffu, 0x80000000u, rank >= 0x80000000u));
}

fn by_mass() -> bool {
    return params.nucleus == 1u && params.p_nuc < 1.0;
}

fn weight(s: f32, top: f32) -> f32 {
    return select(1.0, exp(s - top), by_mass());
}

// weight_from returns the weight of all slots whose rank is at least `rank`.
fn weight_from(t: u32, row: u32, n_slots: u32, top: f32, rank: u32) -> f32 {
    var sum = 0.0;
    for (var j = t; j < n_slots; j += WG_SIZE) {
        let s = scores[row + j];
        if rank_of(s) >= rank {
            sum += weight(s, top);
        }
    }
    return sum_over(t, sum);
}

// equals_before returns how many slots below `limit` have this rank.
fn equals_before(t: u32, row: u32, n_slots: u32, rank: u32, limit: u32) -> f32 {
    var count = 0.0;
    for (var j = t; j < min(n_slots, limit); j += WG_SIZE) {
        if rank_of(scores[row + j]) == rank {
            count += 1.0;
        }
    }
    return sum_over(t, count);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let t = local.x;
    let a = group.x % params.n_heads;
    let sample = params.first_sample + group.x / params.n_heads;
    let h = a / params.group_size;
    let n_slots = heads[h].y + params.n_after;
    let row = group.x * params.stride;
    let query = (sample * params.q_stride + a * HEAD_DIM) / 4u;

    // 1. Each thread scores its own slots; nobody else reads them.
    var top = NEG_LARGE;
    for (var j = t; j < n_slots; j += WG_SIZE) {
        let slot = heads[h].x + j;
        var s4 = vec4<f32>(0.0);
        for (var i = 0u; i < HEAD_DIM4; i++) {
            s4 += q[query + i] * k4(slot, i);
        }
        let s = params.scale * ((s4.x + s4.y) + (s4.z + s4.w)) + bitcast<f32>(slots[3u * slot + 2u]);
        scores[row + j] = s;
        top = max(top, s);
    }
    top = max_over(t, top);

    // 2. What the picked slots have to weigh together.
    var need = params.p_nuc * weight_from(t, row, n_slots, top, 0u);
    if !by_mass() {
        need = f32(select(b_step[a], n_slots, params.nucleus == 1u));
    }

    // 3. The largest rank from which on the slots weigh that much, bit by bit from the highest.
    var rank = 0u;
    for (var bit = 0x80000000u; bit > 0u; bit /= 2u) {
        if weight_from(t, row, n_slots, top, rank | bit) >= need {
            rank |= bit;
        }
    }

    // 4. All slots above it are picked, and of those that equal it the first `ties`. limit is the largest
    //    with at most so many of them before it.
    let above = weight_from(t, row, n_slots, top, rank + 1u);
    let ties = max(1.0, ceil((need - above) / weight(score_of(rank), top)));
    var limit = 0u;
    for (var bit = 0x800000u; bit > 0u; bit /= 2u) {
        if equals_before(t, row, n_slots, rank, limit | bit) <= ties {
            limit |= bit;
        }
    }

    // 5. Vote.
    var picked = 0.0;
    for (var j = t; j < n_slots; j += WG_SIZE) {
        let r = rank_of(scores[row + j]);
        if r > rank || (r == rank && j < limit) {
            picked += 1.0;
            if params.nucleus == 0u || params.include_c0 == 1u {
                atomicAdd(&votes[h * params.stride + j], 1u);
            }
        }
    }
    picked = sum_over(t, picked);
    if params.nucleus == 1u && t == 0u {
        b_step[a] = u32(picked);
    }
}

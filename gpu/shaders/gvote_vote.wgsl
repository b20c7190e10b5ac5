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
// all, or b_step) and look for the largest score from which on the weights sum to it: two bits of its rank at a
// time. A search that has its answer goes on over no slots: what it does with barriers must not depend on data.
//
// Shapes     k_cache, v_cache of the joined type   slots (all slots, 3) words: position, n, bias as f32
//            heads (n_kv_heads) vec2(offset, len)   q (row0 + samples, q_stride) f32, first n_heads * HEAD_DIM columns
//            ranks (voters of this dispatch, stride) u32, scratch   votes (n_kv_heads, stride) u32
//            b_step (n_heads) u32
// Dispatch   (samples of this dispatch * n_heads, 1, 1)
// Threads    WG_SIZE (8 on software adapters); thread t owns slots t, t+WG_SIZE, ...
// Limits     HEAD_DIM a multiple of 4; p_nuc > 0, and >= 1 means all slots; heads[h].len + n_after slots, at most
//            stride and below 2^24
// Twin       ref/gvote_vote.go
// Source     Tang et al. 2025, GVote, arXiv:2509.03136, single-step budget and voting

struct Params {
    q_stride: u32,
    n_heads: u32,
    group_size: u32,
    n_after: u32,
    scale: f32,
    stride: u32,
    row0: u32, // the first sample's row in q
    nucleus: u32,
    p_nuc: f32,
    include_c0: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> slots: array<u32>;
@group(0) @binding(4) var<storage, read> heads: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> ranks: array<u32>;
@group(0) @binding(7) var<storage, read_write> votes: array<atomic<u32>>;
@group(0) @binding(8) var<storage, read_write> b_step: array<u32>;

const WG_SIZE: u32 = 64u;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;
const NEG_LARGE: f32 = -1e30;

var<workgroup> partial: array<vec4<f32>, WG_SIZE>;

// sum_over returns the sum of every thread's x to every thread. Counts are exact.
fn sum_over(t: u32, x: vec4<f32>) -> vec4<f32> {
    partial[t] = x;
    workgroupBarrier();
    var sum = vec4<f32>(0.0);
    for (var i = 0u; i < WG_SIZE; i++) {
        sum += partial[i];
    }
    workgroupBarrier(); // everyone has read before the next sum overwrites
    return sum;
}

fn max_over(t: u32, x: f32) -> f32 {
    partial[t].x = x;
    workgroupBarrier();
    var top = NEG_LARGE;
    for (var i = 0u; i < WG_SIZE; i++) {
        top = max(top, partial[i].x);
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

fn weight(rank: u32, top: f32) -> f32 {
    if by_mass() {
        return exp(score_of(rank) - top);
    }
    return 1.0;
}

// weights_from returns the weight of all slots whose rank is at least each of four.
fn weights_from(t: u32, row: u32, n_slots: u32, top: f32, least: vec4<u32>) -> vec4<f32> {
    var sum = vec4<f32>(0.0);
    for (var j = t; j < n_slots; j += WG_SIZE) {
        let rank = ranks[row + j];
        sum += select(vec4<f32>(0.0), vec4<f32>(weight(rank, top)), vec4<u32>(rank) >= least);
    }
    return sum_over(t, sum);
}

// equals_before returns how many slots below each of four limits have this rank.
fn equals_before(t: u32, row: u32, n_slots: u32, rank: u32, limits: vec4<u32>) -> vec4<f32> {
    var count = vec4<f32>(0.0);
    for (var j = t; j < n_slots; j += WG_SIZE) {
        if ranks[row + j] == rank {
            count += select(vec4<f32>(0.0), vec4<f32>(1.0), vec4<u32>(j) < limits);
        }
    }
    return sum_over(t, count);
}

// quarters returns the four numbers that differ from origin in two bits, ascending.
fn quarters(origin: u32, shift: u32) -> vec4<u32> {
    return vec4<u32>(origin) | (vec4<u32>(0u, 1u, 2u, 3u) << vec4<u32>(shift));
}

// how_many returns how many of the last three hold: of numbers in order, which is the last that does.
fn how_many(holds: vec4<bool>) -> u32 {
    return u32(holds.y) + u32(holds.z) + u32(holds.w);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let t = local.x;
    let a = group.x % params.n_heads;
    let sample = params.row0 + group.x / params.n_heads;
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
        ranks[row + j] = rank_of(s);
        top = max(top, s);
    }
    top = max_over(t, top);

    // 2. What the picked slots have to weigh together.
    var need = params.p_nuc * weights_from(t, row, n_slots, top, vec4<u32>(0u)).x;
    if !by_mass() {
        need = f32(select(b_step[a], n_slots, params.nucleus == 1u));
    }

    // 3. The largest rank from which on the slots weigh that much, two bits at a time from the highest. A lower
    //    one will do from which on they weigh just that.
    var rank = 0u;
    var searched = n_slots;
    for (var shift = 32u; shift > 0u;) {
        shift -= 2u;
        let weights = weights_from(t, row, searched, top, quarters(rank, shift));
        rank |= how_many(weights >= vec4<f32>(need)) << shift;
        if any(weights == vec4<f32>(need)) {
            searched = 0u;
        }
    }

    // 4. All slots above it are picked, and of those that equal it the first `ties`. limit is the largest
    //    with at most so many of them before it.
    let above = weights_from(t, row, n_slots, top, vec4<u32>(rank + 1u)).x;
    let ties = max(1.0, ceil((need - above) / weight(rank, top)));
    let equals = equals_before(t, row, n_slots, rank, vec4<u32>(n_slots)).x;
    searched = select(0u, n_slots, equals > ties);
    var limit = 0u;
    for (var shift = 24u; shift > 0u;) {
        shift -= 2u;
        let equal = equals_before(t, row, searched, rank, quarters(limit, shift));
        limit |= how_many(equal <= vec4<f32>(ties)) << shift;
    }

    // 5. Vote.
    var picked = 0.0;
    for (var j = t; j < n_slots; j += WG_SIZE) {
        let r = ranks[row + j];
        if r > rank || (r == rank && j < limit) {
            picked += 1.0;
            if params.nucleus == 0u || params.include_c0 == 1u {
                atomicAdd(&votes[h * params.stride + j], 1u);
            }
        }
    }
    picked = sum_over(t, vec4<f32>(picked)).x;
    if params.nucleus == 1u && t == 0u {
        b_step[a] = u32(picked);
    }
}

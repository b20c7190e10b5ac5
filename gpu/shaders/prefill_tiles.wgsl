// prefill_tiles.wgsl: attention of many new tokens over a ragged cache, one
// workgroup per KV head and ROWS queries, which share every key and value that
// is read. The variant of attention.wgsl for GPUs. Joined to a cache reader.
//
//     s_j = scale * q . k_j + bias_j       j over the slots of the KV head, first to the token's own
//     out = sum_j exp(s_j - lse) v_j       lse = ln sum_j exp(s_j)
//
// Shapes     k_cache, v_cache of the joined type   slots (all slots, 3) words: position, n, bias as f32
//            heads (n_kv_heads) vec2(offset, len)   q (row0 + n, stride) f32, its first n_heads * HEAD_DIM columns
//            out (row0 + n, n_heads * HEAD_DIM) f32   lse (row0 + n, n_heads) f32
// Dispatch   (n * group_size / ROWS rounded up, n_kv_heads, 1)
// Threads    WG_SIZE; LANES neighbouring threads own one row: query head row % group_size of the KV head's, token
//            row / group_size. Of a tile of SLOTS slots a thread scores every LANES-th one, and of the sum of
//            values it owns every LANES-th vec4
// Limits     16 SLOTS (HEAD_DIM / 4 + 1) + 4 ROWS (SLOTS + LANES) bytes of workgroup memory, SLOTS a multiple of LANES.
//            Token t sees heads[h].len + n_before + t + 1 slots: what the cache held, and the new tokens up to
//            itself, which cache_write has stored
// Twin       ref/attention.go
// Source     Dao et al. 2022, FlashAttention, arXiv:2205.14135, algorithm 1, with the loops exchanged as in Dao
//            2023, arXiv:2307.08691, section 3.1

struct Params {
    n: u32,
    stride: u32,
    n_heads: u32,
    group_size: u32,
    n_before: u32,
    scale: f32,
    row0: u32, // the first token's row in q, out and lse
    head_dim4: u32, // HEAD_DIM / 4, not a constant in loops: lavapipe unrolls those with constant bounds
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> slots: array<u32>;
@group(0) @binding(4) var<storage, read> heads: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> out: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> lse: array<f32>;

const WG_SIZE: u32 = 128u;
const LANES: u32 = 4u;
const ROWS: u32 = WG_SIZE / LANES;
const SLOTS: u32 = 32u;
const LANE_SLOTS: u32 = SLOTS / LANES;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;
const LANE_COLUMNS4: u32 = (HEAD_DIM4 + LANES - 1u) / LANES;
const STRIDE4: u32 = HEAD_DIM4 + 1u; // of a tile's rows: one more, so that the lanes read from different banks
const TILE4: u32 = SLOTS * STRIDE4;
const WEIGHTS: u32 = SLOTS * ROWS;
const NEG_LARGE: f32 = -1e30;

var<workgroup> tile: array<vec4<f32>, TILE4>; // keys, then values
var<workgroup> weights: array<f32, WEIGHTS>; // exp(score - top)
var<workgroup> tops: array<f32, WG_SIZE>; // the largest score that each thread has found

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let t = local.x;
    let lane = t % LANES;
    let r = t / LANES;
    let row = group.x * ROWS + r;
    let h = group.y * params.group_size + row % params.group_size;
    let token = row / params.group_size;
    let last_token = min((group.x * ROWS + ROWS - 1u) / params.group_size, params.n - 1u);
    let head = heads[group.y];
    let visible = head.y + params.n_before + min(token, last_token) + 1u;
    let all_visible = head.y + params.n_before + last_token + 1u; // to the last row
    let query = ((params.row0 + min(token, last_token)) * params.stride + h * HEAD_DIM) / 4u;
    let to = (params.row0 + token) * params.n_heads + h;

    var sum: array<vec4<f32>, LANE_COLUMNS4>;
    var top = NEG_LARGE;
    var total = 0.0;
    for (var first = 0u; first < all_visible; first += SLOTS) {
        let n_slots = min(SLOTS, all_visible - first);

        // 1. Stage the keys.
        for (var i = t; i < n_slots * HEAD_DIM4; i += WG_SIZE) {
            tile[i / HEAD_DIM4 * STRIDE4 + i % HEAD_DIM4] = k4(head.x + first + i / HEAD_DIM4, i % HEAD_DIM4);
        }
        workgroupBarrier();

        // 2. Score them. What the token does not see scores NEG_LARGE, which weighs 0: its first slot it sees.
        var s = array<f32, LANE_SLOTS>(); // without a value naga makes it zero in the first turn of the loop only
        for (var i = 0u; i < params.head_dim4; i++) {
            let query4 = q[query + i];
            for (var j = 0u; j < LANE_SLOTS; j++) {
                s[j] += dot(query4, tile[(lane + j * LANES) * STRIDE4 + i]);
            }
        }
        var lane_top = NEG_LARGE;
        for (var j = 0u; j < LANE_SLOTS; j++) {
            let slot = first + lane + j * LANES;
            if slot < visible {
                s[j] = params.scale * s[j] + bitcast<f32>(slots[3u * (head.x + slot) + 2u]);
            } else {
                s[j] = NEG_LARGE;
            }
            lane_top = max(lane_top, s[j]);
        }
        tops[t] = lane_top;
        workgroupBarrier();

        // 3. A new maximum of the row rescales what was summed so far. Stage the values where the keys were.
        var tile_top = top;
        for (var l = 0u; l < LANES; l++) {
            tile_top = max(tile_top, tops[r * LANES + l]);
        }
        let shrink = exp(top - tile_top);
        top = tile_top;
        total *= shrink;
        for (var i = 0u; i < LANE_COLUMNS4; i++) {
            sum[i] *= shrink;
        }
        for (var j = 0u; j < LANE_SLOTS; j++) {
            weights[(lane + j * LANES) * ROWS + r] = exp(s[j] - top);
        }
        for (var i = t; i < n_slots * HEAD_DIM4; i += WG_SIZE) {
            tile[i / HEAD_DIM4 * STRIDE4 + i % HEAD_DIM4] = v4(head.x + first + i / HEAD_DIM4, i % HEAD_DIM4);
        }
        workgroupBarrier();

        // 4. Sum them.
        for (var j = 0u; j < n_slots; j++) {
            let p = weights[j * ROWS + r];
            total += p;
            for (var i = 0u; i < LANE_COLUMNS4; i++) {
                sum[i] += p * tile[j * STRIDE4 + min(lane + i * LANES, HEAD_DIM4 - 1u)];
            }
        }
        workgroupBarrier(); // before the next keys overwrite the values
    }
    if token < params.n {
        for (var i = 0u; i < LANE_COLUMNS4; i++) {
            let column = lane + i * LANES;
            if column < HEAD_DIM4 {
                out[to * HEAD_DIM4 + column] = sum[i] / total;
            }
        }
        if lane == 0u {
            lse[to] = top + log(total);
        }
    }
}

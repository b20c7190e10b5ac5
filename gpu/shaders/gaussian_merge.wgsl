// gaussian_merge.wgsl: blends several slots of one cache into a slot of
// another. Joined to a cache reader and a cache writer.
//
//     g_i = exp(-|k_p - k_i|^2 / (2 sigma^2))       w_i = n_i g_i / sum_j n_j g_j
//     k*  = sum_i w_i k_i                           v*  = value_scale * sum_i w_i v_i
//
// In rows that are aligned, k_i stands for R(pos_p - pos_i) k_i: the key rotated to its pivot's position. In rows
// that are per token, v_i stands for v_i / n_i.
//
// Shapes     k_cache, v_cache and k_out, v_out of the joined type
//            rows (n_rows, 8) words: to, pivot, first, count, sigma as f32, value_scale as f32, aligned, per_token;
//            behind them the members of all rows, u32; row r has the first-th to the (first+count-1)-th, its
//            pivot among them
//            table (positions, HEAD_DIM / 2) vec2(cos, sin), up to the largest difference of positions
//            slots (slots of k_cache, 3) words: position, n, bias   weights (all rows' members) f32: w_i
//            to is a slot of k_out; pivot and members are slots of k_cache; all count from the buffers' start
// Dispatch   (n_rows / WG_SIZE rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; one thread owns one row
// Limits     HEAD_DIM a multiple of 4; sigma >= 1e-6; k_out and v_out must not be k_cache or v_cache; rows share
//            neither members nor to
// Twin       ref/gaussian_merge.go
// Source     Wang et al. 2024, KVMerger, arXiv:2407.08454, eqs. 4-6, with n_i for slots that are merged again

struct Params {
    n_rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read> rows: array<u32>;
@group(0) @binding(6) var<storage, read> slots: array<u32>;
@group(0) @binding(7) var<storage, read> table: array<vec2<f32>>;
@group(0) @binding(8) var<storage, read_write> weights: array<f32>;

const WG_SIZE: u32 = 32u;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;

fn member(m: u32) -> u32 {
    return rows[8u * params.n_rows + m];
}

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
    let r = id.x + id.y * groups.x * WG_SIZE;
    if r >= params.n_rows {
        return;
    }
    let row = 8u * r;
    let to = rows[row];
    let pivot = rows[row + 1u];
    let first = rows[row + 2u];
    let end = first + rows[row + 3u];
    let sigma = bitcast<f32>(rows[row + 4u]);
    let value_scale = bitcast<f32>(rows[row + 5u]);
    let aligned = i32(rows[row + 6u]);
    let per_token = rows[row + 7u] == 1u;
    let pos = i32(slots[3u * pivot]);

    // 1. n_i g_i of each member. The pivot's is at least 1, so the sum is too.
    var total = 0.0;
    for (var m = first; m < end; m++) {
        let slot = member(m);
        let by = aligned * (pos - i32(slots[3u * slot]));
        var square = 0.0;
        for (var c = 0u; c < HEAD_DIM4; c++) {
            let step = k4(pivot, c) - turned(k4(slot, c), c, by);
            square += dot(step, step);
        }
        let share = f32(slots[3u * slot + 1u]) * exp(-square / (2.0 * sigma * sigma));
        weights[m] = share;
        total += share;
    }

    // 2. The weights now sum to 1.
    for (var m = first; m < end; m++) {
        weights[m] /= total;
    }

    // 3. The blend, as many columns at a time as the writer takes.
    for (var c = 0u; c < HEAD_DIM4; c += PUT4) {
        var k = array<vec4<f32>, PUT4>();
        var v = array<vec4<f32>, PUT4>();
        for (var m = first; m < end; m++) {
            let slot = member(m);
            let by = aligned * (pos - i32(slots[3u * slot]));
            let share = select(weights[m], weights[m] / f32(slots[3u * slot + 1u]), per_token);
            for (var i = 0u; i < PUT4; i++) {
                k[i] += weights[m] * turned(k4(slot, c + i), c + i, by);
                v[i] += share * v4(slot, c + i);
            }
        }
        for (var i = 0u; i < PUT4; i++) {
            v[i] *= value_scale;
        }
        put_k(to, c, &k);
        put_v(to, c, &v);
    }
}

// gaussian_merge.wgsl: blends several slots of one cache into a slot of
// another. Joined to a cache reader and a cache writer.
//
//     g_i = exp(-|k_p - k_i|^2 / (2 sigma^2))       w_i = n_i g_i / sum_j n_j g_j
//     k*  = sum_i w_i k_i                           v*  = value_scale * sum_i w_i v_i
//
// Shapes     k_cache, v_cache and k_out, v_out of the joined type
//            rows (n_rows, 6) words: to, pivot, first, count, sigma as f32, value_scale as f32
//            members (all rows' members) u32; row r has members[first .. first+count-1], its pivot among them
//            slots (slots of k_cache, 3) words: position, n, bias   weights (all rows' members) f32: w_i
//            to is a slot of k_out; pivot and members are slots of k_cache; all count from the buffers' start
// Dispatch   (n_rows / WG_SIZE rounded up, 1, 1)
// Threads    WG_SIZE; one thread owns one row
// Limits     HEAD_DIM a multiple of 4; sigma >= 1e-6; k_out and v_out must not be k_cache or v_cache; rows share
//            neither members nor to
// Twin       gpu/ref/gaussian_merge.go
// Source     Wang et al. 2024, KVMerger, arXiv:2407.08454, eqs. 4-6, with n_i for slots that are merged again

struct Params {
    n_rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read> rows: array<u32>;
@group(0) @binding(6) var<storage, read> members: array<u32>;
@group(0) @binding(7) var<storage, read> slots: array<u32>;
@group(0) @binding(8) var<storage, read_write> weights: array<f32>;

const WG_SIZE: u32 = 32u;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.n_rows {
        return;
    }
    let row = 6u * id.x;
    let to = rows[row];
    let pivot = rows[row + 1u];
    let first = rows[row + 2u];
    let end = first + rows[row + 3u];
    let sigma = bitcast<f32>(rows[row + 4u]);
    let value_scale = bitcast<f32>(rows[row + 5u]);

    // 1. n_i g_i of each member. The pivot's is at least 1, so the sum is too.
    var total = 0.0;
    for (var m = first; m < end; m++) {
        let slot = members[m];
        var square = 0.0;
        for (var c = 0u; c < HEAD_DIM4; c++) {
            let step = k4(pivot, c) - k4(slot, c);
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

    // 3. The blend, four columns at a time.
    for (var c = 0u; c < HEAD_DIM4; c++) {
        var k = vec4<f32>(0.0);
        var v = vec4<f32>(0.0);
        for (var m = first; m < end; m++) {
            k += weights[m] * k4(members[m], c);
            v += weights[m] * v4(members[m], c);
        }
        put_k4(to, c, k);
        put_v4(to, c, value_scale * v);
    }
}

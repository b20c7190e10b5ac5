// explicit_merge.wgsl: sums slots of one cache into a slot of another, with
// weights that are given. Joined to a cache reader and a cache writer.
//
//     k* = sum of weight * k_slot over the row's key shares         v* = the same of v over its value shares
//
// Shapes     k_cache, v_cache and k_out, v_out of the joined type
//            rows (n_rows, 4) words: to, the first key share, the first value share, the end of the value shares;
//            key shares end where value shares begin
//            shares (shares of all rows) vec2(slot, weight as f32)
//            to is a slot of k_out, slot of k_cache; both count from the buffers' start
// Dispatch   (n_rows / WG_SIZE rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; one thread owns one row
// Limits     HEAD_DIM a multiple of 4; k_out and v_out must not be k_cache or v_cache; no two rows to one slot
// Twin       ref/explicit_merge.go
// Source     definition

struct Params {
    n_rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read> rows: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read> shares: array<vec2<u32>>;

const WG_SIZE: u32 = 32u;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let r = id.x + id.y * groups.x * WG_SIZE;
    if r >= params.n_rows {
        return;
    }
    let row = rows[r];
    for (var c = 0u; c < HEAD_DIM4; c += PUT4) {
        var k = array<vec4<f32>, PUT4>();
        var v = array<vec4<f32>, PUT4>();
        for (var s = row.y; s < row.z; s++) {
            for (var i = 0u; i < PUT4; i++) {
                k[i] += bitcast<f32>(shares[s].y) * k4(shares[s].x, c + i);
            }
        }
        for (var s = row.z; s < row.w; s++) {
            for (var i = 0u; i < PUT4; i++) {
                v[i] += bitcast<f32>(shares[s].y) * v4(shares[s].x, c + i);
            }
        }
        put_k(row.x, c, &k);
        put_v(row.x, c, &v);
    }
}

// expected_logits.wgsl: the logarithm of what exp(score) of each slot is on
// average, for normally distributed queries of each query head, and the length
// of each value. Joined to a cache reader.
//
//     z[a, j] = scale * mean_a . k_j + scale^2 / 2 * k_j^T cov_a k_j + bias_j      norm[h, j] = |v_j|
//
// Shapes     k_cache, v_cache of the joined type   slots (all slots, 3) words: position, n, bias as f32
//            heads (n_kv_heads) vec2(offset, len)   mean (n_heads, HEAD_DIM) f32
//            cov (n_heads, HEAD_DIM, HEAD_DIM) f32, symmetric   logits (n_heads, stride) f32
//            norms (n_kv_heads, stride) f32
// Dispatch   (n_kv_heads * stride / WG_SIZE rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; one thread owns one slot of one KV head
// Limits     HEAD_DIM a multiple of 4. Head h has heads[h].len + n_after slots, at most stride; what logits and
//            norms hold beyond them is left alone
// Twin       ref/expected_logits.go
// Source     the mean of a log-normal variable; NVIDIA/kvpress, ExpectedAttentionPress

struct Params {
    n_kv_heads: u32,
    group_size: u32,
    stride: u32,
    n_after: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> slots: array<u32>;
@group(0) @binding(4) var<storage, read> heads: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> cov: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> logits: array<f32>;
@group(0) @binding(8) var<storage, read_write> norms: array<f32>;

const WG_SIZE: u32 = 32u;
const HEAD_DIM: u32 = 64u;
const HEAD_DIM4: u32 = HEAD_DIM / 4u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = id.x + id.y * groups.x * WG_SIZE;
    let h = at / params.stride;
    let j = at % params.stride;
    if h >= params.n_kv_heads || j >= heads[h].y + params.n_after {
        return;
    }
    let slot = heads[h].x + j;
    let bias = bitcast<f32>(slots[3u * slot + 2u]);

    var square = 0.0;
    for (var i = 0u; i < HEAD_DIM4; i++) {
        let v = v4(slot, i);
        square += dot(v, v);
    }
    norms[at] = sqrt(square);

    let half_scale = 0.5 * params.scale;
    for (var a = h * params.group_size; a < (h + 1u) * params.group_size; a++) {
        var z = 0.0;
        for (var i = 0u; i < HEAD_DIM4; i++) {
            // Elements 4i .. 4i+3 of cov k, by rows of cov, which are its columns.
            var row = a * HEAD_DIM * HEAD_DIM4 + i;
            var product = vec4<f32>(0.0);
            for (var c = 0u; c < HEAD_DIM4; c++) {
                let k = k4(slot, c);
                product += cov[row] * k.x + cov[row + HEAD_DIM4] * k.y;
                product += cov[row + 2u * HEAD_DIM4] * k.z + cov[row + 3u * HEAD_DIM4] * k.w;
                row += HEAD_DIM;
            }
            z += dot(k4(slot, i), mean[a * HEAD_DIM4 + i] + half_scale * product);
        }
        logits[a * params.stride + j] = params.scale * z + bias;
    }
}

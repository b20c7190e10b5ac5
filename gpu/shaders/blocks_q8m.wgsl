// blocks_q8m.wgsl: multiplies a block of a q8m matrix with 32 columns of x.
// Joined to matvec_blocks.wgsl, whose struct Params has cols and scales, and to
// halves.wgsl.
//
//     sum_c w x = d * sum_c q x + m * sum_c x
//
// Shapes     as in weights_q8m.wgsl
// Twin       layout/weights.go
// Source     definition

@group(0) @binding(1) var<storage, read> weights: array<vec4<u32>>;

// word returns a word of the scales.
fn word(at: u32) -> u32 {
    return weights[at / 4u][at % 4u];
}

// bytes returns the four bytes of a word.
fn bytes(q: u32) -> vec4<f32> {
    return vec4<f32>(vec4<u32>(q, q >> 8u, q >> 16u, q >> 24u) & vec4<u32>(255u));
}

fn prepared(u: mat4x4<f32>) -> mat4x4<f32> {
    return u;
}

fn dot32(row: u32, block: u32, a: mat4x4<f32>, b: mat4x4<f32>, sums: vec2<f32>) -> f32 {
    let at = 2u * (row * (params.cols / 32u) + block);
    let q = weights[at];
    let q2 = weights[at + 1u];
    let qx = bytes(q.x) * a[0] + bytes(q.y) * a[1] + bytes(q.z) * a[2] + bytes(q.w) * a[3]
        + bytes(q2.x) * b[0] + bytes(q2.y) * b[1] + bytes(q2.z) * b[2] + bytes(q2.w) * b[3];
    let dm = half_pair(word(params.scales + row * (params.cols / 32u) + block));
    return dm.x * dot(qx, vec4<f32>(1.0)) + dm.y * (sums.x + sums.y);
}

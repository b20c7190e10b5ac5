// blocks_q4m.wgsl: multiplies a block of a q4m matrix with 32 columns of x.
// Joined to matvec_blocks.wgsl, whose struct Params has cols and scales, and to
// halves.wgsl.
//
//     sum_c w x = d * sum_c q x + m * sum_c x
//
// Shapes     as in weights_q4m.wgsl
// Twin       layout/weights.go
// Source     definition; masks instead of shifts as in ggml's Metal kernel

@group(0) @binding(1) var<storage, read> weights: array<vec4<u32>>;

// word returns a word of the scales.
fn word(at: u32) -> u32 {
    return weights[at / 4u][at % 4u];
}

// nibbles returns the four low 4-bit numbers of a word, the second times 16, the third times 256 and the
// fourth times 4096: so they need no shift. prepared divides columns by the same.
fn nibbles(q: u32) -> vec4<f32> {
    return vec4<f32>(vec4<u32>(q) & vec4<u32>(0xfu, 0xf0u, 0xf00u, 0xf000u));
}

fn prepared(u: mat4x4<f32>) -> mat4x4<f32> {
    let by = vec4<f32>(1.0, 0.0625, 0.00390625, 0.000244140625);
    return mat4x4<f32>(u[0] * by, u[1] * by, u[2] * by, u[3] * by);
}

fn dot32(row: u32, block: u32, a: mat4x4<f32>, b: mat4x4<f32>, sums: vec2<f32>) -> f32 {
    let q = weights[row * (params.cols / 32u) + block];
    let qx = nibbles(q.x) * a[0] + nibbles(q.x >> 16u) * a[1] + nibbles(q.y) * a[2] + nibbles(q.y >> 16u) * a[3]
        + nibbles(q.z) * b[0] + nibbles(q.z >> 16u) * b[1] + nibbles(q.w) * b[2] + nibbles(q.w >> 16u) * b[3];
    let dm = half_pair(word(params.scales + row * (params.cols / 32u) + block));
    return dm.x * dot(qx, vec4<f32>(1.0)) + dm.y * (sums.x + sums.y);
}

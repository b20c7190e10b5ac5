// blocks_q8m.wgsl: reads a q8m matrix a block at a time, and multiplies a block with 32
// columns of x. Joined to matvec_blocks.wgsl and matmul_few_blocks.wgsl, whose struct
// Params has cols and scales, and to halves.wgsl.
//
//     sum_c w x = d * sum_c q x + m * sum_c x
//
// Shapes     as in weights_q8m.wgsl
// Twin       layout/weights.go
// Source     definition

@group(0) @binding(1) var<storage, read> weights: array<vec4<u32>>;

const UNIT4: u32 = 4u; // vec4 of columns of a unit: a vec4 of weights

// word returns a word of the scales.
fn word(at: u32) -> u32 {
    return weights[at / 4u][at % 4u];
}

// packed returns a unit of a row, and terms what its weights are made of: w = terms.x * q + terms.y.
fn packed(row: u32, unit: u32) -> vec4<u32> {
    return weights[row * (params.cols / 16u) + unit];
}

fn terms(row: u32, unit: u32) -> vec2<f32> {
    return half_pair(word(params.scales + row * (params.cols / 32u) + unit / 2u));
}

// bytes returns the four bytes of a word.
fn bytes(q: u32) -> vec4<f32> {
    return vec4<f32>(vec4<u32>(q, q >> 8u, q >> 16u, q >> 24u) & vec4<u32>(255u));
}

// weights4 returns the k-th four weights of a unit.
fn weights4(q: vec4<u32>, k: u32, dm: vec2<f32>) -> vec4<f32> {
    return dm.x * bytes(q[k]) + dm.y;
}

fn prepared(u: mat4x4<f32>) -> mat4x4<f32> {
    return u;
}

fn dot32(row: u32, block: u32, a: mat4x4<f32>, b: mat4x4<f32>, sums: vec2<f32>) -> f32 {
    let q = packed(row, 2u * block);
    let q2 = packed(row, 2u * block + 1u);
    let qx = bytes(q.x) * a[0] + bytes(q.y) * a[1] + bytes(q.z) * a[2] + bytes(q.w) * a[3]
        + bytes(q2.x) * b[0] + bytes(q2.y) * b[1] + bytes(q2.z) * b[2] + bytes(q2.w) * b[3];
    let dm = terms(row, 2u * block);
    return dm.x * dot(qx, vec4<f32>(1.0)) + dm.y * (sums.x + sums.y);
}

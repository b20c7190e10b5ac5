// blocks_q4k.wgsl: reads a q4k matrix a block at a time, and multiplies a block with 32
// columns of x. Joined to matvec_blocks.wgsl and matmul_few_blocks.wgsl, whose struct
// Params has cols and scales, and to halves.wgsl.
//
//     sum_c w x = (d * s) * sum_c q x - (m * n) * sum_c x
//
// Shapes     as in weights_q4k.wgsl
// Twin       layout/weights.go
// Source     definition; masks instead of shifts as in ggml's Metal kernel

@group(0) @binding(1) var<storage, read> weights: array<vec4<u32>>;

const UNIT4: u32 = 8u; // vec4 of columns of a unit: a vec4 of weights
const PARTS: vec4<f32> = vec4<f32>(1.0, 0.0625, 0.00390625, 0.000244140625); // what nibbles are multiplied with

// word returns a word of the scales.
fn word(at: u32) -> u32 {
    return weights[at / 4u][at % 4u];
}

// packed returns a unit of a row, and terms what its weights are made of: w = terms.x * q + terms.y.
fn packed(row: u32, unit: u32) -> vec4<u32> {
    return weights[row * (params.cols / 32u) + unit];
}

fn terms(row: u32, unit: u32) -> vec2<f32> {
    let record = params.scales + 5u * (row * (params.cols / 256u) + unit / 8u);
    let dm = half_pair(word(record));
    let pair = i32(word(record + 1u + unit % 8u / 2u) << (16u - unit % 2u * 16u)); // as in weights_q4k.wgsl
    return vec2<f32>(dm.x * f32((pair << 8u) >> 24u), -dm.y * f32(pair >> 24u));
}

// nibbles returns the four low 4-bit numbers of a word, the second times 16, the third times 256 and the
// fourth times 4096: so they need no shift. prepared multiplies columns with PARTS for that.
fn nibbles(q: u32) -> vec4<f32> {
    return vec4<f32>(vec4<u32>(q) & vec4<u32>(0xfu, 0xf0u, 0xf00u, 0xf000u));
}

// weights4 returns the k-th four weights of a unit.
fn weights4(q: vec4<u32>, k: u32, dm: vec2<f32>) -> vec4<f32> {
    return nibbles(q[k / 2u] >> (16u * (k % 2u))) * (dm.x * PARTS) + dm.y;
}

fn prepared(u: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(u[0] * PARTS, u[1] * PARTS, u[2] * PARTS, u[3] * PARTS);
}

fn dot32(row: u32, block: u32, a: mat4x4<f32>, b: mat4x4<f32>, sums: vec2<f32>) -> f32 {
    let q = packed(row, block);
    let qx = nibbles(q.x) * a[0] + nibbles(q.x >> 16u) * a[1] + nibbles(q.y) * a[2] + nibbles(q.y >> 16u) * a[3]
        + nibbles(q.z) * b[0] + nibbles(q.z >> 16u) * b[1] + nibbles(q.w) * b[2] + nibbles(q.w >> 16u) * b[3];
    let dm = terms(row, block);
    return dm.x * dot(qx, vec4<f32>(1.0)) + dm.y * (sums.x + sums.y);
}

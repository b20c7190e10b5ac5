// blocks_q8k.wgsl: reads a q8k matrix a block at a time, and multiplies a block with 32
// columns of x. Joined to matvec_blocks.wgsl and matmul_few_blocks.wgsl, whose struct
// Params has cols and scales, and to halves.wgsl.
//
//     sum_c w x = (d * s) * sum_c q x - (m * n) * sum_c x        s and n per 16 columns
//
// Shapes     as in weights_q8k.wgsl
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
    let record = params.scales + 9u * (row * (params.cols / 256u) + unit / 16u);
    let dm = half_pair(word(record));
    let pair = i32(word(record + 1u + unit / 2u % 8u) << (16u - unit % 2u * 16u)); // as in weights_q8k.wgsl
    return vec2<f32>(dm.x * f32((pair << 8u) >> 24u), -dm.y * f32(pair >> 24u));
}

// bytes returns the four bytes of a word. A byte is moved to the top of an i32 and back, which keeps its sign.
fn bytes(q: u32) -> vec4<f32> {
    return vec4<f32>(vec4<i32>(vec4<u32>(q << 24u, q << 16u, q << 8u, q)) >> vec4<u32>(24u));
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
    let qa = bytes(q.x) * a[0] + bytes(q.y) * a[1] + bytes(q.z) * a[2] + bytes(q.w) * a[3];
    let qb = bytes(q2.x) * b[0] + bytes(q2.y) * b[1] + bytes(q2.z) * b[2] + bytes(q2.w) * b[3];
    let record = params.scales + 9u * (row * (params.cols / 256u) + block / 8u);
    let dm = half_pair(word(record));
    let pairs = bytes(word(record + 1u + block % 8u)); // s and n of columns 0 .. 15, then of the others
    let qx = vec2<f32>(dot(qa, vec4<f32>(1.0)), dot(qb, vec4<f32>(1.0)));
    return dm.x * dot(pairs.xz, qx) - dm.y * dot(pairs.yw, sums);
}

// weights_q4m.wgsl: reads four neighbouring weights of a matrix of 4 bits with
// scale and minimum (Q4_1 checkpoints). Joined to a kernel whose struct Params
// has cols and scales, and to halves.wgsl.
//
//     w = d * q + m        one scale d and one minimum m per 32 neighbouring columns
//
// Shapes     weights[0 ..]              (rows, cols / 8)  eight 4-bit q a word, first column lowest
//            weights[params.scales ..]  (rows, cols / 32) the halves d (low) and m (high)
// Limits     cols a multiple of 32
// Twin       layout/weights.go
// Source     ggml's block_q4_1, its nibbles put in the order of the columns

@group(0) @binding(1) var<storage, read> weights: array<u32>;

fn weight4(row: u32, col4: u32) -> vec4<f32> {
    let word = weights[row * (params.cols / 8u) + col4 / 2u] >> (16u * (col4 % 2u));
    let dm = half_pair(weights[params.scales + row * (params.cols / 32u) + col4 / 8u]);
    let q = vec4<u32>(word, word >> 4u, word >> 8u, word >> 12u) & vec4<u32>(15u);
    return dm.x * vec4<f32>(q) + dm.y;
}

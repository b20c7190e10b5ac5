// weights_q4k.wgsl: reads four neighbouring weights of a matrix of 4 bits whose
// scales and minima are bytes (Q4_K checkpoints). Joined to a kernel whose
// struct Params has cols and scales, and to halves.wgsl.
//
//     w = (d * s) * q - m * n        s and n per 32 neighbouring columns, d and m per 256
//
// Shapes     weights[0 ..]              (rows, cols / 8)  eight 4-bit q a word, first column lowest
//            weights[params.scales ..]  (rows, cols / 256, 5): the halves d (low) and m (high), then
//                                       eight pairs of signed bytes s (low) and n, two pairs a word
// Limits     cols a multiple of 256
// Twin       layout/weights.go
// Source     ggml's block_q4_K, its six-bit scales widened and its nibbles put in the order of the columns

@group(0) @binding(1) var<storage, read> weights: array<u32>;

fn weight4(row: u32, col4: u32) -> vec4<f32> {
    let word = weights[row * (params.cols / 8u) + col4 / 2u] >> (16u * (col4 % 2u));
    let record = params.scales + 5u * (row * (params.cols / 256u) + col4 / 64u);
    let dm = half_pair(weights[record]);
    // The pair is moved to the top of an i32; each byte from there to the bottom, which keeps its sign.
    let pair = i32(weights[record + 1u + col4 % 64u / 16u] << (16u - col4 / 8u % 2u * 16u));
    let q = vec4<u32>(word, word >> 4u, word >> 8u, word >> 12u) & vec4<u32>(15u);
    return dm.x * f32((pair << 8u) >> 24u) * vec4<f32>(q) - dm.y * f32(pair >> 24u);
}

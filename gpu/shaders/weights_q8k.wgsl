// weights_q8k.wgsl: reads four neighbouring weights of a matrix of bytes whose
// scales and minima are bytes too (Q2_K, Q3_K, Q5_K, Q6_K and IQ4_XS
// checkpoints). Joined to a kernel whose struct Params has cols and scales, and
// to halves.wgsl.
//
//     w = (d * s) * q - m * n        s and n per 16 neighbouring columns, d and m per 256
//
// Shapes     weights[0 ..]              (rows, cols / 4)  four signed bytes q a word
//            weights[params.scales ..]  (rows, cols / 256, 9): the halves d (low) and m (high), then
//                                       sixteen pairs of signed bytes s (low) and n, two pairs a word
// Limits     cols a multiple of 256
// Twin       layout/weights.go
// Source     ggml's block_q2_K to block_q6_K, whose bits and scales are widened; types without minima have m = 0

@group(0) @binding(1) var<storage, read> weights: array<u32>;

fn weight4(row: u32, col4: u32) -> vec4<f32> {
    let q = weights[row * (params.cols / 4u) + col4];
    let record = params.scales + 9u * (row * (params.cols / 256u) + col4 / 64u);
    let dm = half_pair(weights[record]);
    // The pair is moved to the top of an i32; each byte from there to the bottom, which keeps its sign.
    let pair = i32(weights[record + 1u + col4 % 64u / 8u] << (16u - col4 / 4u % 2u * 16u));
    let q_signed = vec4<i32>(vec4<u32>(q << 24u, q << 16u, q << 8u, q)) >> vec4<u32>(24u);
    return dm.x * f32((pair << 8u) >> 24u) * vec4<f32>(q_signed) - dm.y * f32(pair >> 24u);
}

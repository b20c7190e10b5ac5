// weights_q8m.wgsl: reads four neighbouring weights of a matrix with scale and
// minimum (Q4_1 and Q5_1 checkpoints). Joined to a kernel whose struct Params
// has cols and scales, and to halves.wgsl.
//
//     w = d * q + m        one scale d and one minimum m per 32 neighbouring columns
//
// Shapes     weights[0 ..]              (rows, cols / 4)  four unsigned bytes q a word
//            weights[params.scales ..]  (rows, cols / 32) the halves d (low) and m (high)
// Limits     cols a multiple of 32
// Twin       layout/weights.go
// Source     ggml's block_q4_1 and block_q5_1, each q widened to a byte

@group(0) @binding(1) var<storage, read> weights: array<u32>;

fn weight4(row: u32, col4: u32) -> vec4<f32> {
    let q = weights[row * (params.cols / 4u) + col4];
    let dm = half_pair(weights[params.scales + row * (params.cols / 32u) + col4 / 8u]);
    let bytes = vec4<u32>(q, q >> 8u, q >> 16u, q >> 24u) & vec4<u32>(255u);
    return dm.x * vec4<f32>(bytes) + dm.y;
}

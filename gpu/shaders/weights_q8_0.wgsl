// weights_q8_0.wgsl: reads four neighbouring weights of a Q8_0 matrix. Joined
// to a kernel whose struct Params has cols and scales, and to halves.wgsl.
//
//     w = d * q        one scale d per 32 neighbouring columns
//
// Shapes     weights[0 ..]              (rows, cols / 4)  four signed bytes q a word
//            weights[params.scales ..]  (rows, cols / 32) halves d, two a word
// Limits     cols a multiple of 32
// Twin       layout/weights.go
// Source     ggml's block_q8_0, scales and quants taken apart

@group(0) @binding(1) var<storage, read> weights: array<u32>;

fn weight4(row: u32, col4: u32) -> vec4<f32> {
    let q = weights[row * (params.cols / 4u) + col4];
    let block = row * (params.cols / 32u) + col4 / 8u;
    let d = half_value(weights[params.scales + block / 2u] >> (16u * (block % 2u)));
    // A byte is moved to the top of an i32 and back, which keeps its sign.
    let q_signed = vec4<i32>(vec4<u32>(q << 24u, q << 16u, q << 8u, q)) >> vec4<u32>(24u);
    return d * vec4<f32>(q_signed);
}

// input_norm.wgsl: a matrix is multiplied with the RMS norm of a token. Joined
// to matvec.wgsl and matvec_rows.wgsl, whose struct Params has cols and eps.
//
//     W norm(x) = (W (x * w)) / sqrt(mean(x^2) + eps)
//
// The root is the same for all columns, so it is found beside the product and nothing is read twice.
//
// Shapes     norm_w (cols) f32
// Twin       ref/matmul.go
// Source     Zhang & Sennrich 2019, "Root Mean Square Layer Normalization", arXiv:1910.07467

@group(0) @binding(4) var<storage, read> norm_w: array<vec4<f32>>;

fn input4(v: vec4<f32>, col4: u32) -> vec4<f32> {
    return v * norm_w[col4];
}

fn square4(v: vec4<f32>) -> f32 {
    return dot(v, v);
}

fn scale(squares: f32) -> f32 {
    return inverseSqrt(squares / f32(params.cols) + params.eps);
}

// weights_f32.wgsl: reads four neighbouring weights of an F32 matrix. Joined
// to a kernel whose struct Params has cols and scales (unused here).
//
// Shapes     weights (rows, cols / 4) vec4<f32>
// Twin       layout/weights.go
// Source     definition

@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;

fn weight4(row: u32, col4: u32) -> vec4<f32> {
    return weights[row * (params.cols / 4u) + col4];
}

// weights_f16.wgsl: reads four neighbouring weights of an F16 matrix. Joined
// to a kernel whose struct Params has cols and scales (unused here).
//
// Shapes     weights (rows, cols / 4) four halves in two words, low half first
// Limits     a device may take weights below 6.1e-5 for 0, as unpack2x16float may: next to others they are nothing
// Twin       layout/weights.go
// Source     definition

@group(0) @binding(1) var<storage, read> weights: array<vec2<u32>>;

fn weight4(row: u32, col4: u32) -> vec4<f32> {
    let cell = weights[row * (params.cols / 4u) + col4];
    return vec4<f32>(unpack2x16float(cell.x), unpack2x16float(cell.y));
}

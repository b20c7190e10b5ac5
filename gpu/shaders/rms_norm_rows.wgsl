// rms_norm_rows.wgsl: root-mean-square normalisation, one thread per row. The
// variant of rms_norm.wgsl for software adapters, which are slow at barriers.
//
//     y[r, i] = x[row0 + r, i] * w[i] / sqrt(mean_j(x[row0 + r, j]^2) + eps)
//
// Shapes     x (row0 + rows, dim)   w (dim)   y (rows, dim)        all f32
// Dispatch   (rows / WG_SIZE rounded up, 1, 1)
// Threads    WG_SIZE; one thread owns one row
// Limits     x and y must be different buffers
// Twin       ref/rms_norm.go
// Source     Zhang & Sennrich 2019, "Root Mean Square Layer Normalization", arXiv:1910.07467

struct Params {
    dim: u32,
    row0: u32,
    eps: f32,
    rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const WG_SIZE: u32 = 8u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let r = id.x;
    if r >= params.rows {
        return;
    }
    let from_row = (params.row0 + r) * params.dim;
    let to_row = r * params.dim;
    var sum = 0.0;
    for (var i = 0u; i < params.dim; i++) {
        sum += x[from_row + i] * x[from_row + i];
    }
    let inv_rms = inverseSqrt(sum / f32(params.dim) + params.eps);
    for (var i = 0u; i < params.dim; i++) {
        y[to_row + i] = x[from_row + i] * inv_rms * w[i];
    }
}

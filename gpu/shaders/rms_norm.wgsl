// rms_norm.wgsl: root-mean-square normalisation, one workgroup per row.
//
//     y[r, i] = x[row0 + r, i] * w[i] / sqrt(mean_j(x[row0 + r, j]^2) + eps)
//
// Shapes     x (row0 + rows, dim)   w (dim)   y (rows, dim)        all f32
// Dispatch   (rows, 1, 1)    one workgroup per row
// Threads    WG_SIZE; thread t owns columns t, t+WG_SIZE, t+2*WG_SIZE ...
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

const WG_SIZE: u32 = 64u;

var<workgroup> partial: array<f32, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let from_row = (params.row0 + group.x) * params.dim;
    let to_row = group.x * params.dim;
    let t = local.x;

    // 1. Each thread sums the squares of its own columns.
    var sum = 0.0;
    for (var i = t; i < params.dim; i += WG_SIZE) {
        sum += x[from_row + i] * x[from_row + i];
    }
    partial[t] = sum;
    workgroupBarrier();

    // 2. Tree reduction. The barrier is outside the `if`, because every thread
    //    of the workgroup must reach it.
    for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
        if t < half {
            partial[t] += partial[t + half];
        }
        workgroupBarrier();
    }

    // 3. Scale. partial[0] now holds the sum over the whole row.
    let inv_rms = inverseSqrt(partial[0] / f32(params.dim) + params.eps);
    for (var i = t; i < params.dim; i += WG_SIZE) {
        y[to_row + i] = x[from_row + i] * inv_rms * w[i];
    }
}

// matvec.wgsl: multiplies one token with a weight matrix, four rows per
// workgroup. The decode variant of matmul.wgsl for GPUs. Joined to a weight reader.
//
//     y[col0 + r] = sum_c W[r, c] * x[x_row0, c]   (+ y[col0 + r] if add)
//
// Shapes     weights (rows, cols) of the joined type   x (x_row0 + 1, cols) f32   y (y_cols) f32
// Dispatch   (rows / 4 rounded up, 1, 1)
// Threads    WG_SIZE; thread t owns columns 4t .. 4t+3, 4(t+WG_SIZE) ... of the workgroup's four rows
// Limits     cols a multiple of 4; y must not be x; n must be 1
// Twin       gpu/ref/matmul.go
// Source     definition

struct Params {
    cols: u32,
    scales: u32,
    rows: u32,
    n: u32,
    x_row0: u32,
    y_cols: u32,
    col0: u32,
    add: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const WG_SIZE: u32 = 64u;

var<workgroup> partial: array<vec4<f32>, WG_SIZE>; // one sum per row of the workgroup

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let r = group.x * 4u;
    let t = local.x;
    let cols4 = params.cols / 4u;
    let last = params.rows - 1u;

    // 1. Each thread sums its columns. Past the last row it repeats that row.
    var sum = vec4<f32>(0.0);
    for (var c = t; c < cols4; c += WG_SIZE) {
        let v = x[params.x_row0 * cols4 + c];
        sum += vec4<f32>(
            dot(weight4(r, c), v),
            dot(weight4(min(r + 1u, last), c), v),
            dot(weight4(min(r + 2u, last), c), v),
            dot(weight4(min(r + 3u, last), c), v),
        );
    }
    partial[t] = sum;
    workgroupBarrier();

    // 2. Tree reduction of all four rows at once.
    for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
        if t < half {
            partial[t] += partial[t + half];
        }
        workgroupBarrier();
    }

    // 3. Threads 0 to 3 store one row each.
    if t < 4u && r + t < params.rows {
        let at = params.col0 + r + t;
        let total = partial[0][t];
        if params.add != 0u {
            y[at] += total;
        } else {
            y[at] = total;
        }
    }
}

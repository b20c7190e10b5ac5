// matmul.wgsl: multiplies tokens with a weight matrix, without barriers. Joined
// to a weight reader.
//
//     y[t, col0 + r] = sum_c W[r, c] * x[x_row0 + t, c]   (+ y[t, col0 + r] if add)
//
// Shapes     weights (rows, cols) of the joined type   x (x_row0 + n, cols) f32   y (n, y_cols) f32
// Dispatch   (rows / WG_SIZE rounded up, n / TILE rounded up, 1)
// Threads    WG_SIZE; one thread owns one weight row and TILE tokens, so that a weight is unpacked once
//            for TILE tokens. One token is multiplied by matvec.wgsl or matvec_rows.wgsl
// Limits     cols a multiple of 4; y must not be x
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

const WG_SIZE: u32 = 32u;
const TILE: u32 = 8u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let r = id.x;
    let t0 = id.y * TILE;
    if r >= params.rows {
        return;
    }
    let cols4 = params.cols / 4u;

    // 1. Where each token's row begins. A tile that reaches past the last token
    //    repeats it; its results are not stored.
    var start: array<u32, TILE>;
    for (var i = 0u; i < TILE; i++) {
        start[i] = (params.x_row0 + min(t0 + i, params.n - 1u)) * cols4;
    }

    // 2. Four partial sums per token, one per column of a vec4.
    var sum: array<vec4<f32>, TILE>;
    for (var c = 0u; c < cols4; c++) {
        let w = weight4(r, c);
        for (var i = 0u; i < TILE; i++) {
            sum[i] += w * x[start[i] + c];
        }
    }

    // 3. Add up and store.
    for (var i = 0u; i < TILE; i++) {
        if t0 + i < params.n {
            let at = (t0 + i) * params.y_cols + params.col0 + r;
            let total = (sum[i].x + sum[i].y) + (sum[i].z + sum[i].w);
            if params.add != 0u {
                y[at] += total;
            } else {
                y[at] = total;
            }
        }
    }
}

// matmul_tiled.wgsl: multiplies tokens with a weight matrix through tiles in
// workgroup memory, where each weight and each element of x is used SIDE times.
// The variant of matmul.wgsl for prompts on GPUs whose threads have few registers,
// which matmul_wide.wgsl would overflow. Joined to a weight reader.
//
//     y[t, row0 + r] = sum_c W[r, c] * x[t, c]   (+ y[t, row0 + r] if add)
//
// Shapes     weights (rows, cols) of the joined type   x (n, cols) f32   y (n, y_cols) f32
// Dispatch   (rows / SIDE rounded up, n / SIDE rounded up, 1)
// Threads    64; a workgroup owns SIDE rows and SIDE tokens, a thread 4 by 4 of them: every eighth, so that
//            neighbours read neighbours
// Limits     cols a multiple of 4; y must not be x
// Twin       ref/matmul.go
// Source     definition; tiles as in Volkov & Demmel 2008, "Benchmarking GPUs to tune dense linear algebra"

struct Params {
    cols: u32,
    scales: u32,
    rows: u32,
    n: u32,
    y_cols: u32,
    row0: u32,
    add: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const SIDE: u32 = 32u; // rows and tokens of a workgroup
const DEPTH4: u32 = 8u; // vec4 of columns of a tile
const TILE: u32 = SIDE * DEPTH4;

// Column by column, so that the eight threads that read different rows read neighbours.
var<workgroup> w_tile: array<vec4<f32>, TILE>;
var<workgroup> x_tile: array<vec4<f32>, TILE>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let cols4 = params.cols / 4u;
    let r0 = group.x * SIDE;
    let t0 = group.y * SIDE;
    let r = thread % 8u;
    let t = thread / 8u;

    var sum: array<vec4<f32>, 4>; // of tokens t, t+8 ...: one sum per row
    for (var c0 = 0u; c0 < cols4; c0 += DEPTH4) {
        // 1. The threads fetch both tiles. Past the last row or token they repeat it; past the last column are zeros.
        for (var i = thread; i < TILE; i += 64u) {
            let c = c0 + i % DEPTH4;
            let at = i % DEPTH4 * SIDE + i / DEPTH4;
            var w = vec4<f32>(0.0);
            var v = vec4<f32>(0.0);
            if c < cols4 {
                w = weight4(min(r0 + i / DEPTH4, params.rows - 1u), c);
                v = x[min(t0 + i / DEPTH4, params.n - 1u) * cols4 + c];
            }
            w_tile[at] = w;
            x_tile[at] = v;
        }
        workgroupBarrier();

        // 2. Each multiplies its rows with its tokens.
        for (var c = 0u; c < TILE; c += SIDE) {
            let w0 = w_tile[c + r];
            let w1 = w_tile[c + r + 8u];
            let w2 = w_tile[c + r + 16u];
            let w3 = w_tile[c + r + 24u];
            for (var j = 0u; j < 4u; j++) {
                let v = x_tile[c + t + 8u * j];
                sum[j] += vec4<f32>(dot(w0, v), dot(w1, v), dot(w2, v), dot(w3, v));
            }
        }
        workgroupBarrier(); // before the next tiles overwrite these
    }

    // 3. Store.
    for (var j = 0u; j < 4u; j++) {
        for (var i = 0u; i < 4u; i++) {
            let row = r0 + r + 8u * i;
            let token = t0 + t + 8u * j;
            if row < params.rows && token < params.n {
                let at = token * params.y_cols + params.row0 + row;
                y[at] = sum[j][i] + select(0.0, y[at], params.add != 0u);
            }
        }
    }
}

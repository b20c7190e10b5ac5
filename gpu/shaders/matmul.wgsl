// matmul.wgsl: multiplies tokens with a weight matrix, without barriers. For
// software adapters. Joined to a weight reader.
//
//     y[t, row0 + r] = sum_c W[r, c] * x[t, c]   (+ y[t, row0 + r] if add)
//
// Shapes     weights (rows, cols) of the joined type   x (n, cols) f32   y (n, y_cols) f32
// Dispatch   (rows / 4 / WG_SIZE rounded up, n / TOKENS rounded up, 1)
// Threads    WG_SIZE; one thread owns four neighbouring rows and TOKENS tokens, so that a weight is unpacked once for
//            TOKENS tokens and an element of x read once for four rows
// Limits     cols a multiple of 4; y must not be x
// Twin       ref/matmul.go
// Source     definition

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

const WG_SIZE: u32 = 8u;
const TOKENS: u32 = 8u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let r = id.x * 4u;
    let t0 = id.y * TOKENS;
    if r >= params.rows {
        return;
    }
    let cols4 = params.cols / 4u;
    let last = params.rows - 1u;

    // 1. Where each token's row begins. A tile that reaches past the last token
    //    repeats it; its results are not stored. So do rows.
    var start: array<u32, TOKENS>;
    for (var i = 0u; i < TOKENS; i++) {
        start[i] = min(t0 + i, params.n - 1u) * cols4;
    }

    // 2. One sum per row and token.
    var sum: array<vec4<f32>, TOKENS>;
    for (var c = 0u; c < cols4; c++) {
        let w0 = weight4(r, c);
        let w1 = weight4(min(r + 1u, last), c);
        let w2 = weight4(min(r + 2u, last), c);
        let w3 = weight4(min(r + 3u, last), c);
        for (var i = 0u; i < TOKENS; i++) {
            let v = x[start[i] + c];
            sum[i] += vec4<f32>(dot(w0, v), dot(w1, v), dot(w2, v), dot(w3, v));
        }
    }

    // 3. Store.
    for (var i = 0u; i < TOKENS; i++) {
        for (var j = 0u; j < 4u; j++) {
            if t0 + i < params.n && r + j < params.rows {
                let at = (t0 + i) * params.y_cols + params.row0 + r + j;
                y[at] = sum[i][j] + select(0.0, y[at], params.add != 0u);
            }
        }
    }
}

// matvec_rows.wgsl: multiplies one token with a weight matrix, four rows per
// thread and without barriers. The variant of matvec.wgsl for software adapters,
// to which an element of x costs as much as a weight. Joined to a weight reader
// and to an input.
//
//     s[r] = sum_c W[r, c] * input(x[x_row])[c]
//     y[row0 + r] = s[r]   (+ y[row0 + r] if add)              without a gate
//     y[r] = s[r] / (1 + exp(-s[r])) * s[gate + r]             with a gate of `gate` rows: SwiGLU
//
// Shapes     weights (rows, cols) of the joined type   x (x_row + 1, cols) f32   y (row0 + rows, or gate) f32
// Dispatch   (rows / 4 / WG_SIZE rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; one thread owns four neighbouring rows, or two of the gate and those they are multiplied with
// Limits     cols a multiple of 4; y must not be x; 2 * gate = rows or gate = 0; the exponent ends at 80, as in
//            swiglu.wgsl
// Twin       ref/matmul.go
// Source     definition

struct Params {
    cols: u32,
    scales: u32,
    rows: u32,
    x_row: u32,
    row0: u32,
    add: u32,
    gate: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

const WG_SIZE: u32 = 8u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let gated = params.gate > 0u;
    let r = (id.x + id.y * groups.x * WG_SIZE) * select(4u, 2u, gated);
    let r2 = r + select(2u, params.gate, gated);
    let end = select(params.rows, params.gate, gated);
    if r >= end {
        return;
    }
    let cols4 = params.cols / 4u;
    let last = params.rows - 1u;

    // 1. Past the last row the thread repeats that row.
    var s = vec4<f32>(0.0);
    var squares = 0.0;
    for (var c = 0u; c < cols4; c++) {
        let v = x[params.x_row * cols4 + c];
        let u = input4(v, c);
        squares += square4(v);
        s += vec4<f32>(
            dot(weight4(r, c), u),
            dot(weight4(min(r + 1u, last), c), u),
            dot(weight4(min(r2, last), c), u),
            dot(weight4(min(r2 + 1u, last), c), u),
        );
    }
    s *= scale(squares);

    // 2. Store the rows, or those of the gate.
    if gated {
        s = s / (1.0 + exp(min(-s, vec4<f32>(80.0)))) * s.zwxy;
    }
    for (var i = 0u; i < select(4u, 2u, gated); i++) {
        if r + i < end {
            let at = params.row0 + r + i;
            y[at] = s[i] + select(0.0, y[at], params.add != 0u);
        }
    }
}

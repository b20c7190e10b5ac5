// matvec.wgsl: multiplies one token with a weight matrix, four rows per
// workgroup. For GPUs. Joined to a weight reader and to an input.
//
//     s[r] = sum_c W[r, c] * input(x[x_row])[c]
//     y[row0 + r] = s[r]   (+ y[row0 + r] if add)              without a gate
//     y[r] = s[r] / (1 + exp(-s[r])) * s[gate + r]             with a gate of `gate` rows: SwiGLU
//
// Shapes     weights (rows, cols) of the joined type   x (x_row + 1, cols) f32   y (row0 + rows, or gate) f32
// Dispatch   (rows / 4 rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; thread t owns columns 4t .. 4t+3, 4(t+WG_SIZE) ... of the workgroup's four rows: neighbours,
//            or two neighbours of the gate and those they are multiplied with
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

const WG_SIZE: u32 = 64u;

var<workgroup> partial: array<vec4<f32>, WG_SIZE>; // one sum per row of the workgroup
var<workgroup> squares: array<f32, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>,
        @builtin(num_workgroups) groups: vec3<u32>) {
    let gated = params.gate > 0u;
    let r = (group.x + group.y * groups.x) * select(4u, 2u, gated);
    let r2 = r + select(2u, params.gate, gated);
    let t = local.x;
    let cols4 = params.cols / 4u;
    let last = params.rows - 1u;

    // 1. Each thread sums its columns. Past the last row it repeats that row.
    var sum = vec4<f32>(0.0);
    var square = 0.0;
    for (var c = t; c < cols4; c += WG_SIZE) {
        let v = x[params.x_row * cols4 + c];
        let u = input4(v, c);
        square += square4(v);
        sum += vec4<f32>(
            dot(weight4(min(r, last), c), u),
            dot(weight4(min(r + 1u, last), c), u),
            dot(weight4(min(r2, last), c), u),
            dot(weight4(min(r2 + 1u, last), c), u),
        );
    }
    partial[t] = sum;
    squares[t] = square;
    workgroupBarrier();

    // 2. Tree reduction of all four rows at once.
    for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
        if t < half {
            partial[t] += partial[t + half];
            squares[t] += squares[t + half];
        }
        workgroupBarrier();
    }

    // 3. Threads 0 to 3 store one row each, or threads 0 and 1 with a gate.
    if t < 4u {
        let s = partial[0] * scale(squares[0]);
        let at = params.row0 + r + t;
        if gated {
            if t < 2u && r + t < params.gate {
                y[at] = s[t] / (1.0 + exp(min(-s[t], 80.0))) * s[t + 2u];
            }
        } else if r + t < params.rows {
            y[at] = s[t] + select(0.0, y[at], params.add != 0u);
        }
    }
}

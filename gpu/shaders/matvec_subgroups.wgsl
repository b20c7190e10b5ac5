// matvec_subgroups.wgsl: multiplies one token with a weight matrix, four rows per
// workgroup. matvec.wgsl for browsers whose threads add without memory and barriers
// within a subgroup. Joined to a weight reader and to an input.
//
//     s[r] = sum_c W[r, c] * input(x[x_row])[c]
//     y[row0 + r] = s[r]   (+ y[row0 + r] if add)              without a gate
//     y[r] = s[r] / (1 + exp(-s[r])) * s[gate + r]             with a gate of `gate` rows: SwiGLU
//
// Shapes     weights (rows, cols) of the joined type   x (x_row + 1, cols) f32   y (row0 + rows, or gate) f32
// Dispatch   (rows / 4 rounded up, 1, 1)
// Threads    WG_SIZE; thread t owns columns 4t .. 4t+3, 4(t+WG_SIZE) ... of the workgroup's four rows: neighbours,
//            or two neighbours of the gate and those they are multiplied with
// Limits     neighbouring threads form the subgroups, which WGSL does not promise and every adapter does; the
//            self-test says where not. cols a multiple of 4; y must not be x; 2 * gate = rows or gate = 0;
//            as in swiglu.wgsl the exponent ends at 80
// Twin       ref/matmul.go
// Source     definition

enable subgroups;

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

var<workgroup> partial: array<vec4<f32>, WG_SIZE>; // of each subgroup: one sum per row of the workgroup
var<workgroup> squares: array<f32, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>,
        @builtin(subgroup_size) size: u32, @builtin(subgroup_invocation_id) lane: u32) {
    let gated = params.gate > 0u;
    let r = group.x * select(4u, 2u, gated);
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
            dot(weight4(r, c), u),
            dot(weight4(min(r + 1u, last), c), u),
            dot(weight4(min(r2, last), c), u),
            dot(weight4(min(r2 + 1u, last), c), u),
        );
    }

    // 2. Each subgroup adds its threads' sums.
    sum = subgroupAdd(sum);
    square = subgroupAdd(square);
    if lane == 0u {
        partial[t / size] = sum;
        squares[t / size] = square;
    }
    workgroupBarrier();

    // 3. Threads 0 to 3 add the subgroups' and store one row each, or threads 0 and 1 with a gate.
    if t < 4u {
        sum = partial[0];
        square = squares[0];
        for (var i = 1u; i < WG_SIZE / size; i++) {
            sum += partial[i];
            square += squares[i];
        }
        let s = sum * scale(square);
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

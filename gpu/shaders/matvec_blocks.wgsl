// matvec_blocks.wgsl: multiplies one token with a weight matrix whose weights have
// scales. The variant of matvec.wgsl in which a thread takes a whole block of 32
// columns at once: it reads 16 bytes at a time, and applies the scale to the block's
// sum. Joined to a reader of blocks and to an input.
//
//     s[r] = sum_c W[r, c] * input(x[x_row])[c]
//     y[row0 + r] = s[r]   (+ y[row0 + r] if add)              without a gate
//     y[r] = s[r] / (1 + exp(-s[r])) * s[gate + r]             with a gate of `gate` rows: SwiGLU
//
// Shapes     weights (rows, cols) of the joined type   x (x_row + 1, cols) f32   y (row0 + rows, or gate) f32
// Dispatch   (rows / 16 rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; LANES threads share four rows: neighbours, or two neighbours of the gate and those they are
//            multiplied with. The thread of a lane owns the blocks lane, lane + LANES ... of these rows
// Limits     cols a multiple of 32; y must not be x; 2 * gate = rows or gate = 0; the exponent ends at 80, as in
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
const LANES: u32 = 16u; // threads that share rows

var<workgroup> partial: array<vec4<f32>, WG_SIZE>; // one sum per row of the thread
var<workgroup> squares: array<f32, WG_SIZE>;

// Sixteen columns are a matrix here, four in each of its columns: it stays in registers
// where an array might not.

// read16 returns columns 4c .. 4c+15 of x.
fn read16(c: u32) -> mat4x4<f32> {
    let at = params.x_row * (params.cols / 4u) + c;
    return mat4x4<f32>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]);
}

// input16 returns what weights are multiplied with, and square16 what scale wants.
fn input16(v: mat4x4<f32>, c: u32) -> mat4x4<f32> {
    return mat4x4<f32>(input4(v[0], c), input4(v[1], c + 1u), input4(v[2], c + 2u), input4(v[3], c + 3u));
}

fn square16(v: mat4x4<f32>) -> f32 {
    return square4(v[0]) + square4(v[1]) + square4(v[2]) + square4(v[3]);
}

fn sum16(u: mat4x4<f32>) -> f32 {
    return dot(u[0] + u[1] + u[2] + u[3], vec4<f32>(1.0));
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>,
        @builtin(num_workgroups) groups: vec3<u32>) {
    let gated = params.gate > 0u;
    let t = local.x;
    let lane = t % LANES;
    let r = ((group.x + group.y * groups.x) * (WG_SIZE / LANES) + t / LANES) * select(4u, 2u, gated);
    let r2 = r + select(2u, params.gate, gated);
    let last = params.rows - 1u;

    // 1. Each thread sums its blocks. Past the last row it repeats that row.
    var sum = vec4<f32>(0.0);
    var square = 0.0;
    for (var block = lane; block < params.cols / 32u; block += LANES) {
        let v = read16(8u * block);
        let v2 = read16(8u * block + 4u);
        let u = input16(v, 8u * block);
        let u2 = input16(v2, 8u * block + 4u);
        let sums = vec2<f32>(sum16(u), sum16(u2));
        let a = prepared(u);
        let b = prepared(u2);
        square += square16(v) + square16(v2);
        sum += vec4<f32>(
            dot32(min(r, last), block, a, b, sums),
            dot32(min(r + 1u, last), block, a, b, sums),
            dot32(min(r2, last), block, a, b, sums),
            dot32(min(r2 + 1u, last), block, a, b, sums),
        );
    }
    partial[t] = sum;
    squares[t] = square;
    workgroupBarrier();

    // 2. Tree reduction of the lanes, of all four rows at once.
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if lane < half {
            partial[t] += partial[t + half];
            squares[t] += squares[t + half];
        }
        workgroupBarrier();
    }

    // 3. Lanes 0 to 3 store one row each, or lanes 0 and 1 with a gate.
    if lane < 4u {
        let s = partial[t - lane] * scale(squares[t - lane]);
        let at = params.row0 + r + lane;
        if gated {
            if lane < 2u && r + lane < params.gate {
                y[at] = s[lane] / (1.0 + exp(min(-s[lane], 80.0))) * s[lane + 2u];
            }
        } else if r + lane < params.rows {
            y[at] = s[lane] + select(0.0, y[at], params.add != 0u);
        }
    }
}

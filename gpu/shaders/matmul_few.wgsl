// matmul_few.wgsl: multiplies a few tokens with a weight matrix, as texts that are
// decoded together have them. The variant of matmul.wgsl for GPUs. Joined to a
// weight reader.
//
//     y[t, row0 + r] = sum_c W[r, c] * x[t, c]   (+ y[t, row0 + r] if add)
//
// Decoding waits for the weights, so they are read once for TOKENS tokens: from memory, and out of their type,
// which costs more than to multiply with them. Each token adds one operation a weight, and a read of 16 bytes of x
// for sixteen weights; all workgroups read the same x, so it comes from a cache. There are rows / 16 workgroups, as
// in matvec_blocks.wgsl for one token. matmul_tiled.wgsl has half as many, and multiplies 32 tokens to keep a few.
//
// Shapes     weights (rows, cols) of the joined type   x (n, cols) f32   y (n, y_cols) f32
// Dispatch   (rows / 16 rounded up, n / TOKENS rounded up, 1)
// Threads    WG_SIZE; LANES threads share four neighbouring rows. The thread of a lane owns columns 4 lane ..
//            4 lane + 3, 4 (lane + LANES) ... of these rows, for TOKENS tokens
// Limits     cols a multiple of 4; y must not be x; SUMS at most WG_SIZE; 16 PARTIALS bytes of workgroup memory
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

const WG_SIZE: u32 = 64u;
const LANES: u32 = 16u; // threads that share rows
const QUADS: u32 = WG_SIZE / LANES; // times four rows
const TOKENS: u32 = 8u;
const SUMS: u32 = QUADS * TOKENS;
const STRIDE: u32 = SUMS + 1u; // one more, so that the lanes write to different banks
const PARTIALS: u32 = LANES * STRIDE;

var<workgroup> partial: array<vec4<f32>, PARTIALS>; // by lane, token and quad: a sum per row of the quad

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let lane = thread % LANES;
    let quad = thread / LANES;
    let r0 = group.x * QUADS * 4u;
    let t0 = group.y * TOKENS;
    let r = r0 + quad * 4u;
    let cols4 = params.cols / 4u;
    let last = params.rows - 1u;

    // 1. Where each token's row begins. Past the last token or row, that one is repeated; it is not stored.
    var start: array<u32, TOKENS>;
    for (var i = 0u; i < TOKENS; i++) {
        start[i] = min(t0 + i, params.n - 1u) * cols4;
    }

    // 2. Each thread sums its columns.
    var sum: array<vec4<f32>, TOKENS>;
    for (var c = lane; c < cols4; c += LANES) {
        let w = transpose(mat4x4<f32>(weight4(min(r, last), c), weight4(min(r + 1u, last), c),
            weight4(min(r + 2u, last), c), weight4(min(r + 3u, last), c)));
        for (var i = 0u; i < TOKENS; i++) {
            let v = x[start[i] + c];
            sum[i] = sum[i] + w[0] * v.x + w[1] * v.y + w[2] * v.z + w[3] * v.w;
        }
    }
    for (var i = 0u; i < TOKENS; i++) {
        partial[lane * STRIDE + i * QUADS + quad] = sum[i];
    }
    workgroupBarrier();

    // 3. A thread adds up the lanes of one quad for one token, and stores its rows.
    if thread < SUMS {
        var s = vec4<f32>(0.0);
        for (var l = 0u; l < LANES; l++) {
            s += partial[l * STRIDE + thread];
        }
        let token = t0 + thread / QUADS;
        let row = r0 + thread % QUADS * 4u;
        let at = token * params.y_cols + params.row0 + row;
        let end = select(0u, min(4u, max(params.rows, row) - row), token < params.n);
        for (var i = 0u; i < end; i++) {
            y[at + i] = s[i] + select(0.0, y[at + i], params.add != 0u);
        }
    }
}

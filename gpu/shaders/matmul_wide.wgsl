// matmul_wide.wgsl: multiplies tokens with a weight matrix through wide tiles. The
// variant of matmul_tiled.wgsl for prompts: a thread owns 8 by 8 results, so what it
// reads from workgroup memory is used eight times, and a weight is unpacked once for
// SIDE tokens. Joined to a weight reader.
//
//     y[t, row0 + r] = sum_c W[r, c] * x[t, c]   (+ y[t, row0 + r] if add)
//
// Shapes     weights (rows, cols) of the joined type   x (n, cols) f32   y (n, y_cols) f32
// Dispatch   (rows / SIDE rounded up, n / SIDE rounded up, 1)
// Threads    64; a workgroup owns SIDE rows and SIDE tokens, a thread two times four neighbouring rows, SIDE / 2
//            apart, and as many tokens
// Limits     cols a multiple of 4; y must not be x; a thread has 64 sums, too many for adapters of few registers
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

const SIDE: u32 = 64u; // rows and tokens of a workgroup
const QUADS: u32 = 16u; // SIDE / 4: four neighbouring rows, or tokens, lie in a vec4
const DEPTH: u32 = 16u; // columns of a tile
const TILE: u32 = QUADS * DEPTH;

// Column by column.
var<workgroup> w_tile: array<vec4<f32>, TILE>;
var<workgroup> x_tile: array<vec4<f32>, TILE>;

// weights16 returns four columns of rows r .. r+3, a row in each column of the matrix; past the last row it
// repeats that.
fn weights16(r: u32, col4: u32) -> mat4x4<f32> {
    let last = params.rows - 1u;
    return mat4x4<f32>(weight4(min(r, last), col4), weight4(min(r + 1u, last), col4),
        weight4(min(r + 2u, last), col4), weight4(min(r + 3u, last), col4));
}

// x16 returns the same of tokens t .. t+3.
fn x16(t: u32, col4: u32) -> mat4x4<f32> {
    let last = params.n - 1u;
    let cols4 = params.cols / 4u;
    return mat4x4<f32>(x[min(t, last) * cols4 + col4], x[min(t + 1u, last) * cols4 + col4],
        x[min(t + 2u, last) * cols4 + col4], x[min(t + 3u, last) * cols4 + col4]);
}

// products returns those of four rows with four tokens, a token in each column.
fn products(w: vec4<f32>, v: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(w * v.x, w * v.y, w * v.z, w * v.w);
}

// store writes the sums of four rows for one token, and store16 for four.
fn store(sum: vec4<f32>, row: u32, token: u32) {
    let at = token * params.y_cols + params.row0 + row;
    let end = select(0u, min(4u, max(params.rows, row) - row), token < params.n);
    for (var i = 0u; i < end; i++) {
        y[at + i] = sum[i] + select(0.0, y[at + i], params.add != 0u);
    }
}

fn store16(sum: mat4x4<f32>, row: u32, token: u32) {
    store(sum[0], row, token);
    store(sum[1], row, token + 1u);
    store(sum[2], row, token + 2u);
    store(sum[3], row, token + 3u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let r0 = group.x * SIDE;
    let t0 = group.y * SIDE;
    let r = thread % 8u;
    let t = thread / 8u;
    // Of both tiles a thread fetches four columns of one quad. Eight neighbours have neighbouring quads, which
    // they write together; 32 have all columns of eight rows, which they read together.
    let quad = thread / 32u * 8u + thread % 8u;
    let fetched = thread / 8u % 4u;

    var sum: mat4x4<f32>; // of the thread's first rows and first tokens
    var sum_t: mat4x4<f32>; // and of its other tokens
    var sum_r: mat4x4<f32>; // of its other rows
    var sum_rt: mat4x4<f32>;
    for (var c0 = 0u; c0 < params.cols / 4u; c0 += DEPTH / 4u) {
        // 1. The threads fetch both tiles. Past the last row or token they repeat it; past the last column are zeros.
        var w = mat4x4<f32>();
        var v = mat4x4<f32>();
        if c0 + fetched < params.cols / 4u {
            w = transpose(weights16(r0 + 4u * quad, c0 + fetched));
            v = transpose(x16(t0 + 4u * quad, c0 + fetched));
        }
        let at = 4u * fetched * QUADS + quad;
        w_tile[at] = w[0];
        w_tile[at + QUADS] = w[1];
        w_tile[at + 2u * QUADS] = w[2];
        w_tile[at + 3u * QUADS] = w[3];
        x_tile[at] = v[0];
        x_tile[at + QUADS] = v[1];
        x_tile[at + 2u * QUADS] = v[2];
        x_tile[at + 3u * QUADS] = v[3];
        workgroupBarrier();

        // 2. Each multiplies its rows with its tokens.
        for (var c = 0u; c < TILE; c += QUADS) {
            let w_first = w_tile[c + r];
            let w_other = w_tile[c + r + QUADS / 2u];
            let x_first = x_tile[c + t];
            let x_other = x_tile[c + t + QUADS / 2u];
            sum += products(w_first, x_first);
            sum_t += products(w_first, x_other);
            sum_r += products(w_other, x_first);
            sum_rt += products(w_other, x_other);
        }
        workgroupBarrier(); // before the next tiles overwrite these
    }

    // 3. Store. A loop, because compilers take long for stores.
    for (var i = 0u; i < 4u; i++) {
        var part = sum;
        if i == 1u {
            part = sum_t;
        } else if i == 2u {
            part = sum_r;
        } else if i == 3u {
            part = sum_rt;
        }
        store16(part, r0 + 4u * r + i / 2u * (SIDE / 2u), t0 + 4u * t + i % 2u * (SIDE / 2u));
    }
}

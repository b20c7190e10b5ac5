// embed.wgsl: looks up the embedding of each token. Joined to a weight reader.
//
//     x[x_row + t, c] = W[tokens[first + t], c]
//
// Shapes     weights (rows, cols) of the joined type: rows row0 .. row0+rows of the table
//            tokens (first + n) u32   x (x_row + n, cols) f32
// Dispatch   (cols / 4 / WG_SIZE rounded up, n, 1)
// Threads    WG_SIZE; one thread owns four columns of one token
// Limits     cols a multiple of 4; a token outside these rows is left to the dispatch of another part
// Twin       ref/embed.go
// Source     definition

struct Params {
    cols: u32,
    scales: u32,
    row0: u32,
    rows: u32,
    first: u32,
    x_row: u32, // token 0's row in x
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> tokens: array<u32>;
@group(0) @binding(3) var<storage, read_write> x: array<vec4<f32>>;

const WG_SIZE: u32 = 64u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let col4 = id.x;
    let t = id.y;
    let token = tokens[params.first + t];
    if col4 < params.cols / 4u && token >= params.row0 && token < params.row0 + params.rows {
        x[(params.x_row + t) * (params.cols / 4u) + col4] = weight4(token - params.row0, col4);
    }
}

// rope.wgsl: rotates queries and keys by their positions, in place.
//
//     (x[2i], x[2i+1]) = (x[2i] cos a - x[2i+1] sin a, x[2i] sin a + x[2i+1] cos a)
//     a = positions[t] * base^(-2i / head_dim)        looked up in a table
//
// Shapes     table (positions, head_dim / 2) vec2(cos a, sin a)   positions (n) u32
//            qkv (n, stride) f32; its first n_heads * head_dim columns are rotated, head by head
// Dispatch   (n_heads * head_dim / 2 / WG_SIZE rounded up, n, 1)
// Threads    WG_SIZE; one thread owns one pair of neighbouring elements of one token
// Limits     head_dim even; the table must reach the last position
// Twin       ref/rope.go
// Source     Su et al. 2021, RoFormer, arXiv:2104.09864, eq. 34, in the interleaved form

struct Params {
    stride: u32,
    n_heads: u32,
    head_dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> table: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read_write> qkv: array<f32>;

const WG_SIZE: u32 = 32u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let pair = id.x;
    let t = id.y;
    let half = params.head_dim / 2u;
    if pair >= params.n_heads * half {
        return;
    }
    let turn = table[positions[t] * half + pair % half];
    let at = t * params.stride + 2u * pair;
    let a = qkv[at];
    let b = qkv[at + 1u];
    qkv[at] = a * turn.x - b * turn.y;
    qkv[at + 1u] = a * turn.y + b * turn.x;
}

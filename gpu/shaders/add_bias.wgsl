// add_bias.wgsl: adds a vector to every row, in place.
//
//     x[r, i] = x[r, i] + bias[i]
//
// Shapes     x (rows, width)   bias (width)        all f32
// Dispatch   (width / WG_SIZE rounded up, rows, 1)
// Threads    WG_SIZE; one thread owns one element
// Limits     none
// Twin       ref/add_bias.go
// Source     Bai et al. 2023, "Qwen Technical Report", arXiv:2309.16609, section 2.3 (biases of Q, K and V)

struct Params {
    width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;

const WG_SIZE: u32 = 64u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.x;
    if i >= params.width {
        return;
    }
    x[id.y * params.width + i] += bias[i];
}

// swiglu.wgsl: the gated activation between the two halves of the feed-forward network.
//
//     y[t, i] = silu(g[t, i]) * u[t, i]        silu(z) = z / (1 + exp(min(-z, 80)))
//
// Shapes     gate_up (n, 2 * hidden) f32: g (hidden), u (hidden)   y (n, hidden) f32
// Dispatch   (hidden / WG_SIZE rounded up, n, 1)
// Threads    WG_SIZE; one thread owns one element
// Limits     the exponent ends at 80, where silu is below 1e-32: exp beyond the largest f32 may be anything in WGSL
// Twin       ref/swiglu.go
// Source     Shazeer 2020, "GLU Variants Improve Transformer", arXiv:2002.05202, eq. 6

struct Params {
    hidden: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gate_up: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const WG_SIZE: u32 = 64u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.x;
    if i >= params.hidden {
        return;
    }
    let row = id.y * 2u * params.hidden;
    let g = gate_up[row + i];
    y[id.y * params.hidden + i] = g / (1.0 + exp(min(-g, 80.0))) * gate_up[row + params.hidden + i];
}

// zero.wgsl: sets words to 0.
//
//     x[i] = 0       for i < n
//
// Shapes     x (at least n) words
// Dispatch   (n / WG_SIZE rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; one thread owns one word
// Limits     none
// Twin       ref/zero.go
// Source     definition

struct Params {
    n: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<u32>;

const WG_SIZE: u32 = 64u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WG_SIZE;
    if i < params.n {
        x[i] = 0u;
    }
}

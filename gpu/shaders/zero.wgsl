// zero.wgsl: sets words to 0.
//
//     x[i] = 0       for i < n
//
// Shapes     x (at least n) words
// Dispatch   (n / WG_SIZE rounded up, but at most the device's limit, 1, 1)
// Threads    WG_SIZE; thread id owns words id, id + all threads, ...
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
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var i = id.x; i < params.n; i += groups.x * WG_SIZE) {
        x[i] = 0u;
    }
}

// cache_write_f32.wgsl: writes four neighbouring elements of a row of an f32
// cache. Joined to a kernel with a constant HEAD_DIM.
//
// Shapes     k_out, v_out (slots of all heads, HEAD_DIM / 4) vec4<f32>
// Limits     HEAD_DIM a multiple of 4
// Twin       layout/rows.go
// Source     definition

@group(0) @binding(3) var<storage, read_write> k_out: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> v_out: array<vec4<f32>>;

const PUT4: u32 = 1u; // vec4 that are put at once
const SPAN4: u32 = 1u; // vec4 that one thread has to put

fn put_k(slot: u32, i4: u32, k: ptr<function, array<vec4<f32>, PUT4>>) {
    k_out[slot * (HEAD_DIM / 4u) + i4] = (*k)[0];
}

fn put_v(slot: u32, i4: u32, v: ptr<function, array<vec4<f32>, PUT4>>) {
    v_out[slot * (HEAD_DIM / 4u) + i4] = (*v)[0];
}

// cache_write_f16.wgsl: writes four neighbouring elements of a row of an f16
// cache, rounded to nearest even. Joined to a kernel with a constant HEAD_DIM.
//
// Shapes     k_out, v_out (slots of all heads, HEAD_DIM / 4) four halves in two words, low half first
// Limits     HEAD_DIM a multiple of 4; values beyond 65504, the largest half, become 65504,
//            because what pack2x16float makes of them differs between adapters
// Twin       layout/rows.go
// Source     definition

@group(0) @binding(3) var<storage, read_write> k_out: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> v_out: array<vec2<u32>>;

const PUT4: u32 = 1u; // vec4 that are put at once
const SPAN4: u32 = 1u; // vec4 that one thread has to put

fn pack4(x: vec4<f32>) -> vec2<u32> {
    let y = clamp(x, vec4<f32>(-65504.0), vec4<f32>(65504.0));
    return vec2<u32>(pack2x16float(y.xy), pack2x16float(y.zw));
}

fn put_k(slot: u32, i4: u32, k: ptr<function, array<vec4<f32>, PUT4>>) {
    k_out[slot * (HEAD_DIM / 4u) + i4] = pack4((*k)[0]);
}

fn put_v(slot: u32, i4: u32, v: ptr<function, array<vec4<f32>, PUT4>>) {
    v_out[slot * (HEAD_DIM / 4u) + i4] = pack4((*v)[0]);
}

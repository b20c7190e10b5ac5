// cache_f32.wgsl: reads four neighbouring elements of a row of an f32 cache.
// Joined to a kernel with a constant HEAD_DIM.
//
// Shapes     k_cache, v_cache (slots of all heads, HEAD_DIM / 4) vec4<f32>
// Limits     HEAD_DIM a multiple of 4
// Twin       layout/rows.go
// Source     definition

@group(0) @binding(1) var<storage, read> k_cache: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> v_cache: array<vec4<f32>>;

fn k4(slot: u32, i4: u32) -> vec4<f32> {
    return k_cache[slot * (HEAD_DIM / 4u) + i4];
}

fn v4(slot: u32, i4: u32) -> vec4<f32> {
    return v_cache[slot * (HEAD_DIM / 4u) + i4];
}

// cache_q8_0.wgsl: reads four neighbouring elements of a row of a Q8_0 cache.
// Joined to a kernel with a constant HEAD_DIM, and to halves.wgsl.
//
//     x = d * q        one scale d per 32 neighbouring elements
//
// Shapes     k_cache, v_cache (slots of all heads, ROW_WORDS) words; a row is
//            [0 .. HEAD_DIM / 4)   four signed bytes q a word
//            [HEAD_DIM / 4 ..)     halves d, two a word; the last half is unused where their number is odd
// Limits     HEAD_DIM a multiple of 32
// Twin       layout/rows.go
// Source     ggml's block_q8_0, scales and quants taken apart

@group(0) @binding(1) var<storage, read> k_cache: array<u32>;
@group(0) @binding(2) var<storage, read> v_cache: array<u32>;

const ROW_SCALES: u32 = HEAD_DIM / 4u;
const ROW_WORDS: u32 = ROW_SCALES + (HEAD_DIM / 32u + 1u) / 2u;

fn dequantised(q: u32, scales: u32, i4: u32) -> vec4<f32> {
    // A byte is moved to the top of an i32 and back, which keeps its sign.
    let q_signed = vec4<i32>(vec4<u32>(q << 24u, q << 16u, q << 8u, q)) >> vec4<u32>(24u);
    return half_value(scales >> (i4 / 8u % 2u * 16u)) * vec4<f32>(q_signed);
}

fn k4(slot: u32, i4: u32) -> vec4<f32> {
    let row = slot * ROW_WORDS;
    return dequantised(k_cache[row + i4], k_cache[row + ROW_SCALES + i4 / 16u], i4);
}

fn v4(slot: u32, i4: u32) -> vec4<f32> {
    let row = slot * ROW_WORDS;
    return dequantised(v_cache[row + i4], v_cache[row + ROW_SCALES + i4 / 16u], i4);
}

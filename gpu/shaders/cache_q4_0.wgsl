// cache_q4_0.wgsl: reads four neighbouring elements of a row of a Q4_0 cache.
// Joined to a kernel with a constant HEAD_DIM, and to halves.wgsl.
//
//     x = d * (q - 8)        one scale d per 32 neighbouring elements
//
// Shapes     k_cache, v_cache (slots of all heads, ROW_WORDS) words; a row is
//            [0 .. HEAD_DIM / 8)   eight 4-bit q a word, first element lowest
//            [HEAD_DIM / 8 ..)     halves d, two a word; the last half is unused where their number is odd
// Limits     HEAD_DIM a multiple of 32
// Twin       layout/rows.go
// Source     ggml's block_q4_0, its nibbles put in the order of the elements

@group(0) @binding(1) var<storage, read> k_cache: array<u32>;
@group(0) @binding(2) var<storage, read> v_cache: array<u32>;

const ROW_SCALES: u32 = HEAD_DIM / 8u;
const ROW_WORDS: u32 = ROW_SCALES + (HEAD_DIM / 32u + 1u) / 2u;

fn dequantised(eight: u32, scales: u32, i4: u32) -> vec4<f32> {
    let word = eight >> (16u * (i4 % 2u));
    let q = vec4<u32>(word, word >> 4u, word >> 8u, word >> 12u) & vec4<u32>(15u);
    return half_value(scales >> (i4 / 8u % 2u * 16u)) * (vec4<f32>(q) - 8.0);
}

fn k4(slot: u32, i4: u32) -> vec4<f32> {
    let row = slot * ROW_WORDS;
    return dequantised(k_cache[row + i4 / 2u], k_cache[row + ROW_SCALES + i4 / 16u], i4);
}

fn v4(slot: u32, i4: u32) -> vec4<f32> {
    let row = slot * ROW_WORDS;
    return dequantised(v_cache[row + i4 / 2u], v_cache[row + ROW_SCALES + i4 / 16u], i4);
}

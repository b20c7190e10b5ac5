// cache_write_q4_0.wgsl: writes a block of 32 elements of a row of a Q4_0
// cache. Joined to a kernel with a constant HEAD_DIM, and to halves.wgsl.
//
//     d = x[first of max|x|] / -8        q = min(15, the integer part of x * (1 / d) + 8.5)
//
// Shapes     k_out, v_out (slots of all heads, OUT_WORDS) words; a row is
//            [0 .. HEAD_DIM / 8)   eight 4-bit q a word, first element lowest
//            [HEAD_DIM / 8 ..)     halves d, two a word; the last half is unused where their number is odd
// Limits     HEAD_DIM a multiple of 32; d beyond 65504, the largest half, is stored as that. Two blocks share a
//            word of scales, so one thread puts both, the first of them first
// Twin       layout/rows.go
// Source     quantize_row_q4_0_ref in ggml-quants.c of llama.cpp

@group(0) @binding(3) var<storage, read_write> k_out: array<u32>;
@group(0) @binding(4) var<storage, read_write> v_out: array<u32>;

const PUT4: u32 = 8u; // vec4 that are put at once
const SPAN4: u32 = 16u; // vec4 that one thread has to put
const OUT_SCALES: u32 = HEAD_DIM / 8u;
const OUT_WORDS: u32 = OUT_SCALES + (HEAD_DIM / 32u + 1u) / 2u;

fn scale_of(x: ptr<function, array<vec4<f32>, PUT4>>) -> f32 {
    var top = 0.0;
    for (var i = 0u; i < 4u * PUT4; i++) {
        let v = (*x)[i / 4u][i % 4u];
        if abs(v) > abs(top) {
            top = v;
        }
    }
    return top / -8.0;
}

// quants returns four nibbles in the lower half of a word.
fn quants(x: vec4<f32>) -> u32 {
    let q = min(vec4<u32>(x + 8.5), vec4<u32>(15u));
    return q.x | (q.y << 4u) | (q.z << 8u) | (q.w << 12u);
}

fn inverse(d: f32) -> f32 {
    if d == 0.0 {
        return 0.0;
    }
    return 1.0 / d;
}

// with_scale returns a word of scales with that of the block at i4.
fn with_scale(word: u32, i4: u32, d: f32) -> u32 {
    let half = half_bits(d);
    return select(half, (word & 0xffffu) | (half << 16u), i4 % SPAN4 > 0u);
}

fn put_k(slot: u32, i4: u32, k: ptr<function, array<vec4<f32>, PUT4>>) {
    let row = slot * OUT_WORDS;
    let d = scale_of(k);
    let id = inverse(d);
    for (var i = 0u; i < PUT4; i += 2u) {
        k_out[row + (i4 + i) / 2u] = quants((*k)[i] * id) | (quants((*k)[i + 1u] * id) << 16u);
    }
    let scales = row + OUT_SCALES + i4 / SPAN4;
    k_out[scales] = with_scale(k_out[scales], i4, d);
}

fn put_v(slot: u32, i4: u32, v: ptr<function, array<vec4<f32>, PUT4>>) {
    let row = slot * OUT_WORDS;
    let d = scale_of(v);
    let id = inverse(d);
    for (var i = 0u; i < PUT4; i += 2u) {
        v_out[row + (i4 + i) / 2u] = quants((*v)[i] * id) | (quants((*v)[i + 1u] * id) << 16u);
    }
    let scales = row + OUT_SCALES + i4 / SPAN4;
    v_out[scales] = with_scale(v_out[scales], i4, d);
}

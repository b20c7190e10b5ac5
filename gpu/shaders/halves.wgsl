// halves.wgsl: turns halves into f32 and back by integers. Joined to the readers and
// writers of types with scales.
//
// unpack2x16float may take a subnormal half, one below 6.1e-5, for 0, and pack2x16float may round in any
// direction. A scale that is 0 makes 0 of its whole block.
//
// Limits     a half that is no number or infinite stays that; what is beyond 65504, the largest half, is stored as that
// Twin       layout/half.go
// Source     IEEE 754 binary16

// half_value returns the half in the low 16 bits of a word. Its exponent gets another bias, and 15 becomes
// the largest one; a subnormal half is an integer times 2^-24.
fn half_value(bits: u32) -> f32 {
    let magnitude = bits & 0x7fffu;
    let bias = select(0x38000000u, 0x70000000u, magnitude >= 0x7c00u);
    let normal = bitcast<f32>((magnitude << 13u) + bias);
    let v = select(normal, f32(magnitude) / 16777216.0, magnitude < 0x400u);
    return select(v, -v, (bits & 0x8000u) != 0u);
}

// half_pair returns the halves of a word, the low one first.
fn half_pair(word: u32) -> vec2<f32> {
    return vec2<f32>(half_value(word), half_value(word >> 16u));
}

// half_bits returns the half that is nearest, the even one of two.
fn half_bits(v: f32) -> u32 {
    let bits = bitcast<u32>(v);
    let magnitude = min(bits & 0x7fffffffu, 0x477fe000u);
    let normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u;
    let subnormal = u32(round(bitcast<f32>(magnitude) * 16777216.0));
    return select(normal, subnormal, magnitude < 0x38800000u) | ((bits >> 16u) & 0x8000u);
}

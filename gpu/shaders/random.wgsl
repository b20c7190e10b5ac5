// random.wgsl: counter-based random numbers, the same on every adapter and in
// Go. Joined to the kernels that draw.
//
//     hash(seed, stream, index)   32 bits;   uniform in (0, 1), 23 bits
//     ln(u)                       natural logarithm by a polynomial: WGSL's own log may be off by 5e-7 near 1,
//                                 which a normal draw near 0 would show
//     sin_quarter(y)              sine for |y| <= pi / 2: WGSL's own may be off by 2^-11
//
// Twin       layout/random.go
// Source     O'Neill 2014, PCG, output function RXS-M-XS 32; logarithm by 2 atanh((m-1)/(m+1))

fn pcg(v: u32) -> u32 {
    let state = v * 747796405u + 2891336453u;
    let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
    return (word >> 22u) ^ word;
}

fn hash(seed: u32, stream: u32, index: u32) -> u32 {
    return pcg(pcg(index) ^ pcg(stream ^ pcg(seed)));
}

fn uniform01(h: u32) -> f32 {
    return (f32(h >> 9u) + 0.5) * 1.1920928955078125e-7;
}

fn ln(u: f32) -> f32 {
    // u = m * 2^e with m in [sqrt(1/2), sqrt(2))
    let bits = bitcast<u32>(u);
    var e = f32(i32(bits >> 23u) - 127);
    var m = bitcast<f32>((bits & 0x7fffffu) | 0x3f800000u);
    if m > 1.4142135 {
        m *= 0.5;
        e += 1.0;
    }
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = 1.0 + z * (0.33333334 + z * (0.2 + z * (0.14285715 + z * 0.11111111)));
    return 2.0 * s * series + e * 0.6931472;
}

fn sin_quarter(y: f32) -> f32 {
    let z = y * y;
    return y * (1.0 + z * (-0.16666667 + z * (0.008333334 + z * (-0.0001984127
        + z * (2.7557319e-6 + z * -2.5052108e-8)))));
}

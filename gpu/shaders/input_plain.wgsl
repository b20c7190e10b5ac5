// input_plain.wgsl: a matrix is multiplied with a token as it is. Joined to
// matvec.wgsl and matvec_rows.wgsl.
//
// Twin       ref/matmul.go
// Source     definition

// input4 returns what the weights of columns 4 col4 .. 4 col4 + 3 are multiplied with.
fn input4(v: vec4<f32>, col4: u32) -> vec4<f32> {
    return v;
}

// square4 returns what scale wants to have added up over all columns.
fn square4(v: vec4<f32>) -> f32 {
    return 0.0;
}

// scale returns what the sum over all columns is multiplied with.
fn scale(squares: f32) -> f32 {
    return 1.0;
}

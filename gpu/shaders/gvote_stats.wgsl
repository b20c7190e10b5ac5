// gvote_stats.wgsl: folds rows of a matrix into the running mean and sum of
// squared deviations of each column.
//
//     chunk: m = mean_t x[t, c],  d = sum_t (x[t, c] - m)^2       over t = skip .. n-1
//     state: mean += (m - mean) * b / (a + b),  M2 += d + (m - mean)^2 * a * b / (a + b)
//            with a = count_before rows in the state, b = n - skip rows in the chunk
//
// The population variance of all rows so far is M2 / (a + b).
//
// Shapes     x (n, dim) f32   state (2, dim) f32: mean, M2
// Dispatch   (dim / WG_SIZE rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; one thread owns one column
// Limits     skip < n; with count_before = 0 the state is not read
// Twin       ref/gvote_stats.go
// Source     Chan, Golub & LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing Sample
//            Variances", STAN-CS-79-773, eq. 2.1; Tang et al. 2025, GVote, arXiv:2509.03136, hidden-state statistics

struct Params {
    n: u32,
    dim: u32,
    count_before: u32,
    skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;

const WG_SIZE: u32 = 64u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let c = id.x + id.y * groups.x * WG_SIZE;
    if c >= params.dim {
        return;
    }
    let a = f32(params.count_before);
    let b = f32(params.n - params.skip);

    // 1. The chunk's mean, roughly: its rounding error grows with the rows.
    var sum = 0.0;
    for (var t = params.skip; t < params.n; t++) {
        sum += x[t * params.dim + c];
    }
    let rough = sum / b;

    // 2. Deviations from it are small, so what they sum to corrects mean and squares.
    var rest = 0.0;
    var squares = 0.0;
    for (var t = params.skip; t < params.n; t++) {
        let d = x[t * params.dim + c] - rough;
        rest += d;
        squares += d * d;
    }
    var mean = rough + rest / b;
    var m2 = squares - rest * rest / b;

    // 3. Merged with the rows before.
    if params.count_before > 0u {
        let step = mean - state[c];
        mean = state[c] + step * (b / (a + b));
        m2 += state[params.dim + c] + step * step * (a * b / (a + b));
    }
    state[c] = mean;
    state[params.dim + c] = m2;
}

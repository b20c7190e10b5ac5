// query_cov.wgsl: folds the queries of a chunk into the co-moments of each
// query head, after gvote_stats has folded them into the means.
//
//     d_t = q_t - mean,  r = sum_t d_t,  S = sum_t d_t d_t^T       over t = skip .. n-1
//     C = C + S + r r^T / a    with a = count_before rows before;   C = S - r r^T / b  if a = 0, with b = n - skip
//
// mean is that of all a + b rows, and C / (a + b) is then their covariance.
//
// Shapes     q (row0 + n, stride) f32, its first n_heads * head_dim columns   mean (n_heads * head_dim or more) f32
//            cov (n_heads, head_dim, head_dim) f32
// Dispatch   (n_heads * head_dim * head_dim4 / WG_SIZE rounded up, 1, 1), or folded over x and y
// Threads    WG_SIZE; one thread owns four neighbouring elements of a row of C
// Limits     skip < n; stride and head_dim multiples of 4; with count_before = 0 cov is not read
// Twin       ref/query_cov.go
// Source     Chan, Golub & LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing Sample
//            Variances", STAN-CS-79-773, eq. 2.1, with the means of the parts as deviations from the mean of all

struct Params {
    n: u32,
    row0: u32,
    stride: u32,
    n_heads: u32,
    head_dim4: u32, // head_dim / 4
    count_before: u32,
    skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> cov: array<vec4<f32>>;

const WG_SIZE: u32 = 64u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = id.x + id.y * groups.x * WG_SIZE;
    let i = at / params.head_dim4; // a row of C, over all heads: the column i of q
    let head_dim = 4u * params.head_dim4;
    let h = i / head_dim;
    if h >= params.n_heads {
        return;
    }
    let j4 = h * params.head_dim4 + at % params.head_dim4; // four columns of q, of the same head
    let mean_i = mean[i / 4u][i % 4u];
    let mean_j = mean[j4];

    var r_i = 0.0;
    var r_j = vec4<f32>(0.0);
    var products = vec4<f32>(0.0);
    for (var t = params.skip; t < params.n; t++) {
        let row = (params.row0 + t) * params.stride / 4u;
        let d_i = q[row + i / 4u][i % 4u] - mean_i;
        let d_j = q[row + j4] - mean_j;
        r_i += d_i;
        r_j += d_j;
        products += d_i * d_j;
    }
    if params.count_before > 0u {
        cov[at] += products + r_i * r_j / f32(params.count_before);
    } else {
        cov[at] = products - r_i * r_j / f32(params.n - params.skip);
    }
}

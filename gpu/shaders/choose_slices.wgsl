// choose_slices.wgsl: what choose.wgsl has to know of each slice of the vocabulary, of its tokens that are likelier
// than the one it asks about. Joined to summary.wgsl and random.wgsl.
//
// Shapes     logits (rows, vocab) f32, row `row` is read
//            draw as choose.wgsl left it; in the first round all tokens are asked about
//            slices (n_slices) summaries
// Dispatch   (n_slices, 1, 1)
// Threads    WG_SIZE; thread t owns tokens t, t+WG_SIZE, ... of its slice
// Limits     a draw that is done leaves summaries of nothing
// Twin       ref/choose_slices.go
// Source     definition

struct Params {
    vocab: u32,
    size: u32, // of a slice
    row: u32,
    seed: u32,
    position: u32,
    temperature: f32,
    round: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> draw: Draw;
@group(0) @binding(3) var<storage, read_write> slices: array<Summary>;

const WG_SIZE: u32 = 64u;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let t = local.x;
    let first = group.x * params.size;
    let end = min(first + params.size, params.vocab);
    var own = nothing();
    if params.round == 0u {
        own = summarise(first + t, end);
    } else if draw.done == 0u {
        own = find(measure(first + t, end, draw), first + t, end, draw);
    }
    let sum = of_all(t, own);
    if t == 0u {
        slices[group.x] = sum;
    }
}

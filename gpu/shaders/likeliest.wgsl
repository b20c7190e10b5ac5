// likeliest.wgsl: finds the n likeliest tokens of each slice of a row of logits, in order.
//
// Shapes     logits (vocab) f32
//            candidates (at + 1, n_slices, n) vec2 of words, row `at` is written: id, logit as f32. A slice of fewer
//            tokens leaves NO_TOKEN for those that it lacks.
// Dispatch   (n_slices, 1, 1)
// Threads    WG_SIZE; thread t owns tokens t, t+WG_SIZE, ... of its slice
// Limits     ties go to the lower id
// Twin       ref/likeliest.go
// Source     definition

struct Params {
    vocab: u32,
    size: u32, // of a slice
    n: u32,
    at: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> candidates: array<vec2<u32>>;

const WG_SIZE: u32 = 64u;
const NEG_LARGE: f32 = -1e30;
const NO_TOKEN: u32 = 0xffffffffu;

var<workgroup> best: array<f32, WG_SIZE>; // of each thread's tokens, the likeliest that is not taken yet
var<workgroup> best_id: array<u32, WG_SIZE>;

// likelier reports whether token i stands before token j. Every token stands before none.
fn likelier(i: u32, logit_i: f32, j: u32, logit_j: f32) -> bool {
    return i != NO_TOKEN && (j == NO_TOKEN || logit_i > logit_j || (logit_i == logit_j && i < j));
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>,
        @builtin(num_workgroups) groups: vec3<u32>) {
    let t = local.x;
    let from_token = group.x * params.size;
    let end = min(from_token + params.size, params.vocab);
    let out = (params.at * groups.x + group.x) * params.n;

    var last = NO_TOKEN; // that was taken
    var last_logit = 0.0;
    for (var n = 0u; n < params.n; n++) {
        // 1. The thread that owns what was taken last finds its next one. At first all do.
        if n == 0u || (last != NO_TOKEN && (last - from_token) % WG_SIZE == t) {
            var high = NEG_LARGE;
            var id = NO_TOKEN;
            for (var i = from_token + t; i < end; i += WG_SIZE) {
                let logit = logits[i];
                if (last == NO_TOKEN || likelier(last, last_logit, i, logit)) && likelier(i, logit, id, high) {
                    high = logit;
                    id = i;
                }
            }
            best[t] = high;
            best_id[t] = id;
        }
        workgroupBarrier();

        // 2. All threads find the best of them: that costs fewer barriers than a tree.
        last = NO_TOKEN;
        for (var other = 0u; other < WG_SIZE; other++) {
            if likelier(best_id[other], best[other], last, last_logit) {
                last = best_id[other];
                last_logit = best[other];
            }
        }
        if t == 0u {
            candidates[out + n] = vec2<u32>(last, bitcast<u32>(last_logit));
        }
        workgroupBarrier(); // everyone has looked before the best are overwritten
    }
}

// choose.wgsl: picks the next token from a row of logits. Joined to random.wgsl.
//
//     greedy (temperature 0)   id = arg max_i logit_i
//     Gumbel                   id = arg max_i logit_i / temperature - ln(-ln u_i)
//                              u_i = uniform(hash(seed, position, i))
//     lse = ln sum_i exp(logit_i)
//
// Adding Gumbel noise and taking the maximum draws from softmax(logits / temperature). The noise depends on the
// token and its position alone, so a small change of the logits rarely changes the choice.
//
// Shapes     logits (rows, vocab) f32, row `row` is read   chosen (3) words: id, its logit as f32, lse as f32
// Dispatch   (1, 1, 1)
// Threads    WG_SIZE; thread t owns tokens t, t+WG_SIZE, ...
// Limits     ties go to the lower id
// Twin       gpu/ref/choose.go
// Source     Gumbel-max trick, e.g. Maddison et al. 2014, arXiv:1411.0030, section 2

struct Params {
    vocab: u32,
    row: u32,
    seed: u32,
    position: u32,
    temperature: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> chosen: array<u32>;

const WG_SIZE: u32 = 64u;
const NEG_LARGE: f32 = -1e30;

var<workgroup> best_score: array<f32, WG_SIZE>;
var<workgroup> best_id: array<u32, WG_SIZE>;
var<workgroup> partial: array<f32, WG_SIZE>;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_id) local: vec3<u32>) {
    let t = local.x;
    let row = params.row * params.vocab;

    // 1. Each thread finds its best score and its largest logit.
    var score = NEG_LARGE;
    var id = 0xffffffffu;
    var top = NEG_LARGE;
    for (var i = t; i < params.vocab; i += WG_SIZE) {
        let logit = logits[row + i];
        var s = logit;
        if params.temperature > 0.0 {
            s = logit / params.temperature - ln(-ln(uniform01(hash(params.seed, params.position, i))));
        }
        if s > score || id == 0xffffffffu {
            score = s;
            id = i;
        }
        top = max(top, logit);
    }
    best_score[t] = score;
    best_id[t] = id;
    partial[t] = top;
    workgroupBarrier();
    for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
        if t < half {
            let other = t + half;
            if best_score[other] > best_score[t]
                || (best_score[other] == best_score[t] && best_id[other] < best_id[t]) {
                best_score[t] = best_score[other];
                best_id[t] = best_id[other];
            }
            partial[t] = max(partial[t], partial[other]);
        }
        workgroupBarrier();
    }

    // 2. partial[0] now holds the largest logit: sum exponentials below it.
    top = partial[0];
    workgroupBarrier(); // everyone has read it before it is overwritten
    var sum = 0.0;
    for (var i = t; i < params.vocab; i += WG_SIZE) {
        sum += exp(logits[row + i] - top);
    }
    partial[t] = sum;
    workgroupBarrier();
    for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
        if t < half {
            partial[t] += partial[t + half];
        }
        workgroupBarrier();
    }

    // 3. One thread stores the result.
    if t == 0u {
        chosen[0] = best_id[0];
        chosen[1] = bitcast<u32>(logits[row + best_id[0]]);
        chosen[2] = bitcast<u32>(top + log(partial[0]));
    }
}

// choose.wgsl: picks the next token from a row of logits. Joined to random.wgsl.
//
//     greedy (temperature 0)   id = arg max_i logit_i
//     Gumbel                   id = arg max_i logit_i / temperature - ln(-ln u_i)    over those that pass the filters
//                              u_i = uniform(hash(seed, position, i))
//     lse = ln sum_i exp(logit_i)
//
// Adding Gumbel noise and taking the maximum draws from softmax(logits / temperature). The noise depends on the
// token and its position alone, so a small change of the logits rarely changes the choice.
//
// Filters keep a token by those that are likelier (ties by lower id): fewer than top_k, with less than top_p of the
// probability together, and the first of them at most 1 / min_p times as likely. Nothing has to be sorted for that:
// the best token is drawn and judged. If it does not pass, no token behind it does, and the best of those before
// it is drawn, and so on: about twice as often as the filters leave out by half.
//
// Shapes     logits (rows, vocab) f32, row `row` is read
//            chosen (at + 1, 3) words, row `at` is written: id, its logit as f32, lse as f32
// Dispatch   (1, 1, 1)
// Threads    WG_SIZE; thread t owns tokens t, t+WG_SIZE, ...
// Limits     ties go to the lower id; top_k is at least 1, and not for draws with top_p < 1
// Twin       ref/choose.go
// Source     Gumbel-max trick, e.g. Maddison et al. 2014, arXiv:1411.0030, section 2

struct Params {
    vocab: u32,
    row: u32,
    at: u32,
    seed: u32,
    position: u32,
    temperature: f32,
    top_k: u32,
    top_p: f32,
    min_p: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> chosen: array<u32>;

const WG_SIZE: u32 = 64u;
const NEG_LARGE: f32 = -1e30;
const NO_TOKEN: u32 = 0xffffffffu;

var<workgroup> best_score: array<f32, WG_SIZE>;
var<workgroup> best_id: array<u32, WG_SIZE>;
var<workgroup> partial: array<vec3<f32>, WG_SIZE>;
var<workgroup> passes: u32;

// sum_over returns the sum of what the threads give.
fn sum_over(t: u32, x: vec3<f32>) -> vec3<f32> {
    partial[t] = x;
    workgroupBarrier();
    for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
        if t < half {
            partial[t] += partial[t + half];
        }
        workgroupBarrier();
    }
    let sum = partial[0];
    workgroupBarrier(); // everyone has read it before the next sum overwrites it
    return sum;
}

// likelier reports whether token i stands before token j.
fn likelier(i: u32, logit_i: f32, j: u32, logit_j: f32) -> bool {
    return logit_i > logit_j || (logit_i == logit_j && i < j);
}

fn score(i: u32, logit: f32) -> f32 {
    if params.temperature == 0.0 {
        return logit;
    }
    return logit / params.temperature - ln(-ln(uniform01(hash(params.seed, params.position, i))));
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_id) local: vec3<u32>) {
    let t = local.x;
    let row = params.row * params.vocab;

    // 1. The largest logit; each thread finds that of its own tokens.
    var top = NEG_LARGE;
    for (var i = t; i < params.vocab; i += WG_SIZE) {
        top = max(top, logits[row + i]);
    }
    best_score[t] = top;
    workgroupBarrier();
    for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
        if t < half {
            best_score[t] = max(best_score[t], best_score[t + half]);
        }
        workgroupBarrier();
    }
    top = best_score[0];
    workgroupBarrier(); // everyone has read it before it is overwritten

    // 2. The sums of exponentials below it, without the temperature and with it.
    let sharpness = 1.0 / select(params.temperature, 1.0, params.temperature == 0.0);
    var sums = vec3<f32>(0.0);
    for (var i = t; i < params.vocab; i += WG_SIZE) {
        let below = logits[row + i] - top;
        sums += vec3<f32>(exp(below), exp(below * sharpness), 0.0);
    }
    sums = sum_over(t, sums);

    // 3. Draw until a token passes. Each round but the last leaves fewer tokens, so there are at most vocab.
    var limit = NO_TOKEN;
    var limit_logit = NEG_LARGE;
    for (var round = 0u; round < params.vocab; round++) {
        // Each thread finds the best of its own tokens before `limit`, then all together.
        var high = NEG_LARGE;
        var id = NO_TOKEN;
        for (var i = t; i < params.vocab; i += WG_SIZE) {
            let logit = logits[row + i];
            if limit == NO_TOKEN || likelier(i, logit, limit, limit_logit) {
                let s = score(i, logit);
                if s > high || id == NO_TOKEN {
                    high = s;
                    id = i;
                }
            }
        }
        best_score[t] = high;
        best_id[t] = id;
        workgroupBarrier();
        for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
            if t < half {
                let other = t + half;
                if best_score[other] > best_score[t]
                    || (best_score[other] == best_score[t] && best_id[other] < best_id[t]) {
                    best_score[t] = best_score[other];
                    best_id[t] = best_id[other];
                }
            }
            workgroupBarrier();
        }
        id = best_id[0];

        // How many are likelier, and their part of the probability.
        let logit = logits[row + id];
        var before = vec3<f32>(0.0);
        for (var i = t; i < params.vocab; i += WG_SIZE) {
            let other = logits[row + i];
            if likelier(i, other, id, logit) {
                before += vec3<f32>(1.0, exp((other - top) * sharpness), 0.0);
            }
        }
        before = sum_over(t, before);
        if t == 0u {
            let enough = params.top_p < 1.0 && before.y >= params.top_p * sums.y;
            let rare = exp((logit - top) * sharpness) < params.min_p;
            let behind = before.x >= f32(params.top_k) || enough || rare;
            passes = select(1u, 0u, params.temperature > 0.0 && before.x > 0.0 && behind);
        }
        if workgroupUniformLoad(&passes) == 1u {
            break;
        }
        limit = id;
        limit_logit = logit;
    }

    // 4. One thread stores the result.
    if t == 0u {
        chosen[3u * params.at] = best_id[0];
        chosen[3u * params.at + 1u] = bitcast<u32>(logits[row + best_id[0]]);
        chosen[3u * params.at + 2u] = bitcast<u32>(top + log(sums.x));
    }
}

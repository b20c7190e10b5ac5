// choose.wgsl: picks the next token from a row of logits. Joined to summary.wgsl and random.wgsl.
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
// it is drawn, and so on: about twice as often as the filters leave out by half. choose_slices.wgsl says how many
// stand before it, and the best of them, slice by slice. Behind the last of such rounds this goes on alone. Without
// slices it does everything alone, in round 0.
//
// Shapes     logits (rows, vocab) f32, row `row` is read
//            slices (n_slices) summaries by choose_slices.wgsl, of all tokens in round 0
//            draw what was drawn last, overwritten in round 0
//            chosen (at + 1, 3) words, row `at` is written: id, its logit as f32, lse as f32
// Dispatch   (1, 1, 1), in rounds 0, 1, ... last_round
// Threads    WG_SIZE; thread t owns slice t, and tokens t, t+WG_SIZE, ...
// Limits     ties go to the lower id; top_k is at least 1, and not for draws with top_p < 1; at most WG_SIZE slices
// Twin       ref/choose.go
// Source     Gumbel-max trick, e.g. Maddison et al. 2014, arXiv:1411.0030, section 2

struct Params {
    vocab: u32,
    n_slices: u32,
    row: u32,
    at: u32,
    seed: u32,
    position: u32,
    temperature: f32,
    top_k: u32,
    top_p: f32,
    min_p: f32,
    round: u32,
    last_round: u32,
}

struct Draw {
    done: u32,
    limit: u32, // drawn last: from now on those before it are
    limit_logit: f32,
    top: f32,   // of all logits
    total: f32, // of exp((logit - top) / temperature)
    lse: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> slices: array<Summary>;
@group(0) @binding(3) var<storage, read_write> draw: Draw;
@group(0) @binding(4) var<storage, read_write> chosen: array<u32>;

const WG_SIZE: u32 = 64u;

var<workgroup> state: Draw;

// passes reports whether the filters keep the token drawn last, before which those of a summary stand.
fn passes(before: Summary) -> bool {
    if params.temperature == 0.0 || before.count == 0u {
        return true;
    }
    let enough = params.top_p < 1.0 && before.mass >= params.top_p * state.total;
    let rare = exp((state.limit_logit - state.top) * sharpness()) < params.min_p;
    return !(before.count >= params.top_k || enough || rare);
}

// filtered reports whether there are filters.
fn filtered() -> bool {
    return params.temperature > 0.0 && (params.top_k < params.vocab || params.top_p < 1.0 || params.min_p > 0.0);
}

// judge takes a summary of what stands before the token drawn last, and draws again unless it passes. One thread
// calls it.
fn judge(before: Summary, first: bool) {
    if first {
        state = Draw(0u, NO_TOKEN, 0.0, before.top, before.mass, before.top + log(before.sum));
    }
    if first || !passes(before) {
        state.limit = before.id;
        state.limit_logit = logits[params.row * params.vocab + before.id];
        if !first || filtered() {
            return;
        }
    }
    state.done = 1u;
    chosen[3u * params.at] = state.limit;
    chosen[3u * params.at + 1u] = bitcast<u32>(state.limit_logit);
    chosen[3u * params.at + 2u] = bitcast<u32>(state.lse);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_id) local: vec3<u32>) {
    let t = local.x;
    if t == 0u {
        state = draw;
        if params.round == 0u {
            state.done = 0u;
        }
    }
    // 1. All slices together, or all tokens.
    var own = Summary(0u, NEG_LARGE, 0.0, 0.0, NEG_LARGE, NO_TOKEN);
    if params.n_slices == 0u {
        own = summarise(t, params.vocab, NO_TOKEN, 0.0);
    } else if t < params.n_slices {
        own = slices[t];
    }
    let before = of_all(t, own);

    // 2. Judge what was drawn last, and draw again.
    if t == 0u && state.done == 0u {
        judge(before, params.round == 0u);
    }

    // 3. In the last round until a token passes. Each leaves fewer tokens, so there are at most vocab.
    if params.round == params.last_round {
        for (var n = 0u; n <= params.vocab; n++) {
            if workgroupUniformLoad(&state.done) == 1u {
                break;
            }
            let now = of_all(t, summarise(t, params.vocab, state.limit, state.limit_logit));
            if t == 0u {
                judge(now, false);
            }
        }
    }
    if t == 0u {
        draw = state;
    }
}

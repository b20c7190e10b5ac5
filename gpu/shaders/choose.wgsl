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
// With top_k, top_p is of the probability of what top_k keeps, which lies between that of the last token that is
// known to be kept and that of all before the first that is known not to be. Where that does not decide, the best
// token between the two is asked about, and is one of them in the next round.
//
// Shapes     logits (rows, vocab) f32, row `row` is read
//            slices (n_slices) summaries by choose_slices.wgsl, of all tokens in round 0
//            draw (1), overwritten in round 0
//            chosen (at + 1, 3) words, row `at` is written: id, its logit as f32, lse as f32
// Dispatch   (1, 1, 1), in rounds 0, 1, ... last_round
// Threads    WG_SIZE; thread t owns slice t, and tokens t, t+WG_SIZE, ...
// Limits     ties go to the lower id; top_k is at least 1; at most WG_SIZE slices
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

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> slices: array<Summary>;
@group(0) @binding(3) var<storage, read_write> draw: Draw;
@group(0) @binding(4) var<storage, read_write> chosen: array<u32>;

const WG_SIZE: u32 = 64u;

var<workgroup> state: Draw;

// filtered reports whether there are filters.
fn filtered() -> bool {
    return params.temperature > 0.0 && (params.top_k < params.vocab || params.top_p < 1.0 || params.min_p > 0.0);
}

// odds returns the mass of a token.
fn odds(token: Token) -> f32 {
    return exp((token.logit - state.top) * sharpness());
}

fn token_of(id: u32) -> Token {
    return Token(id, logits[params.row * params.vocab + id]);
}

// narrows reports whether what top-k keeps has to be found.
fn narrows() -> bool {
    return params.top_k < params.vocab && params.top_p < 1.0;
}

// step takes what was asked for, and draws or judges. One thread calls it.
fn step(before: Summary) {
    if state.asked.id == NO_TOKEN {
        begin(before);
    } else {
        judge(before);
    }
}

// begin takes the summary of all tokens, and draws.
fn begin(all: Summary) {
    state.high = no_token();
    state.top = all.top;
    state.lse = all.top + log(all.sum);
    state.at_least = select(all.mass, 0.0, narrows());
    state.at_most = all.mass;
    take(all.id);
    if !filtered() {
        finish();
    }
}

// take draws a token, which is asked about next.
fn take(id: u32) {
    state.drawn = token_of(id);
    state.asked = state.drawn;
    state.low = no_token();
    if !narrows() {
        state.high = state.drawn;
    }
}

// finish chooses the token drawn last.
fn finish() {
    state.done = 1u;
    chosen[3u * params.at] = state.drawn.id;
    chosen[3u * params.at + 1u] = bitcast<u32>(state.drawn.logit);
    chosen[3u * params.at + 2u] = bitcast<u32>(state.lse);
}

// judge takes a summary of the tokens before the one asked about, which is the token drawn last, or one behind it that
// top-k may keep.
fn judge(before: Summary) {
    let of_drawn = state.low.id == NO_TOKEN;
    if of_drawn {
        state.mass = before.mass;
        state.next = before.id;
    }
    if of_drawn && before.count >= params.top_k {
        state.high = state.asked;
        state.at_most = before.mass;
        take(state.next);
        return;
    }
    var between = NO_TOKEN;
    if narrows() {
        between = narrow(before);
    }
    let rare = odds(state.drawn) < params.min_p;
    let enough = params.top_p < 1.0 && state.mass >= params.top_p * state.at_most;
    if state.next != NO_TOKEN && (rare || enough) {
        take(state.next);
    } else if between != NO_TOKEN && state.next != NO_TOKEN && state.mass >= params.top_p * state.at_least {
        state.asked = token_of(between);
    } else {
        finish();
    }
}

// narrow takes note of whether top-k keeps the token asked about, and returns the best of those that it may keep yet.
fn narrow(before: Summary) -> u32 {
    var between = before.id;
    if before.count >= params.top_k {
        state.high = state.asked;
        state.at_most = before.mass;
    } else {
        state.low = state.asked;
        state.at_least = max(state.at_least, before.mass + odds(state.asked));
        between = select(before.later, NO_TOKEN, before.count + 1u == params.top_k);
    }
    if between == NO_TOKEN {
        state.at_most = state.at_least;
    }
    return between;
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(local_invocation_id) local: vec3<u32>) {
    let t = local.x;
    if t == 0u {
        state = draw;
        if params.round == 0u {
            state.done = 0u;
            state.asked = no_token();
        }
    }
    let done = workgroupUniformLoad(&state.done);

    // 1. All slices together, or all tokens.
    var own = nothing();
    if params.n_slices == 0u {
        own = summarise(t, params.vocab, state);
    } else if t < params.n_slices {
        own = slices[t];
    }
    let before = of_all(t, own);

    // 2. Judge what was drawn last, and draw or ask again.
    if t == 0u && done == 0u {
        step(before);
    }

    // 3. In the last round until a token passes. Each leaves fewer tokens before the one drawn, or fewer between low
    // and high.
    if params.round == params.last_round {
        for (var n = 0u; n <= params.vocab; n++) {
            if workgroupUniformLoad(&state.done) == 1u {
                break;
            }
            let now = of_all(t, summarise(t, params.vocab, state));
            if t == 0u {
                step(now);
            }
        }
    }
    if t == 0u {
        draw = state;
    }
}

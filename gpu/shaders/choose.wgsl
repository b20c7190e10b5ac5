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
// stand before it, and the best of them, slice by slice. Behind the last of such rounds this goes on alone, and without
// slices it does everything alone. Then it looks for the best only where the one drawn does not pass.
//
// With top_k, top_p is of the probability of what top_k keeps, which lies between that of the last token that is
// known to be kept and that of all before the first that is known not to be. Where that does not decide, the best
// token between the two is asked about, and is one of them in the next round.
//
// Shapes     logits (rows, vocab) f32, row `row` is read
//            slices (n_slices) summaries by choose_slices.wgsl, of all tokens in round 0
//            draw (1), overwritten in round 0
//            chosen (at + 1, 3) words, row `at` is written: id, its logit as f32, lse as f32
// Dispatch   (1, 1, 1), in rounds 0, 1, ...
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
    alone: u32, // how many more rounds are to be done alone
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> slices: array<Summary>;
@group(0) @binding(3) var<storage, read_write> draw: Draw;
@group(0) @binding(4) var<storage, read_write> chosen: array<u32>;

const WG_SIZE: u32 = 64u;

var<workgroup> state: Draw;

// What was found out about the token asked about: whether top-k keeps it, and whether the one drawn does not pass.
var<workgroup> kept: bool;
var<workgroup> refused: bool;

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

// judge takes a measure of the tokens before the one asked about, which is the token drawn last, or one behind it that
// top-k may keep. If the token drawn passes the draw is done, else the bests are wanted.
fn judge(before: Summary) {
    kept = before.count < params.top_k;
    if !kept {
        state.high = state.asked;
        state.at_most = before.mass;
    } else if narrows() {
        state.at_least = max(state.at_least, before.mass + odds(state.asked));
        if before.count + 1u == params.top_k {
            state.at_most = state.at_least;
        }
    }
    refused = odds(state.drawn) < params.min_p;
    if state.asked.id == state.drawn.id {
        state.mass = before.mass;
        if before.count == 0u {
            finish();
            return;
        }
        refused = refused || !kept;
    }
    refused = refused || (params.top_p < 1.0 && state.mass >= params.top_p * state.at_most);
    if !refused && !(params.top_p < 1.0 && state.mass >= params.top_p * state.at_least) {
        finish();
    }
}

// go_on takes the bests, and draws again or asks again.
fn go_on(bests: Summary) {
    if state.asked.id == state.drawn.id {
        state.next = bests.id;
    }
    let between = select(bests.id, bests.later, kept);
    if refused || between == NO_TOKEN { // which happens only where logits are no numbers
        take(state.next);
        return;
    }
    if kept {
        state.low = state.asked;
    }
    state.asked = token_of(between);
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
    let done = workgroupUniformLoad(&state.done);

    // 1. All slices together, or all tokens.
    if done == 0u && (params.n_slices > 0u || params.round == 0u) {
        var own = nothing();
        if params.n_slices == 0u {
            own = summarise(t, params.vocab);
        } else if t < params.n_slices {
            own = slices[t];
        }
        let sum = of_all(t, own);

        // 2. Draw; or judge what was drawn last, and draw or ask again.
        if t == 0u {
            if params.round == 0u {
                begin(sum);
            } else {
                judge(sum);
                if state.done == 0u {
                    go_on(sum);
                }
            }
        }
    }

    // 3. Alone until a token passes. Each turn leaves fewer tokens before the one drawn, or fewer between low and high.
    for (var n = 0u; n < params.alone; n++) {
        if workgroupUniformLoad(&state.done) == 1u {
            break;
        }
        let measured = of_all(t, measure(t, params.vocab, state));
        if t == 0u {
            judge(measured);
        }
        if workgroupUniformLoad(&state.done) == 1u {
            break;
        }
        let bests = of_all(t, find(nothing(), t, params.vocab, state));
        if t == 0u {
            go_on(bests);
        }
    }
    if t == 0u {
        draw = state;
    }
}

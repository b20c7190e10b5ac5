// summary.wgsl: what a draw has to know of many tokens: how many there are and how likely, and which of them it
// would take. Joined with random.wgsl to choose_slices and choose, whose params and logits it reads.
//
// Twin       ref/choose_slices.go
// Source     definition

const NEG_LARGE: f32 = -1e30;
const NO_TOKEN: u32 = 0xffffffffu;

struct Token {
    id: u32,
    logit: f32,
}

// Draw is how far a draw is. A mass is a sum of exp((logit - top) / temperature).
struct Draw {
    done: u32,
    asked: Token,  // what is to be summed up are the tokens before it. NO_TOKEN: all of them
    low: Token,    // the bests that are wanted are behind this one; NO_TOKEN: anywhere
    high: Token,   // and before this one
    top: f32,      // the largest of all logits
    lse: f32,
    drawn: Token,  // is the choice if it passes
    mass: f32,     // of the tokens before it
    next: u32,     // the best of them
    at_least: f32, // and at_most: bounds of the mass of what top_k keeps
    at_most: f32,
}

struct Summary {
    count: u32,  // of tokens
    top: f32,    // the largest logit of all
    sum: f32,    // of exp(logit - top); only of all tokens
    mass: f32,
    score: f32,  // the best, and whose it is
    id: u32,
    later_score: f32, // the same behind the token that is asked about
    later: u32,
}

var<workgroup> summaries: array<Summary, WG_SIZE>;

fn sharpness() -> f32 {
    return 1.0 / select(params.temperature, 1.0, params.temperature == 0.0);
}

fn score(token: Token) -> f32 {
    if params.temperature == 0.0 {
        return token.logit;
    }
    return token.logit / params.temperature - ln(-ln(uniform01(hash(params.seed, params.position, token.id))));
}

// stands_before reports whether token a is likelier than token b.
fn stands_before(a: Token, b: Token) -> bool {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

fn no_token() -> Token {
    return Token(NO_TOKEN, NEG_LARGE);
}

fn nothing() -> Summary {
    return Summary(0u, NEG_LARGE, 0.0, 0.0, NEG_LARGE, NO_TOKEN, NEG_LARGE, NO_TOKEN);
}

// summarise sums up all of tokens first, first + WG_SIZE, ... below end.
fn summarise(first: u32, end: u32) -> Summary {
    let row = params.row * params.vocab;
    var s = nothing();
    for (var i = first; i < end; i += WG_SIZE) {
        let token = Token(i, logits[row + i]);
        s.count++;
        s.top = max(s.top, token.logit);
        let its = score(token);
        if its > s.score || s.id == NO_TOKEN {
            s.score = its;
            s.id = i;
        }
    }
    for (var i = first; i < end; i += WG_SIZE) {
        let below = logits[row + i] - s.top;
        s.sum += exp(below);
        s.mass += exp(below * sharpness());
    }
    return s;
}

// measure counts those of the same tokens that stand before the one asked about, and sums up their mass.
fn measure(first: u32, end: u32, so_far: Draw) -> Summary {
    let row = params.row * params.vocab;
    var s = nothing();
    s.top = so_far.top;
    for (var i = first; i < end; i += WG_SIZE) {
        let token = Token(i, logits[row + i]);
        if stands_before(token, so_far.asked) {
            s.count++;
            s.mass += exp((token.logit - so_far.top) * sharpness());
        }
    }
    return s;
}

// find adds the bests of those that are wanted to a summary of the same tokens.
fn find(measured: Summary, first: u32, end: u32, so_far: Draw) -> Summary {
    let row = params.row * params.vocab;
    var s = measured;
    for (var i = first; i < end; i += WG_SIZE) {
        let token = Token(i, logits[row + i]);
        let before = stands_before(token, so_far.asked);
        var wanted = so_far.low.id == NO_TOKEN || stands_before(so_far.low, token);
        if !before {
            wanted = stands_before(so_far.asked, token)
                && (so_far.high.id == NO_TOKEN || stands_before(token, so_far.high));
        }
        if wanted {
            let its = score(token);
            if before && (its > s.score || s.id == NO_TOKEN) {
                s.score = its;
                s.id = i;
            }
            if !before && (its > s.later_score || s.later == NO_TOKEN) {
                s.later_score = its;
                s.later = i;
            }
        }
    }
    return s;
}

// takes_second reports whether the second of two tokens with scores is the better one.
fn takes_second(score_a: f32, a: u32, score_b: f32, b: u32) -> bool {
    return b != NO_TOKEN && (a == NO_TOKEN || score_b > score_a || (score_b == score_a && b < a));
}

// both returns the summary of the tokens of a and b together.
fn both(a: Summary, b: Summary) -> Summary {
    let top = max(a.top, b.top);
    let sum = a.sum * exp(a.top - top) + b.sum * exp(b.top - top);
    let mass = a.mass * exp((a.top - top) * sharpness()) + b.mass * exp((b.top - top) * sharpness());
    let takes_b = takes_second(a.score, a.id, b.score, b.id);
    let later_b = takes_second(a.later_score, a.later, b.later_score, b.later);
    return Summary(a.count + b.count, top, sum, mass, select(a.score, b.score, takes_b), select(a.id, b.id, takes_b),
                   select(a.later_score, b.later_score, later_b), select(a.later, b.later, later_b));
}

// of_all returns the summary of what all threads have.
fn of_all(t: u32, own: Summary) -> Summary {
    summaries[t] = own;
    workgroupBarrier();
    for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
        if t < half {
            summaries[t] = both(summaries[t], summaries[t + half]);
        }
        workgroupBarrier();
    }
    let together = summaries[0];
    workgroupBarrier(); // everyone has read it before it is overwritten
    return together;
}

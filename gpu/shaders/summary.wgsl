// summary.wgsl: what a draw has to know of many tokens: how many there are and how likely, and which of them it
// would take. Joined with random.wgsl to choose_slices and choose, whose params and logits it reads.
//
// Twin       ref/choose_slices.go
// Source     definition

const NEG_LARGE: f32 = -1e30;
const NO_TOKEN: u32 = 0xffffffffu;

struct Summary {
    count: u32, // of tokens
    top: f32,   // the largest logit
    sum: f32,   // of exp(logit - top)
    mass: f32,  // of exp((logit - top) / temperature)
    score: f32, // the best, and whose it is
    id: u32,
}

var<workgroup> summaries: array<Summary, WG_SIZE>;

fn sharpness() -> f32 {
    return 1.0 / select(params.temperature, 1.0, params.temperature == 0.0);
}

fn score(i: u32, logit: f32) -> f32 {
    if params.temperature == 0.0 {
        return logit;
    }
    return logit / params.temperature - ln(-ln(uniform01(hash(params.seed, params.position, i))));
}

// stands_before reports whether token i is likelier than token j. Every token stands before none.
fn stands_before(i: u32, logit_i: f32, j: u32, logit_j: f32) -> bool {
    return j == NO_TOKEN || logit_i > logit_j || (logit_i == logit_j && i < j);
}

// summarise goes over tokens first, first + WG_SIZE, ... below end that stand before a limit.
fn summarise(first: u32, end: u32, limit: u32, limit_logit: f32) -> Summary {
    let row = params.row * params.vocab;
    var s = Summary(0u, NEG_LARGE, 0.0, 0.0, NEG_LARGE, NO_TOKEN);
    for (var i = first; i < end; i += WG_SIZE) {
        let logit = logits[row + i];
        if stands_before(i, logit, limit, limit_logit) {
            s.count++;
            s.top = max(s.top, logit);
            let its = score(i, logit);
            if its > s.score || s.id == NO_TOKEN {
                s.score = its;
                s.id = i;
            }
        }
    }
    for (var i = first; i < end; i += WG_SIZE) {
        let logit = logits[row + i];
        if stands_before(i, logit, limit, limit_logit) {
            s.sum += exp(logit - s.top);
            s.mass += exp((logit - s.top) * sharpness());
        }
    }
    return s;
}

// both returns the summary of the tokens of a and b together.
fn both(a: Summary, b: Summary) -> Summary {
    let top = max(a.top, b.top);
    let sum = a.sum * exp(a.top - top) + b.sum * exp(b.top - top);
    let mass = a.mass * exp((a.top - top) * sharpness()) + b.mass * exp((b.top - top) * sharpness());
    let takes_b = b.id != NO_TOKEN && (a.id == NO_TOKEN || b.score > a.score || (b.score == a.score && b.id < a.id));
    return Summary(a.count + b.count, top, sum, mass, select(a.score, b.score, takes_b), select(a.id, b.id, takes_b));
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

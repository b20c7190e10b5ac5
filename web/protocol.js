// protocol.js: the conversation between the page and the engine, as types.
//
// The other half is session/messages.go; field for field the same. A field that
// is empty may be left out on the wire, in both directions.

/**
 * What the page asks for. Which fields count depends on `do`; the answer is a
 * stream of events with the request's id, the last of which is done or failed.
 * @typedef {object} Request
 * @property {number} [id]
 * @property {string} do        load, run, plan, replan, branch, cell, map or ballots
 * @property {string} [name]    load: of the file
 * @property {string} [device]  load: auto, gpu or cpu
 * @property {string} [prompt]
 * @property {string} [question] read behind the prompt, after compression
 * @property {string} [method]
 * @property {number} [budget]  kept / total; 0: not given
 * @property {Object<string, string>} [options]
 * @property {string} [kv]      f16, f32, q8_0 or q4_0
 * @property {number} [seed]
 * @property {number} [n]       tokens to generate at most
 * @property {Sampler} [sampler]
 * @property {Span[]} [pins]    what no method may touch
 * @property {boolean} [step_by_step]
 * @property {number} [token]   branch: index of a generated token
 * @property {number} [choice]  branch: the id to put in its place
 * @property {number} [layer]
 * @property {number} [head]
 * @property {number} [row]
 */

/**
 * A stretch of the prompt in bytes of UTF-8, from inclusive, to exclusive.
 * @typedef {{from: number, to: number}} Span
 */

/**
 * @typedef {object} Sampler
 * @property {number} temperature
 * @property {number} top_k
 * @property {number} top_p
 * @property {number} min_p
 * @property {number} repeat_penalty
 */

/**
 * One message to the page: exactly one of the optional fields is set.
 * @typedef {object} Event
 * @property {number} id
 * @property {Progress} [progress]
 * @property {Loaded} [loaded]
 * @property {Prompt} [prompt]
 * @property {Plan} [plan]
 * @property {Token} [token]
 * @property {Cell} [cell]
 * @property {SimilarityMap} [map]
 * @property {Ballots} [ballots]
 * @property {Report} [done]
 * @property {Failed} [failed]
 */

/** @typedef {{step: string, done: number, total: number, unit: string}} Progress */

/**
 * @typedef {object} Loaded
 * @property {ModelReport} model
 * @property {DeviceReport} device
 * @property {string} note      why this device; a sentence or empty
 * @property {number} context
 * @property {string} tokenizer
 * @property {Check[]} checks
 * @property {Method[]} methods
 */

/** @typedef {{kernel: string, fault: string}} Check */
/** @typedef {{name: string, line: string, takes_budget: boolean, options: Option[]}} Method */
/** @typedef {{key: string, default: string, want: string, meaning: string, differs: string}} Option */
/** @typedef {{tokens: PromptToken[]}} Prompt */
/** @typedef {{id: number, text: string, from: number, to: number}} PromptToken */

/**
 * What a method decided: for every (layer, KV head) the rows of the new cache,
 * in order of layer, then head.
 * @typedef {object} Plan
 * @property {string} method
 * @property {Object<string, any>} options  in force
 * @property {string[]} differs
 * @property {number} layers
 * @property {number} kv_heads
 * @property {number} slots     per head, before
 * @property {number} ratio
 * @property {PlanHead[]} heads
 * @property {number} ms
 * @property {number} bytes_full
 * @property {number} bytes_occupied
 * @property {number} bytes_allocated
 * @property {number} bytes_peak
 */

/**
 * @typedef {object} PlanHead
 * @property {number[]} row     (slots) row, or -1: dropped
 * @property {number[]} pivot   (rows) slot that gives the row its position
 * @property {number[]} n       (rows) tokens the row stands for
 * @property {number[]} [votes] (slots) voters; empty unless GVote
 * @property {number[]} [mass]  (slots) attention received; empty unless measured
 * @property {number[]} [cosine] (slots) cos with the slot before; empty unless measured
 * @property {number[]} [b_step] (group) GVote's single-step budgets
 */

/**
 * @typedef {object} Token
 * @property {number} index
 * @property {number} id
 * @property {string} text
 * @property {number} logprob
 * @property {number} ms
 * @property {number} kl
 * @property {number} delta_nll
 * @property {boolean} top1
 * @property {Candidate[]} top
 * @property {Candidate[]} top_full
 * @property {string} full_text
 * @property {number} bytes_occupied
 * @property {number} bytes_allocated
 * @property {number} bytes_peak
 * @property {number} bytes_full
 * @property {number[]} attended (prompt tokens)
 */

/** @typedef {{id: number, text: string, logprob: number}} Candidate */

/**
 * @typedef {object} Cell
 * @property {number} layer
 * @property {number} head
 * @property {number} row
 * @property {number} pivot
 * @property {number} n
 * @property {number} bias
 * @property {string} rule      keep, gaussian or explicit
 * @property {number} sigma     of gaussian rows; else 0
 * @property {number[]} slots
 * @property {number[]} weights one per slot
 * @property {number[]} [value_weights] where they differ
 */

/** @typedef {{layer: number, head: number, slots: number, cosine: number[]}} SimilarityMap */
/** @typedef {{layer: number, head: number, rounds: number[][], b_step: number[], hidden?: number[]}} Ballots */
/** @typedef {{message: string, usage: boolean, field: string}} Failed */

/**
 * The report of a run: engine/report.go.
 * @typedef {object} Report
 * @property {ModelReport} model
 * @property {DeviceReport} device
 * @property {{name: string, options: Object<string, any>, differs: string[], similar_neighbours?: number[]}} method
 * @property {number} prompt_tokens
 * @property {TokenReport[]} tokens
 * @property {{bytes_full: number, bytes_occupied: number, bytes_allocated: number, bytes_peak: number,
 *   ratio: number, per_layer_head: number[][]}} cache
 * @property {{prefill_ms: number, compress_ms: number, decode_ms: number, tok_per_s: number}} timing
 * @property {QualityReport} [quality]
 */

/** @typedef {{name: string, sha256: string, layers: number, heads: number, kv_heads: number, head_dim: number, vocab: number}} ModelReport */
/** @typedef {{kind: string, adapter: string, backend: string}} DeviceReport */
/** @typedef {{id: number, text: string, logprob: number, ms: number, kv_bytes: number, kl?: number, delta_nll?: number, top1?: boolean}} TokenReport */

/**
 * @typedef {object} QualityReport
 * @property {number} kl_mean
 * @property {number} kl_p95
 * @property {number} delta_nll
 * @property {number} top1
 * @property {number} ppl_ratio
 * @property {number} first_difference
 * @property {string} full_text
 */

export {};

// protocol.js: the conversation between the page and the engine, as types.
//
// The other half is session/messages.go and engine/report.go: each type here has the
// fields of the Go struct of its name, in the same order. A test in package session
// compares them. [field]: it is left out where it is empty.

/**
 * What the page asks for. Which fields count depends on `do`; the answer is a
 * stream of events with the request's id, the last of which is done or failed.
 * @typedef {object} Request
 * @property {number} [id]
 * @property {string} do        load, run, chat, turn, plan, replan, branch, needle, cell, map, ballots, match or measure
 * @property {string} [name]    load: of the file
 * @property {string} [device]  load: auto, gpu or cpu
 * @property {string} [prompt]
 * @property {string} [question] read after the prompt has been compressed
 * @property {string} [method]
 * @property {number} [budget]  kept / total; 0: not given
 * @property {Object<string, string>} [options]
 * @property {string} [kv]      f16, f32, q8_0 or q4_0
 * @property {number} [seed]
 * @property {number} [n]       tokens to generate at most
 * @property {Sampler} [sampler]
 * @property {Span[]} [pins]    what no method may touch
 * @property {boolean} [step_by_step]
 * @property {Message[]} [messages] chat: the user's first, perhaps behind the system's; turn: the user's next
 * @property {number} [token]   branch: index of a generated token
 * @property {number} [choice]  branch: the id to put in its place
 * @property {string[]} [texts] needle: the prompts, one per row of the table
 * @property {string} [answer]  needle: what is looked for
 * @property {number} [layer]
 * @property {number} [head]
 * @property {number} [row]
 * @property {number} [prefill] measure: tokens to read; n are written
 */

/**
 * A stretch of the prompt in bytes of UTF-8.
 * @typedef {object} Span
 * @property {number} from      inclusive
 * @property {number} to        exclusive
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
 * What somebody says in a chat.
 * @typedef {object} Message
 * @property {string} role      system, user or assistant
 * @property {string} content
 */

/**
 * One message to the page: exactly one of the optional fields is set.
 * @typedef {object} Event
 * @property {number} id
 * @property {Progress} [progress]
 * @property {Loaded} [loaded]
 * @property {Prompt} [prompt]
 * @property {Plan} [plan]
 * @property {Turn} [turn]
 * @property {Token} [token]
 * @property {Cell} [cell]
 * @property {SimilarityMap} [map]
 * @property {Ballots} [ballots]
 * @property {Needle} [needle]
 * @property {Match} [match]
 * @property {Measured} [measured]
 * @property {Report} [done]
 * @property {Failed} [failed]
 */

/**
 * How far a long step is.
 * @typedef {object} Progress
 * @property {string} step      engine, fetch, weights, compile, test, prompt, decode or match
 * @property {number} done
 * @property {number} total     0: unknown
 * @property {string} unit      bytes, kernels or tokens
 */

/**
 * What is ready.
 * @typedef {object} Loaded
 * @property {ModelReport} model
 * @property {DeviceReport} device
 * @property {string} note      why this device; a sentence or empty
 * @property {number} context
 * @property {string} tokenizer
 * @property {Chat} chat
 * @property {Check[]} checks   the self-test, kernel by kernel
 * @property {Method[]} methods
 * @property {Opening} opening
 */

/**
 * Whether the model can be talked to.
 * @typedef {object} Chat
 * @property {string} family    of its chat template; empty: refused says why not
 * @property {string} refused   a sentence or empty
 */

/**
 * What the page chooses until the reader does.
 * @typedef {object} Opening
 * @property {string} method
 * @property {number} budget    of methods that take one
 */

/**
 * @typedef {object} Check
 * @property {string} kernel
 * @property {string} fault     empty where it agrees with its twin
 */

/**
 * @typedef {object} Method
 * @property {string} name
 * @property {string} line
 * @property {boolean} takes_budget
 * @property {Size} [size]      of an adaptive method, which finds its size itself
 * @property {boolean} votes    its plans hold votes, and its heads have ballots
 * @property {Option[]} options
 */

/**
 * The option that makes what an adaptive method keeps larger or smaller.
 * @typedef {object} Size
 * @property {string} option    its key; a share, at which 1 keeps everything
 * @property {string} label     what it is a share of
 */

/**
 * @typedef {object} Option
 * @property {string} key
 * @property {string} default
 * @property {string} want
 * @property {string} meaning
 * @property {string} differs
 * @property {boolean} by_budget a budget chooses it, so it cannot be given together with one
 */

/**
 * @typedef {object} Prompt
 * @property {PromptToken[]} tokens
 */

/**
 * A token of the prompt; its position is its index, and so is its slot in the full cache.
 * The control tokens of a chat have their names as text, and its tokens no from and to.
 * @typedef {object} PromptToken
 * @property {number} id
 * @property {string} text
 * @property {number} from      bytes of the prompt it stands for
 * @property {number} to
 */

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
 * @property {number[]} votes   (slots) voters; empty unless there was a vote
 * @property {number[]} mass    (slots) attention received; empty unless measured
 * @property {number[]} cosine  (slots) cos with the slot before; empty unless measured
 * @property {number[]} b_step  (group) single-step budgets of the query heads that voted
 */

/**
 * What a turn of a chat has read, and what its compression left.
 * @typedef {object} Turn
 * @property {number} index
 * @property {number} tokens    of the conversation up to the answer
 * @property {number} read      of these in this turn
 * @property {number} slots_before  of all layers and heads
 * @property {number} slots_after
 * @property {number} slots_full    of the full cache
 * @property {number} bytes_occupied
 * @property {number} bytes_full
 */

/**
 * A token of the compressed column, with what the full cache says at the same place.
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

/**
 * @typedef {object} Candidate
 * @property {number} id
 * @property {string} text
 * @property {number} logprob
 */

/**
 * A row of the compressed cache taken apart.
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

/**
 * The cosine of every pair of keys of a head.
 * @typedef {object} SimilarityMap
 * @property {number} layer
 * @property {number} head
 * @property {number} slots
 * @property {number[]} cosine  (slots, slots)
 */

/**
 * The votes of a head in the order in which they land.
 * @typedef {object} Ballots
 * @property {number} layer
 * @property {number} head
 * @property {number[][]} rounds (rounds) slots that got a vote in this round
 * @property {number[]} b_step
 * @property {number[]} hidden  (samples, dim) the sampled hidden states
 */

/**
 * The table of found and forgotten as far as it is filled.
 * @typedef {object} Needle
 * @property {string} method
 * @property {string} option    what the sizes are values of; "": of the budget
 * @property {number[]} sizes   the first keeps everything
 * @property {boolean[][]} found (texts)(sizes) whether the answer was found; the last row may be shorter
 */

/**
 * How far a device agrees with the CPU on a text that both are fed.
 * @typedef {object} Match
 * @property {number} tokens    of the text; a choice follows each
 * @property {number} same      choices that are the CPU's
 * @property {number} largest_logit_difference
 */

/**
 * What a model does on a device.
 * @typedef {object} Measured
 * @property {ModelReport} model
 * @property {string} weights   the type of most of them
 * @property {number} weight_bytes in the file
 * @property {DeviceReport} device
 * @property {VersionReport} version
 * @property {Figures} figures
 */

/**
 * @typedef {object} Figures
 * @property {number} prompt_tokens
 * @property {number} prompt_tok_per_s
 * @property {number} decode_tokens
 * @property {number} decode_tok_per_s
 * @property {OverheadReport} [overhead] of a GPU
 * @property {Match} [cpu_match] of a GPU
 */

/**
 * What a GPU takes besides arithmetic.
 * @typedef {object} OverheadReport
 * @property {number} wait_ms
 * @property {number} dispatch_us
 * @property {BurstReport[]} bursts
 */

/**
 * A submit of so many kernels that do hardly anything, and the wait for it.
 * @typedef {object} BurstReport
 * @property {number} kernels
 * @property {number} ms
 */

/**
 * @typedef {object} Failed
 * @property {string} message   one sentence
 * @property {boolean} usage    a value of the request was wrong
 * @property {string} field     which, if that is known
 * @property {boolean} lost     the device: the next run opens the model again
 */

/**
 * @typedef {object} Report
 * @property {ModelReport} model
 * @property {DeviceReport} device
 * @property {MethodReport} method
 * @property {RunReport} run
 * @property {VersionReport} version
 * @property {number} prompt_tokens
 * @property {TokenReport[]} tokens
 * @property {CacheReport} cache
 * @property {TimingReport} timing
 * @property {Stop} [stop]      what ended the text
 * @property {QualityReport} [quality]
 */

/**
 * What was asked for.
 * @typedef {object} RunReport
 * @property {string} prompt
 * @property {string} [prompt_sha256]
 * @property {string} [question]
 * @property {string} [chat]  family of the chat template that wrote the prompt
 * @property {string} kv
 * @property {string} positions
 * @property {number} [budget]
 * @property {number} [every]
 * @property {number} [max_slots]
 * @property {number[][]} [pins]  slots from and to
 * @property {number} n
 * @property {string[]} [stop]  texts that end the text
 * @property {number} seed
 * @property {number} temperature
 * @property {number} top_k
 * @property {number} top_p
 * @property {number} min_p
 * @property {number} repeat_penalty
 */

/**
 * What computed the numbers.
 * @typedef {object} VersionReport
 * @property {string} keyfold
 * @property {string} go
 * @property {string} kernels
 */

/**
 * What ended a text.
 * @typedef {object} Stop
 * @property {string} reason    token, text, length, context or cancelled
 * @property {number} [token]   the id that ended it, if one did
 * @property {string} [piece]   what the vocabulary calls that token
 * @property {string} [text]    the text that ended it, if one did
 */

/**
 * @typedef {object} ModelReport
 * @property {string} name
 * @property {string} sha256
 * @property {number} layers
 * @property {number} heads
 * @property {number} kv_heads
 * @property {number} head_dim
 * @property {number} vocab
 */

/**
 * @typedef {object} DeviceReport
 * @property {string} kind
 * @property {string} adapter
 * @property {string} backend
 */

/**
 * @typedef {object} MethodReport
 * @property {string} name
 * @property {Object<string, any>} options
 * @property {string[]} differs
 * @property {number[]} [similar_neighbours]
 */

/**
 * @typedef {object} TokenReport
 * @property {number} id
 * @property {string} text
 * @property {number} logprob
 * @property {number} ms
 * @property {number} kv_bytes
 * @property {number} [kl]
 * @property {number} [delta_nll]
 * @property {boolean} [top1]
 */

/**
 * @typedef {object} CacheReport
 * @property {number} bytes_full
 * @property {number} bytes_occupied
 * @property {number} bytes_allocated
 * @property {number} bytes_peak
 * @property {number} [compressions]
 * @property {Tightened} [tightened]
 * @property {Saturation} [saturated]
 * @property {number} ratio
 * @property {number[][]} per_layer_head (layers)(KV heads) slots
 */

/**
 * How a bound on slots made a method keep less than it wanted.
 * @typedef {object} Tightened
 * @property {number} bound         slots per head
 * @property {number} wanted        most that the method alone would have kept of a head
 * @property {number} heads         most heads that were compressed further at once
 * @property {number} compressions  in which any were
 */

/**
 * What the type of a cache cut.
 * @typedef {object} Saturation
 * @property {number} elements  that were cut to the largest half
 * @property {number} of        elements that were looked at
 * @property {number} slots     of every head, the first ones
 */

/**
 * @typedef {object} TimingReport
 * @property {number} prefill_ms
 * @property {number} compress_ms
 * @property {number} decode_ms
 * @property {number} tok_per_s
 */

/**
 * @typedef {object} QualityReport
 * @property {number} kl_mean
 * @property {number} kl_p95
 * @property {number} delta_nll
 * @property {number} top1
 * @property {number} ppl_ratio
 * @property {number} first_difference
 * @property {string} full_text
 * @property {number[][]} [head_errors]
 */

export {};

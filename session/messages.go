// Package session is the conversation between a page and an engine: requests
// go in, events come out. In the browser they travel between the page and a Web
// Worker; nothing in here knows that.
//
// The structs in messages.go are the whole protocol, together with the report of
// package engine. On the wire they are JSON objects with the names of the json tags;
// a field with omitempty is left out where it is empty. web/protocol.js declares the
// same types for the page, and protocol_test.go compares the two.
package session

import (
	"keyfold/engine"
	"keyfold/engine/chat"
)

// Request is what the page asks for. Which fields count depends on Do; the
// answer is a stream of events with the request's ID, the last of which is
// Done or Failed.
type Request struct {
	ID int    `json:"id,omitempty"`
	Do string `json:"do"`

	// "load": open a model. The file itself is handed over beside the message.
	Name   string `json:"name,omitempty"`   // of the file
	Device string `json:"device,omitempty"` // auto, gpu or cpu

	// "run": read Prompt, compress its cache, generate. "replan": compress the same
	// prompt in another way and generate; nothing is read a second time. "plan": the
	// same without generating.
	Prompt     string            `json:"prompt,omitempty"`
	Question   string            `json:"question,omitempty"` // read after the prompt has been compressed
	Method     string            `json:"method,omitempty"`
	Budget     float64           `json:"budget,omitempty"` // kept / total; 0: not given
	Options    map[string]string `json:"options,omitempty"`
	KV         string            `json:"kv,omitempty"` // f16, f32, q8_0 or q4_0
	Seed       int               `json:"seed,omitempty"`
	N          int               `json:"n,omitempty"` // tokens to generate at most
	Sampler    *Sampler          `json:"sampler,omitempty"`
	Pins       []Span            `json:"pins,omitempty"` // what no method may touch
	StepByStep bool              `json:"step_by_step,omitempty"`

	// "chat": begin a conversation, in the form that the model's chat template gives it:
	// Messages are the user's first one, perhaps with one of the system's before it. "turn":
	// go on with the user's next message, under the same method and settings. Of "run" all
	// fields but Prompt, Question and Pins count.
	Messages []chat.Message `json:"messages,omitempty"`

	// "branch": continue from another token. Token is the index of a generated
	// token, Choice the id to put in its place.
	Token  int `json:"token,omitempty"`
	Choice int `json:"choice,omitempty"`

	// "needle": ask Question of each of Texts, with its cache compressed to one size
	// after the other, and look for Answer. Prompt and Budget do not count; the other
	// fields of "run" do.
	Texts  []string `json:"texts,omitempty"`
	Answer string   `json:"answer,omitempty"`

	// "cell": take a row of the compressed cache apart. "map": how similar all
	// keys of a head are. "ballots": the votes for the slots of a head, sample by sample.
	Layer int `json:"layer,omitempty"`
	Head  int `json:"head,omitempty"`
	Row   int `json:"row,omitempty"`

	// "match": compare the device with the CPU on a text. "measure": measure the model in
	// use, or one that is handed over with Name and Device and closed afterwards: Prefill
	// tokens are read and N are written. Both leave the run as it is.
	Prefill int `json:"prefill,omitempty"`
}

// Span is a stretch of the prompt in bytes of UTF-8, From inclusive, To exclusive.
type Span struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Sampler is how tokens are drawn; see [engine.Sampler].
type Sampler struct {
	Temperature   float64 `json:"temperature"`
	TopK          int     `json:"top_k"`
	TopP          float64 `json:"top_p"`
	MinP          float64 `json:"min_p"`
	RepeatPenalty float64 `json:"repeat_penalty"`
}

// Event is one message to the page: exactly one of the pointers is set.
type Event struct {
	ID int `json:"id"` // of the request

	Progress *Progress      `json:"progress,omitempty"`
	Loaded   *Loaded        `json:"loaded,omitempty"`
	Prompt   *Prompt        `json:"prompt,omitempty"`
	Plan     *Plan          `json:"plan,omitempty"`
	Turn     *Turn          `json:"turn,omitempty"`
	Token    *Token         `json:"token,omitempty"`
	Cell     *Cell          `json:"cell,omitempty"`
	Map      *SimilarityMap `json:"map,omitempty"`
	Ballots  *Ballots       `json:"ballots,omitempty"`
	Needle   *Needle        `json:"needle,omitempty"`
	Match    *engine.Match  `json:"match,omitempty"`
	Measured *Measured      `json:"measured,omitempty"`
	Done     *engine.Report `json:"done,omitempty"`
	Failed   *Failed        `json:"failed,omitempty"`
}

// Progress tells how far a long step is. Bytes for loading, tokens for reading, kernels for
// what a GPU does first.
type Progress struct {
	Step  string `json:"step"` // "weights", "compile", "test" or "prompt"; of "match" and "measure" also "decode" and "match"; before there is an engine "engine" or "fetch"
	Done  int    `json:"done"`
	Total int    `json:"total"`
	Unit  string `json:"unit"` // "bytes", "kernels" or "tokens"
}

// Loaded says what is ready.
type Loaded struct {
	Model     engine.ModelReport  `json:"model"`
	Device    engine.DeviceReport `json:"device"`
	Note      string              `json:"note"` // why this device; a sentence or empty
	Context   int                 `json:"context"`
	Tokenizer string              `json:"tokenizer"`
	Chat      Chat                `json:"chat"`
	Checks    []Check             `json:"checks"` // the self-test, one per kernel
	Methods   []Method            `json:"methods"`
	Opening   Opening             `json:"opening"`
}

// Chat says whether the model can be talked to.
type Chat struct {
	Family  string `json:"family"`  // of its chat template; "": Refused says why not
	Refused string `json:"refused"` // a sentence or empty
}

// Opening is what a page chooses until the reader does.
type Opening struct {
	Method string  `json:"method"`
	Budget float64 `json:"budget"` // of methods that take one
}

// Check is one kernel of the self-test. Fault is empty where it agrees with its twin.
type Check struct {
	Kernel string `json:"kernel"`
	Fault  string `json:"fault"`
}

// Method describes a method for the controls.
type Method struct {
	Name        string   `json:"name"`
	Line        string   `json:"line"`
	TakesBudget bool     `json:"takes_budget"`
	Size        *Size    `json:"size,omitempty"` // of an adaptive method, which finds its size itself
	Votes       bool     `json:"votes"`          // its plans hold votes, and its heads have ballots
	Options     []Option `json:"options"`
}

// Size is the option that makes what an adaptive method keeps larger or smaller.
type Size struct {
	Option string `json:"option"` // its key; a share, at which 1 keeps everything
	Label  string `json:"label"`  // what it is a share of
}

// Option is one option of a method.
type Option struct {
	Key     string `json:"key"`
	Default string `json:"default"`
	Want    string `json:"want"`
	Meaning string `json:"meaning"`
	Differs string `json:"differs"`

	ByBudget bool `json:"by_budget"` // a budget chooses it, so it cannot be given together with one
}

// Prompt is the text in tokens; in a chat all of it, up to where the next answer begins.
type Prompt struct {
	Tokens []PromptToken `json:"tokens"`
}

// PromptToken is a token of the prompt; its position is its index, and so is its slot in
// the full cache. The control tokens of a chat have their names as Text, and its tokens no
// From and To.
type PromptToken struct {
	ID   int    `json:"id"`
	Text string `json:"text"`
	From int    `json:"from"` // bytes of the prompt it stands for; From = To for BOS
	To   int    `json:"to"`
}

// Plan is what a method decided: for every (layer, KV head) the rows of the new
// cache, in order of layer, then head. Where it speaks of slots it means those of the full
// cache, the tokens; in a chat that is what became of them over all turns.
type Plan struct {
	Method  string         `json:"method"`
	Options map[string]any `json:"options"` // in force
	Differs []string       `json:"differs"`
	Layers  int            `json:"layers"`
	KVHeads int            `json:"kv_heads"`
	Slots   int            `json:"slots"` // per head, before
	Ratio   float64        `json:"ratio"`
	Heads   []PlanHead     `json:"heads"`
	MS      float64        `json:"ms"` // signals, plan and apply

	BytesFull      int `json:"bytes_full"` // of the same text uncompressed
	BytesOccupied  int `json:"bytes_occupied"`
	BytesAllocated int `json:"bytes_allocated"`
	BytesPeak      int `json:"bytes_peak"`
}

// PlanHead says for every old slot which row of the new cache it went into.
type PlanHead struct {
	Row    []int     `json:"row"`    // (slots) row, or -1: dropped
	Pivot  []int     `json:"pivot"`  // (rows) slot that gives the row its position
	N      []int     `json:"n"`      // (rows) tokens the row stands for
	Votes  []int     `json:"votes"`  // (slots) voters; empty unless there was a vote
	Mass   []float32 `json:"mass"`   // (slots) attention received; empty unless measured
	Cosine []float32 `json:"cosine"` // (slots) cos with the slot before; empty unless measured
	BStep  []int     `json:"b_step"` // (group) single-step budgets of the query heads that voted
}

// Turn is what a turn of a chat has read, and what its compression left.
type Turn struct {
	Index  int `json:"index"`
	Tokens int `json:"tokens"` // of the conversation up to the answer
	Read   int `json:"read"`   // of these in this turn: the others were in the cache

	SlotsBefore int `json:"slots_before"` // of all layers and heads
	SlotsAfter  int `json:"slots_after"`
	SlotsFull   int `json:"slots_full"` // of the full cache

	BytesOccupied int `json:"bytes_occupied"`
	BytesFull     int `json:"bytes_full"`
}

// Token is a generated token in the compressed column, with what the full
// cache says at the same place.
type Token struct {
	Index          int         `json:"index"`
	ID             int         `json:"id"`
	Text           string      `json:"text"`
	Logprob        float64     `json:"logprob"`
	MS             float64     `json:"ms"`
	KL             float64     `json:"kl"`
	DeltaNLL       float64     `json:"delta_nll"`
	Top1           bool        `json:"top1"`
	Top            []Candidate `json:"top"`       // ten likeliest under the compressed cache
	TopFull        []Candidate `json:"top_full"`  // and under the full one
	FullText       string      `json:"full_text"` // what the full run wrote for this place; "" once it has ended
	BytesOccupied  int         `json:"bytes_occupied"`
	BytesAllocated int         `json:"bytes_allocated"`
	BytesPeak      int         `json:"bytes_peak"`
	BytesFull      int         `json:"bytes_full"`

	// Attended is how much attention this token's query paid to each token of
	// the prompt, mean over layers and heads of the compressed cache; a merged
	// row's share is divided among its tokens by their weights. (prompt tokens)
	Attended []float32 `json:"attended"`
}

// Candidate is a token that could have stood there.
type Candidate struct {
	ID      int     `json:"id"`
	Text    string  `json:"text"`
	Logprob float64 `json:"logprob"`
}

// Cell is a row of the compressed cache taken apart.
type Cell struct {
	Layer   int       `json:"layer"`
	Head    int       `json:"head"`
	Row     int       `json:"row"`
	Pivot   int       `json:"pivot"`
	N       int       `json:"n"`
	Bias    float64   `json:"bias"`
	Rule    string    `json:"rule"`  // keep, gaussian or explicit
	Sigma   float64   `json:"sigma"` // of gaussian rows; else 0
	Slots   []int     `json:"slots"`
	Weights []float32 `json:"weights"` // one per slot

	// ValueWeights are there where they differ from Weights, in explicit rows.
	ValueWeights []float32 `json:"value_weights,omitempty"`
}

// SimilarityMap is the cosine of every pair of keys of a head: (slots, slots).
type SimilarityMap struct {
	Layer  int       `json:"layer"`
	Head   int       `json:"head"`
	Slots  int       `json:"slots"`
	Cosine []float32 `json:"cosine"`
}

// Ballots are the votes of a head in the order in which they land: first the
// last prompt query's own nucleus (if it votes), then sample by sample.
type Ballots struct {
	Layer  int       `json:"layer"`
	Head   int       `json:"head"`
	Rounds [][]int   `json:"rounds"` // (rounds) slots that got at least one vote in this round
	BStep  []int     `json:"b_step"`
	Hidden []float32 `json:"hidden"` // (samples, dim) the sampled hidden states of the layer, which all its heads share
}

// Needle is the table of found and forgotten as far as it is filled, row by row. It
// comes anew after each cell.
type Needle struct {
	Method string    `json:"method"`
	Option string    `json:"option"` // what the sizes are values of; "": of the budget
	Sizes  []float64 `json:"sizes"`  // the first keeps everything
	Found  [][]bool  `json:"found"`  // (texts)(sizes) whether the answer was found; the last row may be shorter
}

// Measured is what a model does on a device: a row of docs/devices.md.
type Measured struct {
	Model   engine.ModelReport   `json:"model"`
	Weights string               `json:"weights"`      // the type of most of them
	Bytes   int                  `json:"weight_bytes"` // in the file
	Device  engine.DeviceReport  `json:"device"`
	Version engine.VersionReport `json:"version"`
	Figures engine.Figures       `json:"figures"`
}

// Failed ends a request that went wrong.
type Failed struct {
	Message string `json:"message"` // one sentence
	Usage   bool   `json:"usage"`   // a value of the request was wrong
	Field   string `json:"field"`   // which, if that is known
	Lost    bool   `json:"lost"`    // the device: the next run opens the model again
}

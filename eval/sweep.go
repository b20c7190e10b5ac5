package eval

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"keyfold/corpus"
	"keyfold/engine"
	"keyfold/engine/chat"
	"keyfold/layout"
)

// A Protocol says what is compressed.
type Protocol string

const (
	// Outside compresses the context alone. Each question is then asked of a copy
	// of the compressed cache, so a method cannot know what will be asked.
	Outside Protocol = "outside"
	// Inside compresses context and question together, one question at a time.
	// The first token of the answer is chosen by the last query of the prompt,
	// which saw the full cache.
	Inside Protocol = "inside"
)

// Perplexity is the task without questions: a text goes on behind the
// compressed context, and counts by its likelihood.
const Perplexity = "perplexity"

// Config is all that a sweep's results depend on. Two sweeps with equal
// configurations have equal results, but for the times.
type Config struct {
	Model    engine.ModelReport  `json:"model"`
	Device   engine.DeviceReport `json:"device"`
	KV       string              `json:"kv"` // type of the cache's elements
	Protocol Protocol            `json:"protocol"`
	Chat     string              `json:"chat,omitempty"`   // family of the template that questions are put into; "": none
	Metric   string              `json:"metric,omitempty"` // of the corpus's questions, instead of exact

	Tasks       []string `json:"tasks"`
	Lengths     []int    `json:"lengths"` // tokens: of the corpus's documents, or of the context of perplexity
	N           int      `json:"n"`       // examples of each task and length, or of the file
	First       int      `json:"first"`   // number of the first example
	ScoreTokens int      `json:"score_tokens"`
	Data        *File    `json:"data,omitempty"`     // instead of the corpus
	Text        *File    `json:"text,omitempty"`     // for perplexity, instead of the corpus's stories
	Haystack    *File    `json:"haystack,omitempty"` // what RULER's needles are hidden in
	Trained     bool     `json:"trained"`            // of the corpus only words and frames that training has
	Examples    int      `json:"examples"`           // in all shards together

	Variants []Variant `json:"methods"`
	Removed  bool      `json:"removed"`
	Shard    Shard     `json:"shard"`
}

// A File is one that examples were read from.
type File struct {
	Name   string `json:"name"` // without its folder
	Layout string `json:"layout,omitempty"`
	// How questions are told from contexts, and whether the layout leaves that open.
	Split   string `json:"split,omitempty"`
	Guessed bool   `json:"split_guessed,omitempty"`
	SHA256  string `json:"sha256"`
}

// A Shard is the examples whose number leaves Index when divided by Of.
type Shard struct {
	Index int `json:"index"`
	Of    int `json:"of"` // at least 1
}

// An Item names an example of a sweep.
type Item struct {
	Task   string `json:"task"`
	Length int    `json:"length"` // as in Config.Lengths; 0 in examples of a file
	Number int    `json:"number"`
}

// A Result is what one example gave, or why it gave nothing.
type Result struct {
	Item
	ID     string     `json:"id"`
	Sum    string     `json:"sum,omitempty"`    // of the content of an example from a file
	Tokens int        `json:"tokens,omitempty"` // of the context, BOS included
	Asks   []Question `json:"asks,omitempty"`
	Runs   []Run      `json:"runs,omitempty"` // the full cache first
	MS     float64    `json:"ms"`

	Device  string `json:"device,omitempty"`  // kind of the device, where it was not the configuration's, which had failed
	Skipped string `json:"skipped,omitempty"` // why the example was left out
	Failed  bool   `json:"failed,omitempty"`  // it may go better another time
}

// A Question is an [Ask] as results keep it.
type Question struct {
	Text    string   `json:"text"`
	Answers []string `json:"answers"`
	Kind    string   `json:"kind"`
	Marked  bool     `json:"marked"`
	HeldOut bool     `json:"held_out"`
	Guess   float64  `json:"guess"`
	Depth   float64  `json:"depth"`
}

// A Run is one method at one budget with one seed on one context; inside the
// protocol [Inside], on one context with one question.
type Run struct {
	Method  string         `json:"method"`            // as Variant.Spec gives it, or Removed
	Budget  float64        `json:"budget,omitempty"`  // as asked for
	Seed    uint32         `json:"seed"`              //
	Options map[string]any `json:"options,omitempty"` // every option in force

	Ratio     float64  `json:"ratio"`           // kept / total over all layers and heads
	Slots     [][]int  `json:"slots,omitempty"` // kept, (n_layers)(n_kv_heads); r.Tokens before
	Bytes     int      `json:"bytes"`           // occupied right after compression
	BytesFull int      `json:"bytes_full"`      // and before it
	Answers   []Answer `json:"answers,omitempty"`
	Text      *Text    `json:"text,omitempty"` // of the task perplexity
	MS        float64  `json:"ms"`             // compression and all answers: of the steps that write several runs' answers, its share
}

// An Answer is what one question got.
type Answer struct {
	Ask    int     `json:"ask"`   // index in Result.Asks
	Wrote  string  `json:"wrote"` // free-running and greedy, until nothing more could change the score of a right answer
	Score  float64 `json:"score"`
	Full   float64 `json:"full"`             // what the full cache scores
	Change string  `json:"change,omitempty"` // "gained" or "lost" against it

	// Against the full cache, teacher-forced on the first reference: means over
	// its tokens, in nats.
	KL       float64 `json:"kl"`
	DeltaNLL float64 `json:"delta_nll"`

	// With Config.Chat, the score by these metrics, whichever one Score is by.
	Exact  *float64 `json:"exact,omitempty"`
	Recall *float64 `json:"recall,omitempty"`
}

// A Sweep asks a model the questions of a configuration with every variant.
type Sweep struct {
	Config
	Engine *engine.Engine // with a tokenizer
	Data   []Example      // with Config.Data
	Text   []int          // with Config.Text, its tokens without BOS

	Haystack corpus.Haystack // with Config.Haystack; set before [Sweep.Run]

	kv       layout.CacheType
	readings []reading
	template *chat.Template // nil: texts are continued as they are
}

// NewSweep checks a configuration and counts its examples. data and text are
// the contents of the files that it names, nil where it does not.
func NewSweep(c Config, kv layout.CacheType, e *engine.Engine, data []Example, text []int) (*Sweep, error) {
	c.KV = kv.String()
	s := &Sweep{Config: c, Engine: e, Data: data, Text: text, kv: kv}
	for _, length := range c.Lengths {
		limit := e.Config.SeqLen
		if length > limit {
			return nil, fmt.Errorf("documents of %d tokens are longer than the model's context of %d", length, limit)
		}
		if !slices.Contains(c.Tasks, Perplexity) {
			continue
		}
		if length <= shortContext {
			return nil, fmt.Errorf("perplexity behind a context of %d tokens, want more than %d", length, shortContext)
		}
		if length+c.ScoreTokens > limit {
			return nil, fmt.Errorf("%d tokens scored behind %d are more than the model's context of %d", c.ScoreTokens, length, limit)
		}
	}
	var err error
	if s.readings, err = readings(c.Variants); err != nil {
		return nil, err
	}
	s.Examples = len(s.items(Shard{0, 1}))
	if s.Examples == 0 {
		return nil, fmt.Errorf("there is no example from number %d on", c.First)
	}
	return s, nil
}

// Items returns the examples of the sweep's shard, in the order in which they run.
func (s *Sweep) Items() []Item { return s.items(s.Shard) }

func (s *Sweep) items(shard Shard) []Item {
	var items []Item
	for number := s.First; number < s.First+s.N; number++ {
		if number%shard.Of != shard.Index {
			continue
		}
		if s.Config.Data != nil {
			if number < len(s.Data) {
				items = append(items, Item{Task: s.Data[number].Task, Number: number})
			}
			continue
		}
		for _, length := range s.Lengths {
			for _, task := range s.Tasks {
				if task == Perplexity && s.Config.Text != nil && !s.hasWindow(number, length) {
					continue
				}
				items = append(items, Item{task, length, number})
			}
		}
	}
	return items
}

// Run examines items and calls emit with each result, one at a time, in any
// order. On the CPU several are examined at once. An example that cannot be asked,
// or that goes wrong, has a result that says so; the sweep goes on. It stops at the
// first error of emit, when ctx ends, or when a device fails that another may replace
// ([engine.Engine.Replaceable]): with another Engine the examples that are left can be run.
func (s *Sweep) Run(ctx context.Context, items []Item, emit func(Result) error) error {
	engines := []*engine.Engine{s.Engine}
	for len(engines) < min(runtime.GOMAXPROCS(0), len(items)) {
		sibling := s.Engine.Sibling()
		if sibling == nil {
			break
		}
		engines = append(engines, sibling)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	var emitting sync.Mutex
	todo := make(chan Item)
	for _, e := range engines {
		wg.Go(func() {
			for it := range todo {
				r, err := (&worker{Sweep: s, e: e}).examine(ctx, it)
				emitting.Lock()
				if err == nil && ctx.Err() == nil {
					err = emit(r)
				}
				if err != nil {
					stop(err) // before another result is emitted
				}
				emitting.Unlock()
			}
		})
	}
	for _, it := range items {
		select {
		case todo <- it:
		case <-ctx.Done():
		}
	}
	close(todo)
	wg.Wait()
	return context.Cause(ctx)
}

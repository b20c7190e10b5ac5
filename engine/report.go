package engine

import (
	"math"
	"slices"
	"time"

	"keyfold/compress"
	"keyfold/layout"
)

// Report is what a run tells about itself: one shape for the terminal, -json
// and the page. Units are in the names; bytes are measured on live buffers;
// kl and nll are in nats.
type Report struct {
	Model        ModelReport    `json:"model"`
	Device       DeviceReport   `json:"device"`
	Method       MethodReport   `json:"method"`
	Run          RunReport      `json:"run"`
	Version      VersionReport  `json:"version"`
	PromptTokens int            `json:"prompt_tokens"`
	Tokens       []TokenReport  `json:"tokens"`
	Cache        CacheReport    `json:"cache"`
	Timing       TimingReport   `json:"timing"`
	Stop         *Stop          `json:"stop,omitempty"`    // what ended the text
	Quality      *QualityReport `json:"quality,omitempty"` // with a shadow
}

// RunReport says what was asked of a model. With the model, the method's options and
// the version it is all that a run depends on.
type RunReport struct {
	Prompt       string `json:"prompt"`                  // shortened where PromptSHA256 is there
	PromptSHA256 string `json:"prompt_sha256,omitempty"` // of a long prompt
	Question     string `json:"question,omitempty"`      // read after the prompt was compressed
	Chat         string `json:"chat,omitempty"`          // family of the chat template that wrote the prompt

	KV        string   `json:"kv"`                  // type of the cache's elements
	Positions string   `json:"positions"`           // where they count: text or cache
	Budget    float64  `json:"budget,omitempty"`    // kept / total, where one was given
	Every     int      `json:"every,omitempty"`     // tokens between compressions
	MaxSlots  int      `json:"max_slots,omitempty"` // per head while the prompt is read
	Pins      [][2]int `json:"pins,omitempty"`      // slots from and to, which no method may touch

	N             int      `json:"n"`              // tokens at most
	Stop          []string `json:"stop,omitempty"` // texts that end the text
	Seed          uint32   `json:"seed"`
	Temperature   float32  `json:"temperature"`
	TopK          int      `json:"top_k"`
	TopP          float32  `json:"top_p"`
	MinP          float32  `json:"min_p"`
	RepeatPenalty float32  `json:"repeat_penalty"`
}

// ModelReport says which model ran.
type ModelReport struct {
	Name    string `json:"name"`
	SHA256  string `json:"sha256"`
	Layers  int    `json:"layers"`
	Heads   int    `json:"heads"`
	KVHeads int    `json:"kv_heads"`
	HeadDim int    `json:"head_dim"`
	Vocab   int    `json:"vocab"`
}

// DeviceReport says what it ran on.
type DeviceReport struct {
	Kind    string `json:"kind"`
	Adapter string `json:"adapter"`
	Backend string `json:"backend"`
}

// MethodReport says how the cache was compressed.
type MethodReport struct {
	Name    string         `json:"name"`
	Options map[string]any `json:"options"` // every option in force
	Differs []string       `json:"differs"` // what deviates from the paper, one sentence each

	// SimilarNeighbours is the share of neighbouring keys with a cosine above
	// 0.75, per layer, before compression: KVMerger's premise. Only where the
	// method measures it, and on keys of single tokens.
	SimilarNeighbours []float64 `json:"similar_neighbours,omitempty"`
}

// TokenReport is one generated token. KL, DeltaNLL and Top1 are there with a shadow.
type TokenReport struct {
	ID       int      `json:"id"`
	Text     string   `json:"text"`
	Logprob  float64  `json:"logprob"`
	MS       float64  `json:"ms"`
	KVBytes  int      `json:"kv_bytes"`
	KL       *float64 `json:"kl,omitempty"`
	DeltaNLL *float64 `json:"delta_nll,omitempty"`
	Top1     *bool    `json:"top1,omitempty"`
}

// CacheReport is what the cache weighs. BytesFull is what the same text takes
// uncompressed, in occupied slots; the others are the compressed cache's.
// Ratio is slots over those of the full cache, all layers and heads, right after
// the prompt's compression. Compressions counts that and those while decoding.
type CacheReport struct {
	BytesFull      int         `json:"bytes_full"`
	BytesOccupied  int         `json:"bytes_occupied"`
	BytesAllocated int         `json:"bytes_allocated"`
	BytesPeak      int         `json:"bytes_peak"`
	Compressions   int         `json:"compressions,omitempty"` // 0 where nobody counts them
	Tightened      *Tightened  `json:"tightened,omitempty"`    // what a bound took from the method's plans
	Saturated      *Saturation `json:"saturated,omitempty"`    // what the type of the cache cut
	Ratio          float64     `json:"ratio"`
	PerLayerHead   [][]int     `json:"per_layer_head"` // (n_layers)(n_kv_heads) slots right after the prompt's compression
}

// TimingReport holds wall times. TokPerS counts decoded tokens, not the prompt.
// CompressMS is the compression after the prompt; later ones are part of
// DecodeMS and of the times of their tokens.
type TimingReport struct {
	PrefillMS  float64 `json:"prefill_ms"`
	CompressMS float64 `json:"compress_ms"`
	DecodeMS   float64 `json:"decode_ms"`
	TokPerS    float64 `json:"tok_per_s"`
}

// QualityReport compares the compressed run with the full cache, teacher-forced
// on the same tokens. PPLRatio is exp(mean delta_nll).
type QualityReport struct {
	KLMean   float64 `json:"kl_mean"`
	KLP95    float64 `json:"kl_p95"`
	DeltaNLL float64 `json:"delta_nll"`
	Top1     float64 `json:"top1"` // share of tokens
	PPLRatio float64 `json:"ppl_ratio"`

	FirstDifference int         `json:"first_difference"` // token where the full run writes differently; -1: nowhere
	FullText        string      `json:"full_text"`        // what the full run writes
	HeadErrors      [][]float64 `json:"head_errors,omitempty"`
}

// DescribeModel returns the report about the model.
func (e *Engine) DescribeModel(name, sha256 string) ModelReport {
	c := e.Config
	return ModelReport{Name: name, SHA256: sha256, Layers: c.NLayers, Heads: c.NHeads,
		KVHeads: c.NKVHeads, HeadDim: c.HeadDim, Vocab: c.VocabSize}
}

// Describe returns the report about the device.
func (d Device) Describe() DeviceReport {
	return DeviceReport{Kind: d.Kind, Adapter: d.Adapter, Backend: d.Backend}
}

// DescribeRun returns the report about what was asked for, but for the prompt.
func DescribeRun(o Settings, budget float64, n int, s Sampler) RunReport {
	r := RunReport{KV: o.KV.String(), Positions: "text", Budget: budget, Every: o.Every, MaxSlots: o.MaxSlots, Pins: o.Pins}
	if o.InCache {
		r.Positions = "cache"
	}
	r.N, r.Seed, r.Temperature, r.TopK = n, s.Seed, s.Temperature, s.TopK
	r.TopP, r.MinP, r.RepeatPenalty = s.TopP, s.MinP, s.RepeatPenalty
	return r
}

// DescribeMethod returns the report about the method from its plan and signals.
func DescribeMethod(m compress.Method, plan *compress.Plan, s *compress.Signals) MethodReport {
	return MethodReport{Name: plan.Method, Options: plan.Options, Differs: compress.Deviations(m),
		SimilarNeighbours: similarNeighbours(s)}
}

// shareOfText returns a plan's rows over the slots that the full cache would have.
// That is [compress.Plan.Ratio] where s is of the full cache.
func shareOfText(plan *compress.Plan, s *compress.Signals) float64 {
	full := 0
	for _, head := range s.Heads {
		full += head.Pos[head.Slots()-1] + 1 // the newest token has a slot of its own
	}
	return float64(plan.Rows()) / float64(full)
}

// similarNeighbours returns the share of neighbouring keys with cosine above
// 0.75 per layer, or nil where cosines were not measured, or on merged keys.
func similarNeighbours(s *compress.Signals) []float64 {
	if len(s.Heads) == 0 || s.Heads[0].Cosine == nil {
		return nil
	}
	for _, head := range s.Heads {
		if slices.ContainsFunc(head.N, func(n int) bool { return n > 1 }) {
			return nil
		}
	}
	share := make([]float64, s.NLayers)
	for l := range share {
		similar, pairs := 0, 0
		for _, head := range s.Heads[l*s.NKVHeads : (l+1)*s.NKVHeads] {
			for i := 1; i < head.Slots(); i++ {
				pairs++
				if head.Cosine[i] > 0.75 {
					similar++
				}
			}
		}
		share[l] = float64(similar) / float64(max(1, pairs))
	}
	return share
}

// Describe returns what the cache weighs now, and what the prompt's compression
// left of it.
func (c *Cache) Describe(plan *compress.Plan, s *compress.Signals) CacheReport {
	r := CacheReport{
		BytesFull:      len(c.layers) * c.r.config().NKVHeads * c.textPos * c.RowBytes(),
		BytesOccupied:  c.Occupied(),
		BytesAllocated: c.Allocated(),
		BytesPeak:      c.Peak(),
		Ratio:          shareOfText(plan, s),
		PerLayerHead:   make([][]int, s.NLayers),
	}
	for i, rows := range plan.Heads {
		l := i / s.NKVHeads
		r.PerLayerHead[l] = append(r.PerLayerHead[l], len(rows))
	}
	return r
}

// Describe returns what the cache weighs now, what the prompt's compression left
// of it, and how often it was compressed.
func (p *Prompt) Describe(plan *compress.Plan, s *compress.Signals) CacheReport {
	r := p.Cache.Describe(plan, s)
	r.Compressions, r.Tightened = p.compressions, p.tightened
	return r
}

// Describe returns the report about a token that reads as text.
func (t Token) Describe(text string) TokenReport {
	r := TokenReport{ID: t.ID, Text: text, Logprob: t.Logprob, MS: milliseconds(t.Time), KVBytes: t.KVBytes}
	if q := t.Quality; q != nil {
		r.KL, r.DeltaNLL, r.Top1 = &q.KL, &q.DeltaNLL, &q.Top1
	}
	return r
}

// DescribeTiming returns the report about the times of the three stages, the
// last of which made n tokens.
func DescribeTiming(prefill, compression, decode time.Duration, n int) TimingReport {
	r := TimingReport{PrefillMS: milliseconds(prefill), CompressMS: milliseconds(compression), DecodeMS: milliseconds(decode)}
	if decode > 0 {
		r.TokPerS = float64(n) / decode.Seconds()
	}
	return r
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// Describe returns the quality of tokens that carry their comparison with the
// shadow. fullText is what the full run wrote.
func (s *Shadow) Describe(tokens []TokenReport, fullText string) *QualityReport {
	q := &QualityReport{FirstDifference: s.FirstDifference, FullText: fullText}
	var kls []float64
	for _, t := range tokens {
		kls = append(kls, *t.KL)
		q.KLMean += *t.KL
		q.DeltaNLL += *t.DeltaNLL
		if *t.Top1 {
			q.Top1++
		}
	}
	if n := float64(len(kls)); n > 0 {
		q.KLMean, q.DeltaNLL, q.Top1 = q.KLMean/n, q.DeltaNLL/n, q.Top1/n
		q.KLP95 = kls[layout.Descending(kls)[len(kls)-int(math.Ceil(0.95*n))]]
	}
	q.PPLRatio = min(math.Exp(q.DeltaNLL), math.MaxFloat64) // JSON has no infinity
	if errors := s.HeadErrors(); errors != nil {
		q.HeadErrors = slices.Collect(slices.Chunk(errors, len(errors)/s.full.e.Config.NLayers))
	}
	return q
}

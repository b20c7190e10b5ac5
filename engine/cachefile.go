//go:build !js

package engine

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"keyfold/engine/checkpoint"
)

// A cache's file holds what is needed to go on with a text: its slots as they
// are stored, bit for bit, and the logits after its last token. All numbers are
// little-endian; a string is its length as u32 and its bytes.
//
//	"keyfold cache\n"   version u32
//	model    sha256 (32 bytes)   name string
//	shape    n_layers u32   n_kv_heads u32   head_dim u32   vocab u32   rope_base f32   norm_eps f32
//	         RoPE factors f32 (head_dim/2), ones if the model has none
//	plan     method string   its options string (a JSON object)
//	text     next position u32   n u32   n token ids u32   logits after the last one f32 (vocab)
//	slots    type of keys and values string   keys are rotated by positions in the text 0 or in the cache 1 u32
//	         slots u32 (n_layers, n_kv_heads)
//	rows     of every layer and KV head: slots times  position in the text u32  n u32  bias f32
//	         and then keys and values, each (slots, words of a row) u32
//	sha256 of all bytes before it (32 bytes)
//
// The words of a row are those of [layout.CacheType], the same on every device.
const (
	cacheMagic   = "keyfold cache\n"
	cacheVersion = 3
)

// Saved is what a cache's file says besides its slots.
type Saved struct {
	Model   string         // its name, for people
	SHA256  string         // of the model, in hex, as [checkpoint.File.SHA256] returns it
	Method  string         // that compressed the cache
	Options map[string]any // every option that was in force; not nil
	Tokens  []int          // the text
	Logits  []float32      // (vocab) after its last token
}

// check returns an error for what no file may say, as [OpenCacheFile] does.
func (s *Saved) check(vocab int) error {
	switch {
	case s.Options == nil:
		return fmt.Errorf("the options of %s are nil, want a map, which may be empty", s.Method)
	case len(s.Tokens) == 0:
		return fmt.Errorf("a text of no tokens, want at least one")
	case len(s.Logits) != vocab:
		return fmt.Errorf("%d logits, want one per token of the vocabulary = %d", len(s.Logits), vocab)
	}
	for i, id := range s.Tokens {
		if id < 0 || id >= vocab {
			return fmt.Errorf("token %d is %d, want 0 to %d", i, id, vocab-1)
		}
	}
	for i, x := range s.Logits {
		if !finite(x) {
			return fmt.Errorf("logit %d is %g", i, x)
		}
	}
	return nil
}

// Save writes the cache with what s says about it, in the form described at
// the top of this file. It holds one layer in memory at a time.
func (c *Cache) Save(w io.Writer, s Saved) error {
	if err := s.check(c.r.config().VocabSize); err != nil {
		return fmt.Errorf("save a cache: %w", err)
	}
	if c.textPos == 0 {
		return errors.New("save a cache: it is empty")
	}
	options, err := json.Marshal(s.Options)
	if err != nil {
		return fmt.Errorf("save a cache: options of %s: %w", s.Method, err)
	}
	model, err := hex.DecodeString(s.SHA256)
	if err != nil || len(model) != sha256.Size {
		return fmt.Errorf("save a cache: the model's sha256 is %q, want %d hex digits", s.SHA256, 2*sha256.Size)
	}
	sum := sha256.New()
	out := cacheWriter{bufio.NewWriter(io.MultiWriter(w, sum))}
	out.describe(c, s, model, options)
	if err := out.rows(c); err != nil {
		return fmt.Errorf("save a cache: %w", err)
	}
	if err := out.Flush(); err != nil { // the first error of all that was written
		return fmt.Errorf("save a cache: %w", err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("save a cache: %w", err)
	}
	return nil
}

// describe writes all that stands before the rows.
func (out cacheWriter) describe(c *Cache, s Saved, model, options []byte) {
	cfg := c.r.config()
	out.WriteString(cacheMagic)
	out.words(cacheVersion)
	out.Write(model)
	out.text(s.Model)
	out.words(uint32(cfg.NLayers), uint32(cfg.NKVHeads), uint32(cfg.HeadDim), uint32(cfg.VocabSize))
	out.floats(float32(cfg.RopeBase), float32(cfg.NormEps))
	out.floats(ropeFactors(cfg)...)
	out.text(s.Method)
	out.text(string(options))
	out.words(uint32(c.textPos), uint32(len(s.Tokens)))
	out.words(words(s.Tokens)...)
	out.floats(s.Logits...)
	out.text(c.Type.String())
	if c.InCache {
		out.words(1)
	} else {
		out.words(0)
	}
	for l := range c.layers {
		for h := range cfg.NKVHeads {
			out.words(uint32(c.Len(l, h)))
		}
	}
}

// ropeFactors returns what the frequencies of pairs are divided by, ones included.
func ropeFactors(cfg checkpoint.Config) []float32 {
	if cfg.RopeFactors != nil {
		return cfg.RopeFactors
	}
	return slices.Repeat([]float32{1}, cfg.HeadDim/2)
}

// rows writes the slots of all heads with their keys and values.
func (out cacheWriter) rows(c *Cache) error {
	for l := range c.layers {
		k, v, err := c.layerRows(l)
		if err != nil {
			return fmt.Errorf("layer %d: %w", l, err)
		}
		for h := range k {
			for _, slot := range c.headSlots(l, h) {
				out.words(slot.Pos, slot.N)
				out.floats(slot.Bias)
			}
			out.words(k[h].Words...)
			out.words(v[h].Words...)
		}
	}
	return nil
}

// cacheWriter writes the parts of a cache's file. Like bufio.Writer's, its
// errors are kept for Flush.
type cacheWriter struct{ *bufio.Writer }

func (w cacheWriter) words(v ...uint32) {
	var b [4]byte
	for _, x := range v {
		binary.LittleEndian.PutUint32(b[:], x)
		w.Write(b[:])
	}
}

func (w cacheWriter) floats(v ...float32) {
	for _, x := range v {
		w.words(math.Float32bits(x))
	}
}

func (w cacheWriter) text(s string) {
	w.words(uint32(len(s)))
	w.WriteString(s)
}

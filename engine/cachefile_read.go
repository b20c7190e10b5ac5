//go:build !js

package engine

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"keyfold/layout"
)

// CacheFile is an open file of a cache: its description. The rows stay in the
// file until [Engine.LoadCache] reads them.
type CacheFile struct {
	Saved
	Next                       int // position of the next token in the text
	Type                       layout.CacheType
	InCache                    bool // as [Cache].InCache
	NLayers, NKVHeads, HeadDim int
	RopeBase, NormEps          float32
	RopeFactors                []float32
	Slots                      [][]int // (n_layers)(n_kv_heads)

	name string
	r    io.ReaderAt
	rows int64 // where the rows of layer 0 begin
	end  int64 // and where those of the last layer end
}

// RowBytes returns what one slot takes in a cache, as [Cache.RowBytes].
func (f *CacheFile) RowBytes() int { return RowBytes(f.Type, f.HeadDim) }

// Total returns the slots over all layers and heads.
func (f *CacheFile) Total() int {
	n := 0
	for _, heads := range f.Slots {
		for _, slots := range heads {
			n += slots
		}
	}
	return n
}

func (f *CacheFile) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", f.name, fmt.Errorf(format, args...))
}

// OpenCacheFile reads the description of a saved cache. name stands for the
// file in errors, size is its length in bytes. It is an error if the file is
// none of this kind, newer than this program, cut short or damaged: all of it
// is held against its sha256 first.
func OpenCacheFile(r io.ReaderAt, size int64, name string) (*CacheFile, error) {
	f := &CacheFile{name: name, r: r, end: size - sha256.Size}
	head := make([]byte, len(cacheMagic)+4)
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, f.errorf("%w", err)
	}
	if !bytes.HasPrefix(head, []byte(cacheMagic)) {
		return nil, f.errorf("not a saved cache: it begins with %q, want %q", head[:min(size, int64(len(cacheMagic)))], cacheMagic)
	}
	if version := binary.LittleEndian.Uint32(head[len(cacheMagic):]); version != cacheVersion {
		return nil, f.errorf("a saved cache of version %d, this program knows version %d", version, cacheVersion)
	}
	if err := f.checkSum(); err != nil {
		return nil, err
	}
	d := f.decoder(int64(len(head)), f.end)
	f.describe(d)
	if d.err != nil {
		return nil, d.err
	}
	return f, nil
}

// checkSum holds the file against the sha256 at its end.
func (f *CacheFile) checkSum() error {
	if f.end < 0 {
		return f.errorf("a saved cache that is cut short: %d bytes", f.end+sha256.Size)
	}
	want := make([]byte, sha256.Size)
	if _, err := f.r.ReadAt(want, f.end); err != nil && err != io.EOF {
		return f.errorf("%w", err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f.r, 0, f.end)); err != nil {
		return f.errorf("%w", err)
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return f.errorf("a saved cache that is cut short or damaged: its %d bytes have sha256 %x, it ends with %x",
			f.end, sum.Sum(nil), want)
	}
	return nil
}

// describe reads all that stands before the rows. The sizes of the rows must be
// exactly what is left of the file.
func (f *CacheFile) describe(d *cacheReader) {
	f.SHA256 = hex.EncodeToString(d.bytes("the model's sha256", sha256.Size))
	f.Model = d.text("the model's name")

	vocab := f.describeShape(d)
	f.Method = d.text("the method")
	options := d.text("the method's options")
	f.Next = d.count("next position", 1<<24)
	n := d.count("tokens", 1<<24)
	ids := d.words("tokens", n)
	f.Logits = d.floats("logits", vocab)
	kind := d.text("the type of keys and values")
	rotated := d.words("what keys are rotated by", 1)
	if d.err != nil {
		return
	}
	if err := json.Unmarshal([]byte(options), &f.Options); err != nil || f.Options == nil {
		d.fail("the method's options are %.80q, want a JSON object", options)
	}
	for _, id := range ids {
		f.Tokens = append(f.Tokens, int(id))
	}
	if err := f.check(vocab); err != nil {
		d.fail("%w", err)
	}
	var ok bool
	if f.Type, ok = layout.CacheTypeOf(kind); !ok {
		d.fail("keys and values of type %.20q, want %s", kind, layout.CacheTypeNames)
		return
	}
	if err := f.Type.Check(f.HeadDim); err != nil {
		d.fail("%w", err)
	}
	if f.InCache = rotated[0] == 1; rotated[0] > 1 {
		d.fail("keys are rotated by positions of kind %d, want 0 or 1", rotated[0])
	}
	for range f.NLayers {
		heads := make([]int, f.NKVHeads)
		for h := range heads {
			heads[h] = d.count("slots", f.Next) // every slot stands for a token at least
		}
		if d.err != nil {
			return
		}
		f.Slots = append(f.Slots, heads)
	}
	f.rows = f.end - d.left
	if want := int64(f.Total()) * int64(f.RowBytes()); d.left != want {
		d.fail("%d bytes of rows, want %d slots of %d bytes", d.left, f.Total(), f.RowBytes())
	}
}

// describeShape reads the shape of the model and returns its vocab. The limits are those of
// checkpoint.Config.
func (f *CacheFile) describeShape(d *cacheReader) (vocab int) {
	f.NLayers = d.count("n_layers", 1<<10)
	f.NKVHeads = d.count("n_kv_heads", 1<<10)
	f.HeadDim = d.count("head_dim", 1<<10)
	vocab = d.count("vocab", 1<<22)
	if d.err == nil && f.HeadDim%4 != 0 {
		d.fail("head_dim is %d, want a multiple of 4", f.HeadDim)
	}
	shape := d.floats("rope_base and norm_eps", 2)
	f.RopeFactors = d.floats("RoPE factors", f.HeadDim/2)
	if d.err == nil {
		f.RopeBase, f.NormEps = shape[0], shape[1]
	}
	return vocab
}

// layer reads the rows of a layer: (n_kv_heads) slots, keys and values.
func (f *CacheFile) layer(l int) (slots [][]layout.Slot, k, v []layout.Rows, err error) {
	at := f.rows
	for _, heads := range f.Slots[:l] {
		for _, n := range heads {
			at += int64(n) * int64(f.RowBytes())
		}
	}
	d := f.decoder(at, f.end)
	for h, n := range f.Slots[l] {
		table := d.words("slots", 3*n)
		kWords := d.words("keys", n*f.Type.RowWords(f.HeadDim))
		vWords := d.words("values", n*f.Type.RowWords(f.HeadDim))
		if d.err != nil {
			return nil, nil, nil, d.err
		}
		head := make([]layout.Slot, n)
		for i := range head {
			s := layout.Slot{Pos: table[3*i], N: table[3*i+1], Bias: math.Float32frombits(table[3*i+2])}
			if s.Pos >= uint32(f.Next) || s.N < 1 || s.N > uint32(f.Next) || !finite(s.Bias) {
				return nil, nil, nil, f.errorf("layer %d, head %d: slot %d has position %d of %d, n %d and bias %g",
					l, h, i, s.Pos, f.Next, s.N, s.Bias)
			}
			head[i] = s
		}
		slots = append(slots, head)
		k = append(k, layout.Rows{Type: f.Type, HeadDim: f.HeadDim, Words: kWords})
		v = append(v, layout.Rows{Type: f.Type, HeadDim: f.HeadDim, Words: vWords})
	}
	return slots, k, v, nil
}

// LoadCache makes the cache of a file on the engine's device, whatever device it
// was saved on. sum is the sha256 of the engine's model, in hex; a file of another
// model is refused. The text goes on as it would have without saving.
func (e *Engine) LoadCache(f *CacheFile, sum string) (*Text, error) {
	if f.SHA256 != sum {
		return nil, f.errorf("saved with model %s of sha256 %s, this model has sha256 %s", f.Model, f.SHA256, sum)
	}
	if c := e.Config; f.NLayers != c.NLayers || f.NKVHeads != c.NKVHeads || f.HeadDim != c.HeadDim ||
		len(f.Logits) != c.VocabSize || f.RopeBase != float32(c.RopeBase) || f.NormEps != float32(c.NormEps) {
		// One file of weights, but not one config.json.
		return nil, f.errorf("saved with n_layers %d, n_kv_heads %d, head_dim %d, vocab %d, rope_base %g, norm_eps %g, "+
			"this model has %d, %d, %d, %d, %g, %g", f.NLayers, f.NKVHeads, f.HeadDim, len(f.Logits), f.RopeBase, f.NormEps,
			c.NLayers, c.NKVHeads, c.HeadDim, c.VocabSize, c.RopeBase, c.NormEps)
	}
	for i, factor := range ropeFactors(e.Config) {
		if f.RopeFactors[i] != factor {
			return nil, f.errorf("saved with a RoPE factor of %g for pair %d, this model has %g", f.RopeFactors[i], i, factor)
		}
	}
	at := f.Next
	if f.InCache {
		at = slices.Max(slices.Concat(f.Slots...))
	}
	if at > e.Config.SeqLen {
		return nil, f.errorf("goes on at position %d, this model's context is %d", at, e.Config.SeqLen)
	}
	if err := usable(e.r, f.Type); err != nil {
		return nil, err
	}
	c := &Cache{r: e.r, Type: f.Type, InCache: f.InCache, textPos: f.Next, ropePos: at}
	for l := range f.NLayers {
		if err := c.load(f, l); err != nil {
			c.Free()
			return nil, err
		}
	}
	c.notePeak(0)
	return &Text{Cache: c, Logits: f.Logits, Tokens: slices.Clone(f.Tokens), e: e}, nil
}

// load appends layer l of a file.
func (c *Cache) load(f *CacheFile, l int) error {
	slots, k, v, err := f.layer(l)
	if err != nil {
		return err
	}
	layer, err := c.newLayer(slots, 0, c.ropePos)
	if err != nil {
		return err
	}
	c.layers = append(c.layers, layer) // from here on Free gives it back
	return c.r.writeRows(layer, k, v)
}

// cacheReader reads the parts of a cache's file. It holds every length against
// the bytes that are left before it makes room for them, and keeps its first
// error.
type cacheReader struct {
	f    *CacheFile
	r    *bufio.Reader
	left int64
	err  error
}

func (f *CacheFile) decoder(from, to int64) *cacheReader {
	left := max(0, to-from)
	return &cacheReader{f: f, r: bufio.NewReader(io.NewSectionReader(f.r, from, left)), left: left}
}

func (d *cacheReader) fail(format string, args ...any) {
	if d.err == nil {
		d.err = d.f.errorf(format, args...)
	}
}

// bytes reads the n bytes of a part; after an error it returns none, as words and floats do.
func (d *cacheReader) bytes(what string, n int64) []byte {
	if n > d.left {
		d.fail("%s: %d bytes, the file has %d left", what, n, d.left)
	}
	if d.err != nil {
		return nil
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(d.r, b); err != nil {
		d.fail("%s: %w", what, err)
	}
	d.left -= n
	return b
}

func (d *cacheReader) words(what string, n int) []uint32 {
	b := d.bytes(what, 4*int64(n))
	if d.err != nil {
		return nil
	}
	v := make([]uint32, n)
	for i := range v {
		v[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return v
}

func (d *cacheReader) floats(what string, n int) []float32 {
	w := d.words(what, n)
	v := make([]float32, len(w))
	for i := range v {
		v[i] = math.Float32frombits(w[i])
	}
	return v
}

func (d *cacheReader) text(what string) string {
	n := d.words(what, 1)
	if d.err != nil {
		return ""
	}
	return string(d.bytes(what, int64(n[0])))
}

// count reads a number from 1 to most; after an error it returns 1.
func (d *cacheReader) count(what string, most int) int {
	n := d.words(what, 1)
	if d.err != nil {
		return 1
	}
	if n[0] < 1 || int64(n[0]) > int64(most) {
		d.fail("%s is %d, want 1 to %d", what, n[0], most)
		return 1
	}
	return int(n[0])
}

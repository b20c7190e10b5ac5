//go:build !js

package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"keyfold/compress"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

var fixtureSum = strings.Repeat("5a", sha256.Size) // stands for a model's hash

// saved writes a cache and what belongs to it.
func saved(t testing.TB, c *Cache, s Saved) []byte {
	t.Helper()
	var out bytes.Buffer
	s.Model, s.SHA256 = "fixture", fixtureSum
	if err := c.Save(&out, s); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func openSaved(b []byte) (*CacheFile, error) {
	return OpenCacheFile(bytes.NewReader(b), int64(len(b)), "x.cache")
}

// reopened reads a cache back.
func reopened(t testing.TB, e *Engine, b []byte) (*Cache, *CacheFile) {
	t.Helper()
	f, err := openSaved(b)
	if err != nil {
		t.Fatal(err)
	}
	text, err := e.LoadCache(f, fixtureSum)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(text.Free)
	return text.Cache, f
}

// seal puts the sum behind a file's bytes.
func seal(b []byte) []byte {
	sum := sha256.Sum256(b)
	return slices.Concat(b, sum[:])
}

// smallFile returns the file of a small cache with merged slots, and its engine.
func smallFile(t testing.TB, kv layout.CacheType) (*Engine, []byte) {
	t.Helper()
	e := openFixtureFor(t, CPU, checkpoint.F16, kv)
	m := newMethod(t, "kvmerger", 0, "eps", "-1", "recent", "0.2", "top", "0.2")
	tokens := someTokens(12)
	p := prefill(t, e, tokens, kv, m.Needs())
	plan, _, _ := decide(t, p, m)
	apply(t, p.Cache, plan)
	return e, saved(t, p.Cache, Saved{Method: plan.Method, Options: plan.Options, Tokens: tokens, Logits: p.Logits})
}

// drawn returns n tokens behind a text.
func drawn(t testing.TB, e *Engine, c *Cache, logits []float32, text []int, s Sampler, n int) (ids []int) {
	t.Helper()
	from := Text{Cache: c, Logits: logits, Tokens: text, e: e}
	err := from.Generate(context.Background(), Generation{N: n, Sampler: s, Emit: func(tok Token) error {
		ids = append(ids, tok.ID)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// What is read back goes on as the cache would have: the same tokens, likeliest
// and drawn. Saved once more it is the same file, byte for byte, and what
// one device saved opens on the other.
func TestSavedCachesGoOn(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		types := layout.CacheTypes
		if kind == GPU {
			types = types[:1] // f16; the others' rows are words like its own, and lavapipe is slow
		}
		for _, kv := range types {
			e := openFixtureFor(t, kind, checkpoint.F16, kv)
			methods := map[string]compress.Method{
				"full":     newMethod(t, "full", 0),
				"kvmerger": newMethod(t, "kvmerger", 0, "eps", "0"),
				"gvote":    newMethod(t, "gvote", 0, "p_nuc", "0.6"),
			}
			for name, m := range methods {
				tokens := someTokens(100)
				p := prefill(t, e, tokens, kv, m.Needs())
				plan, _, _ := decide(t, p, m)
				c := p.Cache
				c.InCache = name == "gvote"
				apply(t, c, plan)
				if err := p.Read(context.Background(), []int{5, 6, 7}); err != nil { // appended slots are saved too
					t.Fatal(err)
				}
				text, logits := p.Tokens, p.Logits
				data := saved(t, c, Saved{Method: plan.Method, Options: plan.Options, Tokens: text, Logits: logits})

				back, f := reopened(t, e, data)
				if f.Method != name || len(f.Options) != len(plan.Options) || !slices.Equal(f.Tokens, text) || !sameBits(f.Logits, logits) {
					t.Errorf("%v %s: the file says %s %v, %d tokens and %d logits", kv, name, f.Method, f.Options, len(f.Tokens), len(f.Logits))
				}
				if back.Next() != 103 || back.Used() != c.Used() || back.InCache != c.InCache || back.Type != kv || back.Occupied() != c.Occupied() || f.Total() != c.Slots() || f.RowBytes() != c.RowBytes() {
					t.Errorf("%v %s: next %d, type %v, %d bytes occupied, %d slots", kv, name, back.Next(), back.Type, back.Occupied(), f.Total())
				}
				if again := saved(t, back, f.Saved); !bytes.Equal(again, data) {
					t.Errorf("%v %s: saved again it is another file", kv, name)
				}
				if name == "kvmerger" {
					checkRagged(t, back, e.Config)
					there, _ := reopened(t, openFixtureFor(t, CPU, checkpoint.F16, kv), data)
					if again := saved(t, there, f.Saved); !bytes.Equal(again, data) {
						t.Errorf("%v: opened on the CPU and saved again it is another file", kv)
					}
				}
				for _, s := range []Sampler{
					{RepeatPenalty: 1, TopP: 1},
					{RepeatPenalty: 1.1, TopP: 0.9, Temperature: 1.3, Seed: 7},
				} {
					want := drawn(t, e, fork(t, c), logits, text, s, 20)
					now, _ := reopened(t, e, data)
					if got := drawn(t, e, now, f.Logits, f.Tokens, s, 20); !slices.Equal(got, want) {
						t.Errorf("%v %s at temperature %g: tokens %v, without saving %v", kv, name, s.Temperature, got, want)
					}
				}
			}
		}
	})
}

// checkRagged makes sure that a test's cache has what can go wrong: heads of
// different lengths, and slots that stand for several tokens.
func checkRagged(t testing.TB, c *Cache, cfg checkpoint.Config) {
	t.Helper()
	lens, merged := map[int]bool{}, 0
	for l := range cfg.NLayers {
		for h := range cfg.NKVHeads {
			lens[c.Len(l, h)] = true
			for i := range c.Len(l, h) {
				if s := c.Slot(l, h, i); s.N > 1 && s.Bias > 0 {
					merged++
				}
			}
		}
	}
	if len(lens) < 2 || merged < 10 {
		t.Errorf("heads of %d lengths and %d merged slots, want several", len(lens), merged)
	}
}

func TestSavedCacheOfAnotherModel(t *testing.T) {
	e, data := smallFile(t, layout.CacheF16)
	f, err := openSaved(data)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Repeat("c3", sha256.Size)
	want := "x.cache: saved with model fixture of sha256 " + fixtureSum + ", this model has sha256 " + other
	if _, err := e.LoadCache(f, other); err == nil || err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
	for what, change := range map[string]func(*checkpoint.Config){
		"rope_base 10000, norm_eps 1e-05, this model has 3, 2, 16, 320, 500000": func(c *checkpoint.Config) { c.RopeBase = 500000 },
		"norm_eps 1e-05, this model has 3, 2, 16, 320, 10000, 0.5":              func(c *checkpoint.Config) { c.NormEps = 0.5 },
		"a RoPE factor of 1 for pair 7, this model has 4": func(c *checkpoint.Config) {
			c.RopeFactors = []float32{1, 1, 1, 1, 1, 1, 1, 4}
		},
		"head_dim 16, vocab 320":                             func(c *checkpoint.Config) { c.HeadDim = 32 },
		"n_layers 3, n_kv_heads 2":                           func(c *checkpoint.Config) { c.NLayers = 2 },
		"this model has 3, 4":                                func(c *checkpoint.Config) { c.NKVHeads = 4 },
		"goes on at position 12, this model's context is 11": func(c *checkpoint.Config) { c.SeqLen = 11 },
	} {
		c := models.FixtureConfig
		change(&c)
		b, err := models.Fixture(c, checkpoint.F16, 1)
		if err != nil {
			t.Fatal(err)
		}
		cache, err := openFile(t, openBytes(t, b), CPU).LoadCache(f, fixtureSum)
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
		if cache != nil {
			cache.Free()
		}
	}
}

// What no file may say is refused before the first byte is written.
func TestSaveRefusesWhatCannotBeOpened(t *testing.T) {
	e := openFixture(t, CPU, checkpoint.F16)
	tokens := someTokens(12)
	p := prefill(t, e, tokens, layout.CacheF16, compress.Needs{})
	empty, err := e.NewCache(layout.CacheF16)
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Free()
	with := func(i int, x float32) []float32 {
		logits := slices.Clone(p.Logits)
		logits[i] = x
		return logits
	}
	inf, options := float32(math.Inf(-1)), map[string]any{}
	for _, tc := range []struct {
		c    *Cache
		s    Saved
		want string
	}{
		{p.Cache, Saved{Options: options, Tokens: tokens, Logits: p.Logits[:319]}, "319 logits, want one per token of the vocabulary = 320"},
		{p.Cache, Saved{Options: options, Tokens: tokens, Logits: with(7, inf)}, "logit 7 is -Inf"},
		{p.Cache, Saved{Method: "window", Tokens: tokens, Logits: p.Logits}, "the options of window are nil, want a map, which may be empty"},
		{p.Cache, Saved{Options: options, Logits: p.Logits}, "a text of no tokens, want at least one"},
		{p.Cache, Saved{Options: options, Tokens: []int{1, -1}, Logits: p.Logits}, "token 1 is -1, want 0 to 319"},
		{empty, Saved{Options: options, Tokens: tokens, Logits: p.Logits}, "it is empty"},
	} {
		var out bytes.Buffer
		tc.s.SHA256 = fixtureSum
		if err := tc.c.Save(&out, tc.s); err == nil || err.Error() != "save a cache: "+tc.want || out.Len() > 0 {
			t.Errorf("error %v after %d bytes\nwant  save a cache: %s", err, out.Len(), tc.want)
		}
	}
}

// A file that ends anywhere else is refused, and so is one with a wrong bit
// anywhere. Behind the sum every length is checked for itself.
func TestDamagedCacheFiles(t *testing.T) {
	_, data := smallFile(t, layout.CacheF16)
	body := data[:len(data)-sha256.Size]
	for n := range data {
		if _, err := openSaved(data[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were opened", n, len(data))
		}
	}
	for n := range body {
		if _, err := openSaved(seal(body[:n])); err == nil {
			t.Fatalf("the first %d of %d bytes were opened with a sum of their own", n, len(body))
		}
	}
	if _, err := openSaved(seal(append(slices.Clone(body), 0))); err == nil {
		t.Error("a file with a byte too many was opened")
	}
	for i := range data {
		wrong := slices.Clone(data)
		wrong[i] ^= 1 << (i % 8)
		if _, err := openSaved(wrong); err == nil {
			t.Fatalf("a file with a wrong byte %d of %d was opened", i, len(data))
		}
	}
}

// Every field is checked, and the sentence names it.
func TestHostileCacheFiles(t *testing.T) {
	_, data := smallFile(t, layout.CacheF16)
	body := data[:len(data)-sha256.Size]
	f, err := openSaved(data)
	if err != nil {
		t.Fatal(err)
	}
	shape := len(cacheMagic) + 4 + sha256.Size + 4 + len("fixture")
	rows := int(f.rows)
	slots := rows - 4*f.NLayers*f.NKVHeads
	kind := slots - 4 - len("f16")
	logits := kind - 4 - 4*len(f.Logits)
	text := logits - 4*len(f.Tokens) - 8
	const many = math.MaxUint32
	for _, tc := range []struct {
		at    int
		value uint32
		want  string
	}{
		{0, 0, "not a saved cache: it begins with"},
		{len(cacheMagic), 0, "version 0, this program knows version 3"},
		{len(cacheMagic), 1, "a saved cache of version 1, this program knows version 3"},
		{shape - 4 - len("fixture"), many, "the model's name: 4294967295 bytes, the file has"},
		{shape, 0, "n_layers is 0, want 1 to 1024"},
		{shape, many, "n_layers is 4294967295, want 1 to 1024"},
		{shape, 1024, "slots is 0, want 1 to 12"},
		{shape + 4, 1025, "n_kv_heads is 1025, want 1 to 1024"},
		{shape + 8, 18, "head_dim is 18, want a multiple of 4"},
		{shape + 8, 12, "the method: 1065353216 bytes, the file has"}, // the factors are fewer
		{shape + 12, 1 << 22, "logits: 16777216 bytes, the file has"},
		{shape + 24 + 4*f.HeadDim/2, many, "the method: 4294967295 bytes, the file has"},
		{text, 0, "next position is 0, want 1 to 16777216"},
		{text, 3, "want 1 to 3"},
		{text + 4, 1 << 24, "tokens: 67108864 bytes, the file has"},
		{text + 8, 320, "token 0 is 320, want 0 to 319"},
		{logits + 8, math.Float32bits(float32(math.NaN())), "logit 2 is NaN"},
		{kind, 0x006635, `of type "5f\x00`},
		{slots - 4, 2, "keys are rotated by positions of kind 2, want 0 or 1"},
		{slots, 0, "slots is 0, want 1 to 12"},
		{slots, 13, "slots is 13, want 1 to 12"},
		{slots, uint32(f.Slots[0][0] - 1), "bytes of rows, want"},
		{rows, 12, "layer 0, head 0: slot 0 has position 12 of 12"},
		{rows + 4, 0, "n 0 and"},
		{rows + 4, 13, "n 13 and"},
		{rows + 8, math.Float32bits(float32(math.Inf(1))), "bias +Inf"},
	} {
		b := slices.Clone(body)
		if tc.at == kind {
			copy(b[tc.at:], "5f\x00")
		} else {
			binary.LittleEndian.PutUint32(b[tc.at:], tc.value)
		}
		err := readAll(seal(b))
		if err == nil || !strings.HasPrefix(err.Error(), "x.cache: ") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%d at byte %d: %v, want %q", tc.value, tc.at, err, tc.want)
		}
	}
	for old, new := range map[string]string{`{"`: `["`, "f16": "f17"} {
		b := bytes.Replace(body, []byte(old), []byte(new), 1)
		if err := readAll(seal(b)); err == nil {
			t.Errorf("%q in place of %q was opened", new, old)
		}
	}
}

// readAll reads all of a file.
func readAll(b []byte) error {
	f, err := openSaved(b)
	if err != nil {
		return err
	}
	for l := range f.NLayers {
		if _, _, _, err := f.layer(l); err != nil {
			return err
		}
	}
	return nil
}

// What passes for a saved cache takes no more memory than its bytes say, and
// either loads or is refused. The target puts the sum behind, which no fuzzer
// would find.
func FuzzOpenCacheFile(f *testing.F) {
	e, data := smallFile(f, layout.CacheF16)
	for _, kv := range layout.CacheTypes {
		_, data := smallFile(f, kv)
		f.Add(data[:len(data)-sha256.Size])
	}
	for _, n := range []int{0, 10, len(cacheMagic), 60, 120, 400, len(data) / 2} {
		f.Add(data[:n])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := seal(body)
		file, err := openSaved(b)
		if err != nil {
			return
		}
		if file.Total()*file.RowBytes() > len(b) {
			t.Fatalf("%d slots of %d bytes in a file of %d", file.Total(), file.RowBytes(), len(b))
		}
		readErr := readAll(b)
		if c, err := e.LoadCache(file, file.SHA256); err == nil {
			if readErr != nil {
				t.Fatalf("loads, although %v", readErr)
			}
			c.Free()
		}
	})
}

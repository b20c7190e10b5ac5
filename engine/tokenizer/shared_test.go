package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Tests on files that others made, in ../shared/data beside the repository; see its README.md. They
// skip where it is absent.

// shared returns a file of ../shared/data.
func shared(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../../shared/data", filepath.FromSlash(name)))
	if os.IsNotExist(err) {
		t.Skipf("%s needs ../shared/data, absent", t.Name())
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sharedGGUF returns the tokenizer of a GGUF file of ../shared/data.
func sharedGGUF(t testing.TB, name string) *Tokenizer {
	t.Helper()
	meta, err := readMeta(bytes.NewReader(shared(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := FromGGUF(meta)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// sharedBin returns the tokenizer of a tokenizer.bin of ../shared/data.
func sharedBin(t testing.TB, name string, vocabSize int) *Tokenizer {
	t.Helper()
	tok, err := FromLlama2C(bytes.NewReader(shared(t, name)), vocabSize)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestLlamaCppVectors runs the 47 texts that llama.cpp tests each of its vocabularies with. The ids
// are without BOS.
func TestLlamaCppVectors(t *testing.T) {
	for _, name := range []string{"llama-spm", "gpt-2"} {
		t.Run(name, func(t *testing.T) {
			file := "vocab/ggml-vocab-" + name + ".gguf"
			tok := sharedGGUF(t, file)
			inputs := strings.Split(string(shared(t, file+".inp")), "\n__ggml_vocab_test__\n")
			outputs := strings.Split(string(shared(t, file+".out")), "\n")
			// The last of each is what follows the last separator: the empty text and no ids.
			if len(inputs) != 47 || len(outputs) != 47 {
				t.Fatalf("%d texts and %d lines of ids, want 47", len(inputs), len(outputs))
			}
			for i, text := range inputs {
				got, err := tok.Encode(text, false)
				if err != nil {
					t.Fatalf("text %d: %v", i, err)
				}
				var want []int
				for _, field := range strings.Fields(outputs[i]) {
					id, err := strconv.Atoi(field)
					if err != nil {
						t.Fatal(err)
					}
					want = append(want, id)
				}
				if !slices.Equal(got, want) {
					t.Errorf("text %d %q:\n got %v\nwant %v", i, text, got, want)
				}
				if back, err := tok.Decode(got); err != nil || back != text {
					t.Errorf("text %d: decoded %q, %v, want %q", i, back, err, text)
				}
			}
		})
	}
}

// TestSharedVocabulariesNamed checks what the metadata says about the two vocabularies.
func TestSharedVocabulariesNamed(t *testing.T) {
	spm := sharedGGUF(t, "vocab/ggml-vocab-llama-spm.gguf")
	gpt2 := sharedGGUF(t, "vocab/ggml-vocab-gpt-2.gguf")
	type facts struct {
		size, bos, eos, unk int
		addsBOS             bool
		kind                string
	}
	for tok, want := range map[*Tokenizer]facts{
		spm:  {32000, 1, 2, 0, true, "SentencePiece-style BPE"},
		gpt2: {50257, 50256, 50256, -1, false, "byte-level BPE"},
	} {
		got := facts{tok.VocabSize(), tok.BOS(), tok.EOS(), tok.Unknown(), tok.AddsBOS(), tok.Kind()}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// TestStories260KPrompt compares with the ids that llama2.c gave the prompt, read from its own
// tokenizer.bin and from the GGUF of the same model.
func TestStories260KPrompt(t *testing.T) {
	var ref struct {
		Text         string `json:"text"`
		PromptTokens []int  `json:"prompt_tokens"`
	}
	if err := json.Unmarshal(shared(t, "stories260K/s260k_prompt64.json"), &ref); err != nil {
		t.Fatal(err)
	}
	if len(ref.PromptTokens) < 10 {
		t.Fatalf("%d prompt tokens in the reference, want some", len(ref.PromptTokens))
	}
	for name, tok := range map[string]*Tokenizer{
		"tok512.bin":       sharedBin(t, "stories260K/tok512.bin", 512),
		"stories260K.gguf": sharedGGUF(t, "stories260K/stories260K.gguf"),
	} {
		got, err := tok.Encode(ref.Text, tok.AddsBOS())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(got, ref.PromptTokens) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, ref.PromptTokens)
		}
		if text, err := tok.Decode(got); err != nil || text != ref.Text {
			t.Errorf("%s: decoded %q, %v, want %q", name, text, err, ref.Text)
		}
	}
}

// TestStories260KFilesAgree encodes 18 KB of stories with both files of the vocabulary, and back.
func TestStories260KFilesAgree(t *testing.T) {
	text := string(shared(t, "text/tinystories_valid_20.txt"))
	bin, err := sharedBin(t, "stories260K/tok512.bin", 512).Encode(text, true)
	if err != nil {
		t.Fatal(err)
	}
	tok := sharedGGUF(t, "stories260K/stories260K.gguf")
	gguf, err := tok.Encode(text, true)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(bin, gguf) {
		t.Errorf("%d ids from tok512.bin differ from %d ids from stories260K.gguf", len(bin), len(gguf))
	}
	if back, err := tok.Decode(gguf); err != nil || back != text {
		t.Errorf("decoded %d bytes (%v) that differ from the text's %d", len(back), err, len(text))
	}
}

// TestBabyllamaHasNoNewline: its 105 tokens hold no byte tokens, so that a newline is unknown.
func TestBabyllamaHasNoNewline(t *testing.T) {
	tok := sharedBin(t, "babyllama/tok105.bin", 105)
	got, err := tok.Encode("a\n\nb", false)
	if err != nil {
		t.Fatal(err)
	}
	want := []int{3, 5, 0, 23} // " ", "a", one unknown token for both newlines, "b"
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	gguf, err := sharedGGUF(t, "babyllama/tok105-q8_0.gguf").Encode("a\n\nb", false)
	if err != nil || !slices.Equal(gguf, want) {
		t.Errorf("from the GGUF: %v, %v, want %v", gguf, err, want)
	}
}

// readMeta reads the metadata of a GGUF file: enough for these tests, which must not depend on the
// package under whose care the real reader is.
func readMeta(r io.Reader) (map[string]any, error) {
	g := ggufReader{r: bufio.NewReader(r)}
	var magic [4]byte
	_, g.err = io.ReadFull(g.r, magic[:])
	if string(magic[:]) != "GGUF" {
		return nil, fmt.Errorf("not a GGUF file")
	}
	g.uint(4) // version
	g.uint(8) // number of tensors
	meta := map[string]any{}
	for n := g.uint(8); n > 0 && g.err == nil; n-- {
		key := g.text()
		meta[key] = g.value(g.uint(4))
	}
	return meta, g.err
}

type ggufReader struct {
	r   *bufio.Reader
	err error
}

func (g *ggufReader) uint(size int) uint64 {
	var b [8]byte
	if g.err == nil {
		_, g.err = io.ReadFull(g.r, b[:size])
	}
	return binary.LittleEndian.Uint64(b[:])
}

func (g *ggufReader) text() string {
	b := make([]byte, g.uint(8))
	if g.err == nil {
		_, g.err = io.ReadFull(g.r, b)
	}
	return string(b)
}

func (g *ggufReader) value(typ uint64) any {
	switch typ {
	case 0:
		return uint8(g.uint(1))
	case 4:
		return uint32(g.uint(4))
	case 5:
		return int32(g.uint(4))
	case 6:
		return math.Float32frombits(uint32(g.uint(4)))
	case 7:
		return g.uint(1) != 0
	case 8:
		return g.text()
	case 9:
		elem, n := g.uint(4), int(g.uint(8))
		switch elem {
		case 5:
			return fill(n, func() int32 { return int32(g.uint(4)) })
		case 6:
			return fill(n, func() float32 { return math.Float32frombits(uint32(g.uint(4))) })
		case 8:
			return fill(n, g.text)
		}
	}
	g.err = fmt.Errorf("type %d is not in the test's GGUF reader", typ)
	return nil
}

func fill[T any](n int, next func() T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = next()
	}
	return out
}

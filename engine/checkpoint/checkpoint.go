// Package checkpoint reads the weights of a Llama model, or of a close relative, from a file: GGUF, Hugging Face safetensors
// or llama2.c. Whatever the format, the result is one description with the same tensor names.
//
// Nouns, in reading order:
//
//	Config   the sizes of the model
//	Type     how elements are stored, with Dequantize
//	Tensor   name, type and shape of one weight
//	File     an open model: its Config, its Tensors, and ReadRows
//
// Start at [Open] or [OpenGGUF]. Opening reads and checks the description only: every size against
// the size of the file, every tensor against the Config, and everything that this project cannot
// compute is refused by name. Weights are read later, some rows at a time, so that a model larger
// than memory can be loaded to a GPU.
package checkpoint

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// File is an open model. Its methods may be used by several goroutines, Close excepted.
type File struct {
	Name   string // path as given
	Format string // "GGUF v3", "GGUF v2", "safetensors" or "llama2.c"
	Model  string // general.name of a GGUF, else the name of the file or folder
	Config Config // valid: Config.Validate returns nil

	Architecture string // "llama", "mistral", "qwen2" or "qwen3"

	Meta map[string]any // GGUF metadata, else nil; see ReadGGUFMeta for the Go types

	sources []source // the files that hold weights, in order of name
	tensors []*Tensor
	byName  map[string]*Tensor
	close   []io.Closer
}

// Tensor is one weight matrix or vector, by its GGUF name.
//
//	token_embd.weight            (VocabSize, Dim)
//	blk.N.attn_norm.weight       (1, Dim)
//	blk.N.attn_q.weight          (QDim, Dim)           rows in interleaved RoPE order
//	blk.N.attn_k.weight          (KVDim, Dim)          rows in interleaved RoPE order
//	blk.N.attn_v.weight          (KVDim, Dim)
//	blk.N.attn_output.weight     (Dim, QDim)
//	blk.N.ffn_norm.weight        (1, Dim)
//	blk.N.ffn_gate.weight        (HiddenDim, Dim)
//	blk.N.ffn_up.weight          (HiddenDim, Dim)
//	blk.N.ffn_down.weight        (Dim, HiddenDim)
//	output_norm.weight           (1, Dim)
//	output.weight                (VocabSize, Dim)      absent: token_embd.weight serves for both
//
// and with Config.QKVBias and Config.QKNorm, in the order of their matrices' rows,
//
//	blk.N.attn_q.bias            (1, QDim)
//	blk.N.attn_k.bias            (1, KVDim)
//	blk.N.attn_v.bias            (1, KVDim)
//	blk.N.attn_q_norm.weight     (1, HeadDim)
//	blk.N.attn_k_norm.weight     (1, HeadDim)
//
// Row r of a matrix gives element r of the product W x. Interleaved RoPE order means that rows 2i
// and 2i+1 of a head are the pair that rotates together. A GGUF file may also have
// rope_freqs.weight, which is Config.RopeFactors.
type Tensor struct {
	Name string
	Type Type
	Rows int // 1 for a vector
	Cols int // elements of a row, a multiple of Type.BlockSize()

	fileName string // its name in the file
	src      source
	offset   int64 // of row 0 in src, in bytes
	pairs    int   // 0: rows as in the file. p: heads of 2p rows (a vector: elements), stored as in Hugging Face files

	unreadable bool // of a type that is not known: the model is refused, and this is only a shape
}

// Bytes returns the size of the whole tensor in the file.
func (t *Tensor) Bytes() int64 { return int64(t.Rows) * int64(t.Type.RowBytes(t.Cols)) }

// Tensor returns the tensor of that GGUF name, if the file has it.
func (f *File) Tensor(name string) (*Tensor, bool) {
	t, ok := f.byName[name]
	return t, ok
}

// Tensors returns all tensors in model order: embedding, layers, final norm, classifier. The slice
// is the File's own and must not be changed.
func (f *File) Tensors() []*Tensor { return f.tensors }

// ReadRows reads rows row0 .. row0+n-1 of t as they are stored, in t.Type.
//
//	dst  (n, t.Type.RowBytes(t.Cols)) bytes, overwritten
//
// Q and K of a Hugging Face file come in interleaved RoPE order (see Tensor), as in every other
// format. ReadRows fails where the rows are not in the tensor, dst has another length, or the file
// cannot be read.
func (f *File) ReadRows(t *Tensor, row0, n int, dst []byte) error {
	size := t.Type.RowBytes(t.Cols)
	if row0 < 0 || n < 0 || row0 > t.Rows || n > t.Rows-row0 {
		return t.src.errorf("%s: %d rows from row %d, the tensor has %d",
			t.fileName, n, row0, t.Rows)
	}
	if len(dst) != n*size {
		return t.src.errorf("%s: %d bytes to read into, want %d rows of %d",
			t.fileName, len(dst), n, size)
	}
	if t.pairs == 0 {
		return t.readAt(dst, int64(row0)*int64(size))
	}
	if t.Rows == 1 {
		return t.readInterleaved(dst, 0, n*t.Cols, t.Type.BlockBytes())
	}
	return t.readInterleaved(dst, row0, n, size)
}

// readInterleaved reads units first .. first+n-1 in interleaved order, each of size bytes: rows of a
// matrix, or elements of a vector. It reads the heads that they are in as a whole.
func (t *Tensor) readInterleaved(dst []byte, first, n, size int) error {
	perHead := 2 * t.pairs
	head := make([]byte, perHead*size)
	for i := 0; i < n; {
		r := first + i
		if err := t.readAt(head, int64(r/perHead)*int64(len(head))); err != nil {
			return err
		}
		for in := r % perHead; in < perHead && i < n; in, i = in+1, i+1 {
			copy(dst[i*size:(i+1)*size], head[interleavedRow(in, t.pairs)*size:])
		}
	}
	return nil
}

// interleavedRow returns the row of a Hugging Face Q or K matrix that is row r in interleaved
// order. Hugging Face rotates element i of a head with i+pairs, we rotate 2i with 2i+1:
//
//	r = head*2p + 2i + j   comes from   head*2p + j*p + i       p pairs, j in 0, 1
//
// Source: LlamaModel.permute in convert_hf_to_gguf.py of llama.cpp.
func interleavedRow(r, pairs int) int {
	head, in := r/(2*pairs), r%(2*pairs)
	return head*2*pairs + in%2*pairs + in/2
}

// interleave says that all that is rotated is in the order of Hugging Face files. A vector's
// elements can only change places where each stands for itself.
func (f *File) interleave(refused *refusal) {
	for _, t := range f.tensors {
		if !rotates(t.Name) {
			continue
		}
		t.pairs = f.Config.HeadDim / 2
		if t.Rows == 1 && !t.unreadable && t.Type.BlockSize() > 1 {
			refused.addTensor(t.src, "type", t.fileName, fmt.Sprintf(" has type %v, want F32, F16 or BF16 for a vector", t.Type))
		}
	}
}

// rotates reports whether a tensor is about queries or keys.
func rotates(name string) bool {
	return slices.ContainsFunc([]string{".attn_q.", ".attn_k.", ".attn_q_norm.", ".attn_k_norm."}, func(part string) bool {
		return strings.Contains(name, part)
	})
}

// readAt fills dst from byte at of the tensor.
func (t *Tensor) readAt(dst []byte, at int64) error {
	n, err := t.src.r.ReadAt(dst, t.offset+at)
	if n == len(dst) {
		return nil // ReadAt may report io.EOF together with the last byte
	}
	if err == nil || err == io.EOF {
		return t.src.errorf("%s: bytes %d to %d cannot be read: "+
			"the file is shorter than when it was opened",
			t.fileName, t.offset+at, t.offset+at+int64(len(dst)))
	}
	return t.src.errorf("%s: byte %d: %w", t.fileName, t.offset+at, err)
}

// Close closes what Open opened. A reader given to OpenGGUF or OpenLlama2C stays open.
func (f *File) Close() error {
	var first error
	for _, c := range f.close {
		if err := c.Close(); err != nil && first == nil {
			first = err
		}
	}
	f.close = nil
	return first
}

// A source is one file that holds weights.
type source struct {
	name string // for errors
	r    io.ReaderAt
	size int64 // bytes
}

// errorf returns an error in this package's form: "PATH: what is wrong".
func (s source) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", s.name, fmt.Errorf(format, args...))
}

// base returns the file's name without folder and extension.
func (s source) base() string {
	name := filepath.Base(s.name)
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// plain returns s for use in an error: as it is if it looks like a name, else quoted and cut, so
// that a damaged file cannot put control characters or pages of text into a message.
func plain(s string) string {
	const limit = 80
	short := s
	if len(short) > limit {
		short = short[:limit]
	}
	ok := short == s && s != ""
	for _, c := range []byte(short) {
		ok = ok && c > ' ' && c < 0x7f
	}
	if ok {
		return s
	}
	if short != s {
		return strconv.Quote(short) + " ..."
	}
	return strconv.Quote(short)
}

package checkpoint

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// A weight is one entry of the list that a Llama model consists of.
type weight struct {
	name       string
	rows, cols int
	shape      string // the shape in words, for errors
	optional   bool
	perToken   bool // a row is a token's, so that there may be rows of padding
}

// weights lists every tensor of a model of these sizes, in model order.
func (c Config) weights() iter.Seq[weight] {
	q, kv := c.QDim(), c.KVDim()
	layer := []weight{
		{"attn_norm.weight", 1, c.Dim, "(dim)", false, false},
		{"attn_q.weight", q, c.Dim, "(n_heads*head_dim, dim)", false, false},
		{"attn_k.weight", kv, c.Dim, "(n_kv_heads*head_dim, dim)", false, false},
		{"attn_v.weight", kv, c.Dim, "(n_kv_heads*head_dim, dim)", false, false},
		{"attn_output.weight", c.Dim, q, "(dim, n_heads*head_dim)", false, false},
		{"ffn_norm.weight", 1, c.Dim, "(dim)", false, false},
		{"ffn_gate.weight", c.HiddenDim, c.Dim, "(hidden_dim, dim)", false, false},
		{"ffn_up.weight", c.HiddenDim, c.Dim, "(hidden_dim, dim)", false, false},
		{"ffn_down.weight", c.Dim, c.HiddenDim, "(dim, hidden_dim)", false, false},
	}
	if c.QKVBias {
		layer = append(layer,
			weight{"attn_q.bias", 1, q, "(n_heads*head_dim)", false, false},
			weight{"attn_k.bias", 1, kv, "(n_kv_heads*head_dim)", false, false},
			weight{"attn_v.bias", 1, kv, "(n_kv_heads*head_dim)", false, false})
	}
	if c.QKNorm {
		layer = append(layer,
			weight{"attn_q_norm.weight", 1, c.HeadDim, "(head_dim)", false, false},
			weight{"attn_k_norm.weight", 1, c.HeadDim, "(head_dim)", false, false})
	}
	return func(yield func(weight) bool) {
		if !yield(weight{"token_embd.weight", c.VocabSize, c.Dim, "(vocab_size, dim)", false, true}) {
			return
		}
		if c.RopeFactors != nil && !yield(weight{ropeFreqs, 1, c.HeadDim / 2, "(head_dim/2)", true, false}) {
			return
		}
		for l := range c.NLayers {
			for _, w := range layer {
				w.name = "blk." + strconv.Itoa(l) + "." + w.name
				if !yield(w) {
					return
				}
			}
		}
		_ = yield(weight{"output_norm.weight", 1, c.Dim, "(dim)", false, false}) &&
			yield(weight{"output.weight", c.VocabSize, c.Dim, "(vocab_size, dim)", true, true})
	}
}

// adopt checks found, the tensors of the file, against Config, names them and takes them over.
// inFile turns a GGUF name into the name that the format uses. Missing tensors, other shapes and
// tensors left over are reasons to refuse the model, unless a tensor left over changes nothing.
func (f *File) adopt(src source, found map[string]*Tensor, inFile func(string) string, refused *refusal) {
	if err := f.Config.check(); err != nil {
		refused.add(src, "%v", err)
		return
	}
	f.byName = make(map[string]*Tensor, len(found))
	for w := range f.Config.weights() {
		name := inFile(w.name)
		t := found[name]
		if t == nil {
			if !w.optional {
				refused.addTensor(src, "missing", name, " is missing, want it with shape "+w.shape)
			}
			continue
		}
		t.Name = w.name
		padded := w.perToken && t.Rows > w.rows
		if t.Rows != w.rows && !padded || t.Cols != w.cols {
			refused.addTensor(t.src, "shape", name, fmt.Sprintf(" has shape %s, want %s = %s",
				shapeString(t.Rows, t.Cols), shapeString(w.rows, w.cols), w.shape))
			continue
		}
		t.Rows = w.rows
		f.tensors = append(f.tensors, t)
		f.byName[w.name] = t
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	for _, name := range sorted(names) {
		if t := found[name]; t.Name == "" && !t.unreadable && !t.neutral() {
			why := whyExtra(name, f.Config.NLayers)
			refused.addTensor(t.src, why, name, ": "+why)
		}
	}
}

// sorted returns names in order. It sorts places, as checkExtents does, because a second kind of
// sort is 6 kB more in the wasm module.
func sorted(names []string) []string {
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(names[i], names[j]) })
	out := make([]string, len(names))
	for i, at := range order {
		out[i] = names[at]
	}
	return out
}

// UseVocab says that only the first n tokens of the model exist, where its tokenizer knows no more:
// the rows of padding behind them are not read.
func (f *File) UseVocab(n int) {
	f.Config.VocabSize = min(n, f.Config.VocabSize)
	for _, name := range []string{"token_embd.weight", "output.weight"} {
		if t, ok := f.byName[name]; ok {
			t.Rows = f.Config.VocabSize
		}
	}
}

// neutral reports whether a tensor that our forward pass does not read would change nothing: a bias
// of zeros, or factors of one.
func (t *Tensor) neutral() bool {
	const most = 1 << 20 // elements
	var want float32
	switch {
	case strings.HasSuffix(t.fileName, ".bias"):
	case strings.HasPrefix(t.fileName, "rope_freqs"), strings.HasSuffix(t.fileName, ".scale"):
		want = 1
	default:
		return false
	}
	if t.Rows > most/t.Cols {
		return false
	}
	data, values := make([]byte, t.Bytes()), make([]float32, t.Rows*t.Cols)
	if t.readAt(data, 0) != nil {
		return false
	}
	t.Type.Dequantize(values, data)
	return !slices.ContainsFunc(values, func(v float32) bool { return v != want })
}

func shapeString(rows, cols int) string {
	if rows == 1 {
		return fmt.Sprintf("(%d)", cols)
	}
	return fmt.Sprintf("(%d, %d)", rows, cols)
}

// whyExtra says what a tensor that our forward pass would ignore is for. The patterns cover the
// names of GGUF and of Hugging Face files.
func whyExtra(name string, nLayers int) string {
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(name, p) })
	}
	switch {
	case has("exps", "experts", "moe", "gate_inp"):
		return "mixture of experts is not supported"
	case has("lora"):
		return "adapters are not supported, want a merged model"
	case has("q_norm", "k_norm"):
		return "normalisation of queries and keys is not supported in this architecture"
	case has("rope_f"):
		return "RoPE scaling by frequencies for short and long texts is not supported"
	case has("q_proj.bias", "k_proj.bias", "v_proj.bias"):
		return "an attention bias of which config.json says nothing is not supported"
	case has("attn") && has(".bias"):
		return "attention bias is only supported for queries, keys and values"
	case has("ffn", "mlp") && has(".bias"):
		return "feed-forward bias is not supported"
	}
	for _, prefix := range []string{"blk.", "model.layers."} {
		rest, ok := strings.CutPrefix(name, prefix)
		number, _, dot := strings.Cut(rest, ".")
		if l, err := strconv.Atoi(number); ok && dot && err == nil && l >= nLayers {
			return fmt.Sprintf("layer %d of a model with n_layers=%d", l, nLayers)
		}
	}
	return "not part of a Llama model as this program knows it, and may not be ignored"
}

// An extent is a range of bytes that a tensor takes in its source.
type extent struct {
	name       string
	begin, end int64
}

// checkExtents refuses tensors that share bytes with each other or with the header, which ends at
// byte start. With dense it also refuses gaps: the tensors must fill the source from start to its
// end.
func checkExtents(src source, tensors []extent, start int64, dense bool) error {
	order := make([]int, len(tensors))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &tensors[i], &tensors[j]
		return cmp.Or(
			cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.name, b.name))
	})
	end, before := start, "the header"
	for _, i := range order {
		t := &tensors[i]
		if t.begin < end {
			return src.errorf("tensor %s begins at byte %d, inside %s, which ends at byte %d",
				plain(t.name), t.begin, before, end)
		}
		if dense && t.begin > end {
			return src.errorf("%d bytes between %s and tensor %s belong to no tensor",
				t.begin-end, before, plain(t.name))
		}
		end, before = t.end, "tensor "+plain(t.name)
	}
	if dense && end != src.size {
		return src.errorf("the file has %d bytes, want %d for the tensors it declares",
			src.size, end)
	}
	return nil
}

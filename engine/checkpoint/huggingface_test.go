//go:build !js

package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// An st is one entry of a safetensors file to be written.
type st struct {
	dtype string
	shape []int
	data  []byte
}

// writeSafetensors returns a safetensors file with the tensors in order of name.
func writeSafetensors(tensors map[string]st) []byte {
	header := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	var weights []byte
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		t := tensors[name]
		header[name] = map[string]any{
			"dtype": t.dtype, "shape": t.shape, "data_offsets": []int{len(weights), len(weights) + len(t.data)},
		}
		weights = append(weights, t.data...)
	}
	text, err := json.Marshal(header)
	if err != nil {
		panic(err)
	}
	return append(rawSafetensors(string(text)), weights...)
}

// rawSafetensors returns the length and the header as given.
func rawSafetensors(header string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
}

// safetensors returns the toy's tensors under Hugging Face names and in that order.
func (m toy) safetensors(typ Type) map[string]st {
	out := make(map[string]st)
	for _, name := range m.names {
		rows, cols := m.shape[name][0], m.shape[name][1]
		s := st{typ.String(), []int{rows, cols}, encode(typ, m.inHalves(name))}
		if rows == 1 {
			s = st{"F32", []int{cols}, encode(F32, m.inHalves(name))}
		}
		out[hfName(name)] = s
	}
	return out
}

// config returns the toy's config.json with some members changed; a value of nil removes one.
func (m toy) config(change map[string]any) string {
	_, own := m.data["output.weight"]
	c := map[string]any{
		"architectures": []string{m.architecture().class}, "model_type": m.architecture().model, "hidden_act": "silu",
		"hidden_size": m.Dim, "intermediate_size": m.HiddenDim, "num_hidden_layers": m.NLayers,
		"num_attention_heads": m.NHeads, "num_key_value_heads": m.NKVHeads, "head_dim": m.HeadDim,
		"vocab_size": m.VocabSize, "max_position_embeddings": m.SeqLen, "rms_norm_eps": 1e-5,
		"tie_word_embeddings": !own, "rope_scaling": nil, "attention_bias": false, "torch_dtype": "float32",
	}
	maps.Copy(c, change)
	for k, v := range change {
		if v == nil {
			delete(c, k)
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// folder returns a file system with these files.
func folder(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func openFiles(files map[string]string) (*File, error) {
	return openFolder(folder(files), "dir", "dir", "")
}

func TestSafetensorsOpens(t *testing.T) {
	for _, typ := range []Type{F32, F16, BF16} {
		m := newToy(toyConfig, typ == F16)
		tensors := m.safetensors(typ)
		// Tables of rotation frequencies are skipped, whatever their type.
		tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = st{"F64", []int{8}, make([]byte, 64)}
		f, err := openFiles(map[string]string{
			"config.json":       m.config(nil),
			"model.safetensors": string(writeSafetensors(tensors)),
		})
		if err != nil {
			t.Fatal(err)
		}
		wantToy(t, f, m, typ)
		if f.Format != "safetensors" || f.Model != "dir" {
			t.Errorf("Format %q, Model %q", f.Format, f.Model)
		}
	}
}

// Two heads of 4 rows, so pairs (0, 2), (1, 3) and (4, 6), (5, 7) become neighbours:
// 0 2 1 3   4 6 5 7. With 8 rows per head: 0 4 1 5 2 6 3 7.
func TestPermutationByHand(t *testing.T) {
	var four, eight []int
	for r := range 8 {
		four = append(four, interleavedRow(r, 2))
		eight = append(eight, interleavedRow(r, 4))
	}
	if want := []int{0, 2, 1, 3, 4, 6, 5, 7}; !slices.Equal(four, want) {
		t.Errorf("head_dim 4: %v, want %v", four, want)
	}
	if want := []int{0, 4, 1, 5, 2, 6, 3, 7}; !slices.Equal(eight, want) {
		t.Errorf("head_dim 8: %v, want %v", eight, want)
	}
}

// sharded returns the toy in two shards with an index, by file name.
func sharded(m toy) map[string]string {
	const a, b = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
	shards := map[string]map[string]st{a: {}, b: {}}
	index := map[string]string{}
	for i, name := range slices.Sorted(maps.Keys(m.safetensors(F16))) {
		index[name] = []string{a, b}[i%2]
		shards[index[name]][name] = m.safetensors(F16)[name]
	}
	text, err := json.Marshal(map[string]any{"metadata": map[string]any{"total_size": 1}, "weight_map": index})
	if err != nil {
		panic(err)
	}
	return map[string]string{
		"config.json": m.config(nil), indexName: string(text),
		a: string(writeSafetensors(shards[a])), b: string(writeSafetensors(shards[b])),
	}
}

func TestShardsOpen(t *testing.T) {
	m := newToy(toyConfig, false)
	files := sharded(m)
	f, err := openFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	wantToy(t, f, m, F16)
	h := sha256.New()
	h.Write([]byte(files["model-00001-of-00002.safetensors"] + files["model-00002-of-00002.safetensors"]))
	if got, err := f.SHA256(); err != nil || got != hex.EncodeToString(h.Sum(nil)) {
		t.Errorf("SHA256 = %s, %v; want that of both shards in order", got, err)
	}
}

func TestShardsRefused(t *testing.T) {
	const a, b = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
	for _, tc := range []struct {
		name   string
		change func(files map[string]string)
		want   string
	}{
		{"shard missing", func(f map[string]string) { delete(f, b) },
			"dir/" + indexName + ": names " + b + ": file does not exist"},
		{"outside", func(f map[string]string) { f[indexName] = `{"weight_map": {"x": "../y.safetensors"}}` },
			"dir/" + indexName + ": weight_map: tensor x is in ../y.safetensors, want a *.safetensors file of the same folder"},
		{"another kind", func(f map[string]string) { f[indexName] = `{"weight_map": {"x": "config.json"}}` },
			"dir/" + indexName + ": weight_map: tensor x is in config.json, want a *.safetensors file of the same folder"},
		{"no tensors", func(f map[string]string) { f[indexName] = `{"weight_map": {}}` },
			"dir/" + indexName + ": weight_map names no tensors"},
		{"not text", func(f map[string]string) { f[indexName] = `{"weight_map": {"x": 1}}` },
			"dir/" + indexName + ": weight_map: tensor x: json: cannot unmarshal number into Go value of type string"},
		{"twice in the index", func(f map[string]string) {
			f[indexName] = `{"weight_map": {"x": "a.safetensors", "x": "b.safetensors"}}`
		}, "dir/" + indexName + ": weight_map: JSON, byte 26: x occurs twice"},
		{"not in its shard", func(f map[string]string) {
			f[indexName] = strings.Replace(f[indexName], `"lm_head.weight"`, `"x":"`+b+`","lm_head.weight"`, 1)
		}, "dir/" + b + ": tensor x is missing, " + indexName + " says that it is here"},
		{"in another shard", func(f map[string]string) {
			f[indexName] = strings.Replace(f[indexName], `"lm_head.weight":"`+a, `"lm_head.weight":"`+b, 1)
		}, "dir/" + a + ": tensor lm_head.weight is here, but " + indexName + " names " + b},
	} {
		files := sharded(newToy(specimen, false))
		tc.change(files)
		_, err := openFiles(files)
		wantError(t, err, tc.want)
	}
}

func TestTiedEmbeddings(t *testing.T) {
	m := newToy(specimen, false)
	tensors := m.safetensors(F32)
	open := func(config string) (*File, error) {
		return openFiles(map[string]string{"config.json": config, "model.safetensors": string(writeSafetensors(tensors))})
	}
	_, err := open(m.config(map[string]any{"tie_word_embeddings": true}))
	wantError(t, err, "dir/model.safetensors: tensor lm_head.weight differs from "+
		"model.embed_tokens.weight, but tie_word_embeddings is true")
	tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
	f, err := open(m.config(map[string]any{"tie_word_embeddings": true}))
	if err != nil {
		t.Fatal(err)
	}
	wantToy(t, f, newToy(specimen, true), F32)
	delete(tensors, "lm_head.weight")
	_, err = open(m.config(map[string]any{"tie_word_embeddings": false}))
	wantError(t, err, "dir/model.safetensors: tensor lm_head.weight is missing and tie_word_embeddings is false")
	if f, err = open(m.config(map[string]any{"tie_word_embeddings": nil})); err != nil {
		t.Fatal(err)
	}
	wantToy(t, f, newToy(specimen, true), F32)
}

// The header may be padded with blanks, as real files are.
func TestSafetensorsHeaderMayBePadded(t *testing.T) {
	m := newToy(specimen, false)
	b := writeSafetensors(m.safetensors(F32))
	n := binary.LittleEndian.Uint64(b)
	padded := append(rawSafetensors(string(b[8:8+n])+"   "), b[8+n:]...)
	if bytes.Equal(padded, b) {
		t.Fatal("not padded")
	}
	f, err := openFiles(map[string]string{"config.json": m.config(nil), "model.safetensors": string(padded)})
	if err != nil {
		t.Fatal(err)
	}
	wantToy(t, f, m, F32)
}

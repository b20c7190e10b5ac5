//go:build !js

package checkpoint

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"keyfold/engine/untrusted"
)

// openFolder opens a Hugging Face model: config.json and safetensors in one folder.
//
//	fsys   the folder
//	dir    its path, for errors
//	path   the path that the user gave, for File.Name
//	file   the one safetensors file to use, or "" to look for model.safetensors, then for
//	       model.safetensors.index.json, then for a single *.safetensors
func openFolder(fsys fs.FS, dir, path, file string) (_ *File, err error) {
	f := &File{Name: path, Format: "safetensors"}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	configFile := source{name: filepath.Join(dir, "config.json")}
	config, err := readSmall(fsys, "config.json", configFile.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noConfig(fsys, path, err)
	}
	if err != nil {
		return nil, err
	}
	refused := &refusal{name: path}
	c, arch, tied, err := parseConfig(configFile, config, refused)
	if err != nil {
		return nil, err
	}
	f.Config, f.Architecture = c, arch.model
	read := len(refused.reasons)
	found, err := f.openShards(fsys, dir, file, refused)
	if err != nil {
		refused.addErr(err)
		return nil, refused.err()
	}
	f.Model = modelName(path, file)
	if read == 0 && len(refused.reasons) == 0 || c.check() == nil {
		f.adopt(f.sources[0], found, hfName, refused)
		f.interleave(refused)
	}
	if err := refused.err(); err != nil {
		return nil, err
	}
	if err := f.tie(tied); err != nil {
		return nil, err
	}
	return f, nil
}

// openShards opens the safetensors files of a folder and returns their tensors by name.
func (f *File) openShards(fsys fs.FS, dir, file string, refused *refusal) (map[string]*Tensor, error) {
	index, files, err := findShards(fsys, dir, file)
	if err != nil {
		return nil, err
	}
	at := func(name string) source { return source{name: filepath.Join(dir, name)} }
	found := make(map[string]*Tensor) // nil for those that are skipped
	for _, name := range files {
		src, closer, err := openSource(fsys, name, at(name).name)
		if err != nil {
			return nil, err
		}
		f.close = append(f.close, closer)
		f.sources = append(f.sources, src)
		tensors, err := readSafetensors(src, refused)
		if err != nil {
			return nil, err
		}
		for t := range tensors {
			if index != nil && index[t] != name {
				return nil, src.errorf("tensor %s is here, but %s names %s",
					plain(t), indexName, plain(index[t]))
			}
		}
		maps.Copy(found, tensors)
	}
	for _, t := range slices.Sorted(maps.Keys(index)) {
		if _, ok := found[t]; !ok {
			return nil, at(index[t]).errorf("tensor %s is missing, %s says that it is here",
				plain(t), indexName)
		}
	}
	maps.DeleteFunc(found, func(_ string, t *Tensor) bool { return t == nil })
	return found, nil
}

// modelName returns the name of the safetensors file that the user named, or else of the folder.
func modelName(path, file string) string {
	if file != "" {
		return untrusted.Name(source{name: path}.base())
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return untrusted.Name(filepath.Base(path))
}

// tie applies tie_word_embeddings. Some tied models store the embedding a second time as lm_head;
// it is dropped where it is equal and refused where it is not. Where config.json says nothing, a
// model without lm_head is tied, as in every other format.
func (f *File) tie(tied tying) error {
	out, ok := f.Tensor("output.weight")
	if tied == tieNo && !ok {
		return f.sources[0].errorf("tensor lm_head.weight is missing " +
			"and tie_word_embeddings is false")
	}
	if tied != tieYes || !ok {
		return nil
	}
	embd := f.byName["token_embd.weight"]
	equal := out.Type == embd.Type
	size := out.Type.RowBytes(out.Cols)
	a, b := make([]byte, size), make([]byte, size)
	for r := 0; r < out.Rows && equal; r++ {
		if err := f.ReadRows(out, r, 1, a); err != nil {
			return err
		}
		if err := f.ReadRows(embd, r, 1, b); err != nil {
			return err
		}
		equal = bytes.Equal(a, b)
	}
	if !equal {
		return out.src.errorf("tensor lm_head.weight differs from model.embed_tokens.weight, " +
			"but tie_word_embeddings is true")
	}
	delete(f.byName, "output.weight")
	f.tensors = slices.DeleteFunc(f.tensors, func(t *Tensor) bool { return t == out })
	return nil
}

// hfName turns a GGUF tensor name into the one of transformers.
func hfName(name string) string {
	switch name {
	case "token_embd.weight":
		return "model.embed_tokens.weight"
	case "output_norm.weight":
		return "model.norm.weight"
	case "output.weight":
		return "lm_head.weight"
	case ropeFreqs:
		return "" // config.json has the factors
	}
	layer, part, _ := strings.Cut(strings.TrimPrefix(name, "blk."), ".")
	return "model.layers." + layer + "." + map[string]string{
		"attn_norm.weight":   "input_layernorm.weight",
		"attn_q.weight":      "self_attn.q_proj.weight",
		"attn_k.weight":      "self_attn.k_proj.weight",
		"attn_v.weight":      "self_attn.v_proj.weight",
		"attn_q.bias":        "self_attn.q_proj.bias",
		"attn_k.bias":        "self_attn.k_proj.bias",
		"attn_v.bias":        "self_attn.v_proj.bias",
		"attn_q_norm.weight": "self_attn.q_norm.weight",
		"attn_k_norm.weight": "self_attn.k_norm.weight",
		"attn_output.weight": "self_attn.o_proj.weight",
		"ffn_norm.weight":    "post_attention_layernorm.weight",
		"ffn_gate.weight":    "mlp.gate_proj.weight",
		"ffn_up.weight":      "mlp.up_proj.weight",
		"ffn_down.weight":    "mlp.down_proj.weight",
	}[part]
}

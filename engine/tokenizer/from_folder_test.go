//go:build !js

package tokenizer

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/fstest"
)

// folderOf puts the byte-level fixture with a few more special tokens and other files in a folder.
// <|endoftext|> is 271, and the new ones are 274 <|begin|>, 275 <turn>, 276 <|im_end|>.
func folderOf(t *testing.T, template bool, files map[string]string) fstest.MapFS {
	t.Helper()
	meta := byteMeta("gpt-2")
	for _, piece := range []string{"<|begin|>", "<turn>", "<|im_end|>"} {
		meta["tokenizer.ggml.tokens"] = append(meta["tokenizer.ggml.tokens"].([]string), piece)
		meta["tokenizer.ggml.token_type"] = append(meta["tokenizer.ggml.token_type"].([]int32), 3)
	}
	file := jsonOf(t, meta)
	if template {
		file["post_processor"] = map[string]any{"type": "TemplateProcessing",
			"single":         []any{map[string]any{"SpecialToken": map[string]any{"id": "<|begin|>"}}},
			"special_tokens": map[string]any{"<|begin|>": map[string]any{"ids": []int{274}}},
		}
	}
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	folder := fstest.MapFS{"tokenizer.json": {Data: data}}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return folder
}

// TestFolderSaysWhatEndsAText: each file beside tokenizer.json, in each form, alone and together.
func TestFolderSaysWhatEndsAText(t *testing.T) {
	const config, generation, special = "config.json", "generation_config.json", "tokenizer_config.json"
	named := []int{271, 276} // what special tokens of known names always end
	for name, c := range map[string]struct {
		template bool
		files    map[string]string
		bos, eos int
		ends     []int
		addsBOS  bool
	}{
		"nothing said":        {false, nil, 271, 271, named, false},
		"one id":              {false, map[string]string{config: `{"eos_token_id": 275}`}, 271, 275, []int{271, 275, 276}, false},
		"a list":              {false, map[string]string{config: `{"eos_token_id": [275, 276]}`}, 271, 275, []int{271, 275, 276}, false},
		"generation_config":   {false, map[string]string{generation: `{"eos_token_id": [276, 5]}`}, 271, 276, []int{5, 271, 276}, false},
		"null":                {false, map[string]string{config: `{"eos_token_id": null, "bos_token_id": null}`}, 271, 271, named, false},
		"minus one":           {false, map[string]string{config: `{"eos_token_id": -1, "bos_token_id": -1}`}, 271, 271, named, false},
		"text":                {false, map[string]string{special: `{"eos_token": "<turn>", "bos_token": "<|begin|>"}`}, 274, 275, []int{271, 275, 276}, false},
		"text in an object":   {false, map[string]string{special: `{"eos_token": {"content": "<turn>", "lstrip": false}}`}, 271, 275, []int{271, 275, 276}, false},
		"all files":           {false, map[string]string{special: `{"eos_token": "<turn>"}`, generation: `{"eos_token_id": 6, "bos_token_id": 274}`, config: `{"eos_token_id": 7, "bos_token_id": 276}`}, 274, 275, []int{6, 7, 271, 275, 276}, false},
		"template before all": {true, map[string]string{special: `{"bos_token": "<turn>"}`, config: `{"bos_token_id": 276}`}, 274, 271, named, true},
		"add_bos_token":       {false, map[string]string{special: `{"bos_token": "<|begin|>", "add_bos_token": true}`}, 274, 271, named, true},
		"no add_bos_token":    {true, map[string]string{special: `{"add_bos_token": false}`}, 274, 271, named, false},
	} {
		tok, err := FromFolder(folderOf(t, c.template, c.files))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if tok.BOS() != c.bos || tok.EOS() != c.eos || tok.AddsBOS() != c.addsBOS || !slices.Equal(tok.Ends(), c.ends) {
			t.Errorf("%s: BOS %d EOS %d adds %t ends %v, want %d %d %t %v", name,
				tok.BOS(), tok.EOS(), tok.AddsBOS(), tok.Ends(), c.bos, c.eos, c.addsBOS, c.ends)
		}
	}
	for _, c := range []struct{ file, text, want string }{
		{config, `{"eos_token_id": 277}`, "config.json: eos_token_id is 277, but tokenizer.json has ids 0 to 276"},
		{config, `{"eos_token_id": [1, -2]}`, "config.json: eos_token_id is -2, but tokenizer.json has ids 0 to 276"},
		{generation, `{"bos_token_id": "x"}`, `generation_config.json: bos_token_id is "\"x\"", want an id or a list of ids`},
		{special, `{"eos_token": "<other>"}`, `tokenizer_config.json: eos_token is "<other>", which tokenizer.json lacks`},
		{special, `{"eos_token": 3}`, `tokenizer_config.json: eos_token is "3", want a string`},
		{config, `{`, "config.json: unexpected end of JSON input"},
	} {
		_, err := FromFolder(folderOf(t, false, map[string]string{c.file: c.text}))
		checkError(t, c.text, err, c.want)
	}
}

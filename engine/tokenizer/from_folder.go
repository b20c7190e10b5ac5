//go:build !js

package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"keyfold/internal/textfile"
)

// FromFolder reads the tokenizer of a Hugging Face model: tokenizer.json, and what the files beside
// it say about the tokens that begin and end a text.
//
//	tokenizer_config.json    bos_token, eos_token, add_bos_token
//	generation_config.json   bos_token_id, eos_token_id (one id or a list)
//	config.json              bos_token_id, eos_token_id (one id or a list)
//
// Each of the files may be missing. Every EOS of every file ends a text; BOS() and EOS() are those of
// the first file that names one, and only without any they are guessed as FromJSON does.
func FromFolder(folder fs.FS) (*Tokenizer, error) {
	f, err := folder.Open("tokenizer.json")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := FromJSON(f)
	if err != nil {
		return nil, err
	}
	byTemplate := t.addsBOS // so far only a template says so
	bos, eos := -1, -1
	for _, name := range []string{"tokenizer_config.json", "generation_config.json", "config.json"} {
		s, err := t.readSpecial(folder, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if bos < 0 {
			bos = s.bos
		}
		if eos < 0 && len(s.ends) > 0 {
			eos = s.ends[0]
		}
		if err := t.AddEnds(s.ends...); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if s.addsBOS != nil {
			t.addsBOS = *s.addsBOS
		}
	}
	if byTemplate {
		bos = -1 // what the template writes begins a text, whatever other files call it
	}
	if err := t.SetBOSEOS(bos, eos); err != nil {
		return nil, err
	}
	return t, nil
}

// special is what one file says about special tokens.
type special struct {
	bos     int   // -1: nothing
	ends    []int // in the order of the file
	addsBOS *bool // nil: nothing
}

// readSpecial reads one of the files beside tokenizer.json; one that is not there says nothing.
func (t *Tokenizer) readSpecial(folder fs.FS, name string) (special, error) {
	s := special{bos: -1}
	data, err := fs.ReadFile(folder, name)
	if err == nil {
		data, err = textfile.UTF8(data)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	var file struct {
		BOSID  json.RawMessage `json:"bos_token_id"`
		EOSID  json.RawMessage `json:"eos_token_id"`
		BOS    json.RawMessage `json:"bos_token"`
		EOS    json.RawMessage `json:"eos_token"`
		AddBOS *bool           `json:"add_bos_token"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return s, err
	}
	s.addsBOS = file.AddBOS
	bos, err := t.specialIDs("bos_token", file.BOSID, file.BOS)
	if err != nil {
		return s, err
	}
	if len(bos) > 0 {
		s.bos = bos[0]
	}
	s.ends, err = t.specialIDs("eos_token", file.EOSID, file.EOS)
	return s, err
}

// specialIDs reads a special token that is given as ids, and one that is given as its text: a
// string, or an object with the string as its content.
func (t *Tokenizer) specialIDs(key string, ids, text json.RawMessage) ([]int, error) {
	var list []int
	if ids != nil {
		var one *int
		if json.Unmarshal(ids, &one) == nil {
			if one != nil {
				list = []int{*one}
			}
		} else if json.Unmarshal(ids, &list) != nil {
			return nil, fmt.Errorf("%s_id is %s, want an id or a list of ids", key, quote(string(ids)))
		}
	}
	list = slices.DeleteFunc(list, func(id int) bool { return id == -1 }) // an old way to write null
	for _, id := range list {
		if id < 0 || id >= len(t.pieces) {
			return nil, fmt.Errorf("%s_id is %d, but tokenizer.json has ids 0 to %d", key, id, len(t.pieces)-1)
		}
	}
	if text == nil || string(text) == "null" {
		return list, nil
	}
	var name string
	if json.Unmarshal(text, &name) != nil {
		var object struct {
			Content *string `json:"content"`
		}
		if json.Unmarshal(text, &object) != nil || object.Content == nil {
			return nil, fmt.Errorf("%s is %s, want a string", key, quote(string(text)))
		}
		name = *object.Content
	}
	id := slices.Index(t.pieces, name)
	if id < 0 {
		return nil, fmt.Errorf("%s is %s, which tokenizer.json lacks", key, quote(name))
	}
	return append(list, id), nil
}

package models

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
)

// An Entry is a model of the catalogue.
type Entry struct {
	Name       string `json:"name"` // what -model and pull call it
	Title      string `json:"title"`
	Source     string `json:"source"`   // OWNER/REPO on the hub; empty: built in
	Revision   string `json:"revision"` // the commit there that has these bytes
	File       string `json:"file"`     // its name there
	Size       int64  `json:"size"`     // bytes
	SHA256     string `json:"sha256"`   // empty: the hub's own word has to do
	Licence    string `json:"licence"`
	LicenceURL string `json:"licence_url"`
	Context    int    `json:"context"` // tokens that it was trained for
	Parameters int64  `json:"parameters"`
	KVBytes    int64  `json:"kv_bytes"` // of the cache for each token, in f16
	GoodFor    string `json:"good_for"`
}

// BuiltIn reports whether the model is part of the program.
func (e Entry) BuiltIn() bool { return e.Source == "" }

// The page reads the same file.
//
//go:embed catalogue.json
var catalogue []byte

// Catalogue returns the models that go by a name.
func Catalogue() []Entry {
	var entries []Entry
	d := json.NewDecoder(bytes.NewReader(catalogue))
	d.DisallowUnknownFields()
	if err := d.Decode(&entries); err != nil {
		panic(fmt.Sprintf("BUG: models: catalogue.json: %v", err))
	}
	return entries
}

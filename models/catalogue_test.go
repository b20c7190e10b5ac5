//go:build !js

package models

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path"
	"regexp"
	"testing"
)

var (
	hex64      = regexp.MustCompile(`^[0-9a-f]{64}$`)
	commit     = regexp.MustCompile(`^[0-9a-f]{40}$`)
	repository = regexp.MustCompile(`^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$`)
	name       = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)
)

// faults lists what is wrong with an entry.
func faults(e Entry) []string {
	var list []string
	check := func(ok bool, what string) {
		if !ok {
			list = append(list, what)
		}
	}
	licence, err := url.Parse(e.LicenceURL)
	check(name.MatchString(e.Name), "name")
	check(e.Title != "" && e.GoodFor != "" && e.Licence != "", "title, good_for or licence")
	check(err == nil && licence.Scheme == "https" && licence.Host != "", "licence_url")
	check(path.Ext(e.File) == ".gguf" && path.Base(e.File) == e.File, "file")
	check(e.Size > 0 && e.Context > 0 && e.Parameters > 0 && e.KVBytes > 0, "size, context, parameters or kv_bytes")
	check(e.SHA256 == "" || hex64.MatchString(e.SHA256), "sha256")
	check(e.BuiltIn() || repository.MatchString(e.Source), "source")
	check(e.BuiltIn() == (e.Revision == "") && (e.BuiltIn() || commit.MatchString(e.Revision)), "revision")
	bits := 8 * float64(e.Size) / float64(e.Parameters)
	check(bits > 4 && bits < 20, "size or parameters: bits per weight")
	return list
}

func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range Catalogue() {
		if wrong := faults(e); wrong != nil || seen[e.Name] {
			t.Errorf("%s: wrong %v, there twice: %v", e.Name, wrong, seen[e.Name])
		}
		seen[e.Name] = true
	}
	if !seen[Name] {
		t.Error("the built-in model is not in the catalogue")
	}
	if wrong := faults(Entry{Name: "A b", File: "../x.gguf", Source: "x", SHA256: "0"}); len(wrong) != 9 {
		t.Errorf("an entry that is wrong throughout has the faults %v", wrong)
	}
}

// What the catalogue says of the built-in model is true of its file.
func TestCatalogueOfTheBuiltInModel(t *testing.T) {
	f, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.Sum256(data)
	c := f.Config
	perToken := int64(c.NLayers * c.NKVHeads * (2*2*c.HeadDim + 12)) // halves of a key and a value, and 12 bytes beside them
	for _, e := range Catalogue() {
		if e.Name == Name && e.KVBytes != perToken {
			t.Errorf("the catalogue has %d bytes of cache for each token, the file %d", e.KVBytes, perToken)
		}
		if e.Name == Name && (e.SHA256 != hex.EncodeToString(sum[:]) || e.Size != int64(len(data)) || e.Context != f.Config.SeqLen || !e.BuiltIn()) {
			t.Errorf("the catalogue has %+v, the file %x, %d bytes, context %d", e, sum, len(data), f.Config.SeqLen)
		}
	}
}

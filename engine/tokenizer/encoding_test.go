//go:build !js

package tokenizer

import (
	"strings"
	"testing"
	"testing/fstest"
)

// JSON files of all editors are read, and other encodings refused by their names.
func TestJSONEncodings(t *testing.T) {
	for data, want := range map[string]string{
		"\xff\xfe{\x00}\x00": "UTF-16LE", "\xfe\xff\x00{\x00}": "UTF-16BE", "{\x00\"\x00a\x00\"\x00}\x00": "UTF-16LE",
		`{"model": "caf` + "\xe9" + `"}`: "looks like Latin-1", "GGUF\xff": "a GGUF file",
	} {
		if _, err := FromJSON(strings.NewReader(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("tokenizer.json %q: %v, want %q", data, err, want)
		}
		if want == "a GGUF file" {
			continue
		}
		folder := fstest.MapFS{"config.json": {Data: []byte(data)}}
		if _, err := (&Tokenizer{}).readSpecial(folder, "config.json"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("config.json %q: %v, want %q", data, err, want)
		}
	}
	folder := fstest.MapFS{"config.json": {Data: []byte("\xef\xbb\xbf{\r\n\"eos_token_id\": 2}")}}
	if s, err := (&Tokenizer{pieces: []string{"a", "b", "c"}}).readSpecial(folder, "config.json"); err != nil || len(s.ends) != 1 || s.ends[0] != 2 {
		t.Errorf("a file from Windows: %+v, %v", s, err)
	}
}

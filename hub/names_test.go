package hub

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	s := New("store", "https://hub.example", "", "")
	for _, c := range []struct{ name, url, path string }{
		{"smollm2-135m", "https://hub.example/bartowski/SmolLM2-135M-Instruct-GGUF/resolve/09816acd5d99df7be770d85ea30822623dab342c/SmolLM2-135M-Instruct-Q8_0.gguf", "store/smollm2-135m.gguf"},
		{"SmolLM2-135M", "https://hub.example/bartowski/SmolLM2-135M-Instruct-GGUF/resolve/09816acd5d99df7be770d85ea30822623dab342c/SmolLM2-135M-Instruct-Q8_0.gguf", "store/smollm2-135m.gguf"},
		{"hf:o/r/x.gguf", "https://hub.example/o/r/resolve/main/x.gguf", "store/hf/o/r/x.gguf"},
		{"hf:o/r@v1.0/sub folder/x.y+z.gguf", "https://hub.example/o/r/resolve/v1.0/sub%20folder/x.y+z.gguf", "store/hf/o/r@v1.0/sub folder/x.y+z.gguf"},
		{"https://x.example/a/b.gguf?download=true", "https://x.example/a/b.gguf?download=true", "store/url/b-"},
		{"http://127.0.0.1:1/a.gguf", "http://127.0.0.1:1/a.gguf", "store/url/a-"},
		{"https://x.example/../../.hidden/ä:b", "https://x.example/../../.hidden/ä:b", "store/url/_b-"},
		{"keyfold", "", ""},
	} {
		m, err := s.Find(c.name)
		if err != nil || !IsName(c.name) || m.URL != c.url || !strings.HasPrefix(filepath.ToSlash(m.Path), c.path) || strings.Contains(m.Path, "..") {
			t.Errorf("%s: %q at %q (%v), want %q at %q", c.name, m.URL, m.Path, err, c.url, c.path)
		}
	}
	a, _ := s.Find("https://x.example/m.gguf?v=1")
	b, _ := s.Find("https://x.example/m.gguf?v=2")
	if a.Path == b.Path {
		t.Error("two addresses share a place")
	}
	mirror := New("store", "https://user:secret@mirror.example", "", "")
	if m, err := mirror.Find("hf:o/r/x.gguf"); err != nil || strings.Contains(m.Name+m.Page+m.Source+m.Path, "secret") || !strings.Contains(m.URL, "secret@mirror.example/o/r") {
		t.Errorf("a mirror with a password is shown as %+v (%v)", m, err)
	}
	if m, err := s.Find("https://user:secret@x.example/m.gguf"); err != nil || strings.Contains(m.Name+m.Page+m.Source+m.Path, "secret") {
		t.Errorf("an address with a password is shown as %+v (%v)", m, err)
	}
}

func TestFindRefuses(t *testing.T) {
	s := New("store", "https://hub.example", "", "")
	for name, want := range map[string]string{
		"smolm2-135":                "the nearest names are smollm2-135m",
		"smol":                      "the nearest names are smollm2-135m, smollm2-360m, smollm2-1.7b",
		"llama":                     "the nearest names are llama-3.2-1b",
		"":                          "keyfold models",
		"hf:o/r":                    "want hf:OWNER/REPO/FILE.gguf",
		"hf:o/r/x.safetensors":      "want hf:OWNER/REPO/FILE.gguf",
		"hf:../r/x.gguf":            "want hf:OWNER/REPO/FILE.gguf",
		"hf:o/r/../x.gguf":          "want hf:OWNER/REPO/FILE.gguf",
		"hf:o/r@../x.gguf":          "want hf:OWNER/REPO/FILE.gguf",
		"hf:o/r/x\x1b.gguf":         "want hf:OWNER/REPO/FILE.gguf",
		"http://x.example/m.gguf":   "want https://",
		"https:///m.gguf":           "has no host",
		"https://x.example/%zz":     "is no address",
		"http://user:pw@x.example/": "want https://",
	} {
		m, err := s.Find(name)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%q: %+v, error %v, want %q", name, m, err, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b         string
		begin, whole int
	}{{"", "", 0, 0}, {"a", "", 1, 1}, {"", "ab", 0, 2}, {"kitten", "sitting", 2, 3}, {"abc", "abc", 0, 0}, {"abc", "ac", 1, 1}, {"ab", "abcd", 0, 2}} {
		if begin, whole := distance(c.a, c.b); begin != c.begin || whole != c.whole {
			t.Errorf("%q to %q is %d and %d, want %d and %d", c.a, c.b, begin, whole, c.begin, c.whole)
		}
	}
}

func TestOpen(t *testing.T) {
	t.Setenv("KEYFOLD_MODELS", "")
	t.Setenv("XDG_CACHE_HOME", "/caches")
	t.Setenv("HF_TOKEN", "secret")
	t.Setenv("KEYFOLD_HUB", "")
	if s, err := Open(""); err != nil || s.Hub != Default || s.Token != "secret" || filepath.Base(s.Folder) != "models" {
		t.Errorf("%+v, %v", s, err)
	}
	t.Setenv("KEYFOLD_MODELS", "here")
	t.Setenv("KEYFOLD_HUB", "http://mirror.example/")
	if s, err := Open(""); err != nil || s.Hub != "http://mirror.example" || s.Token != "" || s.Folder != "here" {
		t.Errorf("with a mirror: %+v, %v", s, err)
	}
	t.Setenv("KEYFOLD_HUB", "mirror")
	if _, err := Open(""); err == nil || !strings.Contains(err.Error(), "KEYFOLD_HUB") {
		t.Errorf("a mirror without a scheme: %v", err)
	}
}

package repo

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"testing"
)

// markdownLink finds the target of [text](target) and ![text](target).
var markdownLink = regexp.MustCompile(`\]\(([^)\s#]+)(#[^)\s]*)?\)`)

// relativeLinks returns the targets of a text that are paths, not addresses.
func relativeLinks(text string) []string {
	var links []string
	for _, m := range markdownLink.FindAllStringSubmatch(text, -1) {
		if !regexp.MustCompile(`^[a-z]+:`).MatchString(m[1]) {
			links = append(links, m[1])
		}
	}
	return links
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, file := range files(t) {
		if path.Ext(file) != ".md" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range relativeLinks(string(data)) {
			if _, err := os.Stat(filepath.Join(root, path.Dir(file), link)); err != nil {
				t.Errorf("%s links to %s, which is not there", file, link)
			}
		}
	}
	for text, want := range map[string]int{
		"[a](b.md)": 1, "![a](b/c.svg)": 1, "[a](b.md#part)": 1, "[a](https://example.org/b)": 0, "[a] (b)": 0, "[a](#part)": 0,
	} {
		if got := relativeLinks(text); len(got) != want {
			t.Errorf("relativeLinks(%q) = %q, want %d", text, got, want)
		}
	}
}

package repo

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// asMarkup finds what makes elements or scripts of a text.
var asMarkup = regexp.MustCompile(`\b(innerHTML|outerHTML|insertAdjacentHTML|setHTML\w*|srcdoc|createContextualFragment|DOMParser)\b|\bdocument\.write|\beval\(|\bnew Function\b|javascript:`)

// TestPageTakesTextsAsTexts: whatever a file, a model or a link says, the page shows it
// as text. Its policy forbids scripts from elsewhere in any case.
func TestPageTakesTextsAsTexts(t *testing.T) {
	seen := 0
	for _, file := range files(t) {
		if !strings.HasPrefix(file, "web/") || !strings.HasSuffix(file, "js") && !strings.HasSuffix(file, ".html") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Error(err)
			continue
		}
		seen++
		if found := asMarkup.Find(data); found != nil {
			t.Errorf("%s uses %s, want textContent", file, found)
		}
	}
	if seen < 30 {
		t.Errorf("%d files of the page were seen", seen)
	}
	for text, want := range map[string]bool{
		"e.innerHTML = name": true, "eval(name)": true, "new Function(name)": true, "document.write(name)": true,
		"e.textContent = name": false, "evaluate(name)": false, "new FunctionX": false,
	} {
		if asMarkup.MatchString(text) != want {
			t.Errorf("asMarkup on %q: %v, want %v", text, !want, want)
		}
	}
}

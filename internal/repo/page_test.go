package repo

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// hosts are those that the hub sends a download to: all of its own.
var hosts = []string{"https://*.cdn.hf.co", "https://cas-bridge.xethub.hf.co", "https://cdn-lfs.hf.co", "https://cdn-lfs-us-1.hf.co", "https://cdn-lfs-eu-1.hf.co"}

var (
	connections = regexp.MustCompile(`connect-src ([^;"]*)`)
	hubOfPage   = regexp.MustCompile(`<meta name="hub" content="([^"]*)">`)
	hostInText  = regexp.MustCompile(`\b(https?|wss?)://[\w*]`)
	repository  = regexp.MustCompile(`^[\w.-]+/[\w.-]+$`)
)

// TestPolicyOfThePage: the page may connect to where it comes from, to the hub of the catalogue and to that hub's hosts.
// Which hub that is stands in index.html alone, because the policy does not hold for workers: no script names a host.
func TestPolicyOfThePage(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(root, "web", "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	found, hub := connections.FindAllSubmatch(index, -1), hubOfPage.FindSubmatch(index)
	if len(found) != 1 || hub == nil {
		t.Fatalf("index.html has %d policies for connections, and the hub %q", len(found), hub)
	}
	want := append([]string{"'self'", string(hub[1])}, hosts...)
	if got := strings.Fields(string(found[0][1])); !slices.Equal(got, want) {
		t.Errorf("the page may connect to %v, want %v", got, want)
	}
	if !bytes.Contains(index, []byte("default-src 'none';")) {
		t.Error("the policy allows what it does not name")
	}
	catalogue, err := os.ReadFile(filepath.Join(root, "models", "catalogue.json"))
	if err != nil {
		t.Fatal(err)
	}
	var entries []struct{ Name, Source, Revision, SHA256 string }
	if err := json.Unmarshal(catalogue, &entries); err != nil || len(entries) < 2 {
		t.Fatalf("%d models in the catalogue, %v", len(entries), err)
	}
	for _, e := range entries {
		if e.Source != "" && (!repository.MatchString(e.Source) || len(e.SHA256) != 64 || e.Revision == "") {
			t.Errorf("%s: the page takes OWNER/REPO of the hub at a revision, and checks a sha256: %+v", e.Name, e)
		}
	}
	for _, file := range files(t) {
		if !strings.HasPrefix(file, "web/") || filepath.Ext(file) != ".js" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Error(err)
		}
		if host := hostInText.Find(data); host != nil {
			t.Errorf("%s names a host", file)
		}
	}
	for text, want := range map[string]bool{`fetch("https://example.org")`: true, "wss://a": true, "https:// alone": false, `fetch("keyfold.wasm")`: false} {
		if hostInText.MatchString(text) != want {
			t.Errorf("hostInText on %q: %v, want %v", text, !want, want)
		}
	}
}

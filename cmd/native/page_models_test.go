//go:build !js

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"

	"keyfold/engine/checkpoint"
	"keyfold/internal/flaky"
	"keyfold/models"
)

// drawer is the page with a catalogue of its own: one model, "small", at a hub whose faults change.
type drawer struct {
	*page
	content []byte
	hub     atomic.Pointer[flaky.Server]
	instead atomic.Pointer[http.HandlerFunc] // of the hub
	fronts  [2]*httptest.Server              // the hub and the host that it redirects to
	foreign *httptest.Server                 // a host that the policy does not name
	full    atomic.Bool                      // a file gets no more than 100 kB
}

func openDrawer(t testing.TB) *drawer {
	t.Helper()
	content, err := models.Fixture(models.FixtureConfig, checkpoint.F16, 1)
	if err != nil {
		t.Fatal(err)
	}
	d := &drawer{content: content}
	front := func() *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if instead := d.instead.Load(); instead != nil {
				(*instead)(w, r)
				return
			}
			d.hub.Load().ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server
	}
	d.fronts = [2]*httptest.Server{front(), front()}
	d.foreign = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.hub.Load().ServeHTTP(w, r) }))
	t.Cleanup(d.foreign.Close)
	d.fault(t, flaky.Fault{})
	entries := []models.Entry{
		{Name: "keyfold", Title: "keyfold 3M", Size: 3_297_120, Licence: "MIT", GoodFor: "questions", Parameters: 3_049_920, Context: 1024},
		{Name: "small", Title: "Small", Source: "some/body", Revision: "main", File: "small.gguf",
			Size: int64(len(content)), SHA256: d.hub.Load().SHA256(), Licence: "MIT", LicenceURL: "https://opensource.org/license/mit",
			Context: 256, Parameters: 100_000, GoodFor: "tests"},
	}
	catalogue, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	// The engine runs on the CPU: there it starts sooner.
	d.page = servePage(t, `Object.defineProperty(navigator, "gpu", {value: undefined})`, map[string]http.HandlerFunc{
		"/catalogue.json": func(w http.ResponseWriter, _ *http.Request) { w.Write(catalogue) },
		"/disk.js":        d.disk,
		"/{$}":            func(w http.ResponseWriter, _ *http.Request) { w.Write(d.index(t)) },
	})
	d.do(`await shelf(); (await import("/some/where/download.js")).waits.fill(20)`)
	return d
}

// fault begins a new hub.
func (d *drawer) fault(t testing.TB, fault flaky.Fault) {
	hub := flaky.New(t, d.content, fault)
	hub.URL, hub.Other = d.fronts[0].URL, d.fronts[1].URL
	d.hub.Store(hub)
}

// index returns the page, whose hub is the test's. Its policy names the two hosts of that hub, in the place of two of the
// real one's.
func (d *drawer) index(t testing.TB) []byte {
	index, err := os.ReadFile(filepath.Join(site(t), "index.html"))
	if err != nil {
		t.Error(err)
	}
	for i, host := range []string{"https://huggingface.co", "https://*.cdn.hf.co"} {
		if !bytes.Contains(index, []byte(host)) {
			t.Errorf("index.html does not name %s", host)
		}
		index = bytes.ReplaceAll(index, []byte(host), []byte(d.fronts[i].URL))
	}
	return index
}

// disk serves the script that writes files.
func (d *drawer) disk(w http.ResponseWriter, _ *http.Request) {
	script, err := os.ReadFile(filepath.Join("..", "..", "build", "site", "disk.js"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/javascript")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(script)
	if d.full.Load() {
		fmt.Fprint(w, `
			const write = FileSystemSyncAccessHandle.prototype.write;
			FileSystemSyncAccessHandle.prototype.write = function (bytes, {at}) {
				if (at + bytes.length <= 100_000) return write.call(this, bytes, {at});
				if (at < 100_000) return write.call(this, bytes.subarray(0, 100_000 - at), {at});
				throw new DOMException("full", "QuotaExceededError");
			}`)
	}
}

// download presses the button and waits for the end.
func (d *drawer) download() {
	d.t.Helper()
	d.do(`main("small").click(); await settled("small")`)
}

// wantWhole fails the test unless the model is here, with the right bytes and nothing beside it.
func (d *drawer) wantWhole(what string) {
	d.t.Helper()
	sum := d.hub.Load().SHA256()
	d.want(what, `return main("small").textContent + fault("small")`, "Load")
	d.want(what+": the file", `return await kept()`, fmt.Sprintf("small-%s.gguf %d %s;", sum[:12], len(d.content), sum))
}

// wantSentence fails the test unless the download ended with a sentence and no file has a model's name. part: what came
// is kept, to be continued.
func (d *drawer) wantSentence(what, sentence string, part bool) {
	d.t.Helper()
	d.want(what, `return fault("small")`, sentence)
	said := d.do(`return fault("small")`)
	if strings.Count(said, ". ") > 1 || !strings.HasSuffix(said, ".") {
		d.t.Errorf("%s: %q, want a sentence", what, said)
	}
	kept := d.do(`return await kept()`)
	if files := strings.Count(kept, ";"); strings.Contains(kept, ".gguf ") || !part && files > 0 || part && files != 1 {
		d.t.Errorf("%s: the files are %q, part %v", what, kept, part)
	}
	label := d.do(`return main("small").textContent`)
	if want := map[bool]string{true: "Resume", false: "Download 310 kB"}[part]; label != want {
		d.t.Errorf("%s: the button says %q, want %q", what, label, want)
	}
}

// clear removes what is there.
func (d *drawer) clear() {
	d.t.Helper()
	d.do(`await clear()`)
}

// Whatever a hub does, a download ends with the whole file or with a sentence, and never with a wrong file.
func TestPageDownloads(t *testing.T) {
	d := openDrawer(t)
	size := int64(len(d.content))
	half := size / 2
	const here = "" // no sentence
	for _, tc := range []struct {
		what     string
		fault    flaky.Fault
		sentence string
		part     bool
	}{
		{"a good hub", flaky.Fault{}, here, false},
		{"connections that break", flaky.Fault{BreakAt: []int64{1, 1000, half, size - 1}}, here, false},
		{"a connection that breaks before the first byte", flaky.Fault{BreakAt: []int64{0, 0}}, here, false},
		{"a broken connection without ranges", flaky.Fault{BreakAt: []int64{half}, NoRange: true}, here, false},
		{"a hub that shows no ETag", flaky.Fault{BreakAt: []int64{half}, NoETag: true}, here, false},
		{"redirects", flaky.Fault{Redirects: 3, BreakAt: []int64{half}}, here, false},
		{"a busy hub", flaky.Fault{Statuses: []int{429, 503}}, here, false},
		{"connections that always break", flaky.Fault{BreakAt: slices.Repeat([]int64{1000}, 9), BytesPerDelay: 600, Delay: 200 * time.Millisecond}, "The connection to 127.0.0.1:", true},
		{"a hub that stays busy", flaky.Fault{Statuses: slices.Repeat([]int{429}, 9)}, "too many requests at the moment (429)", false},
		{"a file that is not there", flaky.Fault{Statuses: []int{404}}, "does not give the file away (404)", false},
		{"a login", flaky.Fault{HTML: true}, "answers with a web page", false},
		{"a length too large", flaky.Fault{LengthOff: 5}, fmt.Sprintf("has a file of %d bytes, and the catalogue's has %d", size+5, size), false},
		{"a length too small", flaky.Fault{LengthOff: -5}, fmt.Sprintf("has a file of %d bytes", size-5), false},
		{"another range", flaky.Fault{RangeOff: 10}, "sends bytes from 10 on, and was asked for those from 0 on", false},
		{"a file that changes midway", flaky.Fault{BreakAt: []int64{half}, ChangeAfter: 1}, "its sha256 is ", false},
		{"a file that changes midway, without ranges", flaky.Fault{BreakAt: []int64{size - 9}, ChangeAfter: 1, NoRange: true}, "Nothing of it was kept", false},
	} {
		d.clear()
		d.fault(t, tc.fault)
		d.download()
		if tc.sentence == here {
			d.wantWhole(tc.what)
		} else {
			d.wantSentence(tc.what, tc.sentence, tc.part)
		}
	}
	requests := d.hub.Load().Requests()
	if path := requests[0].Path; path != "/some/body/resolve/main/small.gguf" {
		t.Errorf("the path is %s", path)
	}
	d.fault(t, flaky.Fault{})
	d.byHand(size)
}

// byHand has answers that no hub in its right mind gives.
func (d *drawer) byHand(size int64) {
	d.t.Helper()
	for what, tc := range map[string]struct {
		answer   http.HandlerFunc
		sentence string
		part     bool
	}{
		"no connection": {func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, "could not be reached", false},
		"more than the file": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Write(d.content)
			http.NewResponseController(w).Flush() // so there is no length
			w.Write(d.content)
		}, fmt.Sprintf("sends more than the file's %d bytes. Nothing of it was kept.", size), false},
		"an early end without a length": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Write(d.content[:1000])
			http.NewResponseController(w).Flush()
		}, fmt.Sprintf("ends after 1000 of %d bytes", size), true},
		"an empty file":    {func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Access-Control-Allow-Origin", "*") }, "has a file of 0 bytes", false},
		"a hub for itself": {func(w http.ResponseWriter, r *http.Request) { w.Write(d.content) }, "could not be reached", false},
		"a redirect outside": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			http.Redirect(w, r, d.foreign.URL+"/", http.StatusFound)
		}, "leads to a host that this page's policy does not allow", false},
		"a zip": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Write(append([]byte("PK\x03\x04"), d.content[4:]...))
		}, "its sha256 is ", false},
	} {
		d.clear()
		d.instead.Store(&tc.answer)
		d.download()
		d.wantSentence(what, tc.sentence, tc.part)
	}
	d.instead.Store(nil)
	if requests := d.hub.Load().Requests(); len(requests) > 0 {
		d.t.Errorf("another host was asked: %v", requests)
	}
}

// A download is paused, resumed, continued after a reload in the middle of it, and by another tab; then the model is loaded
// without a network, and deleted.
func TestPageKeepsModels(t *testing.T) {
	d := openDrawer(t)
	d.fault(t, flaky.Fault{BytesPerDelay: 10_000, Delay: 50 * time.Millisecond})
	d.do(`main("small").click(); await until(() => progress("small") > 50_000, "some bytes"); main("small").click(); await settled("small")`)
	d.want("the button after a pause", `return main("small").textContent`, "Resume")
	d.want("the sentence after a pause", `return fault("small") + "none"`, "none")
	at := d.do(`return progress("small")`)
	d.do(`location.reload()`)
	d.wait()
	d.do(`await shelf()`)
	d.want("the bytes after a reload", `return progress("small")`, at)

	// The tab goes away in the middle of it.
	d.do(`main("small").click(); await until(() => progress("small") > 150_000, "more bytes"); location.reload()`)
	d.wait()
	d.do(`await shelf(); await until(() => main("small").textContent === "Resume", "the end of the download of the tab before")`)
	if kept := d.do(`return progress("small") > 140_000`); kept != "true" {
		t.Errorf("after a reload %s bytes are here, want 150000", d.do(`return progress("small")`))
	}
	for i, r := range d.hub.Load().Requests() {
		if (r.Range == "bytes=0-") != (i == 0) {
			t.Errorf("request %d has the range %s", i, r.Range)
		}
	}

	// Two tabs: one downloads, the other waits for it, and goes on when it is gone.
	other, closeTab := d.tab()
	other.do(`await shelf(); main("small").click()`)
	d.do(`await until(() => main("small").textContent === "In another tab" && main("small").disabled, "the other tab's download")`)
	closeTab()
	d.do(`await until(() => main("small").textContent === "Resume", "the end of the other tab")`)
	other, _ = d.tab()
	other.do(`await shelf()`)
	d.do(`main("small").click()`)
	other.do(`await until(() => main("small").textContent === "In another tab", "the first tab's download")`)
	d.do(`await settled("small")`)
	d.wantWhole("a download in pieces")
	other.do(`await until(() => main("small").textContent === "Load", "news of the first tab")`)

	d.do(`await loaded()`)
	d.offline(true)
	d.do(`main("small").click(); await until(() => text("#model-view .model-name") === "small", "the model"); await loaded(); await run({method: "window", n: 4})`)
	d.wantTokens("a run without a network", 4)
	d.want("its button", `return main("small").textContent + main("small").disabled`, "Loadedtrue")
	d.offline(false)
	d.do(`button("#models-view [data-model=small]", "Delete").click(); button("#models-view [data-model=small]", "Delete 310 kB").click()
		await until(() => main("small").textContent.startsWith("Download"), "the end of the model")`)
	d.want("what is left", `return "none" + await kept()`, "none")
	d.do(`await run({method: "window", n: 3})`)
	d.wantTokens("a run of a deleted model that is loaded", 3)

	// A file of an older catalogue is shown, and can be deleted.
	d.do(`const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("models"); await folder.getFileHandle("old-0123.gguf", {create: true})
		location.reload()`)
	d.wait()
	d.do(`await shelf(); await until(() => text("#models-view").includes("old-0123.gguf"), "the old file")
		document.querySelector("#models-view [aria-label='Delete old-0123.gguf']").click(); await until(() => !text("#models-view").includes("old-0123"), "its end")`)
	d.noFaults()
}

// Where there is no room it is said before a byte comes, and where room ends what came is kept.
func TestPageWithoutRoom(t *testing.T) {
	d := openDrawer(t)
	d.quota(100_000)
	d.download()
	d.wantSentence("too little room", "This browser has no room for the file.", false)
	if requests := d.hub.Load().Requests(); len(requests) > 0 {
		t.Errorf("the hub was asked: %v", requests)
	}
	d.quota(-1)
	d.full.Store(true)
	d.download()
	d.wantSentence("room that ends", "what came so far is kept", true)
	d.full.Store(false)
	d.download()
	d.wantWhole("a download that got its room")
	d.noFaults()
}

// A link to a model opens the drawer; one to a run of it runs as soon as the model is here.
func TestPageLinksToModels(t *testing.T) {
	d := openDrawer(t)
	visit := func(hash string) {
		t.Helper()
		d.do(fmt.Sprintf(`location.hash = %q; location.reload()`, hash))
		d.wait()
	}
	visit("model=small")
	d.do(`await until(() => row("small") && document.activeElement === main("small"), "the focus")`)
	d.want("the drawer", `return String(document.querySelector(".drawer").open)`, "true")
	d.do(`await loaded(); location.hash = "model=smal"; await until(() => text("#fault-model") !== "", "a sentence")`)
	d.want("an unknown name", `return text("#fault-model")`, "There is no model \u2068smal\u2069 in the catalogue.")
	d.do(`location.hash = "model=small"; await until(() => document.activeElement === main("small"), "the focus")`)
	const run = "model=small&method=window&budget=0.5&n=3&prompt=Once+upon+a+time+there+was+a+bird"
	visit(run)
	d.do(`await until(() => text("#status") !== "", "the sentence")`)
	d.want("a link to a run", `return text("#status")`, "This link was made with Small (310 kB, MIT): download it to reproduce the run.")
	if requests := d.hub.Load().Requests(); len(requests) > 0 {
		t.Errorf("a link asked the hub: %v", requests)
	}
	d.download()
	d.do(`await until(() => tokens().length === 3 && text("#model-view .model-name") === "small", "the run"); await idle()`)
	visit(run)
	d.do(`await until(() => tokens().length === 3 && text("#model-view .model-name") === "small", "the run"); await idle()`)
	if requests := d.hub.Load().Requests(); len(requests) != 1 {
		t.Errorf("the second visit asked the hub: %v", requests)
	}
	for _, name := range []string{"keyfold", "small"} {
		d.do(fmt.Sprintf(`location.hash = "model=%s"; await until(() => main(%[1]q).textContent === "Loaded", "the model")`, name))
	}
	d.noFaults()
}

// The page knows the catalogue's fields by the names that they have in the file.
func TestPageKnowsTheCatalogue(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("..", "..", "web", "models.js"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(script), "@typedef {object} Entry\n")
	text, _, _ = strings.Cut(text, "*/")
	var got, want []string
	for _, field := range regexp.MustCompile(`@property \{\w+\} \[?(\w+)`).FindAllStringSubmatch(text, -1) {
		got = append(got, field[1])
	}
	for i := range reflect.TypeFor[models.Entry]().NumField() {
		want = append(want, reflect.TypeFor[models.Entry]().Field(i).Tag.Get("json"))
	}
	if !slices.Equal(got, want) {
		t.Errorf("web/models.js knows the fields %v, models.Entry has %v", got, want)
	}
}

// tab opens the page once more in the same browser. The function closes it.
func (d *drawer) tab() (*page, func()) {
	d.t.Helper()
	tab, closeTab, err := d.chromium().Tab(d.do(`return location.href`))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(closeTab)
	other := &page{d.t, tab}
	other.wait()
	return other, closeTab
}

// quota sets how much the browser lets the page keep; -1: as much as it wants.
func (d *drawer) quota(size float64) {
	d.t.Helper()
	params := storage.OverrideQuotaForOriginParams{Origin: d.do(`return location.origin`)}
	if size >= 0 {
		params.QuotaSize = &size
	}
	d.call(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, storage.OverrideQuotaForOrigin, params)
		return err
	})
}

// offline takes the network away.
func (d *drawer) offline(gone bool) {
	d.t.Helper()
	d.call(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: gone, DownloadThroughput: -1, UploadThroughput: -1}},
		})
		return err
	})
	d.want("fetch", `return await fetch("catalogue.json").then(() => "online", () => "offline")`, map[bool]string{true: "offline", false: "online"}[gone])
}

func (d *drawer) call(call func(ctx context.Context, t *chromedp.Target) error) {
	d.t.Helper()
	if err := chromedp.Do(d.chromium().Context, chromedp.Func(call)); err != nil {
		d.t.Fatal(err)
	}
}

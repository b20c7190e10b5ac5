//go:build !js

package browser

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const testPage = `<!doctype html><meta http-equiv="Content-Security-Policy" content="script-src 'self' 'unsafe-inline'"><title>a title</title><body style="margin: 0; height: 3000px">
<script>globalThis.later = (value) => new Promise((resolve) => setTimeout(resolve, 20, value)); let own = 1</script>`

// Starting a browser takes longest, so one of each is enough.
func TestBrowsers(t *testing.T) {
	mark := markProcesses(t)
	for _, b := range Both {
		t.Run(string(b), func(t *testing.T) {
			p := b.Open(t, http.HandlerFunc(serveTestPage), 3*time.Minute)
			t.Run("Evaluate", func(t *testing.T) { testEvaluate(t, p) })
			t.Run("Faults", func(t *testing.T) { testFaults(t, p, b == InFirefox) })
			t.Run("Picture", func(t *testing.T) { testPicture(t, p) })
			if n := mark.running(); n == 0 && runtime.GOOS == "linux" {
				t.Error("none of the browser's processes is seen")
			}
		})
		for deadline := time.Now().Add(10 * time.Second); mark.running() > 0 && time.Now().Before(deadline); {
			time.Sleep(50 * time.Millisecond)
		}
		if n := mark.running(); n > 0 {
			t.Errorf("%d of %s's processes stay behind a test", n, b)
		}
	}
}

func serveTestPage(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/worker.js" {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, `console.error("in a worker")`)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprint(w, testPage)
}

func testEvaluate(t *testing.T, p Page) {
	long := strings.Repeat("ä<\u2028\"", 100_000)
	for expression, want := range map[string]string{
		`1 + 1`:                         `2`,
		`document.title`:                `"a title"`,
		`later({a: [1, "é"]})`:          `{"a":[1,"é"]}`,
		`undefined`:                     `null`,
		`later() // a comment`:          `null`,
		`own++ + (globalThis.kept = 5)`: `6`,
		fmt.Sprintf(`%q.length`, long):  `400000`,
		fmt.Sprintf(`later(%q).then((x) => x.length)`, "x"): `1`,
	} {
		if got, err := p.Evaluate(expression); err != nil || string(got) != want {
			t.Errorf("%.40s is %s (%v), want %s", expression, got, err, want)
		}
	}
	if got, err := Evaluate[int](p, `own + kept`); err != nil || got != 7 {
		t.Errorf("what an expression left is %d (%v), want 7", got, err)
	}
	for expression, want := range map[string]string{
		`missing`: "missing is not defined",
		`later().then(() => { throw new Error("in a promise") })`: "in a promise",
		`1 +`: "SyntaxError",
	} {
		if got, err := p.Evaluate(expression); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is %s (%v), want an error with %q", expression, got, err, want)
		}
	}
	if faults := p.Faults(); len(faults) > 0 {
		t.Errorf("faults %q, want none: they went to whoever asked", faults)
	}
}

func testFaults(t *testing.T, p Page, ofWorkers bool) {
	want := []string{"said", "thrown", "rejected"}
	if ofWorkers {
		want = append(want, "in a worker")
	}
	for _, expression := range []string{
		`(console.log("not a fault"), console.warn("nor this"))`,
		`console.error("said", {a: 1})`,
		`void setTimeout(() => { throw new Error("thrown") })`,
		`void Promise.reject(new Error("rejected"))`,
		`void new Worker("worker.js")`,
	} {
		if _, err := p.Evaluate(expression); err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
	}
	missing := func() []string {
		all := strings.Join(p.Faults(), "\n")
		return slices.DeleteFunc(slices.Clone(want), func(word string) bool { return strings.Contains(all, word) })
	}
	for deadline := time.Now().Add(10 * time.Second); len(missing()) > 0 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	all := strings.Join(p.Faults(), "\n")
	if gone := missing(); len(gone) > 0 || strings.Contains(all, "not a fault") || strings.Contains(all, "nor this") {
		t.Errorf("no fault is %q, in\n%s", gone, all)
	}
}

func testPicture(t *testing.T, p Page) {
	if err := p.Resize(800, 600); err != nil {
		t.Fatal(err)
	}
	for whole, fits := range map[bool]func(height int) bool{
		false: func(height int) bool { return 400 <= height && height <= 600 },
		true:  func(height int) bool { return height == 3000 },
	} {
		data, err := p.Picture(whole)
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if size := picture.Bounds().Size(); size.X < 750 || size.X > 800 || !fits(size.Y) {
			t.Errorf("a picture, of the whole page: %v, has %v", whole, size)
		}
	}
}

// processMark is in the environment of the processes that a test starts.
type processMark string

func markProcesses(t *testing.T) processMark {
	const name = "KEYFOLD_TEST"
	value := t.TempDir()
	t.Setenv(name, value)
	return processMark(name + "=" + value)
}

// running counts the processes that have the mark, on Linux.
func (m processMark) running() (n int) {
	environments, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range environments {
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(m)) {
			n++
		}
	}
	return n
}

//go:build !js

// Package browser opens pages in headless browsers with WebGPU, for tests: in Chromium,
// whose compiler of shaders is Tint, and in Firefox, whose is naga.
package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Page is a page in a browser.
type Page interface {
	// Evaluate returns the value of a JavaScript expression, or what its promise
	// comes to, as JSON; undefined is null.
	Evaluate(expression string) ([]byte, error)

	// Resize gives the window a size. Firefox's is at least 450 pixels wide.
	Resize(width, height int) error

	// Picture returns a picture of the whole page, or of what the window shows, as PNG.
	Picture(whole bool) ([]byte, error)

	// Faults returns what was thrown in the page and not caught so far, and what the console
	// was told as an error, in Firefox by its workers too.
	Faults() []string
}

// A Kind is a browser that tests run in.
type Kind string

const (
	InChromium Kind = "Chromium"
	InFirefox  Kind = "Firefox"
)

// Both are the browsers for tests of what differs between them.
var Both = []Kind{InChromium, InFirefox}

// Open serves handler on 127.0.0.1 and opens its root in a new browser. Browser and server
// end with the test, and after timeout. Chromium's WebGPU runs on SwiftShader, which is a part of
// it, and Firefox's on what Vulkan offers: on the machine's GPU, or on llvmpipe.
//
// Without the browser the test is skipped, unless REQUIRE_BROWSER=1 makes that a failure.
func (k Kind) Open(t testing.TB, handler http.Handler, timeout time.Duration) Page {
	t.Helper()
	if k == InFirefox {
		return openFirefox(t, handler, timeout)
	}
	return openChromium(t, handler, timeout)
}

// Evaluate returns the value of a JavaScript expression, or what its promise comes to.
func Evaluate[T any](p Page, expression string) (T, error) {
	var value T
	text, err := p.Evaluate(expression)
	if err != nil {
		return value, err
	}
	if err := json.Unmarshal(text, &value); err != nil {
		return value, fmt.Errorf("the value %.200s: %w", text, err)
	}
	return value, nil
}

// settled is an expression that gives the value of another as JSON, once its promise is settled.
func settled(expression string) string {
	return "(async () => JSON.stringify((await (" + expression + "\n)) ?? null))()"
}

// serve serves handler on 127.0.0.1 until the test ends.
func serve(t testing.TB, handler http.Handler) (url string) {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// find returns the path of the first program that is there. Without one the test is
// skipped, unless REQUIRE_BROWSER=1 makes that a failure.
func find(t testing.TB, what Kind, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "needs %s, found none of %v"
	if os.Getenv("REQUIRE_BROWSER") == "1" {
		t.Fatalf(missing, what, names)
	}
	t.Skipf(missing, what, names)
	return ""
}

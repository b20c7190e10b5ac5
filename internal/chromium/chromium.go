//go:build !js

// Package chromium starts headless Chromium with WebGPU, for tests.
package chromium

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// names are what distributions and Google call the program.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// Open serves handler on 127.0.0.1, opens its root in a new browser and returns
// the context that chromedp runs actions in. Browser and server end with the
// test, and after timeout. WebGPU runs on SwiftShader, which is a part of
// Chromium, so the result does not depend on the machine's GPU.
//
// Without Chromium the test is skipped, unless REQUIRE_BROWSER=1 makes that a
// failure.
func Open(t testing.TB, handler http.Handler, timeout time.Duration) context.Context {
	t.Helper()
	program := find()
	if program == "" {
		const missing = "needs Chromium, found none of %v"
		if os.Getenv("REQUIRE_BROWSER") == "1" {
			t.Fatalf(missing, names)
		}
		t.Skipf(missing, names)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)

	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", "new"),
		chromedp.Flag("no-sandbox", true), // in containers, and as root, there is no other way
		chromedp.Flag("enable-unsafe-webgpu", true),
		chromedp.Flag("use-webgpu-adapter", "swiftshader"),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate(server.URL)); err != nil {
		t.Fatalf("open %s in %s: %v", server.URL, program, err)
	}
	return ctx
}

// find returns the path of the browser, or "".
func find() string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

//go:build !js

package browser

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Chromium is a page in Chromium.
type Chromium struct {
	Context context.Context // that chromedp runs actions in

	mutex  sync.Mutex
	faults []string
}

func openChromium(t testing.TB, handler http.Handler, timeout time.Duration) *Chromium {
	t.Helper()
	program := find(t, InChromium, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
	url := serve(t, handler)

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
	c, err := newChromium(ctx, url)
	if err != nil {
		t.Fatalf("open %s in %s: %v", url, program, err)
	}
	return c
}

// newChromium opens a page in a tab.
func newChromium(ctx context.Context, url string) (*Chromium, error) {
	c := &Chromium{Context: ctx}
	if err := chromedp.Listen(ctx, c.hear); err != nil {
		return nil, err
	}
	return c, chromedp.Do(ctx, chromedp.Navigate(url))
}

// Tab opens a page in another tab of the same browser. The function closes it.
func (c *Chromium) Tab(url string) (*Chromium, context.CancelFunc, error) {
	ctx, cancel := chromedp.NewContext(c.Context)
	other, err := newChromium(ctx, url)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return other, cancel, nil
}

func (c *Chromium) hear(event any) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if thrown := e.ExceptionDetails.Exception; thrown != nil {
			text += " " + shown(thrown)
		}
		c.faults = append(c.faults, text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			var text []string
			for _, value := range e.Args {
				text = append(text, shown(value))
			}
			c.faults = append(c.faults, strings.Join(text, " "))
		}
	}
}

// shown is a value as a console shows it, roughly.
func shown(value *runtime.RemoteObject) string { return string(value.Value) + value.Description }

func (c *Chromium) Faults() []string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.Clone(c.faults)
}

func (c *Chromium) Evaluate(expression string) ([]byte, error) {
	text, err := chromedp.Run(c.Context, chromedp.Evaluate[string](settled(expression), chromedp.EvalAwaitPromise))
	return []byte(text), err
}

func (c *Chromium) Resize(width, height int) error {
	return chromedp.Do(c.Context, chromedp.EmulateViewport(int64(width), int64(height)))
}

func (c *Chromium) Picture(whole bool) ([]byte, error) {
	if whole {
		return chromedp.Run(c.Context, chromedp.FullScreenshot(100))
	}
	return chromedp.Run(c.Context, chromedp.CaptureScreenshot())
}

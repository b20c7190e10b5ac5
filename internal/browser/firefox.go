//go:build !js

package browser

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// preferences of the profile, besides those that Firefox sets when it is driven: any port,
// WebGPU also where it is not offered yet, as on Linux, and what the console is told on the
// standard output.
const preferences = `
user_pref("marionette.port", 0);
user_pref("dom.webgpu.enabled", true);
user_pref("gfx.webgpu.ignore-blocklist", true);
user_pref("devtools.console.stdout.content", true);
`

// Firefox is a page in Firefox.
type Firefox struct {
	driver *marionette
	output output
}

func openFirefox(t testing.TB, handler http.Handler, timeout time.Duration) *Firefox {
	t.Helper()
	program := find(t, InFirefox, "firefox-esr", "firefox")
	url := serve(t, handler)
	f := &Firefox{}
	if err := f.start(t, program, timeout); err != nil {
		t.Fatalf("start %s: %v\n%s", program, err, f.output.lines())
	}
	if _, err := f.driver.do("WebDriver:Navigate", map[string]any{"url": url}); err != nil {
		t.Fatalf("open %s in %s: %v", url, program, err)
	}
	return f
}

// start starts the browser with a profile and a home of its own, and connects to it.
func (f *Firefox) start(t testing.TB, program string, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "user.js"), []byte(preferences), 0o644); err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	cmd := exec.CommandContext(ctx, program, "--headless", "--no-remote", "--marionette", "--profile", home, "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+home, "XDG_CONFIG_HOME="+home, "MOZ_CRASHREPORTER_DISABLE=1")
	cmd.Stdout, cmd.Stderr = &f.output, &f.output
	cmd.WaitDelay = 10 * time.Second // its other processes have the output too
	if err := cmd.Start(); err != nil {
		cancel()
		return err
	}
	t.Cleanup(func() {
		if f.driver != nil { // it ends its other processes and leaves the profile alone
			f.driver.do("Marionette:Quit", map[string]any{"flags": []string{"eForceQuit"}})
			f.driver.conn.Close()
		}
		time.AfterFunc(10*time.Second, cancel)
		cmd.Wait()
		cancel()
	})
	port, err := f.port(ctx, filepath.Join(home, "MarionetteActivePort"))
	if err != nil {
		return err
	}
	if f.driver, err = dial(port, deadline); err != nil {
		return err
	}
	_, err = f.driver.do("WebDriver:SetTimeouts", map[string]any{"script": timeout.Milliseconds()})
	return err
}

// port returns the port on which the browser waits for a driver, once it is in the file.
func (*Firefox) port(ctx context.Context, file string) (int, error) {
	for {
		data, err := os.ReadFile(file)
		switch {
		case err == nil && len(data) > 0:
			return strconv.Atoi(strings.TrimSpace(string(data)))
		case err != nil && !errors.Is(err, os.ErrNotExist):
			return 0, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// evaluate evaluates as the console of the developer's tools does: in the world of the page, and
// whatever its content security policy says. A driver's own scripts run beside the page.
const evaluate = `
const { addDebuggerToGlobal } = ChromeUtils.importESModule("resource://gre/modules/jsdebugger.sys.mjs");
addDebuggerToGlobal(globalThis);
const tools = new Debugger();
const done = tools.addDebuggee(window).executeInGlobal(arguments[0], {url: window.location.href});
tools.removeAllDebuggees();
if ("throw" in done) throw done.throw.unsafeDereference();
return done.return.unsafeDereference();`

func (f *Firefox) Evaluate(expression string) ([]byte, error) {
	text, err := f.driver.value("WebDriver:ExecuteScript", map[string]any{
		"script": evaluate, "args": []string{settled(expression)}, "sandbox": "system",
	})
	return []byte(text), err
}

func (f *Firefox) Resize(width, height int) error {
	_, err := f.driver.do("WebDriver:SetWindowRect", map[string]any{"width": width, "height": height})
	return err
}

func (f *Firefox) Picture(whole bool) ([]byte, error) {
	text, err := f.driver.value("WebDriver:TakeScreenshot", map[string]any{"full": whole, "hash": false})
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(text)
}

// Faults finds them in the output. Firefox's own modules are not the page: they throw at other
// addresses, and on the console they say who they are on a line before what is wrong.
func (f *Firefox) Faults() []string {
	var faults []string
	for line := range strings.Lines(f.output.lines()) {
		said := strings.HasPrefix(line, "console.error: ") && !strings.HasSuffix(line, ": \n")
		thrown := strings.HasPrefix(line, "JavaScript error: ") && strings.Contains(line, "http://127.0.0.1:")
		if said || thrown {
			faults = append(faults, strings.TrimSpace(line))
		}
	}
	return faults
}

// output is what a program has written.
type output struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.Write(p)
}

func (o *output) lines() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.String()
}

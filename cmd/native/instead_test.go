//go:build !js

package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
)

// losing opens a model on a GPU that is lost at the n-th step that its driver takes
// after that.
func losing(n int) func(context.Context, *checkpoint.File, *tokenizer.Tokenizer, engine.DeviceKind, func(string, int)) (*engine.Engine, error) {
	return func(ctx context.Context, f *checkpoint.File, tok *tokenizer.Tokenizer, _ engine.DeviceKind, _ func(string, int)) (*engine.Engine, error) {
		open, steps := false, 0
		e, err := engine.OpenFailing(ctx, f, tok, func(string) error {
			if open {
				steps++
			}
			if steps >= n {
				return errors.New("the device was lost")
			}
			return nil
		})
		open = true
		return e, err
	}
}

// A run whose GPU is lost, whenever that is, prints what it prints on the CPU, once, and
// says in one line why it went on there.
func TestRunGoesOnWithoutItsGPU(t *testing.T) {
	if len(devices(t)) == 1 {
		t.Skip("needs a WebGPU adapter")
	}
	model := fixtureModel(t, checkpoint.F16)
	for _, args := range [][]string{
		{"-method", "kvmerger", "-shadow"},
		{"-method", "h2o", "-budget", "0.5", "-every", "6", "-stop", "zzz"},
	} {
		args = append([]string{"-model", model, "-n", "20", "-temperature", "0.9"}, append(args, "One day a little girl saw a dog. "+strings.Repeat("The dog was big. ", 4))...)
		want := mustRun(t, append([]string{"run", "-device", "cpu"}, args...)...)
		for n := 1; n < 400; n += 37 {
			var out, stderr bytes.Buffer
			term := terminal{strings.NewReader(""), &out, &stderr}
			r, err := parseRun(context.Background(), term, args)
			if err != nil {
				t.Fatal(err)
			}
			r.openEngine = losing(n)
			if err := r.do(context.Background(), term); err != nil {
				t.Fatal(err)
			}
			if out.String() != want {
				t.Errorf("lost at step %d: %q, want %q", n, out.String(), want)
			}
			if said := strings.Count(stderr.String(), "goes on on the CPU: "); said != 1 {
				if n > 200 && said == 0 { // fewer steps than that
					continue
				}
				t.Errorf("lost at step %d: said %d times why: %s", n, said, stderr.String())
			}
		}
	}
}

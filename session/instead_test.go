//go:build !js

package session

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
)

// onFailing puts the model of a session on a GPU that is lost at the n-th step that its
// driver takes from then on.
func (p *page) onFailing(n *int) {
	p.t.Helper()
	f, tok, err := p.s.openFile(p.s.opened)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	e, err := engine.OpenFailing(context.Background(), f, tok, func(string) error {
		if *n--; *n < 0 {
			return errors.New("the device was lost")
		}
		return nil
	})
	if err != nil && os.Getenv("REQUIRE_GPU") != "1" {
		p.t.Skipf("needs a WebGPU adapter: %v", err)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.s.close()
	p.s.use(e, f, p.s.opened, func(Event) {})
}

// Whenever a GPU is lost, the page gets every event of a request once, as if nothing had
// happened, but for the model that runs on the CPU from then on; the text is the same.
func TestRequestsGoOnWithoutTheirGPU(t *testing.T) {
	run := Request{Do: "run", Prompt: "One day a little girl saw a dog. The dog was big.", Question: " Why?", Method: "kvmerger", Budget: 0.5, N: 8}
	replan := Request{Do: "replan", Method: "window", Budget: 0.4, N: 8}
	for _, tc := range []struct {
		name          string
		before, after []Request // of the loss, and in which it is
	}{
		{"run", nil, []Request{run}},
		{"replan", []Request{run}, []Request{replan}},
		{"branch", []Request{run}, []Request{{Do: "branch", Token: 3, Choice: 9, N: 4}}},
		{"questions about a run", []Request{run}, []Request{{Do: "cell", Row: 1}, {Do: "map"}, replan}},
		{"needle", nil, []Request{{Do: "needle", Texts: []string{run.Prompt}, Question: " Who?", Answer: "girl", Method: "window", N: 2}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			play := func(p *page, requests []Request) (events []Event) {
				for _, r := range requests {
					events = append(events, p.must(r)...)
				}
				return events
			}
			alone := newPage(t)
			play(alone, tc.before)
			want := play(alone, tc.after)
			losses := 0
			for n := 0; ; n += 83 {
				p, left := newPage(t), 1<<30
				p.s.opened.Device = "auto"
				p.onFailing(&left)
				play(p, tc.before)
				left = n
				events := play(p, tc.after)
				if left >= 0 {
					p.s.close()
					break
				}
				losses++
				loaded := slices.DeleteFunc(slices.Clone(events), func(e Event) bool { return e.Loaded == nil })
				if len(loaded) != 1 || loaded[0].Loaded.Device.Kind != "cpu" || loaded[0].Loaded.Note == "" {
					t.Errorf("lost at step %d: loaded %+v", n, loaded)
				}
				if got, want := tokensOf(events), tokensOf(want); !slices.Equal(got, want) {
					t.Errorf("lost at step %d: tokens %v, want %v", n, got, want)
				}
				if got, want := kindsOf(events), kindsOf(want); !slices.Equal(got, want) {
					t.Errorf("lost at step %d: events %v, want %v", n, got, want)
				}
			}
			if losses < 2 {
				t.Errorf("lost %d times only", losses)
			}
		})
	}
}

// kindsOf returns what events are, but for progress, tables and the model.
func kindsOf(events []Event) (kinds []string) {
	for _, e := range events {
		switch {
		case e.Prompt != nil:
			kinds = append(kinds, "prompt")
		case e.Plan != nil:
			kinds = append(kinds, "plan")
		case e.Token != nil:
			kinds = append(kinds, "token")
		case e.Cell != nil || e.Map != nil:
			kinds = append(kinds, "answer")
		case e.Done != nil:
			kinds = append(kinds, "done")
		case e.Failed != nil:
			kinds = append(kinds, "failed: "+e.Failed.Message)
		}
	}
	return kinds
}

// A large model is loaded when the one in use is closed; where that fails, the next run opens
// the old one again. A small one leaves it in use.
func TestLargeModelsAreNotLoadedBesideOthers(t *testing.T) {
	for _, large := range []bool{false, true} {
		p := newPage(t)
		old := p.s.engine
		if large {
			p.s.beside = 1
		}
		during := true // the old model is in use while the new one is opened
		open := p.s.Open
		p.s.Open = func(req Request) (*checkpoint.File, error) {
			during = p.s.engine == old
			return open(req)
		}
		run := Request{Do: "run", Prompt: "One day", Method: "window", Budget: 0.5, N: 2}
		p.must(run)
		events := p.ask(Request{Do: "load", Device: "none"})
		failed := events[len(events)-1].Failed
		if failed == nil || failed.Lost != large || (p.s.engine == old) == large || !during {
			t.Errorf("large %v: %+v, the old model in use %v", large, failed, p.s.engine == old)
		}
		p.must(run)
		if p.s.engine == nil || (p.s.engine == old) == large {
			t.Errorf("large %v: the next run did not open the model again", large)
		}
	}
}

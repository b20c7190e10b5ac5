package session

import (
	"context"
	"fmt"
	"slices"

	"keyfold/compress"
	"keyfold/engine"
)

// progressed is how far a request has come: another device that goes on with it decides and
// writes the same.
type progressed struct {
	plan    *compress.Plan
	written []int
}

// instead goes on with a request on the CPU, after its GPU has failed: it opens the model
// there, reads the prompt again that the request is about, and answers what is left of it.
func (s *Session) instead(ctx context.Context, req Request, failed error, emit func(Event)) error {
	if req.Do == "match" || req.Do == "measure" { // which are about that GPU
		return failed
	}
	r := s.run
	if err := s.loadInstead(ctx, failed, emit); err != nil {
		return err
	}
	switch req.Do {
	case "run", "chat", "needle": // which read what they are about
	default:
		if r == nil || r.chat != nil && r.chat.turn > 0 || req.Do == "turn" {
			return fmt.Errorf("%w; the model runs on the CPU now, and the chat has to be begun again", failed)
		}
		if err := s.restore(ctx, r, emit); err != nil {
			return err
		}
	}
	if req.Do != "needle" { // which has many plans
		s.given = progressed{s.done.plan, slices.Clone(s.done.written)}
	}
	known, planned := len(s.given.written), s.given.plan != nil
	return s.handle(ctx, req, func(e Event) {
		switch {
		case planned && (e.Prompt != nil || e.Plan != nil || e.Turn != nil): // the page has these
		case e.Token != nil && known > 0:
			known--
		default:
			emit(e)
		}
	})
}

// loadInstead opens the model in use on the CPU.
func (s *Session) loadInstead(ctx context.Context, failed error, emit func(Event)) error {
	f, tok, err := s.openFile(s.opened)
	if err != nil {
		return err
	}
	defer f.Close()
	s.close() // before the CPU takes memory
	e, err := engine.OpenInstead(ctx, f, tok, failed)
	if err != nil {
		return err
	}
	s.use(e, f, s.opened, emit)
	return nil
}

// restore reads the prompt of a run that was on another device, and applies its plan.
func (s *Session) restore(ctx context.Context, old *run, emit func(Event)) error {
	next, err := s.read(ctx, old.first, emit)
	if err != nil {
		return err
	}
	done := s.done
	s.given.plan = old.plan
	err = next.compress(old.compressed)
	s.done = done
	if err != nil {
		next.free()
		return err
	}
	next.written = old.written
	s.run = next
	return nil
}

// decide returns the plan of a method, or the one that was decided on another device, and the signals that it is decided from.
func (r *run) decide(m compress.Method) (*compress.Plan, *compress.Signals, error) {
	if known := r.s.given.plan; known != nil {
		signals, err := r.prompt.Measure(m.Needs())
		if err != nil || known.Check(signals) == nil {
			return known, signals, err
		}
	}
	return r.prompt.Decide(m)
}

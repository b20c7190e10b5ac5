package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/layout"
)

// Session is one page's engine: the model, the prompt that was read, and what
// was made of it. Requests are handled one after the other; only Stop and Step
// may be called meanwhile.
type Session struct {
	// Open opens the model of a "load" request.
	Open func(req Request) (*checkpoint.File, error)
	// InUse is told that the model last opened is the one in use now, and returns
	// its sha256 in hex, or "". May be nil.
	InUse func() string
	// Yield is called between pieces of work, so that a page with one thread can
	// hear "stop". May be nil.
	Yield func()

	engine *engine.Engine
	opened Request // the "load" request behind engine
	loaded *Loaded
	run    *run

	now  sync.Mutex // of stop and step, which are those of the request being handled
	stop context.CancelFunc
	step chan struct{}
}

// usageError is an error about a field of a request.
type usageError struct {
	field string
	err   error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func wrong(field, format string, args ...any) error {
	return &usageError{field, fmt.Errorf(format, args...)}
}

// Stop ends the request that is being handled.
func (s *Session) Stop() {
	s.now.Lock()
	defer s.now.Unlock()
	if s.stop != nil {
		s.stop()
	}
}

// Step lets a run that goes step by step make its next token.
func (s *Session) Step() {
	s.now.Lock()
	defer s.now.Unlock()
	select {
	case s.step <- struct{}{}:
	default:
	}
}

// Handle answers a request with events.
func (s *Session) Handle(req Request, emit func(Event)) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	s.now.Lock()
	s.stop, s.step = stop, make(chan struct{}, 1)
	s.now.Unlock()
	answer := func(e Event) {
		e.ID = req.ID
		emit(e)
		if s.Yield != nil {
			s.Yield()
		}
	}
	err := s.handle(ctx, req, answer)
	if err == nil {
		return
	}
	failed := &Failed{Message: err.Error()}
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		failed.Usage, failed.Field = true, usage.field
	case errors.Is(err, compress.ErrUsage):
		failed.Usage, failed.Field = true, "options"
	case errors.Is(err, context.Canceled):
		failed.Message = "stopped"
	}
	answer(Event{Failed: failed})
}

func (s *Session) handle(ctx context.Context, req Request, emit func(Event)) error {
	if req.Do == "load" {
		if err := s.load(ctx, req, emit); err != nil {
			return err
		}
		emit(Event{Done: &engine.Report{Model: s.loaded.Model, Device: s.loaded.Device}})
		return nil
	}
	if s.engine == nil {
		return errors.New("no model is loaded yet")
	}
	if req.Do == "run" {
		if s.engine.Lost() != nil {
			if err := s.load(ctx, s.opened, emit); err != nil {
				return err
			}
		}
		return s.start(ctx, req, emit)
	}
	if s.run == nil {
		return errors.New("nothing has been run yet")
	}
	switch req.Do {
	case "plan":
		if err := s.run.compress(req); err != nil {
			return err
		}
		emit(Event{Plan: s.run.describePlan()})
		emit(Event{Done: s.run.report})
		return nil
	case "replan":
		if err := s.run.compress(req); err != nil {
			return err
		}
		emit(Event{Plan: s.run.describePlan()})
		return s.run.generate(ctx, req, nil, emit)
	case "branch":
		return s.run.branch(ctx, req, emit)
	case "cell":
		return s.run.cell(req, emit)
	case "map":
		return s.run.similarity(req, emit)
	case "ballots":
		return s.run.ballots(req, emit)
	}
	return wrong("do", "unknown request %q", req.Do)
}

// load opens a model. The old one stays in use until the new one works.
func (s *Session) load(ctx context.Context, req Request, emit func(Event)) error {
	f, err := s.Open(req)
	if err != nil {
		return err
	}
	defer f.Close()
	if f.Meta == nil {
		return wrong("model", "%s carries no tokenizer; the page takes GGUF files, which do", f.Name)
	}
	tok, err := tokenizer.FromGGUF(f.Meta)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	kind := engine.DeviceKind(req.Device)
	if kind == "" {
		kind = engine.Auto
	}
	e, err := engine.Open(ctx, f, tok, kind)
	if err != nil {
		return err
	}
	if s.run != nil {
		s.run.free()
		s.run = nil
	}
	if s.engine != nil {
		s.engine.Close()
	}
	s.engine, s.opened = e, req
	sum := ""
	if s.InUse != nil {
		sum = s.InUse()
	}
	s.loaded = &Loaded{
		Model: e.DescribeModel(f.Model, sum), Device: e.Device.Describe(), Note: e.Note,
		Context: e.Config.SeqLen, Tokenizer: tok.Kind(),
		Checks: []Check{}, Methods: methods(),
	}
	for _, c := range e.Checks {
		check := Check{Kernel: c.Kernel}
		if c.Err != nil {
			check.Fault = c.Err.Error()
		}
		s.loaded.Checks = append(s.loaded.Checks, check)
	}
	emit(Event{Loaded: s.loaded})
	return nil
}

// methods describes the methods that a page offers, for the controls.
func methods() []Method {
	var list []Method
	for _, name := range compress.Names() {
		if !needs(name).OneReading() {
			continue
		}
		options, line, err := compress.Help(name)
		if err != nil {
			panic("BUG: session: " + err.Error())
		}
		m := Method{Name: name, Line: line, TakesBudget: compress.TakesBudget(name), Options: []Option{}}
		for _, o := range options {
			m.Options = append(m.Options, Option{o.Key, o.Default, o.Want, o.Meaning, o.Differs})
		}
		list = append(list, m)
	}
	return list
}

// start reads a prompt and runs a method on it.
func (s *Session) start(ctx context.Context, req Request, emit func(Event)) error {
	kv, ok := layout.CacheTypeOf(cmp.Or(req.KV, "f16"))
	if !ok {
		return wrong("kv", "the cache type is %q, want %s", req.KV, layout.CacheTypeNames)
	}
	if err := kv.Check(s.engine.Config.HeadDim); err != nil {
		return wrong("kv", "%v", err)
	}
	if _, err := newMethod(req); err != nil { // before anything is given up
		return err
	}
	if _, err := newSampler(req); err != nil {
		return err
	}
	next, err := newRun(s, req)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := next.read(ctx, kv, emit); err != nil {
		return err
	}
	next.prefillTime = time.Since(start)
	if err = next.pin(req.Pins); err == nil {
		err = next.compress(req)
	}
	if err != nil { // the run before it is still there
		next.free()
		return err
	}
	if s.run != nil {
		s.run.free()
	}
	s.run = next
	emit(Event{Prompt: &Prompt{Tokens: next.spans}})
	emit(Event{Plan: next.describePlan()})
	return next.generate(ctx, req, nil, emit)
}

func newMethod(req Request) (compress.Method, error) {
	if err := checkSeed(req.Seed); err != nil {
		return nil, err
	}
	if req.Budget < 0 || req.Budget > 1 {
		return nil, wrong("budget", "the budget is %g, want 0 < R <= 1", req.Budget)
	}
	name := req.Method
	if name == "" {
		name = "full"
	}
	m, err := compress.New(compress.Settings{Name: name, Budget: req.Budget, Options: req.Options, Seed: uint32(req.Seed)})
	switch {
	case err == nil:
		return m, nil
	case !slices.Contains(compress.Names(), name):
		return nil, wrong("method", "%w", err)
	case req.Budget != 0 && !compress.TakesBudget(name):
		return nil, wrong("budget", "%w", err)
	}
	return nil, wrong("options", "%w", err)
}

func checkSeed(seed int) error {
	if seed < 0 || seed > 1<<32-1 {
		return wrong("seed", "the seed is %d, want 0 to %d", seed, uint32(1<<32-1))
	}
	return nil
}

func newSampler(req Request) (engine.Sampler, error) {
	if err := checkSeed(req.Seed); err != nil {
		return engine.Sampler{}, err
	}
	sampler := engine.Sampler{Seed: uint32(req.Seed), RepeatPenalty: 1, TopP: 0.9, Temperature: 0.8}
	if o := req.Sampler; o != nil {
		sampler.Temperature, sampler.TopK, sampler.TopP = float32(o.Temperature), o.TopK, float32(o.TopP)
		sampler.MinP, sampler.RepeatPenalty = float32(o.MinP), float32(o.RepeatPenalty)
	}
	if err := sampler.Validate(); err != nil {
		return sampler, wrong("sampler", "%w", err)
	}
	return sampler, nil
}

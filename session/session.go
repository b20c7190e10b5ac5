package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/engine/chat"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/engine/untrusted"
	"keyfold/layout"
)

// Session is one page's engine: the model, the prompt that was read, and what
// came of it. Requests are handled one after the other; only Stop and Step
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

	engine   *engine.Engine
	opened   Request // the "load" request that opened engine
	loaded   *Loaded
	template *chat.Template // nil: none that is known
	run      *run
	beside   int64      // tests have another besideBytes
	done     progressed // of the request being handled
	given    progressed // what of it was done before its device failed

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
	s.done, s.given = progressed{}, progressed{}
	err := s.handle(ctx, req, answer)
	if s.engine != nil && s.engine.Replaceable(err) {
		err = s.instead(ctx, req, err, answer)
	}
	if err == nil {
		return
	}
	failed := &Failed{Message: untrusted.Text(err.Error()), Lost: s.lost()}
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
		emit(Event{Done: s.describe()})
		return nil
	}
	if s.opened.Do == "" {
		return errors.New("no model is loaded yet")
	}
	switch req.Do {
	case "run", "needle", "chat", "match", "measure":
		if s.lost() {
			if err := s.load(ctx, s.opened, emit); err != nil {
				return err
			}
		}
	}
	switch req.Do {
	case "run", "chat":
		return s.start(ctx, req, emit)
	case "needle":
		return s.needle(ctx, req, emit)
	case "match":
		return s.match(ctx, req, emit)
	case "measure":
		return s.measure(ctx, req, emit)
	}
	if s.run == nil {
		return errors.New("nothing has been run yet")
	}
	switch req.Do {
	case "turn":
		return s.turn(ctx, req, emit)
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

// usualTokens is the length of text that a model must have room for.
const usualTokens = 2048

// lost tells whether the model last opened has to be opened again.
func (s *Session) lost() bool {
	return s.opened.Do != "" && (s.engine == nil || s.engine.Lost() != nil)
}

// close gives back the model in use and what was run on it.
func (s *Session) close() {
	if s.run != nil {
		s.run.free()
		s.run = nil
	}
	if s.engine != nil {
		s.engine.Close()
		s.engine = nil
	}
}

// openFile opens the file of a model, and its tokenizer.
func (s *Session) openFile(req Request) (*checkpoint.File, *tokenizer.Tokenizer, error) {
	f, err := s.Open(req)
	if err != nil {
		return nil, nil, err
	}
	if f.Meta == nil {
		f.Close()
		return nil, nil, wrong("model", "%s carries no tokenizer; the page takes GGUF files, which do", f.Name)
	}
	tok, err := tokenizer.FromGGUF(f.Meta)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return f, tok, nil
}

// besideBytes is the size up to which a model is loaded beside the one in use, which stays if
// that fails. Two larger ones are more than the GPUs of phones and laptops have room for.
const besideBytes = 256 << 20

// load opens a model. The old one stays in use until the new one works, unless the new one is
// large: then the old one is closed before, and a run opens it again if the new one fails.
func (s *Session) load(ctx context.Context, req Request, emit func(Event)) error {
	f, tok, err := s.openFile(req)
	if err != nil {
		return err
	}
	defer f.Close()
	kind := engine.DeviceKind(req.Device)
	if kind == "" {
		kind = engine.Auto
	}
	err = engine.CheckMemory(f, kind, layout.CacheF16, min(usualTokens, f.Config.SeqLen))
	var large *engine.MemoryError
	switch {
	case errors.As(err, &large):
		return wrong("model", "%s does not fit into memory: %w; a smaller model would, or a GPU", f.Name, err)
	case err != nil:
		return err
	}
	if size, err := engine.MemoryOf(f, layout.CacheF16, 0); err != nil {
		return err
	} else if size.Weights > cmp.Or(s.beside, besideBytes) {
		s.close()
	}
	e, err := engine.OpenTelling(ctx, f, tok, kind, func(step string, kernels int) {
		emit(Event{Progress: &Progress{Step: step, Total: kernels, Unit: "kernels"}})
	})
	if err != nil {
		return err
	}
	s.close()
	s.use(e, f, req, emit)
	return nil
}

// use makes an engine the one in use, and tells the page.
func (s *Session) use(e *engine.Engine, f *checkpoint.File, req Request, emit func(Event)) {
	s.engine, s.opened = e, req
	sum := ""
	if s.InUse != nil {
		sum = s.InUse()
	}
	template, described := templateOf(f.Meta, e.Tokenizer)
	s.template = template
	s.loaded = &Loaded{
		Model: e.DescribeModel(f.Model, sum), Device: e.Device.Describe(), Note: e.Note,
		Context: e.Config.SeqLen, Tokenizer: e.Tokenizer.Kind(), Chat: described,
		Checks: []Check{}, Methods: methods(),
		Opening: Opening{Method: compress.Opening().Name, Budget: compress.Opening().Budget},
	}
	for _, c := range e.Checks {
		check := Check{Kernel: c.Kernel}
		if c.Err != nil {
			check.Fault = c.Err.Error()
		}
		s.loaded.Checks = append(s.loaded.Checks, check)
	}
	emit(Event{Loaded: s.loaded})
}

// start reads a prompt and runs a method on it. If that fails, the run before it stays.
func (s *Session) start(ctx context.Context, req Request, emit func(Event)) error {
	next, err := s.read(ctx, req, emit)
	if err != nil {
		return err
	}
	if err := next.compress(req); err != nil {
		next.free()
		return err
	}
	if s.run != nil {
		s.run.free()
	}
	s.run = next
	return next.show(ctx, req, emit)
}

// show tells what was read and decided, and writes.
func (r *run) show(ctx context.Context, req Request, emit func(Event)) error {
	emit(Event{Prompt: &Prompt{Tokens: r.spans}})
	emit(Event{Plan: r.describePlan()})
	if r.chat != nil {
		emit(Event{Turn: r.describeTurn()})
	}
	return r.generate(ctx, req, nil, emit)
}

// read checks all of a request that can be checked before, and reads its prompt.
func (s *Session) read(ctx context.Context, req Request, emit func(Event)) (*run, error) {
	kv, ok := layout.CacheTypeOf(cmp.Or(req.KV, "f16"))
	if !ok {
		return nil, wrong("kv", "the cache type is %q, want %s", req.KV, layout.CacheTypeNames)
	}
	if err := kv.Check(s.engine.Config.HeadDim); err != nil {
		return nil, wrong("kv", "%v", err)
	}
	if _, err := newMethod(req); err != nil {
		return nil, err
	}
	if _, err := newSampler(req); err != nil {
		return nil, err
	}
	begin := newRun
	if req.Do == "chat" {
		begin = newChat
	}
	r, err := begin(s, req)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := r.read(ctx, kv, emit); err != nil {
		return nil, err
	}
	r.prefillTime = time.Since(start)
	return r, nil
}

package session

import (
	"cmp"
	"context"
	"time"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
)

// match compares the device in use with the CPU.
func (s *Session) match(ctx context.Context, req Request, emit func(Event)) error {
	f, err := s.openAgain(req)
	if err != nil {
		return err
	}
	defer f.Close()
	progress := progressOf(ctx, emit)
	n := min(engine.MatchTokens, s.engine.Config.SeqLen)
	m, err := s.engine.MatchCPU(ctx, f, s.engine.Tokenizer, n, func(done int) error { return progress("match", done, n) })
	if err != nil {
		return err
	}
	if m == nil {
		return wrong("device", "the model runs on the CPU: there is nothing to compare")
	}
	emit(Event{Match: m})
	emit(Event{Done: s.describe()})
	return nil
}

// measure measures the model in use, or the one that is handed over.
func (s *Session) measure(ctx context.Context, req Request, emit func(Event)) error {
	measured := &Measured{Model: s.loaded.Model, Device: s.loaded.Device, Version: engine.Version()}
	e, f, err := s.toMeasure(ctx, req)
	if err != nil {
		return err
	}
	defer f.Close()
	if e != s.engine {
		defer e.Close()
		measured.Model, measured.Device = e.DescribeModel(f.Model, ""), e.Device.Describe()
	}
	measured.Weights, measured.Bytes = weightsOf(f)
	figures, err := e.Measure(ctx, f, engine.Measuring{
		Prompt: cmp.Or(req.Prefill, 512), Decode: cmp.Or(req.N, 128), Match: engine.MatchTokens,
		Progress: progressOf(ctx, emit),
	})
	if err != nil {
		return err
	}
	measured.Figures = *figures
	emit(Event{Measured: measured})
	emit(Event{Done: s.describe()})
	return nil
}

// toMeasure opens what a request wants measured: the file of the model in use once more,
// or another model.
func (s *Session) toMeasure(ctx context.Context, req Request) (*engine.Engine, *checkpoint.File, error) {
	switch {
	case req.Prefill < 0:
		return nil, nil, wrong("prefill", "%d tokens are to be read, want at least 1", req.Prefill)
	case req.N < 0:
		return nil, nil, wrong("n", "%d tokens are to be written, want at least 1", req.N)
	case req.Name == "":
		f, err := s.openAgain(req)
		return s.engine, f, err
	}
	f, tok, err := s.openFile(req)
	if err != nil {
		return nil, nil, err
	}
	e, err := engine.Open(ctx, f, tok, engine.DeviceKind(cmp.Or(req.Device, string(engine.Auto))))
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return e, f, nil
}

// openAgain opens the file of the model in use.
func (s *Session) openAgain(req Request) (*checkpoint.File, error) {
	opened := s.opened
	opened.ID = req.ID
	f, _, err := s.openFile(opened)
	return f, err
}

// describe is the report of a request that wrote nothing.
func (s *Session) describe() *engine.Report {
	return &engine.Report{Model: s.loaded.Model, Device: s.loaded.Device}
}

// weightsOf returns the type of most of a file's weights, and the bytes of all.
func weightsOf(f *checkpoint.File) (name string, bytes int) {
	of := map[string]int{}
	for _, t := range f.Tensors() {
		n := int(t.Bytes())
		bytes += n
		of[t.Type.String()] += n
		if of[t.Type.String()] > of[name] {
			name = t.Type.String()
		}
	}
	return name, bytes
}

// progressOf returns a function that tells how far something is, several times a second,
// and whether it was stopped.
func progressOf(ctx context.Context, emit func(Event)) func(step string, done, total int) error {
	var told time.Time
	return func(step string, done, total int) error {
		if time.Since(told) > 200*time.Millisecond {
			emit(Event{Progress: &Progress{Step: step, Done: done, Total: total, Unit: "tokens"}})
			told = time.Now()
		}
		return ctx.Err()
	}
}

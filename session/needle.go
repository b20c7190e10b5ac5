package session

import (
	"context"
	"maps"
	"strconv"
	"strings"

	"keyfold/engine"
)

// A table of found and forgotten has one column for each of these sizes. The first
// keeps everything.
func budgets() []float64 { return []float64{1, 0.7, 0.5, 0.35, 0.2, 0.1} }
func shares() []float64  { return []float64{1, 0.95, 0.8, 0.5, 0.2} } // of the option of an adaptive method

// needle reads each of several texts once, compresses its cache to one size after the
// other, asks the question and looks for the answer.
func (s *Session) needle(ctx context.Context, req Request, emit func(Event)) error {
	if len(req.Texts) == 0 {
		return wrong("texts", "there is no text to ask about")
	}
	if strings.TrimSpace(req.Answer) == "" {
		return wrong("answer", "the answer is empty: say which word shows that it was found")
	}
	chosen, err := newMethod(req)
	if err != nil {
		return err
	}
	m := describeMethod(chosen.Name())
	table := &Needle{Method: m.Name, Sizes: budgets()}
	switch {
	case m.Size != nil:
		table.Option, table.Sizes = m.Size.Option, shares()
	case !m.TakesBudget:
		return wrong("method", "%s has no size to vary: choose another method", m.Name)
	}
	emit(Event{Needle: table}) // with nothing in it
	var report *engine.Report
	for _, text := range req.Texts {
		req.Prompt = text
		r, err := s.read(ctx, m.sized(req, table.Sizes[0]), emit)
		if err != nil {
			return err
		}
		err = r.fillRow(ctx, req, m, table, emit)
		report = r.report
		r.free()
		if err != nil {
			return err
		}
	}
	emit(Event{Done: report})
	return nil
}

// fillRow adds a row to the table: that of the prompt that r has read.
func (r *run) fillRow(ctx context.Context, req Request, m Method, table *Needle, emit func(Event)) error {
	table.Found = append(table.Found, []bool{})
	row := &table.Found[len(table.Found)-1]
	for _, size := range table.Sizes {
		sized := m.sized(req, size)
		if err := r.compress(sized); err != nil {
			return err
		}
		text, err := r.answer(ctx, sized)
		if err != nil {
			return err
		}
		*row = append(*row, isFound(text, req.Answer))
		emit(Event{Needle: table})
	}
	return nil
}

// sized returns a request that compresses to a size: a budget, or a share of what the
// option of an adaptive method shares out.
func (m Method) sized(req Request, size float64) Request {
	options := map[string]string{}
	maps.Copy(options, req.Options)
	req.Options, req.Budget = options, 0
	if m.Size != nil {
		options[m.Size.Option] = strconv.FormatFloat(size, 'g', -1, 64)
		return req
	}
	for _, o := range m.Options {
		if o.ByBudget {
			delete(options, o.Key)
		}
	}
	req.Budget = size
	return req
}

// answer returns what the model writes after the compressed prompt and the question.
func (r *run) answer(ctx context.Context, req Request) (string, error) {
	e := r.s.engine
	sampler, err := newSampler(req)
	if err != nil {
		return "", err
	}
	n, err := tokensToWrite(req.N, e.Config.SeqLen-len(r.tokens)-len(r.question)+1)
	if err != nil {
		return "", err
	}
	text, err := fork(ctx, r.text, r.question)
	if err != nil {
		return "", err
	}
	defer text.Free()
	var written strings.Builder
	err = text.Generate(ctx, engine.Generation{N: n, Sampler: sampler, Emit: func(t engine.Token) error {
		written.WriteString(t.Text)
		return ctx.Err()
	}})
	return written.String(), err
}

// isFound reports whether the answer is in the first line of a text, in either case.
// The lines after it are other questions that the model asks itself.
func isFound(text, answer string) bool {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.Contains(strings.ToLower(line), strings.ToLower(strings.TrimSpace(answer)))
}

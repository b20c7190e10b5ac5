package eval

import (
	"cmp"
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"keyfold/engine"
)

// A batch takes the answers of another run while it has fewer texts and fewer bytes than these.
const (
	textsTogether = 32
	bytesTogether = 1 << 30 // of occupied slots when the texts joined
)

// writing are the answers to an example's questions while the model writes them. All runs write in
// one batch: its step reads the weights once for all texts. The zero value has none.
type writing struct {
	batch engine.Batch
	texts map[*engine.Text]*answer // that are in the batch
	bytes int                      // of their caches, as bytesTogether counts them
	ended []*answer
}

// answer is what the model writes by itself behind one question.
type answer struct {
	run, at int // it is Result.Runs[run].Answers[at]
	bytes   int // of its cache
	wrote   strings.Builder
	took    time.Duration // its share of the steps: all texts of a step have the same
}

// errWritten stops a generation whose answer is complete.
var errWritten = errors.New("the answer is complete")

// join has the model write n tokens at most behind a text, always the likeliest one, until complete
// reports that the answer needs no more. The text is the batch's then, which frees it.
func (w *writing) join(t *engine.Text, a *answer, n int, complete func(wrote string) bool) error {
	greedy := engine.Sampler{RepeatPenalty: 1, TopP: 1}
	err := t.Join(&w.batch, engine.Generation{N: n, Sampler: greedy, Emit: func(token engine.Token) error {
		a.wrote.WriteString(token.Text)
		if complete(a.wrote.String()) {
			return errWritten
		}
		return nil
	}})
	if err != nil {
		return err
	}
	if w.texts == nil {
		w.texts = map[*engine.Text]*answer{}
	}
	a.bytes = t.Cache.Occupied()
	w.texts[t] = a
	w.bytes += a.bytes
	return nil
}

// makeRoom writes until the batch takes the answers of another run.
func (w *writing) makeRoom(ctx context.Context) error {
	for w.batch.Len() >= textsTogether || w.bytes >= bytesTogether {
		if err := w.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// finish writes all answers to their ends.
func (w *writing) finish(ctx context.Context) error {
	for w.batch.Len() > 0 {
		if err := w.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// step writes a token of every answer.
func (w *writing) step(ctx context.Context) (err error) {
	start, n := time.Now(), w.batch.Len()
	ended := w.batch.Step(ctx)
	share := time.Since(start) / time.Duration(n)
	for _, a := range w.texts {
		a.took += share
	}
	for _, e := range ended {
		if !errors.Is(e.Err, errWritten) {
			err = cmp.Or(err, e.Err)
		}
		a := w.texts[e.Text]
		delete(w.texts, e.Text)
		e.Text.Free()
		w.bytes -= a.bytes
		w.ended = append(w.ended, a)
	}
	return err
}

// free gives back the texts that are still in the batch, which is of no use then.
func (w *writing) free() {
	for t := range w.texts {
		t.Free()
	}
}

// add adds to the time of a run.
func (r *Run) add(took time.Duration) {
	r.MS = math.Round(1e3*r.MS+float64(took.Microseconds())) / 1e3
}

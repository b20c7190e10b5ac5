package eval

import (
	"cmp"
	"fmt"
	"io"
)

// mostListed is how many examples that were left out a table lists.
const mostListed = 5

// writeNotes writes what a reader of the tables has to know: how questions were
// told from contexts, which tasks say nothing, and what was left out.
func (r *Report) writeNotes(w io.Writer) error {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if data := r.Config.Data; data != nil && data.Split != "" {
		how := ""
		if data.Guessed {
			how = " (a guess: the file does not say it)"
		}
		note("%s: %s%s", data.Name, data.Split, how)
	}
	if r.Config.Chat != "" {
		note("asked in the model's chat template (%s): an answer ends where the model ends its turn", r.Config.Chat)
	}
	for _, c := range r.Cells {
		if c.Method != Full || c.Score == nil {
			continue
		}
		where := c.Task
		if c.Length > 0 {
			where = fmt.Sprintf("%s of %d tokens", c.Task, c.Length)
		}
		guess := known(c)
		switch {
		case guess != nil && *c.Score <= *guess:
			note("%s: the full cache scores %.1f %%, no more than a guess (%.1f %%): these scores say nothing about compression", where, 100**c.Score, 100**guess)
		case *c.Score == 0:
			note("%s: the full cache scores 0 %%: these scores say nothing about compression", where)
		}
	}
	if n := len(r.Skipped); n > 0 {
		note("left out: %d of %d examples", n, n+len(r.Results))
		for _, s := range r.Skipped[:min(n, mostListed)] {
			note("    %s: %s", cmp.Or(s.ID, fmt.Sprintf("%s number %d", s.Task, s.Number)), s.Skipped)
		}
		if n > mostListed {
			note("    and %d more, which -json lists", n-mostListed)
		}
	}
	for i, text := range notes {
		if i == 0 {
			fmt.Fprintln(w)
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	return nil
}

// Failures returns why a sweep is not complete: of the examples that failed, how many
// there are and what the first one's reason is. Unfit ones do not count, because
// they fail however often they are tried.
func Failures(results []Result) (n int, reason string) {
	for _, r := range results {
		if r.Failed {
			n++
			reason = cmp.Or(reason, r.Skipped)
		}
	}
	return n, reason
}

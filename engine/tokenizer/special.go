package tokenizer

import (
	"cmp"
	"slices"
	"strings"
)

// Part is a stretch of a text.
type Part struct {
	Text    string
	Control bool // the names of control tokens in Text stand for these tokens
}

// Special returns the ids of the tokens that plain text cannot become: control tokens and the
// unknown one.
func (t *Tokenizer) Special() []int {
	var ids []int
	for id := range t.pieces {
		if t.isControl(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// SpecialText returns what stands for one of the Special ids in a Control [Part], "" where id is
// none of them.
func (t *Tokenizer) SpecialText(id int) string {
	if id < 0 || id >= len(t.pieces) || !t.isControl(id) {
		return ""
	}
	return t.pieces[id]
}

func (t *Tokenizer) isControl(id int) bool {
	return t.types[id] == controlToken || t.types[id] == unknownToken
}

// listWholes lists the pieces that are matched as a whole: user-defined ones in any text, control
// tokens and the unknown one in Control parts. Of several of one name the first counts.
func (t *Tokenizer) listWholes() {
	t.wholes = t.wholes[:0]
	control := map[string]bool{}
	for id, piece := range t.pieces {
		switch {
		case piece == "" || control[piece]:
		case t.isControl(id):
			control[piece] = true
			t.wholes = append(t.wholes, id)
		case t.types[id] == userToken && t.ids[piece] == int32(id):
			t.wholes = append(t.wholes, id)
		}
	}
	slices.SortStableFunc(t.wholes, func(a, b int) int {
		return cmp.Compare(len(t.pieces[b]), len(t.pieces[a]))
	})
}

// span is text[start:end].
type span struct{ start, end int }

// join returns the text of all parts, and where its Control parts lie.
func join(parts []Part) (text string, control []span) {
	if len(parts) == 1 && !parts[0].Control {
		return parts[0].Text, nil
	}
	var b strings.Builder
	for _, p := range parts {
		if p.Control {
			control = append(control, span{b.Len(), b.Len() + len(p.Text)})
		}
		b.WriteString(p.Text)
	}
	return b.String(), control
}

// fragment is text[start:end]: a token matched as a whole where id >= 0, else text still to be
// encoded.
type fragment struct {
	span
	id int
}

// fragments cuts text at the tokens that are matched as a whole. As in llama.cpp the longest token
// is looked for first, through the whole text, then the next in what is left.
func (t *Tokenizer) fragments(text string, control []span) []fragment {
	if text == "" {
		return nil
	}
	list := []fragment{{span{0, len(text)}, -1}}
	for _, id := range t.wholes {
		if control == nil && t.isControl(id) || !strings.Contains(text, t.pieces[id]) {
			continue
		}
		var next []fragment
		for _, f := range list {
			for f.id < 0 {
				match, ok := t.find(id, text, f.span, control)
				if !ok {
					break
				}
				if match.start > f.start {
					next = append(next, fragment{span{f.start, match.start}, -1})
				}
				next = append(next, fragment{match, id})
				f.start = match.end
			}
			if f.start < f.end {
				next = append(next, f)
			}
		}
		list = next
	}
	return list
}

// find returns the first place of a token within a stretch of text: of a control token the first
// within one Control part.
func (t *Tokenizer) find(id int, text string, within span, control []span) (span, bool) {
	piece := t.pieces[id]
	for from := within.start; ; {
		i := strings.Index(text[from:within.end], piece)
		if i < 0 {
			return span{}, false
		}
		match := span{from + i, from + i + len(piece)}
		if !t.isControl(id) || slices.ContainsFunc(control, func(c span) bool {
			return c.start <= match.start && match.end <= c.end
		}) {
			return match, true
		}
		from = match.start + 1
	}
}

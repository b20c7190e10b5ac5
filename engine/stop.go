package engine

import "fmt"

// Stop says what ended a text.
type Stop struct {
	Reason StopReason `json:"reason"`
	Token  *int       `json:"token,omitempty"` // the id that ended it, if one did
	Piece  string     `json:"piece,omitempty"` // what its vocabulary calls that token
	Text   string     `json:"text,omitempty"`  // the one of Generation.Stop that ended it, if one did
}

// StopReason is why a text ended.
type StopReason string

const (
	StopToken     StopReason = "token"     // the model chose a token that ends a text
	StopText      StopReason = "text"      // the model wrote a text that was to end it
	StopLength    StopReason = "length"    // there are as many tokens as were asked for
	StopContext   StopReason = "context"   // the context is full
	StopCancelled StopReason = "cancelled" // somebody stopped it
)

// String says it in words.
func (s *Stop) String() string {
	switch s.Reason {
	case StopToken:
		return fmt.Sprintf("the model ended the text with token %d, %s", *s.Token, s.Piece)
	case StopText:
		return fmt.Sprintf("the model wrote %q, which ends the text", s.Text)
	case StopLength:
		return "all tokens that were asked for are there"
	case StopContext:
		return "the context is full"
	}
	return "it was stopped"
}

// stop returns what ends the text after the token chosen last, where left more are wanted and the
// token completed a text that ends it unless that is ""; nil: nothing does.
func (g *generator) stop(left int, text string) *Stop {
	switch {
	case text != "":
		return &Stop{Reason: StopText, Text: text}
	case g.e.ends(g.next.id):
		id := g.next.id
		return &Stop{Reason: StopToken, Token: &id, Piece: g.e.Tokenizer.Piece(id)}
	case left > 0:
		return nil
	case g.Cache.fits(1) != nil: // not even the token chosen last
		return &Stop{Reason: StopContext}
	}
	return &Stop{Reason: StopLength}
}

// ends reports whether a token ends a text. BOS does, too: models that were
// trained on many texts in a row begin the next one with it.
func (e *Engine) ends(id int) bool {
	return e.Tokenizer != nil && (e.Tokenizer.IsEnd(id) || id == e.Tokenizer.BOS())
}

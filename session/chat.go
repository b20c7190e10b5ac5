package session

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"keyfold/engine"
	"keyfold/engine/chat"
	"keyfold/engine/tokenizer"
)

// A chat goes on in turns. Its first is a run whose prompt the model's template
// writes. A later one reads only what is new, behind the cache that the turn before
// compressed and wrote an answer to, and compresses that cache again. The full cache
// goes on beside it with the same text, so that the two can be compared.

// conversation is what a run that is a chat knows besides.
type conversation struct {
	turn    int            // from 0
	read    int            // tokens that the last turn has read
	history []chat.Message // up to the user's last message
	answer  *answer        // to it; nil: it was not written
}

// answer is what was written last, with the caches that hold it, and the plan that it
// was written under.
type answer struct {
	text, full *engine.Text
	ids        []int // all of them; the last one is not in the caches
	plan       planned
}

func (a *answer) free() {
	if a != nil {
		a.text.Free()
		a.full.Free()
	}
}

// newChat returns a chat whose first turn is still to be read.
func newChat(s *Session, req Request) (*run, error) {
	if err := s.canChat(); err != nil {
		return nil, err
	}
	if err := checkMessages(req.Messages, true); err != nil {
		return nil, err
	}
	tokens, err := s.template.Encode(req.Messages)
	if err != nil {
		return nil, wrong("messages", "%w", err)
	}
	r := &run{s: s, anchor: -1, first: req, chat: &conversation{history: slices.Clone(req.Messages)}}
	if err := r.take(tokens, req.N); err != nil {
		return nil, err
	}
	r.describeChat()
	return r, nil
}

// canChat returns an error if the model has no template that is known.
func (s *Session) canChat() error {
	if s.template == nil {
		return wrong("messages", "%s", s.loaded.Chat.Refused)
	}
	return nil
}

// checkMessages checks the messages of a request: in the first turn there may be one of
// the system's before the user's.
func checkMessages(messages []chat.Message, first bool) error {
	if first && len(messages) == 2 && messages[0].Role == chat.System {
		messages = messages[1:]
	}
	if len(messages) != 1 || messages[0].Role != chat.User {
		return wrong("messages", "a turn has one message, which is the user's, and the first one of the system's before it")
	}
	return nil
}

// take adds tokens to those of the text, if the context has room for them and for n more.
func (r *run) take(tokens []int, n int) error {
	context := r.s.engine.Config.SeqLen
	left := context - len(r.tokens) - len(tokens) + 1
	if left < 1 {
		return wrong("messages", "the conversation has %d tokens, this model's context is %d; begin a new chat", len(r.tokens)+len(tokens), context)
	}
	if _, err := tokensToWrite(n, left); err != nil {
		return err
	}
	r.tokens = append(slices.Clip(r.tokens), tokens...)
	return nil
}

// describeChat describes the tokens of a chat for the page: control tokens are shown as
// their names, and no token is a place in what somebody typed.
func (r *run) describeChat() {
	r.spans = nil
	stream := r.s.engine.Tokenizer.Stream()
	for _, id := range r.tokens {
		text := stream.Next(id)
		if r.anchor < 0 && text != "" {
			r.anchor = id
		}
		if text == "" {
			text = r.s.engine.Tokenizer.SpecialText(id)
		}
		r.spans = append(r.spans, PromptToken{ID: id, Text: text})
	}
}

// turn goes on with a user's message. What is wrong with it is found before anything is
// read; if it fails later, the chat is over.
func (s *Session) turn(ctx context.Context, req Request, emit func(Event)) error {
	r := s.run
	fresh, err := r.nextTokens(req)
	if err != nil {
		return err
	}
	if err = r.goOn(ctx, fresh, emit); err == nil {
		err = r.compress(req)
	}
	if err != nil {
		r.free()
		s.run = nil
		return err
	}
	return r.show(ctx, req, emit)
}

// nextTokens adds a turn to the conversation and returns the tokens that are not in the
// cache: what of the answer was not fed, the end of that turn, and the message.
func (r *run) nextTokens(req Request) ([]int, error) {
	switch {
	case r.chat == nil:
		return nil, wrong("messages", "what was run last is no chat: begin one")
	case r.chat.answer == nil:
		return nil, wrong("messages", "the last message has no answer: begin the chat again")
	case !r.sameSettings(req):
		return nil, wrong("messages", "a chat keeps the method and the settings that it was begun with: begin it again with others")
	}
	if err := checkMessages(req.Messages, false); err != nil {
		return nil, err
	}
	a, tok := r.chat.answer, r.s.engine.Tokenizer
	said := a.ids
	if stop := a.text.Stop; stop != nil && stop.Reason == engine.StopToken {
		said = said[:len(said)-1] // the template ends the turn
	}
	content, err := tok.Decode(said)
	if err != nil {
		return nil, err
	}
	history := append(slices.Clip(r.chat.history), chat.Message{Role: chat.Assistant, Content: content})
	next, err := r.s.template.Continue(history, req.Messages[0])
	if err != nil {
		return nil, wrong("messages", "%w", err)
	}
	if err := r.take(slices.Concat(said, next), req.N); err != nil {
		return nil, err
	}
	r.chat.history = append(history, req.Messages[0])
	return r.tokens[a.text.Cache.Next():], nil
}

// sameSettings reports whether a request asks for what the chat was begun with.
func (r *run) sameSettings(req Request) bool {
	first := r.first
	return first.Method == req.Method && first.Budget == req.Budget && first.KV == req.KV && maps.Equal(first.Options, req.Options)
}

// goOn reads tokens behind the answer, in both caches, and makes the run one of that text.
func (r *run) goOn(ctx context.Context, tokens []int, emit func(Event)) error {
	a, start := r.chat.answer, time.Now()
	r.chat.answer = nil
	r.text.Free()
	r.freeFull()
	r.text, r.full = nil, a.full
	r.describeChat()
	r.before = a.plan.contents.with(len(a.plan.contents), a.plan.length, len(r.tokens))
	r.prompt.Adopt(a.text, a.plan.plan, a.plan.signals)
	r.chat.turn, r.chat.read = r.chat.turn+1, 0
	read := func(n int) error { // by both caches
		emit(Event{Progress: &Progress{Step: "prompt", Done: n, Total: 2 * len(tokens), Unit: "tokens"}})
		return ctx.Err()
	}
	err := r.prompt.Extend(ctx, tokens, func(n int) error {
		r.chat.read = n
		return read(n)
	})
	if err != nil {
		return err
	}
	r.prefillTime = time.Since(start)
	for from := 0; from < len(tokens); from += fullChunk {
		to := min(from+fullChunk, len(tokens))
		if err := r.full.Read(ctx, tokens[from:to]); err != nil {
			return err
		}
		if err := read(len(tokens) + to); err != nil {
			return err
		}
	}
	return nil
}

// fullChunk is how many tokens the full cache reads before the page can say "stop".
const fullChunk = 32

// describeTurn says what a turn has read and what its compression left.
func (r *run) describeTurn() *Turn {
	cache := r.text.Cache
	return &Turn{
		Index: r.chat.turn, Tokens: len(r.tokens), Read: r.chat.read,
		SlotsBefore: r.signals.Total(), SlotsAfter: cache.Slots(), SlotsFull: len(r.plan.Heads) * len(r.tokens),
		BytesOccupied: cache.Occupied(), BytesFull: r.report.Cache.BytesFull,
	}
}

// promptText returns the text that was read: what was typed, or in a chat all of it with
// its control tokens.
func (r *run) promptText() string {
	if r.chat == nil {
		return r.first.Prompt
	}
	var text strings.Builder
	for _, span := range r.spans {
		text.WriteString(span.Text)
	}
	return text.String()
}

// keepAnswer takes over what was written, for the next turn to go on with.
func (r *run) keepAnswer(p *pair) {
	r.chat.answer.free()
	r.chat.answer = &answer{text: p.text, full: p.shadow.Release(), ids: slices.Clone(r.written), plan: r.planned}
	p.text = nil
}

// templateOf returns the template of a model's file, or why there is none.
func templateOf(meta map[string]any, tok *tokenizer.Tokenizer) (*chat.Template, Chat) {
	t, err := chat.New(chat.Source(meta), tok)
	if err != nil {
		return nil, Chat{Refused: err.Error()}
	}
	return t, Chat{Family: t.Family()}
}

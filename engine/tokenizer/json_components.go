//go:build !js

package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// component is any part of the normalizer, pre_tokenizer, post_processor or decoder: the union of
// the fields of those types that are supported.
type component struct {
	Type string `json:"type"`

	// Sequence
	Normalizers   []component `json:"normalizers"`
	PreTokenizers []component `json:"pretokenizers"`
	Processors    []component `json:"processors"`
	Decoders      []component `json:"decoders"`

	// Prepend, Replace, Strip, Split
	Prepend string `json:"prepend"`
	Pattern struct {
		String *string `json:"String"`
		Regex  *string `json:"Regex"`
	} `json:"pattern"`
	Content  string `json:"content"`
	Start    int    `json:"start"`
	Stop     int    `json:"stop"`
	Behavior string `json:"behavior"`
	Invert   bool   `json:"invert"`

	// ByteLevel, Metaspace, Digits
	AddPrefixSpace   *bool  `json:"add_prefix_space"`
	UseRegex         *bool  `json:"use_regex"`
	Replacement      string `json:"replacement"`
	PrependScheme    string `json:"prepend_scheme"`
	Split            *bool  `json:"split"`
	IndividualDigits bool   `json:"individual_digits"`

	// TemplateProcessing
	Single []struct {
		SpecialToken *struct {
			ID string `json:"id"`
		} `json:"SpecialToken"`
	} `json:"single"`
	SpecialTokens map[string]struct {
		IDs []int `json:"ids"`
	} `json:"special_tokens"`
}

// parts returns the components in order: the members of a Sequence, or the one there is.
func (c *component) parts() []component {
	switch {
	case c == nil:
		return nil
	case c.Type != "Sequence":
		return []component{*c}
	}
	var list []component
	for _, members := range [][]component{
		c.Normalizers, c.PreTokenizers, c.Processors, c.Decoders,
	} {
		list = append(list, members...)
	}
	return list
}

// refuse is the error for a component that is not supported as it is set.
func refuse(place string, c component, why string) error {
	if why != "" {
		why = " with " + why
	}
	return fmt.Errorf("%s %s%s is not supported", place, quote(c.Type), why)
}

// settings renders what a component is set to, for refuse.
func (c *component) settings() string {
	switch c.Type {
	case "Prepend":
		return fmt.Sprintf("prepend=%q", c.Prepend)
	case "Replace":
		from := "a regex"
		if c.Pattern.String != nil {
			from = quote(*c.Pattern.String)
		}
		return fmt.Sprintf("pattern=%s content=%s", from, quote(c.Content))
	case "Strip":
		return fmt.Sprintf("content=%s start=%d stop=%d", quote(c.Content), c.Start, c.Stop)
	case "Metaspace":
		return fmt.Sprintf("replacement=%s", quote(c.Replacement))
	}
	return ""
}

// The regular expressions of Split, as files write them.
const (
	regexGPT2   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	regexLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}` +
		`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	regexQwen2 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}` +
		`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	regexTekken = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` +
		`|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*` +
		`|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// preTokenizer decides the kind and how text is cut into words.
func (f *tokenizerFile) preTokenizer(t *Tokenizer) error {
	const place = "pre_tokenizer"
	parts := f.PreTokenizer.parts()
	for i, c := range parts {
		switch c.Type {
		case "ByteLevel":
			if c.AddPrefixSpace == nil || *c.AddPrefixSpace {
				return refuse(place, c, "add_prefix_space=true")
			}
			if i != len(parts)-1 {
				return refuse(place, c, "another one after it")
			}
			t.kind = byteLevel
			if c.UseRegex == nil || *c.UseRegex {
				t.words = append(t.words, splitGPT2)
			}
		case "Split":
			s, err := splitByRegex(c)
			if err != nil {
				return err
			}
			t.words = append(t.words, s)
		case "Digits":
			s := splitNumbers
			if c.IndividualDigits {
				s = splitDigits
			}
			t.words = append(t.words, s)
		case "Metaspace":
			if len(parts) != 1 {
				return refuse(place, c, "others beside it")
			}
			if err := t.metaspace(c); err != nil {
				return err
			}
		default:
			return refuse(place, c, "")
		}
	}
	return nil
}

// metaspace applies a Metaspace pre-tokenizer: spaces become "▁", one is put before the text unless
// it begins with one, and words begin at each.
func (t *Tokenizer) metaspace(c component) error {
	const place = "pre_tokenizer"
	if c.Replacement != spaceMark {
		return refuse(place, c, c.settings())
	}
	scheme := c.PrependScheme
	if scheme == "" { // files before 2023 have add_prefix_space instead, true by default
		scheme = "always"
		if c.AddPrefixSpace != nil && !*c.AddPrefixSpace {
			scheme = "never"
		}
	}
	switch scheme {
	case "always":
		t.prefix = prefixEach
	case "first":
		t.prefix = prefixFirst
	case "never":
	default:
		return refuse(place, c, "prepend_scheme "+quote(scheme))
	}
	t.prefixUnlessSpace = true
	if c.Split == nil || *c.Split {
		t.words = append(t.words, splitSpaceMarks)
	}
	return nil
}

// splitByRegex finds the splitter for a Split pre-tokenizer.
func splitByRegex(c component) (splitter, error) {
	const place = "pre_tokenizer"
	if c.Behavior != "Isolated" || c.Invert {
		return nil, refuse(place, c,
			fmt.Sprintf("behavior=%s invert=%t", quote(c.Behavior), c.Invert))
	}
	if c.Pattern.Regex == nil {
		return nil, refuse(place, c, "a pattern that is no regex")
	}
	switch *c.Pattern.Regex {
	case regexGPT2:
		return splitGPT2, nil
	case regexLlama3:
		return splitLlama3, nil
	case regexQwen2:
		return splitQwen2, nil
	case regexTekken:
		return splitTekken, nil
	case `\p{N}`:
		return splitDigits, nil
	case `\p{N}+`:
		return splitNumbers, nil
	}
	return nil, refuse(place, c, fmt.Sprintf("regex %q", *c.Pattern.Regex))
}

// normalizer sets how spaces are marked; preTokenizer must have run.
func (f *tokenizerFile) normalizer(t *Tokenizer) error {
	const place = "normalizer"
	marks := t.prefixUnlessSpace // Metaspace marks them too
	for _, c := range f.Normalizer.parts() {
		switch {
		case c.Type == "NFC":
			t.normalize = norm.NFC.String // leaves bytes that are no UTF-8 alone
		case t.kind == byteLevel:
			return refuse(place, c, "")
		case c.Type == "Prepend" && c.Prepend == spaceMark && !t.prefixUnlessSpace:
			t.prefix = prefixEach
		case c.Type == "Replace" && c.Pattern.String != nil && *c.Pattern.String == " " &&
			c.Content == spaceMark:
			marks = true
		default:
			return refuse(place, c, c.settings())
		}
	}
	if t.kind == sentencePiece && !marks {
		return fmt.Errorf("tokenizer.json has neither pre_tokenizer ByteLevel nor " +
			"Metaspace, nor normalizer Replace of \" \" by \"▁\", want one of them")
	}
	return nil
}

// decoder checks that decoding is what this package does, and sets whether it strips a space.
func (f *tokenizerFile) decoder(t *Tokenizer) error {
	const place = "decoder"
	t.stripsSpace = f.Decoder == nil && t.prefix != prefixNone
	for _, c := range f.Decoder.parts() {
		switch {
		case t.kind == byteLevel && c.Type == "ByteLevel":
		case t.kind == byteLevel:
			return refuse(place, c, "")
		case c.Type == "ByteFallback", c.Type == "Fuse":
		case c.Type == "Replace" && c.Pattern.String != nil && *c.Pattern.String == spaceMark &&
			c.Content == " ":
		case c.Type == "Strip" && c.Content == " " && c.Start == 1 && c.Stop == 0:
			t.stripsSpace = true
		case c.Type == "Metaspace" && c.Replacement == spaceMark:
			t.stripsSpace = t.prefix != prefixNone
		default:
			return refuse(place, c, c.settings())
		}
	}
	return nil
}

// postProcessor finds the BOS token that a template puts before the text.
func (f *tokenizerFile) postProcessor(t *Tokenizer) error {
	for _, c := range f.PostProcessor.parts() {
		switch c.Type {
		case "ByteLevel": // only moves offsets
		case "TemplateProcessing":
			if len(c.Single) == 0 || c.Single[0].SpecialToken == nil {
				continue
			}
			name := c.Single[0].SpecialToken.ID
			ids := c.SpecialTokens[name].IDs
			if len(ids) != 1 || ids[0] < 0 || ids[0] >= len(t.pieces) {
				return fmt.Errorf("post_processor's token %s has ids %v, want one of 0 to %d",
					quote(name), ids, len(t.pieces)-1)
			}
			t.bos, t.addsBOS = ids[0], true
		default:
			return refuse("post_processor", c, "")
		}
	}
	return nil
}

// splitSpaceMarks cuts before every "▁".
func splitSpaceMarks(s string) int {
	_, size := utf8.DecodeRuneInString(s)
	if i := strings.Index(s[size:], spaceMark); i >= 0 {
		return size + i
	}
	return len(s)
}

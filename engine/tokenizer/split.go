package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Byte-level vocabularies cut the text into words before merging, by a regular expression that
// belongs to the model. They are written out by hand here: Go's regexp has no lookahead, which all
// of them use, and no regular expression package is small enough for the wasm module.
//
// In the patterns \s is white space, \p{L} a letter, \p{N} a number of any script. A byte that is
// not valid UTF-8 is none of them. "(?i:'s)" also matches "'ſ" (U+017F) in some engines; as in
// llama.cpp only ASCII letters count here.

// splitter returns how many bytes of s belong to its first word. s is not empty, nor is the word.
type splitter func(s string) int

// eachWord cuts text by the first of stages, each part by the next, and so on, and calls do for
// every word with its place; offset is the place of text. Without stages the text is one word.
func eachWord(
	stages []splitter, text string, offset int, do func(word string, offset int) error,
) error {
	if len(stages) == 0 {
		return do(text, offset)
	}
	for text != "" {
		n := stages[0](text)
		if err := eachWord(stages[1:], text[:n], offset, do); err != nil {
			return err
		}
		text, offset = text[n:], offset+n
	}
	return nil
}

// splitGPT2 implements
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func splitGPT2(s string) int {
	if n := contraction(s, false); n > 0 {
		return n
	}
	space := 0
	if s[0] == ' ' {
		space = 1
	}
	if n := run(s[space:], unicode.IsLetter); n > 0 {
		return space + n
	}
	if n := run(s[space:], unicode.IsNumber); n > 0 {
		return space + n
	}
	if n := run(s[space:], isOther); n > 0 {
		return space + n
	}
	return splitSpaces(s)
}

// splitLlama3 implements
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}
//	| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// written on one line.
func splitLlama3(s string) int { return splitLlama3Digits(s, 3) }

// splitQwen2 implements the pattern of splitLlama3 with \p{N} in place of \p{N}{1,3}.
func splitQwen2(s string) int { return splitLlama3Digits(s, 1) }

func splitLlama3Digits(s string, digits int) int {
	// 1. (?i:'s|'t|'re|'ve|'m|'ll|'d)
	if n := contraction(s, true); n > 0 {
		return n
	}
	// 2. [^\r\n\p{L}\p{N}]?\p{L}+
	first, size := utf8.DecodeRuneInString(s)
	if unicode.IsLetter(first) {
		return run(s, unicode.IsLetter)
	}
	if first != '\r' && first != '\n' && !unicode.IsNumber(first) {
		if n := run(s[size:], unicode.IsLetter); n > 0 {
			return size + n
		}
	}
	// 3. \p{N}{1,digits}
	n := 0
	for range digits {
		r, size := utf8.DecodeRuneInString(s[n:])
		if !unicode.IsNumber(r) {
			break
		}
		n += size
	}
	if n > 0 {
		return n
	}
	// 4. " ?[^\s\p{L}\p{N}]+[\r\n]*", and what is left
	return splitOther(s, isNewline)
}

// splitTekken implements, written on one line with U for \p{Lu}\p{Lt} and L for \p{Ll}, each with
// \p{Lm}\p{Lo}\p{M} behind it,
//
//	[^\r\n\p{L}\p{N}]?[U]*[L]+|[^\r\n\p{L}\p{N}]?[U]+[L]*|\p{N}
//	| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
func splitTekken(s string) int {
	first, size := utf8.DecodeRuneInString(s)
	begins := []int{0} // of the letters
	if first != '\r' && first != '\n' && !unicode.IsLetter(first) && !unicode.IsNumber(first) {
		begins = []int{size, 0}
	}
	for _, begin := range begins { // 1. with a lower case letter at its end
		upper := begin + run(s[begin:], isUpper)
		if lower := run(s[upper:], isLower); lower > 0 {
			return upper + lower
		}
		if end := strings.LastIndexFunc(s[begin:upper], isLower); end >= 0 {
			_, last := utf8.DecodeRuneInString(s[begin+end:])
			return begin + end + last
		}
	}
	for _, begin := range begins { // 2. all upper case
		if n := run(s[begin:], isUpper); n > 0 {
			return begin + n
		}
	}
	if unicode.IsNumber(first) {
		return size
	}
	return splitOther(s, func(r rune) bool { return isNewline(r) || r == '/' })
}

// isUpper is [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}].
func isUpper(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Lt, unicode.Lm, unicode.Lo, unicode.M)
}

// isLower is [\p{Ll}\p{Lm}\p{Lo}\p{M}].
func isLower(r rune) bool { return unicode.In(r, unicode.Ll, unicode.Lm, unicode.Lo, unicode.M) }

// splitOther implements " ?[^\s\p{L}\p{N}]+" with what may stand behind it, and
// \s*[\r\n]+|\s+(?!\S)|\s+.
func splitOther(s string, behind func(rune) bool) int {
	space := 0
	if s[0] == ' ' {
		space = 1
	}
	if n := run(s[space:], isOther); n > 0 {
		n += space
		return n + run(s[n:], behind)
	}
	// \s*[\r\n]+: the white space up to its last newline
	white := s[:run(s, unicode.IsSpace)]
	if i := strings.LastIndexAny(white, "\r\n"); i >= 0 {
		return i + 1
	}
	return splitSpaces(s)
}

// splitSpaces implements \s+(?!\S)|\s+ for s that begins with white space: the whole run at the end
// of s, else all but its last character, which goes to the next word.
func splitSpaces(s string) int {
	n := run(s, unicode.IsSpace)
	if n == len(s) {
		return n
	}
	if _, last := utf8.DecodeLastRuneInString(s[:n]); n > last {
		return n - last
	}
	return n
}

// contraction implements 's|'t|'re|'ve|'m|'ll|'d, in any case if fold is set; 0 is no match.
func contraction(s string, fold bool) int {
	if s[0] != '\'' {
		return 0
	}
	for _, c := range [...]string{"s", "t", "re", "ve", "m", "ll", "d"} {
		if len(s) <= len(c) {
			continue
		}
		match := true
		for i := range len(c) {
			b := s[1+i]
			if fold && 'A' <= b && b <= 'Z' {
				b += 'a' - 'A'
			}
			match = match && b == c[i]
		}
		if match {
			return 1 + len(c)
		}
	}
	return 0
}

// splitDigits cuts at every single \p{N}.
func splitDigits(s string) int {
	if r, size := utf8.DecodeRuneInString(s); unicode.IsNumber(r) {
		return size
	}
	return run(s, func(r rune) bool { return !unicode.IsNumber(r) })
}

// splitNumbers implements \p{N}+ and what lies between.
func splitNumbers(s string) int { return splitRuns(s, unicode.IsNumber) }

// splitPunctuation implements [\p{P}\$\+<=>\^~\|]+ and what lies between.
func splitPunctuation(s string) int {
	return splitRuns(s, func(r rune) bool {
		return unicode.IsPunct(r) || strings.ContainsRune("$+<=>^~|", r)
	})
}

// splitThreeDigits implements [0-9][0-9][0-9] and what lies between.
func splitThreeDigits(s string) int {
	digits := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			digits = 0
			continue
		}
		if digits++; digits == 3 {
			if start := i - 2; start > 0 {
				return start
			}
			return 3
		}
	}
	return len(s)
}

// splitRuns cuts between characters that are in a class and those that are not.
func splitRuns(s string, class func(rune) bool) int {
	if n := run(s, class); n > 0 {
		return n
	}
	return run(s, func(r rune) bool { return !class(r) })
}

// run returns the bytes at the beginning of s whose characters are all in class.
func run(s string, class func(rune) bool) int {
	for i, r := range s {
		if !class(r) {
			return i
		}
	}
	return len(s)
}

// isOther is [^\s\p{L}\p{N}].
func isOther(r rune) bool {
	return !unicode.IsSpace(r) && !unicode.IsLetter(r) && !unicode.IsNumber(r)
}

func isNewline(r rune) bool { return r == '\r' || r == '\n' }

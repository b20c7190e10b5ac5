package corpus

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A list is words of one kind. The held-out ones are used in evaluation only.
type list struct{ train, held []string }

// wordLists are the lists of words.txt by their names.
var wordLists = must(readWords("words.txt", load("words.txt")))

// readWords reads a file of word lists.
func readWords(file, text string) (map[string]list, error) {
	lists := map[string]list{}
	_, err := readSections(file, text, func(s *section) int {
		for key := range s.fields {
			if f, ok := s.take(key); ok {
				lists[key] = f.words()
			}
		}
		return len(lists)
	})
	return lists, err
}

// words returns a list of words.txt.
func words(name string) list {
	l, ok := wordLists[name]
	if !ok {
		panic(fmt.Sprintf("BUG: words.txt has no list %q", name))
	}
	return l
}

// The world.
var (
	women   = words("women")
	men     = words("men")
	colors  = words("colors")
	things  = words("things")
	places  = words("places")
	animals = words("animals")
	foods   = words("foods")
	towns   = words("towns")
	months  = words("months")
)

// heldOut has every held-out word, of all lists.
var heldOut = heldOutWords()

func heldOutWords() map[string]bool {
	held := map[string]bool{}
	add := func(l list) {
		for _, word := range l.held {
			held[word] = true
		}
	}
	for _, l := range wordLists {
		add(l)
	}
	for _, k := range slices.Concat(plainKinds, needleKinds) {
		add(k.values)
	}
	return held
}

// hasHeldOut says whether a text uses a held-out word. A held-out word is one
// that no list trains on.
func hasHeldOut(text string) bool {
	for w := range heldOut {
		if containsWord(text, w) {
			return true
		}
	}
	return false
}

// containsWord says whether a text has a word or phrase between other than letters.
func containsWord(text, word string) bool {
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(word)
		if (i == 0 || !letter(text[i-1])) && (end == len(text) || !letter(text[end])) {
			return true
		}
		from = i + 1
	}
}

// numbers lists the numbers from low to high.
func numbers(low, high int) list {
	var l list
	for i := low; i <= high; i++ {
		l.train = append(l.train, strconv.Itoa(i))
	}
	return l
}

// dates lists the first 28 days of every month.
func dates() list {
	var l list
	for _, month := range months.train {
		for day := 1; day <= 28; day++ {
			l.train = append(l.train, fmt.Sprintf("%s %d", month, day))
		}
	}
	return l
}

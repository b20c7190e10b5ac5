package corpus

import (
	"fmt"
	"strings"
)

// A theme is what a filler paragraph is about: one frame of every step, in
// their order. Steps after the first may be left out.
type theme struct {
	plural bool // tells of several people
	steps  []frameList
}

var themes = must(readThemes("filler.txt", load("filler.txt")))

// readThemes reads the themes of filler. The head of filler.txt explains the fields.
func readThemes(file, text string) ([]theme, error) {
	return readSections(file, text, func(s *section) theme {
		s.need("step 1")
		t := theme{plural: s.flag("plural")}
		for i := 1; s.has(fmt.Sprint("step ", i)); i++ {
			t.steps = append(t.steps, s.frames(fmt.Sprint("step ", i)))
		}
		return t
	})
}

// The words of filler.
var (
	fillerDays   = words("filler day")
	fillerSkies  = words("filler sky")
	fillerAirs   = words("filler air")
	fillerSmells = words("filler smell")
	fillerWinds  = words("filler wind")
	fillerSounds = words("filler sound")
	fillerFars   = words("filler far")
	fillerWays   = words("filler way")
	fillerOnes   = words("filler one")
	fillerMany   = words("filler many")
)

// spareNames is how many names filler leaves to others.
const spareNames = 40

// spare says whether filler may take one more name.
func (w *writer) spare() bool {
	free := 0
	for _, l := range []list{women, men} {
		for _, name := range l.train {
			if !w.taken[name] {
				free++
			}
		}
	}
	return free > spareNames
}

// fillerParagraph writes a paragraph of three to six sentences that answers no
// question: it gives nobody a place, a job, an animal or a thing. It takes no
// room.
func (w *writer) fillerParagraph() []sentence {
	t := themes[w.IntN(len(themes))]
	words := map[string]string{
		"day": w.pick(fillerDays), "sky": w.pick(fillerSkies), "air": w.pick(fillerAirs),
		"smell": w.pick(fillerSmells), "wind": w.pick(fillerWinds), "sound": w.pick(fillerSounds),
		"far": w.pick(fillerFars), "way": w.pick(fillerWays),
	}
	switch {
	case t.plural:
		words["who"] = w.pick(fillerMany)
		words["they"] = "they"
	case w.spare() && w.chance(0.3):
		name, woman := w.name()
		words["who"], words["they"] = name, name
		pronouns(words, "", woman)
	default:
		words["who"] = w.pick(fillerOnes)
		_, noun, _ := strings.Cut(words["who"], " ")
		words["they"] = "the " + noun
		pronouns(words, "", strings.HasSuffix(noun, "woman") || strings.HasSuffix(noun, "girl"))
	}
	var out []sentence
	for i, step := range t.steps {
		s := w.write(step, words)
		s.first = i == 0
		out = append(out, s)
		if more := w.IntN(3) == 0 && i > 0 && i < len(t.steps)-1; more {
			if s := w.write(step, words); s.text != out[len(out)-1].text {
				out = append(out, s)
			}
		}
	}
	if drop := w.IntN(2 * len(out)); drop > 0 && drop < len(out) && len(out) > 3 {
		out = append(out[:drop], out[drop+1:]...)
	}
	return out
}

// pronouns adds the pronouns of a person to the words of a frame, under keys
// with a prefix: "he", "him", "his".
func pronouns(words map[string]string, prefix string, woman bool) {
	words[prefix+"he"], words[prefix+"him"], words[prefix+"his"] = "he", "him", "his"
	if woman {
		words[prefix+"he"], words[prefix+"him"], words[prefix+"his"] = "she", "her", "her"
	}
}

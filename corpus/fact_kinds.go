package corpus

// A factKind is a kind of fact: what is said about each subject, and how it
// is asked. Frames know {who}, the subject, and {value}; about people also
// {he}, {him} and {his}; about their things {name} and {thing}.
type factKind struct {
	name    string
	about   list      // what the facts are about; empty: people
	subject frame     // how {about} is called; empty: as it is
	owned   list      // things of the people, which are what the facts are about
	values  list      // what can be said; empty: people, or numbers
	numbers [2]int    // the least and the greatest number
	digits  bool      // numbers of 3 to 5 digits, 4 of them as a rule
	marked  bool      // the sentences stand out: needles
	says    frameList // statements
	asks    frameList // questions about one subject
	all     frameList // questions for all values of one subject; none: a subject has one value
	each    frameList // questions about several subjects
	answer  frame     // how one value is answered; empty: as it is
	item    frame     // how a value is put in the answer about several subjects; empty: like answer
}

// plainKinds are the facts of everyday life, and needleKinds those that stand out.
var (
	plainKinds  = must(readKinds("facts.txt", load("facts.txt")))
	needleKinds = must(readNeedles("needles.txt", load("needles.txt")))
)

// readKinds reads kinds of facts. The head of facts.txt explains the fields.
func readKinds(file, text string) ([]*factKind, error) {
	return readSections(file, text, func(s *section) *factKind {
		s.need("says", "asks")
		return &factKind{
			name:    s.name,
			about:   s.words("about"),
			subject: s.frame("subject"),
			owned:   s.words("owned"),
			values:  s.words("values"),
			numbers: s.numberRange("numbers"),
			says:    s.frames("says"),
			asks:    s.frames("asks"),
			all:     s.frames("all"),
			each:    s.frames("each"),
			answer:  s.frame("answer"),
			item:    s.frame("item"),
		}
	})
}

// readNeedles reads kinds of facts that are marked numbers.
func readNeedles(file, text string) ([]*factKind, error) {
	kinds, err := readKinds(file, text)
	for _, k := range kinds {
		k.digits, k.marked = true, true
	}
	return kinds, err
}

package corpus

import (
	"strings"
	"testing"
)

// TestBrokenFiles reads files with mistakes: every error names the file, the
// line and what is wrong there.
func TestBrokenFiles(t *testing.T) {
	kinds := func(text string) error { _, err := readKinds("f.txt", text); return err }
	scenes := func(text string) error { _, err := readScenes("f.txt", text); return err }
	plots := func(text string) error { _, err := readPlots("f.txt", text); return err }
	problems := func(text string) error { _, err := readProblems("f.txt", text); return err }
	wordLists := func(text string) error { _, err := readWords("f.txt", text); return err }
	const good = "== job\nsays:\n    {Who} works.\nasks: Does {who} work?\n"
	for _, test := range []struct {
		read func(string) error
		text string
		want string // an error after the file's name; empty: none
	}{
		{kinds, good, ""},
		{kinds, "# a comment\n\n" + good, ""},
		{kinds, good + "values: 2 to 30\nnumbers: 1 to 1\n", ""},
		{kinds, good + "color: red\n", `:5: a section has no field "color" here`},
		{kinds, good + "asks: What?\n", `:5: a second "asks"`},
		{kinds, good + "    a line\n", `:5: a line of a list without a list: "a line"`},
		{kinds, good + "no colon\n", `:5: want a field, its name and a colon: "no colon"`},
		{kinds, good + "values: nobody\n", `:5: words.txt has no list "nobody"`},
		{kinds, good + "values:\n", `:5: values is empty`},
		{kinds, good + "numbers: 30 to 2\n", `:5: numbers is "30 to 2", want two numbers, the greater last: 2 to 30`},
		{kinds, good + "answer:\n    a\n    b\n", `:5: answer has one value, not a list`},
		{kinds, good + "answer: {a value\n", `:5: a slot does not end: "{a value"`},
		{kinds, "== job\nsays:\n    Who} works.\nasks: Does {who}?\n", `:3: a slot ends before it begins: "Who} works."`},
		{kinds, "== job\nasks: Does {who} work?\n", `:1: "job" has no "says"`},
		{scenes, "== a\nnews: no\nsources: a\nlinks: b\nquestions: c\n", `:2: news is "no", want yes, or no such line`},
		{wordLists, "a:\n    b, c | d\ne: f\n", ""},
		{wordLists, "a:\na:\n", `:2: a second "a"`},
		{plots, "== block b\n- at a p\nA.\n== plot a:child p:in\nuse b\n(\n?\nB.\n/\n* own a x; at a p\nC.\n|\nD.\n)\n", ""},
		{plots, "- at a p\n", `:1: want the head of a section: "- at a p"`},
		{plots, "== verse\n", `:1: want "plot", "mini", "register" or "block" with its name: "== verse"`},
		{plots, "== block\n", `:1: want "plot", "mini", "register" or "block" with its name: "== block"`},
		{plots, "== plot a:dragon\n", `:1: "a:dragon" is neither a person nor a thing nor a place`},
		{plots, "== plot\n- fly a p\n", `:2: "fly a p" is no effect with so many roles`},
		{plots, "== plot\n- at a\n", `:2: "at a" is no effect with so many roles`},
		{plots, "== plot\n- why a\n", `:2: "why a" is no effect with so many roles`},
		{plots, "== plot\nA sentence.\n", `:2: a sentence without a line with -, *, ? or ?* above it: "A sentence."`},
		{plots, "== plot\n(\n-\nA.\n)\nB.\n", `:6: a sentence without a line with -, *, ? or ?* above it: "B."`},
		{plots, "== plot\n-\nAn {a.\n", `:3: a slot does not end: "An {a."`},
		{plots, "== plot\nuse b\n== block b\n", `:2: no block "b" stands above`},
		{plots, "== plot\n(\n-\nA.\n/\n== plot\n", `:2: the choice that begins here does not end`},
		{plots, "== plot\n-\nA.\n)\n", `:1: a line with ) in this section ends nothing`},
		{plots, "== register letter\n-\nA.\n", `:1: a register needs a line with ... where its tale stands`},
		{problems, "What is {x} and {y}?\n    It is [x + y = z].\n", ""},
		{problems, "    It is [x + y = z].\n", `:1: a step without a question above it: "It is [x + y = z]."`},
		{problems, "What?\n    It is [x + y].\n", `:2: want a calculation such as [x + y = z]: "It is [x + y]."`},
		{problems, "What?\n    It is [x ^ y = z].\n", `:2: want a calculation such as [x + y = z]: "It is [x ^ y = z]."`},
		{problems, "What?\n    It is x + y = z.\n", `:2: want a calculation such as [x + y = z]: "It is x + y = z."`},
		{problems, "What?\n", `: a question without steps: "What?"`},
	} {
		err := test.read(test.text)
		switch {
		case err == nil && test.want != "":
			t.Errorf("%q: no error, want %s", test.text, test.want)
		case err != nil && (test.want == "" || err.Error() != "corpus/f.txt"+test.want):
			t.Errorf("%q: %v, want %s", test.text, err, test.want)
		}
	}
}

func TestFields(t *testing.T) {
	const text = "== a\nvalues:\n    one, two,\n    three | four\nsays:\n    A.\n    |\n    B.\nasks: C?\nnumbers: 2 to 5\n"
	kinds, err := readKinds("f.txt", text)
	if err != nil {
		t.Fatal(err)
	}
	k := kinds[0]
	if got := strings.Join(k.values.train, ";") + "|" + strings.Join(k.values.held, ";"); got != "one;two;three|four" {
		t.Errorf("values %s", got)
	}
	if len(k.says.train) != 1 || len(k.says.held) != 1 || k.says.held[0] != "B." || k.asks.train[0] != "C?" {
		t.Errorf("says %v, asks %v", k.says, k.asks)
	}
	if k.numbers != [2]int{2, 5} {
		t.Errorf("numbers %v", k.numbers)
	}
}

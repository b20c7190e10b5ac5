package corpus

import (
	"fmt"
	"strconv"
	"strings"
)

var arithmeticTasks = []Task{
	{Name: "arithmetic", Help: "word problems of one to three steps, after solved ones", make: makeArithmetic},
}

// arithmeticGuess is how often the most common answer of problems is right. All
// from 2 to 100 occur.
const arithmeticGuess = 1.0 / 20

// A problem is a kind of word problem. Its text has the slots of people (a, b,
// c, and he, him, his for a), items, and numbers.
type problem struct {
	text  frame
	steps []step
	held  bool
}

// A step computes one number from two, and says so in a sentence, in which
// the calculation stands for {sum}.
type step struct {
	says                    frame
	left, op, right, result string // names of numbers, or numbers
}

// The words of problems.
var (
	wares    = words("wares")
	problems = must(readProblems("problems.txt", load("problems.txt")))
)

// unseen says whether a pair of numbers is one that training never computes with.
func unseen(left, right int) bool { return (7*left+3*right)%10 == 0 }

// readProblems reads problems. The head of problems.txt explains their form.
func readProblems(file, text string) ([]problem, error) {
	var out []problem
	held := false
	for _, l := range contentLines(text) {
		f := frame(l.text)
		if err := f.check(); err != nil {
			return nil, errorAt(file, l.number, "%v", err)
		}
		switch {
		case l.text == "|":
			held = true
		case !l.indented:
			out = append(out, problem{text: f, held: held})
		case len(out) == 0:
			return nil, errorAt(file, l.number, "a step without a question above it: %q", l.text)
		default:
			st, err := readStep(l.text)
			if err != nil {
				return nil, errorAt(file, l.number, "%v", err)
			}
			p := &out[len(out)-1]
			p.steps = append(p.steps, st)
		}
	}
	for _, p := range out {
		if len(p.steps) == 0 {
			return nil, fmt.Errorf("corpus/%s: a question without steps: %q", file, p.text)
		}
	}
	return out, nil
}

// readStep reads a sentence with a calculation in brackets: "[x + y = z]".
func readStep(text string) (step, error) {
	before, rest, _ := strings.Cut(text, "[")
	sum, after, ok := strings.Cut(rest, "]")
	words := strings.Fields(sum)
	if !ok || len(words) != 5 || !strings.Contains("+-*/", words[1]) || words[3] != "=" {
		return step{}, fmt.Errorf("want a calculation such as [x + y = z]: %q", text)
	}
	return step{frame(before + "{sum}" + after), words[0], words[1], words[2], words[4]}, nil
}

// solve draws the numbers of a problem and computes its answer. It fails, and
// is to be tried again, when numbers become too large or small, do not divide,
// or are a pair that training leaves out. All numbers are 2 or more, so that
// every noun is a plural.
func (p *problem) solve(w *writer) (numbers map[string]int, held, ok bool) {
	numbers = map[string]int{}
	known := func(name string) int {
		if n, err := strconv.Atoi(name); err == nil {
			return n
		}
		return numbers[name]
	}
	for _, s := range p.steps {
		a, b, result, ok := s.compute(w, known(s.left), known(s.right))
		if !ok || result < 2 || result > 100 || unseen(a, b) && !w.eval() {
			return nil, false, false
		}
		held = held || unseen(a, b)
		numbers[s.result] = result
		if s.left[0] >= 'a' {
			numbers[s.left] = a
		}
		if s.right[0] >= 'a' {
			numbers[s.right] = b
		}
	}
	return numbers, held, true
}

// compute computes a step. It draws the numbers that are not known yet, which
// are 0, and fails if the known ones leave no choice.
func (s *step) compute(w *writer, a, b int) (left, right, result int, ok bool) {
	upTo := func(limit int) int { return 2 + w.IntN(limit-1) }
	switch s.op {
	case "+":
		if a == 0 {
			a = upTo(20)
		}
		if b == 0 {
			b = upTo(15)
		}
		return a, b, a + b, true
	case "-":
		if a != 0 && b == 0 {
			if a < 4 {
				return 0, 0, 0, false
			}
			b = upTo(min(a-2, 20))
		}
		if b == 0 {
			b = upTo(15)
		}
		if a == 0 {
			a = b + upTo(20)
		}
		return a, b, a - b, true
	case "*":
		if a == 0 {
			a = upTo(10)
		}
		if b == 0 {
			b = upTo(10)
		}
		return a, b, a * b, a <= 10 && b <= 10
	case "/":
		if b == 0 {
			b = upTo(10)
		}
		if a == 0 {
			a = b * upTo(10)
		}
		return a, b, a / b, a%b == 0 && a/b <= 10
	}
	panic("BUG: no operation " + s.op)
}

// write makes a question and its answer from a problem.
func (p *problem) write(w *writer) Ask {
	var numbers map[string]int
	held, ok := false, false
	for !ok {
		numbers, held, ok = p.solve(w)
	}
	clear(w.taken) // another problem may have people of the same name
	said := map[string]string{"items": w.pick(wares)}
	for name, n := range numbers { // in any order
		said[name] = strconv.Itoa(n)
	}
	var woman bool
	said["a"], woman = w.name()
	said["b"], _ = w.name()
	said["c"], _ = w.name()
	pronouns(said, "", woman)
	value := func(name string) string {
		if v, ok := said[name]; ok {
			return v
		}
		return name
	}
	var answer strings.Builder
	for _, s := range p.steps {
		said["sum"] = value(s.left) + " " + s.op + " " + value(s.right) + " = " + said[s.result]
		answer.WriteString(" " + s.says.fill(said))
	}
	answer.WriteString(" The answer is " + said[p.steps[len(p.steps)-1].result] + ".")
	return Ask{
		Question: question(p.text.fill(said)), Answer: answer.String(),
		Kind: "steps-" + strconv.Itoa(len(p.steps)), Guess: arithmeticGuess,
		HeldOut: held || p.held, Number: true,
	}
}

// makeArithmetic writes solved problems, which show how, and asks for others.
// No problem of a document is of the same kind as another before all kinds
// have occurred.
func makeArithmetic(w *writer) {
	var kinds []int
	next := func() Ask {
		for {
			if len(kinds) == 0 {
				kinds = w.Perm(len(problems))
			}
			p := &problems[kinds[0]]
			kinds = kinds[1:]
			if !p.held || w.eval() {
				return p.write(w)
			}
		}
	}
	// fitting takes the room of a problem that fits, if one of some tries does.
	fitting := func(tries int) (Ask, bool) {
		for range tries {
			if a := next(); w.fits(a.Question, a.Answer) {
				return a, true
			}
		}
		return Ask{}, false
	}
	solved := func(tries int) bool {
		a, ok := fitting(tries)
		if ok {
			w.sentences = append(w.sentences, sentence{text: a.Question + a.Answer, first: true})
		}
		return ok
	}
	room := w.left
	if !solved(40) {
		return
	}
	for len(w.asks) < w.size.Asks || w.size.Asks == 0 && (len(w.asks) < 2 || w.left > room*2/3) {
		a, ok := fitting(40)
		if !ok {
			break
		}
		w.ask(a)
	}
	for w.left > 25 && solved(6) {
	}
}

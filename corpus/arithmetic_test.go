package corpus

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	calculation = regexp.MustCompile(`(\d+) ([-+*/]) (\d+) = (\d+)`)
	finalAnswer = regexp.MustCompile(`^ .* The answer is (\d+)\.$`)
)

// checkSteps recomputes an answer, and returns how many steps it has and
// whether one computes with numbers that training leaves out.
func checkSteps(t *testing.T, question, answer string) (steps int, new bool) {
	t.Helper()
	last := ""
	known := question
	for _, c := range calculation.FindAllStringSubmatch(answer, -1) {
		a, _ := strconv.Atoi(c[1])
		b, _ := strconv.Atoi(c[3])
		result := map[string]int{"+": a + b, "-": a - b, "*": a * b, "/": a / max(b, 1)}[c[2]]
		if c[2] == "/" && a%b != 0 || strconv.Itoa(result) != c[4] || result > 100 || result < 0 {
			t.Errorf("%q: %s", answer, c[0])
		}
		// Every number comes from the question or an earlier step, or is a
		// word of the question, such as twice.
		for _, n := range []string{c[1], c[3]} {
			if !hasNumber(known, n) && !hasNumber("2 3 5", n) {
				t.Errorf("%q: where does %s come from in %q?", question, n, answer)
			}
		}
		known += " " + c[4]
		last = c[4]
		new = new || (7*a+3*b)%10 == 0
		steps++
	}
	final := finalAnswer.FindStringSubmatch(answer)
	if final == nil || final[1] != last {
		t.Errorf("%q does not end in %s", answer, last)
	}
	return steps, new
}

func hasNumber(text, n string) bool {
	return regexp.MustCompile(`\b` + n + `\b`).MatchString(text)
}

func TestArithmetic(t *testing.T) {
	everyDocument(t, "arithmetic", func(t *testing.T, d Document, size Size) {
		for solved := range strings.SplitSeq(strings.TrimSuffix(d.Context, "\n"), "\nQuestion: ") {
			q, a, ok := strings.Cut(strings.TrimPrefix(solved, "Question: "), "\nAnswer:")
			if !ok || strings.Contains(q, "\n") || strings.Contains(a, "\n") {
				t.Fatalf("%q is no solved problem", solved)
			}
			if _, new := checkSteps(t, q, a); new && d.Seed < EvalFrom {
				t.Errorf("training shows a calculation that it leaves out: %q", a)
			}
		}
		if size.Asks == 0 && len(d.Asks) < 2 || size.Asks > 0 && len(d.Asks) == 0 {
			t.Errorf("%d questions", len(d.Asks))
		}
		for _, a := range d.Asks {
			steps, new := checkSteps(t, asked(a), a.Answer)
			if new && !a.HeldOut {
				t.Errorf("%q computes with what training leaves out, and does not say so", a.Answer)
			}
			if a.Kind != fmt.Sprintf("steps-%d", steps) || steps < 1 || steps > 3 || !a.Number || a.Evidence != nil {
				t.Errorf("%d steps: %+v", steps, a)
			}
		}
	})
}

// Every kind of problem can be solved, and the guess is what it says.
func TestArithmeticGuess(t *testing.T) {
	w := newWriter("arithmetic", EvalFrom, Size{Tokens: 512})
	answers := map[string]int{}
	n := 0
	small := 0
	for i := range problems {
		for range 300 {
			a := problems[i].write(w)
			answer := finalAnswer.FindStringSubmatch(a.Answer)[1]
			answers[answer]++
			n++
			if len(answer) == 1 || answer < "50" && len(answer) == 2 {
				small++
			}
		}
	}
	most := 0
	for _, count := range answers {
		most = max(most, count)
	}
	if len(answers) != 99 {
		t.Errorf("%d different answers, want all from 2 to 100", len(answers))
	}
	if got := float64(most) / float64(n); math.Abs(got-arithmeticGuess) > 0.005 {
		t.Errorf("the most common answer comes in %.4f of problems, a guess is said to be %.4f", got, arithmeticGuess)
	}
	if small < n*3/4 {
		t.Errorf("%d of %d answers are below 50, want three quarters", small, n)
	}
	var train int
	for _, p := range problems {
		if !p.held {
			train++
		}
	}
	if train < 60 || len(problems)-train < 6 {
		t.Errorf("%d kinds of problems, and %d held out", train, len(problems)-train)
	}
}

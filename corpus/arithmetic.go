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
	wares    = words(`apples, pears, plums, eggs, nuts, shells, stones, buttons, books, cards, balls, flowers, feathers, rings, keys, candles | ribbons`)
	problems = parseProblems(problemTexts)
)

// unseen says whether a pair of numbers is one that training never computes with.
func unseen(left, right int) bool { return (7*left+3*right)%10 == 0 }

// parseProblems reads problems, one on a line: the text, ">>" and the steps,
// with semicolons between them and calculations in brackets. The problems
// after a line with a bar are held out.
func parseProblems(s string) []problem {
	var out []problem
	held := false
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line == "|" {
			held = true
		}
		text, steps, ok := strings.Cut(line, " >> ")
		if !ok {
			continue
		}
		p := problem{text: frame(text), held: held}
		for says := range strings.SplitSeq(steps, "; ") {
			open, end := strings.IndexByte(says, '['), strings.IndexByte(says, ']')
			var st step
			if _, err := fmt.Sscanf(says[open+1:end], "%s %s %s = %s", &st.left, &st.op, &st.right, &st.result); err != nil {
				panic("corpus: no calculation in " + says)
			}
			st.says = frame(says[:open] + "{sum}" + says[end+1:])
			p.steps = append(p.steps, st)
		}
		out = append(out, p)
	}
	return out
}

// solve draws the numbers of a problem and computes its answer. It fails, and
// is to be tried again, when numbers become too large or small, do not divide,
// or are a pair that training leaves out. All numbers are 2 or more, so that
// every noun is a plural.
func (p *problem) solve(w *writer) (numbers map[string]int, held, ok bool) {
	numbers = map[string]int{}
	known := func(name string) (int, bool) {
		if n, err := strconv.Atoi(name); err == nil {
			return n, true
		}
		n, ok := numbers[name]
		return n, ok
	}
	upTo := func(most int) int { return 2 + w.IntN(most-1) }
	for _, s := range p.steps {
		a, hasA := known(s.left)
		b, hasB := known(s.right)
		var result int
		switch s.op {
		case "+":
			if !hasA {
				a = upTo(20)
			}
			if !hasB {
				b = upTo(15)
			}
			result = a + b
		case "-":
			switch {
			case hasA && !hasB:
				if a < 4 {
					return nil, false, false
				}
				b = upTo(min(a-2, 20))
			case !hasA && !hasB:
				b = upTo(15)
				fallthrough
			case !hasA:
				a = b + upTo(20)
			}
			result = a - b
		case "*":
			if !hasA {
				a = upTo(10)
			}
			if !hasB {
				b = upTo(10)
			}
			if a > 10 || b > 10 {
				return nil, false, false
			}
			result = a * b
		case "/":
			if !hasB {
				b = upTo(10)
			}
			if !hasA {
				a = b * upTo(10)
			}
			if b == 0 || a%b != 0 || a/b > 10 {
				return nil, false, false
			}
			result = a / b
		}
		if result < 2 || result > 100 || unseen(a, b) && !w.eval() {
			return nil, false, false
		}
		held = held || unseen(a, b)
		numbers[s.result] = result
		for _, drawn := range []struct {
			name string
			n    int
		}{{s.left, a}, {s.right, b}} {
			if drawn.name[0] >= 'a' {
				numbers[drawn.name] = drawn.n
			}
		}
	}
	return numbers, held, true
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

// The numbers of a problem are x, y, z, u, v, s and t.
const problemTexts = `
{A} has {x} {items}. {B} gives {him} {y} more. How many {items} does {a} have now? >> {A} has [x + y = z] {items}.
{A} had {x} {items} and lost {y} of them. How many {items} are left? >> [x - y = z] {items} are left.
{A} found {x} {items} and {b} found {y}. How many {items} did they find together? >> They found [x + y = z] {items}.
{A} has {x} {items}. {B} has {y} more than {a}. How many {items} does {b} have? >> {B} has [x + y = z] {items}.
{A} has {x} {items}. {B} has {y} fewer than {a}. How many {items} does {b} have? >> {B} has [x - y = z] {items}.
{A} has {x} {items} and {b} has {y}. How many more does {a} have than {b}? >> {A} has [x - y = z] more.
{A} has {x} {items}. {B} has twice as many. How many {items} does {b} have? >> {B} has [x * 2 = z] {items}.
{A} has {x} {items}. {B} has three times as many. How many {items} does {b} have? >> {B} has [x * 3 = z] {items}.
{A} has {x} {items}. {B} has half as many. How many {items} does {b} have? >> {B} has [x / 2 = z] {items}.
There are {x} bags with {y} {items} in each. How many {items} are there? >> There are [x * y = z] {items}.
{A} puts {x} {items} into {y} boxes, the same number into each. How many {items} are in each box? >> Each box has [x / y = z] {items}.
{A} shares {x} {items} equally among {y} friends. How many {items} does each friend get? >> Each friend gets [x / y = z] {items}.
A cup costs {x} coins. {A} buys {y} cups. How many coins does {he} pay? >> {A} pays [x * y = z] coins.
{A} has {x} coins. {He} buys a hat for {y} coins. How many coins are left? >> [x - y = z] coins are left.
{A} walks {x} miles every day. How many miles does {he} walk in {y} days? >> {A} walks [x * y = z] miles.
{A} is {x} years old. How old will {he} be in {y} years? >> {A} will be [x + y = z] years old.
{A} is {x} years old. {B} is {y} years younger. How old is {b}? >> {B} is [x - y = z] years old.
{A}'s book has {x} pages. {He} has read {y} of them. How many pages are left? >> [x - y = z] pages are left.
In the garden are {x} rows with {y} trees each. How many trees are there? >> There are [x * y = z] trees.
{A} baked {x} cakes. The children ate {y} of them. How many cakes are left? >> [x - y = z] cakes are left.
{x} children make teams of {y}. How many teams are there? >> There are [x / y = z] teams.
{A}'s hens lay {x} eggs every day. How many eggs do they lay in {y} days? >> They lay [x * y = z] eggs.
The way to the lake takes {x} hours, and the way back takes {y} hours. How many hours does it take there and back? >> It takes [x + y = z] hours.
{x} birds sit in a tree. Then {y} more birds come. How many birds are in the tree now? >> There are [x + y = z] birds.
A rope is {x} feet long. {A} cuts off {y} feet. How long is the rope now? >> It is [x - y = z] feet long.
A week has 7 days. How many days are {x} weeks? >> There are [x * 7 = z] days.
A dog has 4 legs. How many legs do {x} dogs have? >> They have [x * 4 = z] legs.
{A} saves {x} coins every week. In how many weeks does {he} save {y} coins? >> It takes [y / x = z] weeks.
A ladder has {x} steps. {A} has climbed {y} of them. How many steps are left? >> [x - y = z] steps are left.
{A} sells {x} pies on Monday and {y} pies on Tuesday. How many pies does {he} sell? >> {A} sells [x + y = z] pies.
{A} eats {x} nuts every day. How many days do {y} nuts last? >> They last [y / x = z] days.
A table has {x} chairs. How many chairs do {y} tables have? >> They have [x * y = z] chairs.
{A} has {x} {items}. {B} gives {him} {y} more. Then {he} loses {u} of them. How many {items} does {a} have now? >> {A} has [x + y = z] {items}.; Then {he} has [z - u = v].
{A} buys {x} bags with {y} {items} each. {He} gives {u} {items} to {b}. How many {items} are left? >> {A} buys [x * y = z] {items}.; [z - u = v] {items} are left.
{A} has {x} coins. {He} buys {y} cups for {u} coins each. How many coins are left? >> The cups cost [y * u = z] coins.; [x - z = v] coins are left.
{A} has {x} red {items} and {y} blue {items}. {He} shares them equally among {u} friends. How many does each friend get? >> {A} has [x + y = z] {items}.; Each friend gets [z / u = v].
{A} is {x} years old. {B} is {y} years older. How old are they together? >> {B} is [x + y = z].; Together they are [x + z = v].
{A} has {x} {items}. {B} has twice as many. How many {items} do they have together? >> {B} has [x * 2 = z] {items}.; Together they have [x + z = v].
{A} has {x} {items}. {B} has half as many. How many {items} do they have together? >> {B} has [x / 2 = z] {items}.; Together they have [x + z = v].
{A} has {x} {items}. {B} has {y} more than {a}. How many {items} do they have together? >> {B} has [x + y = z] {items}.; Together they have [x + z = v].
{A} has {x} {items}. {B} has {y} fewer than {a}. How many {items} do they have together? >> {B} has [x - y = z] {items}.; Together they have [x + z = v].
{A}'s book has {x} pages. {He} reads {y} pages every day. How many pages are left after {u} days? >> {A} reads [y * u = z] pages.; [x - z = v] pages are left.
{A} walks {x} miles every morning and {y} miles every evening. How many miles does {he} walk in {u} days? >> {A} walks [x + y = z] miles every day.; In {u} days that is [z * u = v] miles.
The theater has {x} rows with {y} chairs each. {u} chairs are taken. How many chairs are free? >> There are [x * y = z] chairs.; [z - u = v] chairs are free.
{x} boys and {y} girls make teams of {u}. How many teams are there? >> There are [x + y = z] children.; They make [z / u = v] teams.
A farmer has {x} cows, {y} sheep and {u} goats. How many animals are there? >> [x + y = z].; There are [z + u = v] animals.
In a basket are {x} {items}. {A} takes {y} and {b} takes {u}. How many {items} are left? >> [x - y = z].; [z - u = v] {items} are left.
{A} saves {x} coins every week for {y} weeks. Then {he} buys a book for {u} coins. How many coins are left? >> {A} saves [x * y = z] coins.; [z - u = v] coins are left.
On a train are {x} people. At the station {y} people get off and {u} people get on. How many people are on the train now? >> [x - y = z] people stay.; Now there are [z + u = v] people.
{A} bakes {x} pies in the morning and {y} pies in the evening. {He} sells {u} of them. How many pies are left? >> {A} bakes [x + y = z] pies.; [z - u = v] pies are left.
{A} has {x} boxes with {y} {items} each, and {u} more {items}. How many {items} does {a} have? >> In the boxes are [x * y = z] {items}.; {A} has [z + u = v] {items}.
A hat costs {x} coins. A coat costs {y} coins more than the hat. How many coins do both cost? >> The coat costs [x + y = z] coins.; Both cost [x + z = v] coins.
A ring costs {x} coins and a cup costs {y} coins. {A} buys both and pays with {u} coins. How many coins does {he} get back? >> Both cost [x + y = z] coins.; {A} gets back [u - z = v] coins.
{A} is {x} years old. {B} is twice as old. How old will {b} be in {y} years? >> {B} is [x * 2 = z] years old.; Then {b} will be [z + y = v].
{A} is {x} years old. {B} is {y} years older than {a}, and {c} is {u} years younger than {b}. How old is {c}? >> {B} is [x + y = z] years old.; {C} is [z - u = v].
A rope is {x} feet long. {A} cuts off {y} feet and cuts the rest into {u} equal parts. How long is each part? >> [x - y = z] feet are left.; Each part is [z / u = v] feet long.
The school is {x} miles away. {A} goes there and back every day. How many miles does {he} go in {y} days? >> {A} goes [x * 2 = z] miles every day.; In {y} days that is [z * y = v] miles.
{A} plants {x} rows of {y} beans. {u} of them do not grow. How many beans grow? >> {A} plants [x * y = z] beans.; [z - u = v] beans grow.
{A} has {x} coins and {b} has {y} coins. A drum costs {u} coins. How many more coins do they need? >> They have [x + y = z] coins.; They need [u - z = v] more coins.
{A} works {x} hours every day from Monday to Friday. {B} works {y} hours more than {a} in that time. How many hours does {b} work? >> {A} works [x * 5 = z] hours.; {B} works [z + y = v] hours.
{A} has {x} {items}. {B} has twice as many. {C} has {y} more than {b}. How many {items} do {b} and {c} have together? >> {B} has [x * 2 = z] {items}.; {C} has [z + y = u].; Together they have [z + u = v].
{A} buys {x} cups for {y} coins each and {u} plates for {v} coins each. How many coins does {he} pay? >> The cups cost [x * y = z] coins.; The plates cost [u * v = s] coins.; {A} pays [z + s = t] coins.
{A} had {x} coins. {He} worked for {y} days and got {u} coins every day. Then {he} bought a kite for {v} coins. How many coins are left? >> {A} got [y * u = z] coins.; Then {he} had [x + z = s].; [s - v = t] coins are left.
{A} has {x} bags with {y} nuts each. {He} eats {u} nuts and shares the rest equally among {v} friends. How many nuts does each friend get? >> {A} has [x * y = z] nuts.; [z - u = s] are left.; Each friend gets [s / v = t] nuts.
{A} read {x} pages on Monday, twice as many on Tuesday and {y} pages on Wednesday. How many pages did {he} read? >> On Tuesday {he} read [x * 2 = z].; [x + z = s].; {A} read [s + y = t] pages.
In a class are {x} boys and {y} girls. {u} of them are at home. The others make teams of 2. How many teams are there? >> The class has [x + y = z] children.; [z - u = s] are there.; They make [s / 2 = t] teams.
In the garden are {x} rows of {y} carrots. Rabbits eat {u} of them. Then {a} plants {v} more. How many carrots are there now? >> There were [x * y = z] carrots.; [z - u = s] are left.; Now there are [s + v = t].
A train goes {x} miles in the first hour and {y} miles more in the second hour. In the third hour it goes {u} miles. How many miles does it go? >> In the second hour it goes [x + y = z] miles.; [x + z = s].; It goes [s + u = t] miles.
{A} had {x} eggs. {He} used half of them. Then {he} bought {y} eggs, and {u} eggs broke. How many eggs does {he} have now? >> {A} used [x / 2 = z] eggs, so {z} were left.; Then {he} had [z + y = s].; Now {he} has [s - u = t].
{A} has {x} coins and {b} has {y} coins. They buy a kite for {u} coins and share the rest equally. How many coins does each of them get? >> They have [x + y = z] coins.; [z - u = s] are left.; Each of them gets [s / 2 = t] coins.
{A} sells {x} chairs for {y} coins each. The wood costs {u} coins. With the rest {he} buys a coat for {v} coins. How many coins are left? >> {A} gets [x * y = z] coins.; [z - u = s].; [s - v = t] coins are left.
{A} picks {x} {items} every day for {y} days. {B} picks {u} {items}. They put all of them into {v} baskets, the same number into each. How many {items} are in each basket? >> {A} picks [x * y = z] {items}.; Together they have [z + u = s].; Each basket has [s / v = t] {items}.
|
{x} {items} lie on the table. {A} puts {y} more beside them. How many {items} lie on the table now? >> Now there are [x + y = z] {items}.
A ship carries {x} people. {y} of them leave it at the island. How many people stay? >> [x - y = z] people stay.
{A} builds {x} chairs every day. How many chairs does {he} build in {y} days? >> {A} builds [x * y = z] chairs.
{x} flowers stand in {y} vases, the same number in each. How many flowers are in each vase? >> Each vase has [x / y = z] flowers.
{A} has {x} candles. {He} burns {y} candles every night. How many candles are left after {u} nights? >> {A} burns [y * u = z] candles.; [x - z = v] candles are left.
{A} caught {x} fish and {b} caught {y}. They ate {u} of them. How many fish are left? >> They caught [x + y = z] fish.; [z - u = v] fish are left.
A tower has {x} floors with {y} windows each. {u} windows are open and {v} are broken. How many windows are closed and whole? >> There are [x * y = z] windows.; [z - u = s].; [s - v = t] windows are closed and whole.
{A} has {x} {items} and {b} has {y}. {C} has as many as both together. How many {items} do the three have? >> {C} has [x + y = z] {items}.; The three have [z * 2 = v] {items}.
`

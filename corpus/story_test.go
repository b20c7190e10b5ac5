package corpus

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// storySeeds calls f with seeds of training and of evaluation.
func storySeeds(n uint64, f func(seed uint64)) {
	for i := range n {
		f(i)
		f(EvalFrom + i)
	}
}

func TestStoryIsAFunctionOfItsSeed(t *testing.T) {
	storySeeds(50, func(seed uint64) {
		for _, task := range storyTasks {
			first, err := New(task.Name, seed, Size{Tokens: 512})
			if err != nil {
				t.Fatal(err)
			}
			again, _ := New(task.Name, seed, Size{Tokens: 512})
			if !reflect.DeepEqual(first, again) {
				t.Fatalf("%s of seed %d differs when it is written again", task.Name, seed)
			}
		}
	})
}

func TestStoryFillsItsSize(t *testing.T) {
	for _, task := range storyTasks {
		for _, tokens := range []int{128, 192, 256, 512, 1024, 2048} {
			used, n := 0, 0
			storySeeds(40, func(seed uint64) {
				w := newWriter(task.Name, seed, Size{Tokens: tokens})
				task.make(w)
				if _, err := w.document(task.Text); err != nil {
					t.Fatal(err)
				}
				if w.left < 0 || tokens >= 512 && w.left > tokens/10 {
					t.Errorf("%s of seed %d leaves %d of %d tokens", task.Name, seed, w.left, tokens)
				}
				used += tokens - w.left
				n++
			})
			if used*10 < 9*tokens*n {
				t.Errorf("%s uses %d of %d tokens", task.Name, used/n, tokens)
			}
		}
	}
}

func TestStoryAsksAsManyQuestionsAsTold(t *testing.T) {
	storySeeds(100, func(seed uint64) {
		d, err := New("story-questions", seed, Size{Tokens: 400, Asks: 2, Dense: seed%2 == 0})
		if err != nil || len(d.Asks) == 0 || len(d.Asks) > 2 {
			t.Fatalf("seed %d asks %d questions: %v", seed, len(d.Asks), err)
		}
	})
}

func TestStoryTrainsOnNoHeldOutWordOrFrame(t *testing.T) {
	var heldFrames []frame
	for _, l := range storyQuestions {
		heldFrames = append(heldFrames, l.held...)
	}
	for seed := range uint64(300) {
		for _, task := range storyTasks {
			d, err := New(task.Name, seed, Size{Tokens: 512})
			if err != nil {
				t.Fatal(err)
			}
			if hasHeldOut(d.Text()) {
				t.Fatalf("%s of seed %d has a held-out word:\n%s", task.Name, seed, d.Text())
			}
			for _, a := range d.Asks {
				if a.HeldOut {
					t.Fatalf("%s of seed %d asks something held out: %s", task.Name, seed, a.Question)
				}
				for _, f := range heldFrames {
					start, _, _ := strings.Cut(string(f), "{")
					if strings.HasPrefix(a.Question, "Question: "+start) && start != "Who " {
						t.Fatalf("%s of seed %d uses a held-out frame: %s", task.Name, seed, a.Question)
					}
				}
			}
		}
	}
}

func TestStoryEvidenceDecidesTheAnswer(t *testing.T) {
	kinds := map[string]int{}
	storySeeds(300, func(seed uint64) {
		d, err := New("story-questions", seed, Size{Tokens: 700})
		if err != nil {
			t.Fatal(err)
		}
		asked := map[string]bool{}
		for i, a := range d.Asks {
			kinds[a.Kind]++
			answer := bare(a.Answer[1:])
			e := a.Evidence[len(a.Evidence)-1]
			if evidence := d.Context[e[0]:e[1]]; !containsWord(evidence, answer) {
				t.Errorf("seed %d: %s%s is not decided by %q", seed, a.Question, a.Answer, evidence)
			}
			for rest := range strings.SplitAfterSeq(d.Without(i), ". ") {
				for _, l := range []list{things, men, women} {
					for _, word := range l.train {
						asked := containsWord(a.Question, word)
						if l.train[0] != things.train[0] {
							asked = asked && (a.Kind == "place" || a.Kind == "felt" || a.Kind == "job")
						}
						if asked && !strings.Contains(rest, "\n") && containsWord(rest, word) && containsWord(rest, answer) {
							t.Errorf("seed %d: without its evidence, %q still answers %s", seed, rest, a.Question)
						}
					}
				}
			}
			if a.Guess <= 0 || a.Guess > 1 || a.Answer[0] != ' ' || len(strings.Fields(a.Answer)) > 5 {
				t.Errorf("seed %d: %s%s with a guess of %g", seed, a.Question, a.Answer, a.Guess)
			}
			if asked[a.Question] {
				t.Errorf("seed %d asks twice: %s", seed, a.Question)
			}
			asked[a.Question] = true
		}
	})
	for _, kind := range slices.Sorted(maps.Keys(storyQuestions)) {
		if kinds[kind] == 0 {
			t.Errorf("no story asks for %q", kind)
		}
	}
}

// A replay follows the events of a tale on its own and says who has what and
// who is where.
func TestTaleAgreesWithItsReplay(t *testing.T) {
	storySeeds(3000, func(seed uint64) {
		w := newWriter("story", seed, Size{Tokens: 1000})
		tale := w.newTale(w.Float64(), seed%3 == 0)
		has, at, lies := map[string]string{}, map[string]string{}, map[string]string{}
		for _, e := range tale.events {
			a := e.args
			switch e.op {
			case "own":
				has[a[1]] = a[0]
			case "at", "go":
				at[a[0]] = tale.words[a[1]]
			case "lies":
				lies[a[0]] = tale.words[a[1]]
			case "give":
				if has[a[2]] != a[0] || at[a[0]] != at[a[1]] {
					t.Fatalf("seed %d: %v", seed, e)
				}
				has[a[2]] = a[1]
			case "leave", "hide", "lose":
				if has[a[1]] != a[0] || e.op != "lose" && at[a[0]] != tale.words[a[2]] {
					t.Fatalf("seed %d: %v", seed, e)
				}
				delete(has, a[1])
				lies[a[1]] = tale.words[a[2]]
			case "find", "take":
				if has[a[1]] != "" || lies[a[1]] != at[a[0]] || e.op == "find" && at[a[0]] != tale.words[a[2]] {
					t.Fatalf("seed %d: %v", seed, e)
				}
				has[a[1]] = a[0]
				delete(lies, a[1])
			}
		}
		for _, q := range tale.queries() {
			if q.kind != "holder" && q.kind != "place" && q.kind != "lies" {
				continue
			}
			found := false
			for role, word := range tale.words {
				if !containsWord(q.question, word) || role != strings.ToLower(role) {
					continue
				}
				answer := " " + map[string]string{"holder": tale.words[has[role]], "place": at[role], "lies": lies[role]}[q.kind]
				found = found || answer == q.answer
			}
			if !found {
				t.Errorf("seed %d: %s%s is not what the replay says", seed, q.question, q.answer)
			}
		}
	})
}

// allFrames returns every frame of nodes, optional or not.
func allFrames(nodes []node) (all []frame, held int) {
	for _, n := range nodes {
		all = append(append(all, n.frames.train...), n.frames.held...)
		held += len(n.frames.held)
		for _, c := range n.choice {
			f, h := allFrames(c)
			all, held = append(all, f...), held+h
		}
	}
	return all, held
}

func TestEveryFrameOfAStoryCanBeFilled(t *testing.T) {
	w := newWriter("story", EvalFrom, Size{Tokens: 1000})
	frames, heldOut := 0, 0
	for i := range plots {
		clear(w.taken)
		tale := w.newTale(1, false)
		for _, r := range plots[i].roles {
			tale.bind(r.name, r.kind)
		}
		all, held := allFrames(plots[i].body)
		for _, f := range all {
			text := f.fill(tale.words)
			if last := text[len(text)-1]; !strings.ContainsRune(`.?!"`, rune(last)) {
				t.Errorf("%q does not end as a sentence", f)
			}
			if first := text[0]; first != '"' && (first < 'A' || first > 'Z') {
				t.Errorf("%q does not begin as a sentence", f)
			}
		}
		if len(all) == 0 {
			t.Errorf("plot %d has no frames", i)
		}
		frames, heldOut = frames+len(all), heldOut+held
	}
	for _, r := range registers {
		clear(w.taken)
		tale := w.newTale(1, true)
		tale.bind("n", "person")
		for _, f := range slices.Concat(first(allFrames(r.open)), first(allFrames(r.end))) {
			f.fill(tale.words)
			frames++
		}
	}
	if frames < 400 || heldOut < 40 {
		t.Errorf("there are %d frames, %d of them held out", frames, heldOut)
	}
	t.Logf("%d plots, %d registers, %d frames, blocks counted in every plot", len(plots), len(registers), frames)
}

func first(all []frame, _ int) []frame { return all }

func TestFillerIsVariedAndFits(t *testing.T) {
	seen := map[string]bool{}
	storySeeds(1500, func(seed uint64) {
		w := newWriter("story", seed, Size{Tokens: 1000})
		var texts []string
		for i, s := range w.fillerParagraph() {
			if s.first != (i == 0) || s.fact != 0 {
				t.Fatalf("seed %d: sentence %d is %+v", seed, i, s)
			}
			if s.held && !w.eval() || !w.eval() && hasHeldOut(s.text) {
				t.Fatalf("seed %d: training reads %q", seed, s.text)
			}
			for _, l := range []list{things, foods, animals, colors} {
				for _, word := range slices.Concat(l.train, l.held) {
					if containsWord(s.text, word) {
						t.Fatalf("seed %d: filler speaks of a %s: %q", seed, word, s.text)
					}
				}
			}
			texts = append(texts, s.text)
		}
		if len(texts) < 3 || len(texts) > 6 {
			t.Fatalf("seed %d: a paragraph of %d sentences", seed, len(texts))
		}
		seen[strings.Join(texts, " ")] = true
	})
	if len(seen) < 2800 {
		t.Errorf("3000 seeds make %d paragraphs", len(seen))
	}
}

func TestFillerLeavesNames(t *testing.T) {
	w := newWriter("story", 1, Size{Tokens: 1000})
	for range 2000 {
		w.fillerParagraph()
	}
	w.name()
}

func BenchmarkStoryQuestions(b *testing.B) {
	for i := range b.N {
		if _, err := New("story-questions", uint64(i), Size{Tokens: 512}); err != nil {
			b.Fatal(err)
		}
	}
}

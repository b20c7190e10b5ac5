package corpus

import (
	"slices"
	"strings"
)

// tell scatters the claims among filler for the room that is left, and asks
// the inquiries.
func (r *recall) tell() {
	if len(r.claims) == 0 || len(r.inquiries) == 0 {
		return
	}
	depths, order := r.depths()
	place := make([]int, len(r.claims))
	claims := make([]sentence, len(r.claims))
	for i, n := range order {
		place[n] = i
		claims[i] = r.claims[n].sentence
	}
	var filler []sentence
	if !r.size.Dense {
		filler = r.filler()
		r.recount(filler)
		filler = append(filler, r.filler()...)
	}
	r.scatter(claims, depths, filler)
	for _, q := range r.inquiries {
		if q.all {
			slices.SortFunc(q.claims, func(a, b int) int { return place[a] - place[b] })
		}
		claims := r.numbered(q.claims)
		k := claims[0].kind
		guess := 1.0
		var facts []int
		for _, c := range claims {
			guess /= float64(r.valuesTold(k))
			facts = append(facts, c.fact)
		}
		r.ask(Ask{Question: q.text, Answer: k.answerTo(claims, q.all), Items: k.items(claims, q.all), Kind: k.name, Marked: k.marked, Guess: guess, HeldOut: q.held}, facts...)
	}
}

// valuesTold is how many values of a kind the document tells. They differ.
func (r *recall) valuesTold(k *factKind) int {
	n := 0
	for _, c := range r.claims {
		if c.kind == k {
			n++
		}
	}
	return n
}

// depths draws where the claims stand, as ascending shares of the context, and
// which of them stands at each.
func (r *recall) depths() (depths []float64, order []int) {
	n := len(r.claims)
	depths, order = make([]float64, n), r.Perm(n)
	for i := range depths {
		depths[i] = r.Float64()
	}
	asked := r.size.Depth
	if asked == 0 {
		slices.Sort(depths)
		return depths, order
	}
	depths[0] = asked
	slices.Sort(depths)
	at := slices.Index(depths, asked)
	if r.size.Dense {
		at = min(int(asked*float64(n)), n-1)
	}
	was := slices.Index(order, r.inquiries[0].claims[0])
	order[was], order[at] = order[at], order[was]
	return depths, order
}

// filler writes paragraphs until the room is used up.
func (r *recall) filler() []sentence {
	var out []sentence
	for misses := 0; misses < 4; {
		for i, s := range r.fillerParagraph() {
			if !r.fits(s.text) {
				misses++
				break
			}
			s.first = i == 0
			out = append(out, s)
		}
	}
	return out
}

// recount counts the whole text at once, which takes less than its parts, and
// frees the difference.
func (r *recall) recount(filler []sentence) {
	var b strings.Builder
	for _, c := range r.claims {
		b.WriteString(c.text + " ")
	}
	for _, s := range filler {
		b.WriteString(s.text)
		b.WriteByte(' ')
	}
	for _, q := range r.inquiries {
		claims := r.numbered(q.claims)
		b.WriteString(q.text + claims[0].kind.answerTo(claims, q.all) + "\n")
	}
	// A paragraph begins with up to three tokens of its own: a newline, and a word in pieces.
	paragraphs := 4 + len(r.claims)/4
	for _, s := range filler {
		if s.first {
			paragraphs++
		}
	}
	r.left = max(r.left, r.size.Tokens-1-r.size.Count(b.String())-3*paragraphs)
}

// scatter puts claims among the sentences of filler at about the given shares
// of the text. A claim never comes before a sentence with a pronoun, which
// would then seem to be about the claim's subject.
func (r *recall) scatter(claims []sentence, depths []float64, filler []sentence) {
	total := 0
	for _, s := range slices.Concat(claims, filler) {
		total += len(s.text) + 1
	}
	done, next, since := 0, 0, 0
	tell := func(s sentence) {
		done += len(s.text) + 1
		since++
		if s.first {
			since = 1
		}
		r.sentences = append(r.sentences, s)
	}
	for i, c := range claims {
		start := depths[i] * float64(total-len(c.text)-1)
		for next < len(filler) {
			end, size := next, 0
			for end == next || end < len(filler) && !filler[end].first && hasPronoun(filler[end].text) {
				size += len(filler[end].text) + 1
				end++
			}
			if start-float64(done) <= float64(size)/2 {
				break
			}
			for ; next < end; next++ {
				tell(filler[next])
			}
		}
		border := next < len(filler) && filler[next].first
		if c.first = len(r.sentences) == 0 || border && r.chance(0.5) || since > 5 && r.chance(0.3); c.first && border {
			filler[next].first = false
		}
		tell(c)
	}
	for _, s := range filler[next:] {
		tell(s)
	}
}

// hasPronoun says whether a sentence speaks of somebody named before.
func hasPronoun(text string) bool {
	for from := 0; from < len(text); {
		end := from
		for end < len(text) && text[end] != ' ' {
			end++
		}
		switch strings.ToLower(strings.Trim(text[from:end], `.,:;!?"`)) {
		case "he", "she", "they", "it", "him", "her", "them", "his", "their":
			return true
		}
		from = end + 1
	}
	return false
}

// pairLists are what pairs are made of. A document's values are from one of
// them and its keys from the others.
var pairLists = []list{numbers(10, 999), things, animals, places, colors, foods, towns, women, men}

// A pair is a key and its value.
type pair struct{ key, value string }

func (p pair) sentence() string { return capital(p.key) + " " + p.value + "." }

// makePairs writes pairs of words, "Mara drum.", and asks for each: "Mara".
func makePairs(w *writer) {
	order := w.Perm(len(pairLists))
	if order[0] == 0 && w.size.Tokens > 512 {
		order[0], order[1] = order[1], 0 // long documents need numbers as keys
	}
	from, lists := pairLists[order[0]], order[1:]
	var pairs []pair
	used, values := map[string]bool{}, map[string]bool{}
	asked := 0
	all := ""
	for misses := 0; misses < 300; {
		// One list of keys, and more of them in a long document.
		p := pair{w.pick(pairLists[lists[w.IntN(min(1+len(pairs)/12, len(lists)))]]), w.pick(from)}
		if used[p.key] {
			misses++
			continue
		}
		texts := []string{p.sentence()}
		if w.size.Asks == 0 || asked < w.size.Asks {
			texts = append(texts, capital(p.key)+" "+p.value)
		}
		if !w.fits(texts...) {
			// All at once they take less than one by one.
			left := w.size.Tokens - 5 - w.size.Count(all)
			if left < w.left+w.size.Tokens/20 || left < 20 {
				break
			}
			w.left = left
			continue
		}
		if len(texts) > 1 {
			asked++
		}
		all += strings.Join(texts, "\n") + "\n"
		misses = 0
		used[p.key], values[p.value] = true, true
		pairs = append(pairs, p)
	}
	// The first ones are asked for; the text has them anywhere.
	place := w.Perm(len(pairs))
	asks := w.Perm(asked)
	if d := w.size.Depth; d > 0 && asked > 0 {
		at := slices.Index(place, min(int(d*float64(len(pairs))), len(pairs)-1))
		place[asks[0]], place[at] = place[at], place[asks[0]]
	}
	w.sentences = make([]sentence, len(pairs))
	for i, p := range pairs {
		text := p.sentence()
		w.sentences[place[i]] = sentence{text: text, fact: w.fact(), held: w.eval() && hasHeldOut(text), first: place[i]%12 == 0}
	}
	for _, i := range asks {
		w.ask(Ask{Question: capital(pairs[i].key), Answer: " " + pairs[i].value, Kind: "pair", Guess: 1 / float64(len(values))}, i+1)
	}
}

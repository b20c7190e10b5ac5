package corpus

import "fmt"

// mix is how much of the training each task gets, in percent.
var mix = []struct {
	task  string
	share uint64
}{
	{"story", 27}, {"story-questions", 14},
	{"fact", 14}, {"facts", 12}, {"fact-values", 3}, {"fact-queries", 3},
	{"needle", 2}, {"needle-keys", 2}, {"needle-values", 1}, {"needle-queries", 1},
	{"hops", 4}, {"frequent", 2}, {"count", 2}, {"arithmetic", 13},
}

// Mixed writes the document of a seed, with the task that the training mix
// gives it.
func Mixed(seed uint64, size Size) (Document, error) {
	at := scramble(seed) % 100
	for _, m := range mix {
		if at < m.share {
			return New(m.task, seed, size)
		}
		at -= m.share
	}
	panic(fmt.Sprint("BUG: the mix ends before ", at))
}

// scramble hashes a seed (the end of SplitMix64), so that seeds in a row have
// tasks that do not depend on each other.
func scramble(seed uint64) uint64 {
	seed += 0x9e3779b97f4a7c15
	seed = (seed ^ seed>>30) * 0xbf58476d1ce4e5b9
	seed = (seed ^ seed>>27) * 0x94d049bb133111eb
	return seed ^ seed>>31
}

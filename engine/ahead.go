package engine

import "time"

// A submit of n tokens takes wait + n*token. What one waits for is little on most
// machines, where few tokens a submit suffice, and 100 ms in some browsers.
const (
	maxAhead  = 255                    // tokens that one submit feeds ahead at most
	aheadTime = 33 * time.Millisecond  // what a submit may take anyway: nobody who reads along sees the text jump
	waitShare = 5                      // a submit may take so many times its wait, besides,
	mostAhead = 320 * time.Millisecond // but no more than this
)

// ahead learns how many tokens one submit should feed.
type ahead struct {
	few         int           // tokens of a short submit, which tells what a wait takes; 0: there was none
	fewTook     time.Duration // by it
	n, most     int           // tokens of the last submit, and of any
	token, wait time.Duration
}

// note learns from a submit of n tokens.
func (a *ahead) note(n int, took time.Duration) {
	if a.few == 0 || n < 2*a.few || took <= a.fewTook { // it is the short one
		a.few, a.fewTook = n, took
	}
	share := took / time.Duration(n) // as if nothing were waited for
	switch {
	case n > a.few:
		a.token = min((took-a.fewTook)/time.Duration(n-a.few), share)
	case a.token == 0 || a.token > share:
		a.token = share
	}
	a.token = max(a.token, 1)
	a.n, a.most, a.wait = n, max(a.most, n), max(0, took-time.Duration(n)*a.token)
}

// next returns how many tokens the next submit should feed: twice as many as any before
// at most, since only submits of different lengths tell what a wait takes.
func (a *ahead) next() int {
	switch {
	case a.n == 0:
		return 1
	case a.most < 2*a.few && a.fewTook <= mostAhead: // what a wait takes is not known
		return 2 * a.n
	}
	time := max(aheadTime, min(waitShare*a.wait, mostAhead))
	return max(1, min(int(time/a.token), 2*a.most, 1+maxAhead))
}

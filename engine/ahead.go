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
	n           int           // tokens of the last submit; 0: there was none
	took        time.Duration // by it
	token, wait time.Duration
	tried       bool // submits of two lengths
}

// note learns from a submit of n tokens.
func (a *ahead) note(n int, took time.Duration) {
	if a.n > 0 && (n >= 2*a.n || a.n >= 2*n) { // others are too close to tell
		a.token = (took - a.took) / time.Duration(n-a.n)
		a.tried = true
	}
	share := took / time.Duration(n)
	if a.n == 0 || a.token <= 0 || a.token > share {
		a.token = share // as if nothing were waited for
	}
	a.token = max(a.token, 1)
	a.n, a.took, a.wait = n, took, max(0, took-time.Duration(n)*a.token)
}

// next returns how many tokens the next submit should feed: twice as many as the last one
// at most, since only submits of different lengths tell what a wait takes.
func (a *ahead) next() int {
	if a.n == 0 {
		return 1
	}
	if !a.tried && a.took <= mostAhead {
		return 2 * a.n
	}
	time := max(aheadTime, min(waitShare*a.wait, mostAhead))
	return max(1, min(int(time/a.token), 2*a.n, 1+maxAhead))
}

//go:build !js

package main

import "strings"

// A sweep is one run of `keyfold eval`.
type sweep struct {
	name string // of its file
	args string // between "keyfold eval" and where the report goes
}

// Which runs there are was written down in docs/results.md before any of them
// ran. Examples below number 100,000 belong to the experiment; what had to be
// chosen beforehand was chosen on those from there on.
var sweeps = []sweep{
	{"gate", "-trained -tasks fact -length 512 -n 100 -removed -methods full"},
	{"gate-held-out", "-tasks fact -length 512 -n 100 -methods full"},

	// The methods on text, where no question is asked.
	{"tinystories-260k", "-model $STORIES260K -tasks perplexity -text $TINYSTORIES -length 256 -n 40 -seeds 3 -budgets 0.5,0.35,0.2 -methods " + every},
	{"text", "-trained -tasks perplexity -length 256 -n 40 -seeds 3 -budgets 0.5,0.35,0.2 -methods " + every},

	// The contrasts on text.
	{"contrast-text", "-trained -tasks perplexity -length 256 -n 1000 -seeds 3 -budgets 0.5,0.35 -methods " + contrasted},
	{"contrast-text-equal", "-trained -tasks perplexity -length 256 -n 1000 -seeds 3 -budgets " + textBudget + " -methods gvote,ada:snapkv," + textVotefold},
	{"contrast-text-q8_0", "-trained -tasks perplexity -length 256 -n 1000 -seeds 3 -kv q8_0 -methods gvote"},

	// What they cost the answers, all of them, and with smaller elements.
	{"questions-512", asked + " -length 512 -n 25 -seeds 3 -budgets 0.5,0.35,0.2,0.1,0.05 -methods " + every},
	{"questions-1024", asked + " -length 1024 -n 12 -budgets 0.5,0.35,0.2 -methods " + shown},
	{"questions-q8_0", asked + " -length 512 -n 25 -kv q8_0 -budgets 0.5,0.35,0.2 -methods " + shown},
	{"questions-q4_0", asked + " -length 512 -n 25 -kv q4_0 -budgets 0.5,0.35,0.2 -methods " + shown},

	// Options, one at a time.
	{"gvote-samples", asked + " -length 512 -n 25 -seeds 3 -methods " + options("gvote:samples=", "1", "2", "4", "8", "16", "32", "64")},
	{"gvote-p_nuc", asked + " -length 512 -n 25 -seeds 3 -methods " + options("gvote:p_nuc=", "0.8", "0.9", "0.95", "0.99")},
	{"gvote-positions", asked + " -length 512 -n 25 -seeds 3 -methods gvote,gvote:positions=spread"},
	{"kvmerger-values", asked + " -length 512 -n 25 -budgets 0.5,0.35 -methods " + options("kvmerger:values=", "count", "effective", "convex", "paper")},
	{"kvmerger-sigma", asked + " -length 512 -n 25 -budgets 0.5,0.35 -methods kvmerger," + options("kvmerger:sigma=", "1", "5", "20")},

	// Where in a text of which length a needle is still found.
	{"needle", "-trained -tasks needle -length 256,512,1024 -n 40 -budgets 0.35 -methods " + mapped},

	// The contrasts on questions.
	{"contrast-outside", questions + " -n 100 -seeds 3 -budgets " + askBudget + " -methods gvote,ada:snapkv," + askVotefold},
	{"contrast-outside-q8_0", questions + " -n 100 -seeds 3 -kv q8_0 -methods gvote"},
	{"contrast-inside", questions + " -n 100 -protocol inside -budgets 0.5,0.35 -methods " + contrasted},

	// The claims of the papers are about questions that are compressed with their context.
	{"questions-inside", asked + " -length 512 -n 25 -seeds 3 -protocol inside -budgets 0.5,0.35,0.2,0.1,0.05 -methods " + shown},
}

const (
	every      = "random,window,h2o,snapkv,ada:snapkv,expected,kvzip,cam,kvmerger,pivot,randomsets,gvote,votefold,oracle"
	shown      = "window,h2o,ada:snapkv,kvmerger,gvote,votefold,oracle"
	contrasted = "kvmerger,pivot,h2o,cam"
	mapped     = "h2o,ada:snapkv,expected,kvzip,kvmerger,gvote"

	questions = "-trained -tasks fact,facts,needle-keys -length 512"
	asked     = "-trained -tasks fact,facts,needle,needle-keys,story-questions"
)

// options returns a method with each value of an option.
func options(method string, values ...string) string {
	return method + strings.Join(values, ","+method)
}

// What was chosen on examples from number 100,000 on: the budget at which
// Ada-SnapKV keeps what GVote keeps, and the votefold that weighs what GVote in
// a cache of q8_0 weighs: 35.6 % of the slots on text and 67.9 % on questions, whose
// bytes in q8_0 are 19.7 % and 37.5 % of a full f16 cache. See docs/results.md.
const (
	textBudget, textVotefold = "0.356", "votefold:eps=-1:p_nuc=0.74"
	askBudget, askVotefold   = "0.679", "votefold:eps=-1:p_nuc=0.64"
)

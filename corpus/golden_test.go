package corpus

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"testing"
)

// golden has a hash of the documents of every task. A document is a pure
// function of its task, seed and size, and models and figures rest on what it
// says: these change only if the corpus is meant to change.
var golden = map[string]string{
	"story":           "52cccf2b19dad105",
	"story-questions": "76f9294be17fb813",
	"fact":            "8f2284b23c0b68cb",
	"facts":           "1cff348d466c56e1",
	"fact-values":     "e280f97e96464311",
	"fact-queries":    "fe9978d02ca80300",
	"needle":          "91bcbaddeac2073c",
	"needle-keys":     "05c59c5c836f5a6b",
	"needle-values":   "2af6827139490dd4",
	"needle-queries":  "7f0721763712c60e",
	"pairs":           "cce3cc99d32382bf",
	"hops":            "9f1baf9aab28b82e",
	"frequent":        "62b41b0eb65b5731",
	"count":           "f301f7b0449af74a",
	"arithmetic":      "849e6916951d4cfc",

	"niah_single_1":   "11b11dfd72946458",
	"niah_single_2":   "d4b8500182949113",
	"niah_single_3":   "e0887a074ab76bc9",
	"niah_multikey_1": "fe8ef50fd41afa6f",
	"niah_multikey_2": "740b9501c7c59674",
	"niah_multikey_3": "0c211c70d85893d1",
	"niah_multivalue": "d632d1b6df50ec09",
	"niah_multiquery": "e05db937c0e16946",
	"vt":              "d672c1dbbd1e6034",
	"cwe":             "5113b927ee454e08",
	"fwe":             "0e40f2a75390daf9",
}

// goldenSizes are all kinds of sizes.
var goldenSizes = []Size{
	{Tokens: 120}, {Tokens: 256}, {Tokens: 700}, {Tokens: 1500},
	{Tokens: 400, Dense: true}, {Tokens: 600, Asks: 3}, {Tokens: 600, Depth: 0.4, Asks: 1},
	{Tokens: 500, Trained: true}, {Tokens: 300, Count: func(text string) int { return len(text) / 4 }},
}

// later finds what documents got after their hashes, in one as it is printed: what an
// answer lists, which repeats the answer, and the field for RULER's prefix.
var later = regexp.MustCompile(` Items:\[[^\]]*\]| Prefix:`)

func TestDocumentsStay(t *testing.T) {
	for _, task := range slices.Concat(Tasks(), RULERTasks()) {
		hash := sha256.New()
		written := 0
		sizes, seeds := goldenSizes, uint64(40)
		if task.write != nil {
			sizes, seeds = []Size{{Tokens: 1000, Haystack: testHaystack(t, 2000)}, {Tokens: 4096, Haystack: testHaystack(t, 2000)}}, 3
		}
		for _, size := range sizes {
			for seed := range seeds {
				for _, seed := range []uint64{seed, EvalFrom + seed} {
					d, err := New(task.Name, seed, size)
					if err == nil {
						written++
					}
					text := later.ReplaceAllString(fmt.Sprintf("%+v %v\n", d, err != nil), "")
					hash.Write([]byte(text))
				}
			}
		}
		if got := fmt.Sprintf("%x", hash.Sum(nil))[:16]; got != golden[task.Name] {
			t.Errorf("%d documents of %s have the hash %s, want %s", written, task.Name, got, golden[task.Name])
		}
	}
}

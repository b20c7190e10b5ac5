package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// sum names the content of an example: two with equal sums are asked the same.
func (e Example) sum() string {
	e.ID = ""
	data, err := json.Marshal(e)
	if err != nil {
		panic("BUG: eval: " + err.Error()) // strings and numbers
	}
	hash := sha256.Sum256(data)
	return hex.EncodeToString(hash[:8])
}

// Resume returns those results of a journal that are of this sweep, and the items
// that are left. Examples of a file are found again by their content, wherever
// their lines are now.
func (s *Sweep) Resume(done []Result) (kept []Result, left []Item) {
	if s.Config.Data == nil {
		byItem := map[Item]Result{}
		for _, r := range done {
			byItem[r.Item] = r
		}
		for _, it := range s.Items() {
			if r, ok := byItem[it]; ok {
				kept = append(kept, r)
			} else {
				left = append(left, it)
			}
		}
		return kept, left
	}
	bySum := map[string][]Result{} // a line may be there twice
	for _, r := range done {
		bySum[r.Sum] = append(bySum[r.Sum], r)
	}
	for _, it := range s.Items() {
		ex := s.Data[it.Number]
		same := bySum[ex.sum()]
		if len(same) == 0 {
			left = append(left, it)
			continue
		}
		r := same[0]
		r.Item, r.ID = it, ex.ID
		kept, bySum[ex.sum()] = append(kept, r), same[1:]
	}
	return kept, left
}

// withoutSet returns what a configuration says about all examples alike, without
// which ones they are.
func (c Config) withoutSet() Config {
	c.N, c.First, c.Examples, c.Shard, c.Tasks, c.Lengths = 0, 0, 0, Shard{}, nil, nil
	if c.Data != nil {
		c.Data = &File{Layout: c.Data.Layout}
	}
	return c
}

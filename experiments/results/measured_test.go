//go:build !js

package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keyfold/engine"
)

// The drawings beside the document are those of the files beside them.
func TestDrawings(t *testing.T) {
	const docs = "../../docs/results"
	k, err := readAll(docs)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := draw(k, dir); err != nil {
		t.Fatal(err)
	}
	drawn, _ := filepath.Glob(filepath.Join(dir, "*.svg"))
	there, _ := filepath.Glob(filepath.Join(docs, "*.svg"))
	if len(drawn) == 0 || len(drawn) != len(there) {
		t.Errorf("%d drawings are made, %d are there", len(drawn), len(there))
	}
	for _, path := range drawn {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(docs, filepath.Base(path)))
		if err != nil || string(got) != string(want) {
			t.Errorf("docs/results/%s is not what its file gives: run make results (%v)", filepath.Base(path), err)
		}
	}
	document, err := os.ReadFile(docs + ".md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if !strings.Contains(string(document), "(results/"+filepath.Base(path)+")") {
			t.Errorf("docs/results.md does not show %s", filepath.Base(path))
		}
	}
}

// about is a model of two layers with one KV head.
var about = About{
	Model: engine.ModelReport{Name: "small", SHA256: "abc", Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 4}, Tokens: 64, Machine: "a machine",
}

// madeUpInputs has two texts of each kind. KVMerger keeps the same of every
// one, 20 and 40 %; GVote keeps 10 % of the first of a kind and 30 % of the second.
func madeUpInputs() *Measured[Input] {
	m := &Measured[Input]{About: about}
	for _, kind := range kinds {
		for number := range 2 {
			gvote := 0.1 + 0.2*float64(number)
			m.Rows = append(m.Rows, Input{
				Kind: kind, Number: number, Similar: []float64{0.5, 0.2 * float64(number)},
				Kept:  map[string][]float64{"kvmerger": {0.2, 0.4}, "gvote": {gvote, gvote}},
				Sigma: []float64{2 + 2*float64(number), 0}, KeyNorm: []float64{6, 8},
			})
			if kind == repeated { // which is not counted among texts
				m.Rows[len(m.Rows)-1].Similar = []float64{1, 1}
			}
		}
	}
	return m
}

func madeUpSpeed() *Measured[Speed] {
	m := &Measured[Speed]{About: about}
	for i, kv := range []string{"f16", "q8_0"} {
		s := Speed{KV: kv, Budget: 1, Slots: 100, Bytes: 1000 / (i + 1)}
		for round := range rounds {
			s.Rates = append(s.Rates, float64((round+1)*(10+5*i)))
		}
		m.Rows = append(m.Rows, s)
	}
	return m
}

func madeUpKeys() *Measured[KeyMap] {
	cosine := make([]float32, 128*128)
	for i := range cosine {
		if i%129 == 0 { // a key with itself
			cosine[i] = 100
		}
	}
	cosine[128] = 0.5 // of keys 1 and 0
	cosine[1] = 0.5
	return &Measured[KeyMap]{About: about, Rows: []KeyMap{{0, 0, inCells(cosine, 128)}}}
}

// Cells are means of what lies in them, and a key is not compared with itself.
func TestInCells(t *testing.T) {
	cells := madeUpKeys().Rows[0].Cosine
	if len(cells) != mapCells || cells[0][0] != 0.5 || cells[1][1] != 0 || len(cells[5]) != 6 {
		t.Errorf("cells begin with %v and %v", cells[0], cells[1])
	}
	if got := ends(6, 3); !slices.Equal(got, []int{0, 3, 5}) {
		t.Errorf("of 6 layers %v are mapped", got)
	}
	if got := ends(1, 3); !slices.Equal(got, []int{0}) {
		t.Errorf("of one layer %v are mapped", got)
	}
}

func TestMeasuredTables(t *testing.T) {
	inputs := madeUpInputs()
	for _, tc := range []struct {
		table string
		rows  []string
	}{
		{premiseTable(inputs), []string{
			"| 0 | 50.0 | 50.0 | 50.0 | 50.0 | 100.0 | 50.0 | premise present |\n",
			"| 1 | 10.0 | 10.0 | 10.0 | 10.0 | 100.0 | 10.0 | premise absent |\n",
			"**The premise is absent in 1 of 2 layers of small.**",
		}},
		{keptTable(inputs), []string{
			"| kvmerger | facts | 30.0 | 0.0 | 30.0 to 30.0 |\n",
			"| gvote | story | 20.0 | 10.0 | 10.0 to 30.0 |\n",
			"| kvmerger | 100 | 0 | 0 |\n", "| gvote | 0 | 100 | 0 |\n",
		}},
		// Of five kinds one text each has 2, the other 4.
		{sigmaTable(inputs), []string{"| 0 | 10 of 10 | 3.00 (2.00 to 4.00) | 6.00 | 0.50 |\n", "| 1 | 0 of 10 | | 8.00 | |\n"}},
		{speedTable(madeUpSpeed()), []string{
			"| f16 | 100 | 100 | 1000 | 100.0 | 80 | 1.00 (1.00 to 1.00) |\n", "| q8_0 | 100 | 100 | 500 | 50.0 | 120 | 1.50 (1.50 to 1.50) |\n",
		}},
	} {
		for _, want := range tc.rows {
			if !strings.Contains(tc.table, want) {
				t.Errorf("table\n%swant the row\n%s", tc.table, want)
			}
		}
	}
	if got := at([]float64{3, 1, 2, 4}, 0.5); got != 2.5 {
		t.Errorf("the median is %g, want 2.5", got)
	}
	// Neither the layer nor the text says which of these it is.
	inputs.Rows = inputs.Rows[:2]
	inputs.Rows[0].Kept["gvote"], inputs.Rows[1].Kept["gvote"] = []float64{1, 0}, []float64{0, 1}
	if layers, texts, rest := parts(inputs, "gvote"); layers != 0 || texts != 0 || rest != 1 {
		t.Errorf("parts %g, %g and %g", layers, texts, rest)
	}
}

// What is kept is read as it was, and a file with something wrong is not read.
func TestBrokenFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(v any, change func(map[string]any)) {
		t.Helper()
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var file map[string]any
		if err := json.Unmarshal(data, &file); err != nil {
			t.Fatal(err)
		}
		change(file)
		if data, err = json.Marshal(file); err == nil {
			err = os.WriteFile(filepath.Join(dir, "m.json"), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	keys := func() error { _, err := readMeasured[KeyMap](dir, "m"); return err }
	inputs := func() error { _, err := readMeasured[Input](dir, "m"); return err }
	speed := func() error { _, err := readMeasured[Speed](dir, "m"); return err }
	row := func(file map[string]any) map[string]any { return file["rows"].([]any)[0].(map[string]any) }

	none := func(map[string]any) {}
	for _, tc := range []struct {
		name   string
		kept   any
		read   func() error
		change func(map[string]any)
		want   string
	}{
		{"keys", madeUpKeys(), keys, none, ""},
		{"inputs", madeUpInputs(), inputs, none, ""},
		{"speed", madeUpSpeed(), speed, none, ""},
		{"no model", madeUpSpeed(), speed, func(f map[string]any) { delete(f, "model") }, `by the model ""`},
		{"no rows", madeUpSpeed(), speed, func(f map[string]any) { f["rows"] = []any{} }, "0 rows"},
		{"a layer too few", madeUpInputs(), inputs, func(f map[string]any) { row(f)["similar_neighbours"] = []any{0.5} }, "row 0: story 0: shares [0.5]"},
		{"more than all", madeUpInputs(), inputs, func(f map[string]any) { row(f)["kept"].(map[string]any)["gvote"] = []any{0.5, 1.5} }, "shares [0.5 1.5]"},
		{"no GVote", madeUpInputs(), inputs, func(f map[string]any) { delete(row(f)["kept"].(map[string]any), "gvote") }, "shares []"},
		{"no sigma", madeUpInputs(), inputs, func(f map[string]any) { delete(row(f), "sigma") }, "sigma []"},
		{"another kind", madeUpInputs(), inputs, func(f map[string]any) { row(f)["kind"] = "poem" }, "poem"},
		{"a row short", madeUpKeys(), keys, func(f map[string]any) { row(f)["cosine"].([]any)[3] = []any{0.1} }, "row 3 of a map is [0.1]"},
		{"no cosine", madeUpKeys(), keys, func(f map[string]any) { row(f)["cosine"].([]any)[0] = []any{1.5} }, "row 0 of a map is [1.5]"},
		{"another layer", madeUpKeys(), keys, func(f map[string]any) { row(f)["layer"] = 2 }, "layer 2"},
		{"another type", madeUpSpeed(), speed, func(f map[string]any) { row(f)["kv"] = "q1" }, `"q1"`},
		{"a round too few", madeUpSpeed(), speed, func(f map[string]any) { row(f)["tokens_per_s"] = []any{1} }, "[1] tokens/s"},
	} {
		write(tc.kept, tc.change)
		err := tc.read()
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "m.json"), []byte(`{"rows": [`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := speed(); err == nil {
		t.Error("half a file is read")
	}
	if m, err := readMeasured[Speed](dir, "gone"); m != nil || err != nil {
		t.Errorf("a file that is not there gives %v and %v", m, err)
	}
}

// A document says what its files do, and no more.
func TestMeasuredBlocks(t *testing.T) {
	k := &kept{inputs: map[string]*Measured[Input]{"inputs": madeUpInputs()}, speed: madeUpSpeed()}
	document := ""
	for _, name := range []string{"premise inputs", "kept inputs", "sigma inputs", "speed speed"} {
		document += "<!-- " + name + " -->\n<!-- end -->\n"
	}
	filled, err := fill(document, k)
	if err != nil || strings.Count(filled, "\n| ") < 10 {
		t.Errorf("%v in\n%s", err, filled)
	}
	// One number of a file that is another one is seen.
	k.inputs["inputs"].Rows[0].Similar[1], k.speed.Rows[1].Bytes = 0.9, 1
	k.inputs["inputs"].Rows[0].Sigma[1], k.inputs["inputs"].Rows[0].Kept["gvote"][0] = 3, 0.9
	other, err := fill(document, k)
	if err != nil {
		t.Fatal(err)
	}
	before, after := block.FindAllString(filled, -1), block.FindAllString(other, -1)
	for i := range before {
		if before[i] == after[i] {
			t.Errorf("another number changes nothing in\n%s", before[i])
		}
	}
	if got, err := fill("<!-- sigma gone -->\n<!-- end -->", &kept{}); err != nil || !strings.Contains(got, "The measurement `gone` has not run.") {
		t.Errorf("%q, %v", got, err)
	}
}

// A measurement is taken where its file is not there or of another model.
func TestRunMeasurement(t *testing.T) {
	dir := t.TempDir()
	taken := 0
	m := measurement{"m", "", 128, taking(func(s *subject) ([]KeyMap, error) {
		taken++
		return mapKeys(s)
	})}
	run := func(anew bool, want int) {
		t.Helper()
		if err := m.run(dir, anew); err != nil {
			t.Fatal(err)
		}
		if taken != want {
			t.Errorf("taken %d times, want %d", taken, want)
		}
	}
	run(false, 1)
	run(false, 1)
	run(true, 2)
	path := filepath.Join(dir, "m.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := readMeasured[KeyMap](dir, "m")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), kept.Model.SHA256, "of another", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	run(false, 3)
	t.Setenv("KEYFOLD_NO_MODEL", "")
	m.model = "KEYFOLD_NO_MODEL"
	run(false, 3)
}

// A text of each kind has the tokens that it should, and the methods say of it
// what a file may say.
func TestReadInput(t *testing.T) {
	m := measurement{tokens: 192}
	s, err := m.open("")
	if err != nil {
		t.Fatal(err)
	}
	defer s.e.Close()
	texts := map[string]bool{}
	for _, kind := range kinds {
		ids, err := s.text(kind, 1)
		if err != nil || len(ids) != 192 || ids[0] != s.e.Tokenizer.BOS() {
			t.Errorf("%s: %d tokens, %v", kind, len(ids), err)
		}
		text, err := s.e.Tokenizer.Decode(ids)
		if err != nil || texts[text] {
			t.Errorf("%s: %q, %v", kind, text, err)
		}
		texts[text] = true
		first, rest, _ := strings.Cut(text, ".")
		if again := strings.Contains(rest, strings.TrimSpace(first)+"."); again != (kind == repeated) {
			t.Errorf("%s says its first sentence again: %v", kind, again)
		}
		in, err := s.readInput(kind, 1)
		if err == nil {
			err = in.check(&s.About)
		}
		if err != nil {
			t.Fatal(err)
		}
		if kind == "story" && (in.Similar[0] < 0.3 || in.Kept["kvmerger"][0] > 0.9 || in.Sigma[0] < 1e-3) {
			t.Errorf("the first layer, whose neighbours are alike: %+v", in)
		}
	}
}

// The map of the needle and the cells of its sweep are of the same questions.
func TestNeedles(t *testing.T) {
	k, err := readAll("../../docs/results")
	if err != nil {
		t.Fatal(err)
	}
	s := k.sweeps["needle"]
	if s == nil {
		return // it has not run
	}
	if len(s.Needles) != len(s.names(s.Config.Lengths[0])) {
		t.Errorf("%d maps of %d methods", len(s.Needles), len(s.names(s.Config.Lengths[0])))
	}
	for _, h := range s.Needles {
		for j, length := range h.Xs {
			mean := 0.0
			for i := range h.Ys {
				mean += h.Cell[i][j] / float64(len(h.Ys))
			}
			// Places have not all as many questions.
			if score := *s.find(h.Title, int(length))[0].Score; math.Abs(mean-score) > 0.1 {
				t.Errorf("%s at %g tokens: a mean of %.2f over depths, %.2f over questions", h.Title, length, mean, score)
			}
		}
	}
	s.Needles[0].Cell[0][0] = math.NaN()
	if err := s.write(filepath.Join(t.TempDir(), "s.json")); err == nil {
		t.Error("a map with an empty place is kept")
	}
}

//go:build !js

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"keyfold/eval"
)

// block is a part of the document that is made from the summaries:
//
//	<!-- table text 256 -->
//	...
//	<!-- end -->
var block = regexp.MustCompile(`(?s)<!-- (table|layers|contrasts|command|gate|premise|kept|sigma|speed) ?([^>]*?) -->\n.*?<!-- end -->`)

// fill returns the document with its blocks made anew.
func fill(document string, k *kept) (string, error) {
	var failed error
	filled := block.ReplaceAllStringFunc(document, func(old string) string {
		match := block.FindStringSubmatch(old)
		text, err := content(match[1], strings.Fields(match[2]), k)
		if err != nil && failed == nil {
			failed = fmt.Errorf("<!-- %s %s -->: %w", match[1], match[2], err)
		}
		first, _, _ := strings.Cut(old, "\n")
		return first + "\n" + text + "<!-- end -->"
	})
	return filled, failed
}

// content returns what a block holds.
func content(kind string, args []string, k *kept) (string, error) {
	if len(args) == 0 {
		return "", fmt.Errorf("it names nothing")
	}
	switch kind {
	case "contrasts":
		return contrastBlock(args[0], k.sweeps)
	case "premise":
		return measuredBlock(args[0], k.inputs[args[0]], premiseTable), nil
	case "kept":
		return measuredBlock(args[0], k.inputs[args[0]], keptTable), nil
	case "sigma":
		return measuredBlock(args[0], k.inputs[args[0]], sigmaTable), nil
	case "speed":
		return measuredBlock(args[0], k.speed, speedTable), nil
	}
	s := k.sweeps[args[0]]
	if s == nil {
		return "The sweep `" + args[0] + "` has not run.\n", nil
	}
	if kind == "command" {
		return "    " + s.Command + "\n", nil
	}
	length := s.Config.Lengths[0]
	if len(args) > 1 {
		var err error
		if length, err = strconv.Atoi(args[1]); err != nil {
			return "", err
		}
	}
	switch {
	case kind == "gate":
		return gateBlock(s, k.sweeps["gate-held-out"]), nil
	case kind == "layers":
		return s.layerTable(length), nil
	case slices.Contains(s.Config.Tasks, eval.Perplexity):
		return s.textTable(length), nil
	}
	return s.questionTable(length), nil
}

// measuredBlock returns a table of a measurement.
func measuredBlock[Row row](name string, m *Measured[Row], table func(*Measured[Row]) string) string {
	if m == nil {
		return "The measurement `" + name + "` has not run.\n"
	}
	return table(m)
}

func contrastBlock(outcome string, summaries map[string]*Summary) (string, error) {
	list, value := onText, contextNLL
	if outcome == "questions" {
		list, value = onQuestions, eval.Sample.Value
	}
	for _, c := range list {
		if summaries[c.a.sweep] == nil || summaries[c.b.sweep] == nil {
			return "The sweeps of these contrasts have not run.\n", nil
		}
	}
	done, err := compare(summaries, list, value)
	if err != nil {
		return "", err
	}
	return contrastTable(done, outcome == "questions"), nil
}

// gateBlock says whether the model is good enough to lose anything.
func gateBlock(gate, heldOut *Summary) string {
	full, removed := gate.find(eval.Full, 512)[0], gate.find(eval.Removed, 512)[0]
	verdict := "**The gate is not passed: text decides.**"
	if *full.Score >= 0.95 && *removed.Score <= *full.Guess {
		verdict = "**The gate is passed: questions decide.**"
	}
	text := fmt.Sprintf("%s, `fact` at 512 tokens: %.1f %% of %d questions; with the asked fact cut out %.1f %%, where a guess is right %.1f %% of the time. %s\n",
		gate.Config.Model.Name, 100**full.Score, full.N, 100**removed.Score, 100**full.Guess, verdict)
	if heldOut != nil {
		text += fmt.Sprintf("With words and frames that training has not seen among the others: %.1f %%.\n", 100**heldOut.find(eval.Full, 512)[0].Score)
	}
	return text
}

// names returns the rows of a length, in the order of the cells.
func (s *Summary) names(length int) []string {
	var names []string
	for _, c := range s.Cells {
		if name := c.String(); c.Length == length && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// questionTable shows the scores of all tasks at a length, and what they cost.
func (s *Summary) questionTable(length int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| score, %% | %s | all | less than full, 95 %% interval | gained, lost | kept, %% | bytes, %% of full f16 | KL | delta NLL |\n| --- |%s\n",
		strings.Join(s.Config.Tasks, " | "), strings.Repeat(" --- |", len(s.Config.Tasks)+7))
	full := pooled(s.find(eval.Full, length))
	for _, name := range s.names(length) {
		cells := s.find(name, length)
		fmt.Fprintf(&b, "| %s |", name)
		for _, task := range s.Config.Tasks {
			if c := s.find(name, length, task); len(c) == 1 {
				fmt.Fprintf(&b, " %.1f |", 100**c[0].Score)
			} else {
				b.WriteString(" |")
			}
		}
		all := pooled(cells)
		fmt.Fprintf(&b, " %.1f |", 100*mean(all, eval.Sample.Value))
		if name == eval.Full || name == eval.Removed {
			b.WriteString(" | | 100 | ")
			fmt.Fprintf(&b, "%.1f | | |\n", 100*s.bytes(cells))
			continue
		}
		gained, lost, ratio := 0.0, 0.0, 0.0
		for _, c := range cells {
			gained += *c.Gained
			lost += *c.Lost
			ratio += c.Ratio / float64(len(cells))
		}
		fmt.Fprintf(&b, " %s | %.0f, %.0f | %.1f | %.1f | %.4f | %+.4f |\n",
			interval(eval.Compare(all, full, eval.Sample.Value), 100, "%.1f"), gained, lost, 100*ratio, 100*s.bytes(cells),
			mean(all, func(s eval.Sample) float64 { return s.KL }), mean(all, func(s eval.Sample) float64 { return s.DeltaNLL }))
	}
	return b.String()
}

// textTable shows what text behind a compressed context is worth.
func (s *Summary) textTable(length int) string {
	var b strings.Builder
	full := s.find(eval.Full, length)
	fmt.Fprintf(&b, "| %d windows, nats per token | KL, 95 %% interval | delta NLL | of the %d tokens that need their context | kept, %% | slots | bytes | bytes, %% of full f16 |\n",
		full[0].N, full[0].ContextTokens)
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	before := full[0].samples()
	for _, name := range s.names(length) {
		c := s.find(name, length)[0]
		size := fmt.Sprintf("%.1f | %.0f | %.0f | %.1f |\n", 100*c.Ratio, c.Slots, c.Bytes, 100*s.bytes([]Cell{c}))
		if name == eval.Full {
			fmt.Fprintf(&b, "| %s | NLL %.4f | | NLL %.4f | %s", name, *c.NLL, *c.ContextNLL, size)
			continue
		}
		after := c.samples()
		kl := eval.Compare(after, before, func(s eval.Sample) float64 { return s.KL })
		context := eval.Compare(counted(after), counted(before), contextNLL)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s", name,
			strings.ReplaceAll(interval(kl, 1, "%.4f"), "+", ""), interval(eval.Compare(after, before, eval.Sample.Value), 1, "%.4f"),
			interval(context, 1, "%.4f"), size)
	}
	return b.String()
}

// layerTable shows which part of each layer is kept, by task: whether that
// depends on the input. Methods that keep the same of every layer are not in it.
func (s *Summary) layerTable(length int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| kept, %% | task |")
	for l := range s.Config.Model.Layers {
		fmt.Fprintf(&b, " layer %d |", l)
	}
	fmt.Fprintf(&b, "\n| --- | --- |%s\n", strings.Repeat(" --- |", s.Config.Model.Layers))
	for _, name := range s.names(length) {
		if name == eval.Full || name == eval.Removed {
			continue
		}
		for _, c := range s.find(name, length) {
			if slices.Max(c.Layers)-slices.Min(c.Layers) < 0.01 {
				continue
			}
			fmt.Fprintf(&b, "| %s | %s |", name, c.Task)
			for _, ratio := range c.Layers {
				fmt.Fprintf(&b, " %.0f |", 100*ratio)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// mean returns the mean of a value of samples.
func mean(samples []eval.Sample, value func(eval.Sample) float64) float64 {
	sum := 0.0
	for _, s := range samples {
		sum += value(s)
	}
	return sum / float64(len(samples))
}

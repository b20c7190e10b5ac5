package corpus

import (
	"slices"
	"strings"
)

// An effect is what a sentence changes or states: "give a b x".
type effect struct {
	op   string
	args []string
}

// A node of a plot is one sentence, with its frames and effects, or a choice.
type node struct {
	frames    frameList
	effects   []effect
	optional  bool
	paragraph bool // begins one
	choice    [][]node
}

// A role is a person, item or place of a plot and its kind.
type role struct{ name, kind string }

// A plot is what happens in a tale.
type plot struct {
	mini  bool // told in a few sentences
	roles []role
	body  []node
}

// A register is what stands around a tale: a letter, a diary.
type register struct{ open, end []node }

// A plotFile is what plots.txt holds.
type plotFile struct {
	plots     []plot
	registers []register
}

var (
	tales     = must(readPlots("plots.txt", load("plots.txt")))
	plots     = tales.plots
	registers = tales.registers
)

// effectArgs is how many roles every effect has. After "why" and its role
// follows the reason, in words.
var effectArgs = map[string]int{
	"own": 2, "at": 2, "go": 2, "give": 3, "leave": 3, "hide": 3, "lies": 2, "lose": 3, "find": 3, "take": 2,
	"want": 2, "first": 2, "job": 1, "animal": 1, "color": 1, "felt": 1, "ate": 1, "weather": 0, "wrote": 1,
}

// A plotReader reads the lines of a file of plots. The head of plots.txt
// explains their form.
type plotReader struct {
	file   string
	lines  []line // that are left
	blocks map[string][]node
}

// readPlots reads plots and registers.
func readPlots(file, text string) (plotFile, error) {
	r := &plotReader{file, contentLines(text), map[string][]node{}}
	var out plotFile
	for len(r.lines) > 0 {
		if err := r.section(&out); err != nil {
			return plotFile{}, err
		}
	}
	return out, nil
}

// next takes the next line.
func (r *plotReader) next() line {
	l := r.lines[0]
	r.lines = r.lines[1:]
	return l
}

// section reads a block, which stays here, or a plot or register.
func (r *plotReader) section(out *plotFile) error {
	head := r.next()
	words := strings.Fields(head.text)
	if len(words) < 2 || words[0] != "==" {
		return errorAt(r.file, head.number, "want the head of a section: %q", head.text)
	}
	kind, args := words[1], words[2:]
	body, end, err := r.nodes()
	var after []node // of a register
	if kind == "register" && err == nil {
		if end != "..." {
			return errorAt(r.file, head.number, "a register needs a line with ... where its tale stands")
		}
		after, end, err = r.nodes()
	}
	if err != nil {
		return err
	}
	if end != "" {
		return errorAt(r.file, head.number, "a line with %s in this section ends nothing", end)
	}
	switch {
	case kind == "block" && len(args) == 1:
		r.blocks[args[0]] = body
	case kind == "register":
		out.registers = append(out.registers, register{body, after})
	case kind == "plot" || kind == "mini":
		roles, err := r.roles(head, args)
		out.plots = append(out.plots, plot{mini: kind == "mini", roles: roles, body: body})
		return err
	default:
		return errorAt(r.file, head.number, `want "plot", "mini", "register" or "block" with its name: %q`, head.text)
	}
	return nil
}

// roles reads the roles of a plot: "a:child".
func (r *plotReader) roles(head line, words []string) ([]role, error) {
	var roles []role
	for _, word := range words {
		name, kind, _ := strings.Cut(word, ":")
		if !isRoleKind(kind) {
			return nil, errorAt(r.file, head.number, "%q is neither a person nor a thing nor a place", word)
		}
		roles = append(roles, role{name, kind})
	}
	return roles, nil
}

// isRoleKind says whether a kind is one of people, things or places.
func isRoleKind(kind string) bool {
	_, item := itemKinds[kind]
	_, place := placeKinds[kind]
	return item || place || slices.Contains([]string{"person", "child", "grown", "old"}, kind)
}

// nodes reads lines up to the end of a section, or to one with /, ) or ..., which
// it takes and returns.
func (r *plotReader) nodes() (nodes []node, end string, err error) {
	var frames *frameList // of the node that began last
	held := false
	for len(r.lines) > 0 && !strings.HasPrefix(r.lines[0].text, "==") {
		l := r.next()
		mark, after, _ := strings.Cut(l.text, " ")
		switch mark {
		case "-", "*", "?", "?*":
			n := node{optional: mark[0] == '?', paragraph: strings.HasSuffix(mark, "*")}
			if n.effects, err = r.effects(l, after); err != nil {
				return nil, "", err
			}
			nodes = append(nodes, n)
			frames, held = &nodes[len(nodes)-1].frames, false
		case "(":
			n, err := r.choice(l)
			if err != nil {
				return nil, "", err
			}
			nodes, frames = append(nodes, n), nil
		case "/", ")", "...":
			return nodes, mark, nil
		case "use":
			block, ok := r.blocks[after]
			if !ok {
				return nil, "", errorAt(r.file, l.number, "no block %q stands above", after)
			}
			nodes, frames = append(nodes, block...), nil
		case "|":
			held = true
		default:
			if frames == nil {
				return nil, "", errorAt(r.file, l.number, "a sentence without a line with -, *, ? or ?* above it: %q", l.text)
			}
			if err := frame(l.text).check(); err != nil {
				return nil, "", errorAt(r.file, l.number, "%v", err)
			}
			frames.add(frame(l.text), held)
		}
	}
	return nodes, "", nil
}

// choice reads the branches of a choice, whose first line is taken.
func (r *plotReader) choice(first line) (node, error) {
	var n node
	for {
		branch, end, err := r.nodes()
		if err != nil {
			return node{}, err
		}
		n.choice = append(n.choice, branch)
		switch end {
		case ")":
			return n, nil
		case "/":
		default:
			return node{}, errorAt(r.file, first.number, "the choice that begins here does not end")
		}
	}
}

// effects reads what a sentence changes or states: effects with semicolons between them.
func (r *plotReader) effects(l line, text string) ([]effect, error) {
	var effects []effect
	for part := range strings.SplitSeq(text, ";") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		args, ok := effectArgs[words[0]]
		if words[0] == "why" {
			args, ok = max(2, len(words)-1), true
		}
		if !ok || len(words)-1 != args {
			return nil, errorAt(r.file, l.number, "%q is no effect with so many roles", part)
		}
		effects = append(effects, effect{words[0], words[1:]})
	}
	return effects, nil
}

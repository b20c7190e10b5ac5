//go:build !js

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// flagSet is a command's flags and its help.
type flagSet struct {
	*flag.FlagSet
	usage string
	model *modelFlags // nil: no flag names a model
}

// newFlags returns the flags of a command whose help begins with usage.
func newFlags(name, usage string) *flagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are printed once, by run
	return &flagSet{FlagSet: fs, usage: usage}
}

// help prints the usage, then the flags.
func (fs *flagSet) help(w io.Writer) {
	fmt.Fprint(w, fs.usage, "\nflags:\n")
	fs.VisitAll(func(f *flag.Flag) {
		arg, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "false" {
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "    %s\n        %s\n", strings.TrimSpace("-"+f.Name+" "+arg), text)
	})
}

// parse parses flags, prints the help if args ask for it, refuses more than maxArgs
// arguments after the flags, and finds the model that a flag names.
func (fs *flagSet) parse(t terminal, args []string, maxArgs int) error {
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.help(t.out)
		return err
	case err != nil:
		return usageError("%s: %v", fs.Name(), err)
	case fs.NArg() > maxArgs:
		return usageError("%s: unexpected argument %q; flags come before it, and a text of several words is quoted",
			fs.Name(), fs.Arg(maxArgs))
	case fs.model != nil:
		return fs.model.locate()
	}
	return nil
}

// given reports whether a flag was set on the command line.
func given(fs *flagSet, name string) bool {
	found := false
	fs.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// onlyGiven fails if another flag than the named ones was set: the first of
// them says why.
func onlyGiven(fs *flagSet, names ...string) (err error) {
	fs.Visit(func(f *flag.Flag) {
		if err == nil && !slices.Contains(names, f.Name) {
			err = usageError("-%s and -%s are both given, but -%[1]s takes nothing but -%[3]s", names[0], f.Name, strings.Join(names[1:], ", -"))
		}
	})
	return err
}

// optionFlag collects KEY=VALUE pairs.
type optionFlag map[string]string

func (o *optionFlag) String() string {
	if o == nil {
		return ""
	}
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(*o)) {
		pairs = append(pairs, k+"="+(*o)[k])
	}
	return strings.Join(pairs, " ")
}

func (o *optionFlag) Set(s string) error {
	key, value, ok := strings.Cut(s, "=")
	if !ok || key == "" {
		return fmt.Errorf("want KEY=VALUE")
	}
	if *o == nil {
		*o = optionFlag{}
	}
	if _, twice := (*o)[key]; twice {
		return fmt.Errorf("%s is given twice", key)
	}
	(*o)[key] = value
	return nil
}

// pinFlag collects FROM:TO ranges.
type pinFlag [][2]int

func (p *pinFlag) String() string { return "" }

func (p *pinFlag) Set(s string) error {
	from, to, ok := strings.Cut(s, ":")
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	if !ok || err1 != nil || err2 != nil || first < 0 || last <= first {
		return fmt.Errorf("want FROM:TO with 0 <= FROM < TO")
	}
	*p = append(*p, [2]int{first, last})
	return nil
}

// textsFlag collects texts.
type textsFlag []string

func (l *textsFlag) String() string { return "" }

func (l *textsFlag) Set(s string) error {
	if s == "" {
		return fmt.Errorf("want a text")
	}
	*l = append(*l, s)
	return nil
}

//go:build !js

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/layout"
	"keyfold/models"
)

// flagSet is a command's flags and its help.
type flagSet struct {
	*flag.FlagSet
	usage string
}

// newFlags returns the flags of a command whose help begins with usage.
func newFlags(name, usage string) *flagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are printed once, by run
	return &flagSet{fs, usage}
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

// parse parses flags, prints the help if it is asked for, and refuses more than
// `most` arguments behind the flags.
func (fs *flagSet) parse(t terminal, args []string, most int) error {
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.help(t.out)
		return err
	case err != nil:
		return usageError("%s: %v", fs.Name(), err)
	case fs.NArg() > most:
		return usageError("%s: unexpected argument %q; flags come before it, and a text of several words is quoted",
			fs.Name(), fs.Arg(most))
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

// modelFlags name the model and its tokenizer.
type modelFlags struct{ model, tokenizer string }

func (m *modelFlags) register(fs *flagSet) {
	fs.StringVar(&m.model, "model", models.Name, "`PATH` of a .gguf, .bin or .safetensors file or of a folder with config.json, or the name of the built-in model")
	fs.StringVar(&m.tokenizer, "tokenizer", "", "`PATH` of tokenizer.json, tokenizer.bin or a .gguf; without it the model's own, or the one beside it")
}

// open opens the model, and its tokenizer if one is wanted and found.
func (m *modelFlags) open(wantTokenizer bool) (*checkpoint.File, *tokenizer.Tokenizer, error) {
	var f *checkpoint.File
	var err error
	if m.model == models.Name {
		f, err = models.Open()
	} else {
		f, err = checkpoint.Open(m.model)
	}
	if err != nil {
		return nil, nil, err
	}
	if !wantTokenizer {
		return f, nil, nil
	}
	tok, err := m.findTokenizer(f.Meta, f.Config.VocabSize)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, tok, nil
}

// findTokenizer returns the tokenizer given by -tokenizer, else the one in the
// metadata of the model, else the one beside it that fits vocab tokens (0: any).
func (m *modelFlags) findTokenizer(meta map[string]any, vocab int) (*tokenizer.Tokenizer, error) {
	if m.tokenizer != "" {
		tok, err := readTokenizer(m.tokenizer, vocab)
		if err != nil {
			return nil, fmt.Errorf("-tokenizer %s: %w", m.tokenizer, err)
		}
		return tok, nil
	}
	if _, ok := meta["tokenizer.ggml.model"]; ok {
		tok, err := tokenizer.FromGGUF(meta)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.model, err)
		}
		return tok, nil
	}
	folder := m.model
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		folder = filepath.Dir(folder)
	}
	for _, name := range []string{"tokenizer.json", "tokenizer.bin"} {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			tok, err := readTokenizer(path, vocab)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			return tok, nil
		}
	}
	paths, _ := filepath.Glob(filepath.Join(folder, "tok*.bin"))
	var found []string
	var tok *tokenizer.Tokenizer
	for _, path := range paths {
		if path == filepath.Clean(m.model) {
			continue
		}
		if t, err := readTokenizer(path, vocab); err == nil {
			found, tok = append(found, path), t
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%s has no tokenizer and none of %d tokens lies beside it; name one with -tokenizer", m.model, vocab)
	case 1:
		return tok, nil
	}
	return nil, fmt.Errorf("%s: %s would all do as its tokenizer; name one with -tokenizer", m.model, strings.Join(found, " and "))
}

// readTokenizer reads a tokenizer by its file's name.
func readTokenizer(path string, vocab int) (*tokenizer.Tokenizer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var tok *tokenizer.Tokenizer
	switch filepath.Ext(path) {
	case ".json":
		tok, err = tokenizer.FromJSON(f)
	case ".gguf":
		var info os.FileInfo
		if info, err = f.Stat(); err != nil {
			return nil, err
		}
		var meta map[string]any
		if meta, err = checkpoint.ReadGGUFMeta(f, info.Size(), path); err != nil {
			return nil, err
		}
		tok, err = tokenizer.FromGGUF(meta)
	default:
		tok, err = tokenizer.FromLlama2C(f, vocab)
	}
	if err != nil {
		return nil, err
	}
	if vocab != 0 && tok.VocabSize() != vocab {
		return nil, fmt.Errorf("the tokenizer has %d tokens, the model %d", tok.VocabSize(), vocab)
	}
	return tok, nil
}

// runFlags say where and how the model runs and how its cache is compressed.
type runFlags struct {
	modelFlags
	device, method, kv string
	positions          string
	every              int
	budget             float64
	options            optionFlag
	seed               uint
}

func (r *runFlags) register(fs *flagSet, kv string) {
	r.registerDevice(fs)
	fs.StringVar(&r.method, "method", "full", "compression `METHOD`: "+strings.Join(compress.Names(), ", ")+"; with -help, its options")
	fs.Float64Var(&r.budget, "budget", 0, "kept / total over the whole cache, 0 < `R` <= 1, for methods that take one")
	fs.Var(&r.options, "opt", "method option `KEY=VALUE`, may be repeated")
	fs.StringVar(&r.kv, "kv", kv, "`TYPE` of the cache's elements: "+layout.CacheTypeNames)
	fs.StringVar(&r.positions, "positions", "text", "`WHERE` positions count: text, or cache: compression turns the keys to positions within the cache, so that only slots in use count towards the context")
}

func (r *runFlags) registerEvery(fs *flagSet) {
	fs.IntVar(&r.every, "every", 0, "compress again whenever `N` tokens have been decoded since the last time; 0: only once")
}

// canRepeat returns an error if a method cannot do what -every says.
func (r *runFlags) canRepeat(m compress.Method) error {
	if r.every == 0 {
		return nil
	}
	if err := engine.CanRepeat(m, r.every); err != nil {
		return usageError("-every: %v", err)
	}
	return nil
}

// registerDevice registers the flags that need no method: model, device and seed.
func (r *runFlags) registerDevice(fs *flagSet) {
	r.modelFlags.register(fs)
	fs.StringVar(&r.device, "device", "auto", "`DEVICE` to run on: auto, gpu or cpu")
	fs.UintVar(&r.seed, "seed", 1, "seed `N`: same seed, same draws")
}

// parse parses the flags. With -help after -method it shows the method's options too.
func (r *runFlags) parse(t terminal, fs *flagSet, args []string, most int) error {
	err := fs.parse(t, args, most)
	if errors.Is(err, flag.ErrHelp) && given(fs, "method") {
		if helpErr := methodHelp(t.out, r.method); helpErr != nil {
			return helpErr
		}
	}
	if err != nil {
		return err
	}
	if uint64(r.seed) > 1<<32-1 {
		return usageError("-seed is %d, want 0 to %d", r.seed, uint32(1<<32-1))
	}
	if err := r.checkDevice(); err != nil {
		return err
	}
	if given(fs, "budget") && !(r.budget > 0 && r.budget <= 1) {
		return usageError("-budget is %g, want 0 < R <= 1", r.budget)
	}
	if given(fs, "every") && r.every < 1 {
		return usageError("-every is %d, want at least 1", r.every)
	}
	switch {
	case !given(fs, "positions"):
	case r.positions != "text" && r.positions != "cache":
		return usageError("-positions is %q, want text or cache", r.positions)
	case r.inCache() && r.method == "full":
		return usageError("-positions cache needs a -method that drops or merges: in the full cache positions are those in the text")
	}
	return nil
}

// inCache reports whether positions count within the cache.
func (r *runFlags) inCache() bool { return r.positions == "cache" }

func (r *runFlags) checkDevice() error {
	switch engine.DeviceKind(r.device) {
	case engine.Auto, engine.GPU, engine.CPU:
		return nil
	}
	return usageError("-device is %q, want auto, gpu or cpu", r.device)
}

func methodHelp(w io.Writer, name string) error {
	options, line, err := compress.Help(name)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nmethod %s: %s\n", name, line)
	for _, o := range options {
		fmt.Fprintf(w, "    -opt %s=%s\n        %s; %s\n", o.Key, o.Default, o.Meaning, o.Want)
		if o.Differs != "" {
			fmt.Fprintf(w, "        differs from the paper: %s\n", o.Differs)
		}
	}
	return nil
}

// newMethod returns the chosen method.
func (r *runFlags) newMethod() (compress.Method, error) {
	return compress.New(compress.Settings{
		Name: r.method, Budget: r.budget, Options: r.options, Seed: uint32(r.seed),
	})
}

// cacheType returns the chosen element type.
func (r *runFlags) cacheType() (layout.CacheType, error) {
	t, ok := layout.CacheTypeOf(r.kv)
	if !ok {
		return 0, usageError("-kv is %q, want %s", r.kv, layout.CacheTypeNames)
	}
	return t, nil
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

// parseIDs reads comma-separated token ids.
func parseIDs(flagName, s string) ([]int, error) {
	if s == "" {
		return nil, usageError("%s is missing: want comma-separated token ids", flagName)
	}
	var ids []int
	for _, field := range strings.Split(s, ",") {
		id, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || id < 0 {
			return nil, usageError("%s: %q is not a token id", flagName, field)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// checkIDs reports the first id that the model does not have.
func checkIDs(ids []int, vocab int) error {
	for i, id := range ids {
		if id >= vocab {
			return fmt.Errorf("token %d is %d, this model has ids 0 to %d", i, id, vocab-1)
		}
	}
	return nil
}

// knowsNoFuture fails for methods that look at the tokens behind the prompt.
func knowsNoFuture(command, name string, m compress.Method) error {
	if m.Needs().Future {
		return usageError("-method %s knows the tokens that follow the prompt, which %s does not; use logits, plan or eval", name, command)
	}
	return nil
}

// writeJSON writes a report to a file, or to standard output if path is "-".
func writeJSON(t terminal, path string, report any) error {
	encode := func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		return enc.Encode(report)
	}
	if path == "-" {
		return encode(t.out)
	}
	return writeFile(path, encode)
}

// writeFile writes a file completely or not at all: an existing one is
// replaced once the new one is written.
func writeFile(path string, write func(w io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := write(f); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

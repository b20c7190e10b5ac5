//go:build !js

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"keyfold/compress"
	"keyfold/engine"
	"keyfold/layout"
)

// runFlags say where and how the model runs and how its cache is compressed.
type runFlags struct {
	deviceFlags
	method, kv, positions string
	every                 int
	budget                float64
	options               optionFlag
	seed                  uint
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

// registerDevice registers the flags that need no method: model, device and seed.
func (r *runFlags) registerDevice(fs *flagSet) {
	r.deviceFlags.register(fs)
	fs.UintVar(&r.seed, "seed", 1, "seed `N`: same seed, same draws")
}

// parse parses the flags. With -help after -method it shows the method's options too.
func (r *runFlags) parse(t terminal, fs *flagSet, args []string, maxArgs int) error {
	err := fs.parse(t, args, maxArgs)
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
	if err := r.deviceFlags.check(); err != nil {
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

// settings returns how the flags want a prompt to be read and compressed.
func (r *runFlags) settings() (engine.Settings, error) {
	kv, err := cacheType(r.kv)
	if err != nil {
		return engine.Settings{}, err
	}
	m, err := compress.New(compress.Settings{
		Name: r.method, Budget: r.budget, Options: r.options, Seed: uint32(r.seed),
	})
	if err != nil {
		return engine.Settings{}, err
	}
	if r.every > 0 {
		if err := engine.CanRepeat(m, r.every); err != nil {
			return engine.Settings{}, usageError("-every: %v", err)
		}
	}
	return engine.Settings{KV: kv, InCache: r.inCache(), Method: m, Every: r.every}, nil
}

// settingsOf is settings for a command that does not know what follows the prompt,
// which some methods want to know.
func (r *runFlags) settingsOf(command string) (engine.Settings, error) {
	o, err := r.settings()
	if err == nil && o.Method.Needs().Future {
		err = usageError("-method %s knows the tokens that follow the prompt, which %s does not; use logits, plan or eval", r.method, command)
	}
	return o, err
}

// cacheType returns the element type that -kv names.
func cacheType(kv string) (layout.CacheType, error) {
	t, ok := layout.CacheTypeOf(kv)
	if !ok {
		return 0, usageError("-kv is %q, want %s", kv, layout.CacheTypeNames)
	}
	return t, nil
}

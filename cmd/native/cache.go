//go:build !js

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"keyfold/engine"
)

const cacheUsage = `usage: keyfold cache save|load|info ...

A compressed cache as a file: read and compress a text once, go on from it as
often as wanted, on any device.

    keyfold cache save [flags] -o FILE [PROMPT]    read a prompt, compress its cache, write it
    keyfold cache load FILE [flags] [TEXT]         go on from it, behind TEXT if there is any
    keyfold cache info FILE [flags]                what is in it

"keyfold cache load -help" and so on list the flags.
`

func cacheCommand(ctx context.Context, t terminal, args []string) error {
	what := ""
	if len(args) > 0 {
		what, args = args[0], args[1:]
	}
	switch what {
	case "save":
		return cacheSave(ctx, t, args)
	case "load":
		return cacheLoad(ctx, t, args)
	case "info":
		return cacheInfo(t, args)
	case "-h", "-help", "--help":
		fmt.Fprint(t.out, cacheUsage)
		return flag.ErrHelp
	case "":
		return usageError("cache: want save, load or info behind it")
	}
	return usageError("cache: %q is unknown, want save, load or info", what)
}

// cutFile takes FILE off the front of the arguments; "" where flags begin at once.
func cutFile(args []string) (path string, rest []string) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return "", args
	}
	return args[0], args[1:]
}

// openCacheFile opens a saved cache, to be closed when its rows have been read.
func openCacheFile(path string) (*engine.CacheFile, func() error, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := in.Stat()
	if err == nil {
		var f *engine.CacheFile
		if f, err = engine.OpenCacheFile(in, info.Size(), path); err == nil {
			return f, in.Close, nil
		}
	}
	in.Close()
	return nil, nil, err
}

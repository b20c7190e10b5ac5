//go:build !js

package main

import (
	"context"

	"keyfold/engine"
	"keyfold/internal/output"
)

const versionUsage = `usage: keyfold version [flags]

Prints the version of keyfold, of the Go compiler that it was built with, and of
its kernels: the last changes where the text of a shader does.
`

func versionCommand(_ context.Context, t terminal, args []string) error {
	fs := newFlags("version", versionUsage)
	json := fs.String("json", "", "`FILE` for the same as JSON, in place of the table; - is standard output")
	if err := fs.parse(t, args, 0); err != nil {
		return err
	}
	if err := output.Check([]output.Named{named("-json", *json)}, nil); err != nil {
		return err
	}
	v := engine.Version()
	if *json != "" {
		return t.writeJSON(*json, v)
	}
	table := newTable(t.out)
	table.row("keyfold", "%s", v.Keyfold)
	table.row("go", "%s", v.Go)
	table.row("kernels", "%s", v.Kernels)
	return table.Flush()
}

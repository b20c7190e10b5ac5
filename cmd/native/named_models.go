//go:build !js

package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/engine/untrusted"
	"keyfold/hub"
	"keyfold/layout"
	"keyfold/models"
)

const modelsUsage = `usage: keyfold models
       keyfold models verify [NAME ...]
       keyfold models rm NAME ...

Lists the models that go by a name, which of them are on disk, and what else
was pulled. verify reads those on disk, or the named ones, and compares them
with their sha256; rm deletes.

Models lie in the folder that KEYFOLD_MODELS names, without it in keyfold/models
in your folder for caches.

memory is what the weights and a cache of 2048 tokens (f16) take; of a model that
is not on disk, its file's size is a part of it.
`

func modelsCommand(ctx context.Context, t terminal, args []string) error {
	what := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		what, args = args[0], args[1:]
	}
	fs := newFlags("models", modelsUsage)
	most := len(args)
	if what == "" {
		most = 0
	}
	if err := fs.parse(t, args, most); err != nil {
		return err
	}
	store, err := openStore()
	if err != nil {
		return err
	}
	switch what {
	case "":
		return listModels(t.out, store)
	case "verify":
		return verifyModels(ctx, t, store, fs.Args())
	case "rm":
		if fs.NArg() == 0 {
			return usageError("models rm: NAME is missing")
		}
		return removeModels(ctx, t, store, fs.Args())
	}
	return usageError("models: %q is unknown, want verify or rm", what)
}

// openStore opens the store of this user.
func openStore() (*hub.Store, error) { return hub.Open("keyfold/" + engine.Version().Keyfold) }

// locate puts the path of the file in the place of a model's name.
func (m *modelFlags) locate() error {
	if m.model == models.Name || !hub.IsName(m.model) {
		return m.isNoName()
	}
	store, err := openStore()
	if err != nil {
		return err
	}
	found, err := store.Find(m.model)
	switch {
	case err != nil:
		return err
	case found.URL == "":
		m.model = models.Name
		return nil
	case !found.OnDisk():
		return notOnDisk(found)
	}
	m.model = found.Path
	return nil
}

// isNoName fails for what reads like a name, is none that is known, and is no path either.
func (m *modelFlags) isNoName() error {
	known := map[string]bool{models.Name: true}
	for _, suffix := range []string{".gguf", ".bin", ".safetensors"} {
		known[suffix] = true
	}
	if known[m.model] || known[strings.ToLower(filepath.Ext(m.model))] || strings.ContainsAny(m.model, `/\`) || exists(m.model) || m.model == "" {
		return nil
	}
	return fmt.Errorf("-model %s: there is no model and no file of that name; the nearest names are %s, and \"keyfold models\" lists all",
		m.model, strings.Join(hub.Nearest(m.model), ", "))
}

// notOnDisk says how a model gets there.
func notOnDisk(m hub.Model) error {
	about := ""
	if m.Size > 0 {
		about = fmt.Sprintf(" (%s, %s)", hub.Bytes(m.Size), m.Licence)
	}
	if part := m.Part(); part > 0 {
		return fmt.Errorf("%s is not on disk yet, only %s of it; \"keyfold pull %[1]s\" gets the rest%s", m.Name, hub.Bytes(part), about)
	}
	return fmt.Errorf("%s is not on disk; \"keyfold pull %[1]s\" downloads it%s", m.Name, about)
}

// listModels prints the catalogue and what else is in the store.
func listModels(w io.Writer, store *hub.Store) error {
	list, err := store.List()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "name\tsize\ton disk\tmemory\tcontext\tlicence\tgood for")
	for _, m := range list {
		context := "-"
		if m.Context > 0 {
			context = fmt.Sprint(m.Context)
		}
		size := "-"
		if m.Size > 0 {
			size = hub.Bytes(m.Size)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", untrusted.Name(m.Name), size, whereabouts(m), memoryOf(m), context, m.Licence, m.GoodFor)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nfolder: %s\n", store.Folder)
	return nil
}

// whereabouts says whether a model is on disk.
func whereabouts(m hub.Model) string {
	switch part := m.Part(); {
	case m.URL == "":
		return "built in"
	case m.OnDisk():
		return "yes"
	case part > 0:
		return "a part, " + hub.Bytes(part)
	}
	return "no"
}

// usualTokens is the length of text that the list of models reckons with.
const usualTokens = 2048

// memoryOf says what a model takes when it runs, with a cache of usualTokens in f16. Of one that is
// not on disk the catalogue tells the least: some quantised types take more memory than in the file.
func memoryOf(m hub.Model) string {
	f, err := models.Open()
	if m.URL != "" {
		if !m.OnDisk() {
			return "over " + hub.Bytes(m.Size+m.KVBytes*int64(min(usualTokens, m.Context)))
		}
		f, err = checkpoint.Open(m.Path)
	}
	if err != nil {
		return "cannot run"
	}
	defer f.Close()
	memory, err := engine.MemoryOf(f, layout.CacheF16, min(usualTokens, f.Config.SeqLen))
	if err != nil {
		return "cannot run"
	}
	return hub.Bytes(memory.Total())
}

// verifyModels compares models on disk with their sha256. Each that is wrong is named; the error
// counts them.
func verifyModels(ctx context.Context, t terminal, store *hub.Store, names []string) error {
	list, err := findModels(store, names)
	if err != nil {
		return err
	}
	wrong, seen := 0, 0
	for _, m := range list {
		if m.URL == "" || !exists(m.Path) && len(names) == 0 {
			continue
		}
		seen++
		bar := newBytesBar(t.err)
		err := store.Verify(ctx, m, bar.show)
		bar.end()
		switch {
		case ctx.Err() != nil:
			return err
		case err != nil:
			wrong++
			fmt.Fprintf(t.out, "%s: %v\n", untrusted.Name(m.Name), err)
		default:
			fmt.Fprintf(t.out, "%s: is what it was\n", untrusted.Name(m.Name))
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d models are wrong", wrong, seen)
	}
	if seen == 0 {
		fmt.Fprintln(t.out, "no model is on disk but the built-in one")
	}
	return nil
}

// removeModels deletes models.
func removeModels(ctx context.Context, t terminal, store *hub.Store, names []string) error {
	list, err := findModels(store, names)
	if err != nil {
		return err
	}
	for _, m := range list {
		freed, err := store.Remove(ctx, m)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "%s: removed, %s\n", untrusted.Name(m.Name), hub.Bytes(freed))
	}
	return nil
}

// findModels returns the models of some names, which the list may have under the path that it
// shows; without names all of the list.
func findModels(store *hub.Store, names []string) ([]hub.Model, error) {
	list, err := store.List()
	if err != nil || len(names) == 0 {
		return list, err
	}
	var found []hub.Model
	for _, name := range names {
		m, err := store.Find(name)
		for _, listed := range list {
			if strings.EqualFold(listed.Name, name) {
				m, err = listed, nil
			}
		}
		if err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	return found, nil
}

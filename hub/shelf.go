package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keyfold/models"
)

// OnDisk reports whether a model is there, without asking anybody: one of the catalogue is if its
// size and its record are those that the catalogue has.
func (m Model) OnDisk() bool {
	if m.URL == "" {
		return true
	}
	info, err := os.Stat(m.Path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	recorded := readRecord(m.Path + ".json").SHA256
	return (m.Size == 0 || m.Size == info.Size()) && (m.SHA256 == "" || recorded == "" || recorded == m.SHA256)
}

// Part returns how many bytes of a model an interrupted download has left.
func (m Model) Part() int64 {
	info, err := os.Stat(m.Path + ".part")
	if m.URL == "" || err != nil {
		return 0
	}
	return info.Size()
}

// List returns the catalogue and what else is on disk, with what the records say of it.
func (s *Store) List() ([]Model, error) {
	var list []Model
	known := map[string]bool{}
	for _, e := range models.Catalogue() {
		m, err := s.Find(e.Name)
		if err != nil {
			return nil, err
		}
		known[m.Path] = true
		list = append(list, m)
	}
	err := filepath.WalkDir(s.Folder, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		path, isPart := strings.CutSuffix(path, ".part")
		if !strings.HasSuffix(path, ".gguf") || known[path] {
			return nil
		}
		known[path] = true
		list = append(list, s.recorded(path, isPart))
		return nil
	})
	return list, err
}

// recorded returns a model of the store by its path.
func (s *Store) recorded(path string, isPart bool) Model {
	r := readRecord(path + ".json")
	if isPart {
		r = readRecord(path + ".part.json")
	}
	m, err := s.Find(r.Name)
	if err != nil || m.Path != path { // put there by hand, or an address with a password
		m = Model{URL: r.Source, Path: path}
		if m.Name = r.Source; m.Name == "" {
			m.Name = path
		}
	}
	if m.URL == "" {
		m.URL = path
	}
	m.Size, m.SHA256, m.Licence = r.Size, r.SHA256, r.Licence
	return m
}

// Remove deletes a model, and what an interrupted download of it has left. It returns the bytes
// that are free now.
func (s *Store) Remove(ctx context.Context, m Model) (int64, error) {
	if m.Path == "" {
		return 0, fmt.Errorf("%s is built in and cannot be removed", m.Name)
	}
	release, err := lock(ctx, m.Path+".lock", func() {})
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%s is not on disk", m.Name)
	}
	if err != nil {
		return 0, err
	}
	defer s.tidy(m.Path)
	defer release()
	var freed int64
	for _, suffix := range []string{"", ".json", ".part", ".part.json"} {
		info, err := os.Stat(m.Path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.Remove(m.Path + suffix)
		}
		if err != nil {
			return freed, err
		}
		freed += info.Size()
	}
	if freed == 0 {
		return 0, fmt.Errorf("%s is not on disk", m.Name)
	}
	return freed, nil
}

// tidy removes the folders above a path that are empty, up to the store's own.
func (s *Store) tidy(path string) {
	for folder := filepath.Dir(path); len(folder) > len(s.Folder); folder = filepath.Dir(folder) {
		if os.Remove(folder) != nil {
			return
		}
	}
}

// Verify reads all of a model on disk and fails where its sha256 is not the recorded one, or where
// this program cannot run it.
func (s *Store) Verify(ctx context.Context, m Model, on func(Progress)) error {
	file, err := os.Open(m.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	want := readRecord(m.Path + ".json")
	if m.SHA256 != "" {
		want.SHA256 = m.SHA256
	}
	d := &download{store: s, model: m, on: on, file: file, have: info.Size(), want: want}
	err = d.check(ctx)
	if errors.Is(err, errWrongBytes) {
		return fmt.Errorf("%s has changed on disk: sha256 is not %s; remove it and pull it again", m.Name, want.SHA256)
	}
	return err
}

// Bytes writes a number of bytes for people.
func Bytes(n int64) string {
	switch {
	case n >= 10e9:
		return fmt.Sprintf("%.0f GB", float64(n)/1e9)
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 10e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%d bytes", n)
}

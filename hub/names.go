package hub

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"keyfold/models"
)

// A Model is what a name stands for.
type Model struct {
	models.Entry        // of the catalogue; else what the hub says of it, see Look
	URL          string // where its bytes come from; empty: it is built in
	Page         string // where people read about it
	Path         string // its place in the store
}

// IsName reports whether a text names a model that a store knows, and not a path: a name of the
// catalogue, hf:OWNER/REPO/FILE.gguf, or an address.
func IsName(name string) bool {
	_, known := entry(name)
	return known || strings.HasPrefix(name, "hf:") || isAddress(name)
}

func isAddress(name string) bool {
	return strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://")
}

// entry returns the entry of that name in the catalogue.
func entry(name string) (models.Entry, bool) {
	for _, e := range models.Catalogue() {
		if strings.EqualFold(e.Name, name) {
			return e, true
		}
	}
	return models.Entry{}, false
}

// Find returns the model of a name:
//
//	NAME                           of the catalogue
//	hf:OWNER/REPO/FILE.gguf        a file of the hub, from its main branch
//	hf:OWNER/REPO@REVISION/FILE.gguf
//	https://HOST/PATH.gguf         a file of any server
func (s *Store) Find(name string) (Model, error) {
	if e, ok := entry(name); ok {
		if e.BuiltIn() {
			return Model{Entry: e}, nil
		}
		return s.onHub(Model{Entry: e, Path: filepath.Join(s.Folder, e.Name+".gguf")}), nil
	}
	switch {
	case strings.HasPrefix(name, "hf:"):
		return s.ofHub(name)
	case isAddress(name):
		return s.ofServer(name)
	}
	return Model{}, fmt.Errorf("there is no model %q; the nearest names are %s, and \"keyfold models\" lists all", name, strings.Join(Nearest(name), ", "))
}

// onHub fills in where a model of the hub is.
func (s *Store) onHub(m Model) Model {
	m.Page = redacted(s.Hub) + "/" + m.Source
	m.URL = s.Hub + "/" + m.Source + "/resolve/" + m.Revision + (&url.URL{Path: "/" + m.File}).EscapedPath()
	return m
}

// redacted returns an address without its password.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Redacted()
}

// hubName takes a name apart: owner and repository, revision, file. No part begins with a dot, so
// that none leads out of the store.
var hubName = regexp.MustCompile(`^hf:(\w[\w.-]*/\w[\w.-]*)(?:@(\w[\w.-]*))?/((?:\w[\w. +-]*/)*\w[\w. +-]*\.gguf)$`)

// ofHub returns a file of the hub.
func (s *Store) ofHub(name string) (Model, error) {
	parts := hubName.FindStringSubmatch(name)
	if parts == nil {
		return Model{}, fmt.Errorf("%q is no file of the hub, want hf:OWNER/REPO/FILE.gguf or hf:OWNER/REPO@REVISION/FILE.gguf", name)
	}
	m := Model{Entry: models.Entry{Name: name, Source: parts[1], Revision: parts[2], File: parts[3]}}
	folder := m.Source
	if m.Revision == "" {
		m.Revision = "main"
	} else {
		folder += "@" + m.Revision
	}
	m.Path = filepath.Join(s.Folder, "hf", filepath.FromSlash(folder), filepath.FromSlash(m.File))
	return s.onHub(m), nil
}

// unsafe are characters that not every file system takes in a name.
var unsafe = regexp.MustCompile(`[^\w.-]+`)

// ofServer returns a file of any server. Its place has a hash of the address, so that no two share one.
func (s *Store) ofServer(name string) (Model, error) {
	u, err := url.Parse(name)
	switch {
	case err != nil:
		return Model{}, fmt.Errorf("%q is no address: %w", name, errors.Unwrap(err))
	case u.Host == "":
		return Model{}, fmt.Errorf("%q has no host", name)
	case u.Scheme == "http" && !isLoopback(u):
		return Model{}, fmt.Errorf("%s could be changed on its way, want https://", u.Redacted())
	}
	m := Model{URL: name, Page: u.Redacted()}
	m.Name, m.Source, m.File = m.Page, u.Host, path.Base(u.Path)
	file := strings.TrimSuffix(unsafe.ReplaceAllString(m.File, "_"), ".gguf")
	m.Path = filepath.Join(s.Folder, "url", fmt.Sprintf("%.100s-%.8x.gguf", file, sha256.Sum256([]byte(name))))
	return m, nil
}

// isLoopback reports whether an address is on this machine.
func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// Nearest returns the names of the catalogue that are most like a name, the nearest first: those
// that begin most like it, and of equal ones those that are most like it as a whole.
func Nearest(name string) []string {
	var names []string
	for _, e := range models.Catalogue() {
		names = append(names, e.Name)
	}
	name = strings.ToLower(name)
	slices.SortStableFunc(names, func(a, b string) int {
		beginA, wholeA := distance(name, a)
		beginB, wholeB := distance(name, b)
		return cmp.Or(cmp.Compare(beginA, beginB), cmp.Compare(wholeA, wholeB))
	})
	return names[:3]
}

// distance is how many characters have to be put in, taken out or changed to make the nearest
// beginning of b of a, and the whole of it.
func distance(a, b string) (begin, whole int) {
	row := make([]int, len(b)+1) // of the beginnings of b, to the beginning of a so far
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return slices.Min(row), row[len(b)]
}

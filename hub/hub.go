// Package hub gets models by name: it knows where each comes from, downloads it so that a broken
// connection costs nothing and a wrong file never gets a model's name, and keeps it in one folder.
//
// Read in this order: names.go (what a name stands for), look.go (what a hub says of a file before
// it is downloaded), pull.go and download.go (the download), shelf.go (what is on disk).
package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Default is the hub that the catalogue's models come from.
const Default = "https://huggingface.co"

// A Store is a folder of models and the hub that they come from.
type Store struct {
	Folder string
	Hub    string // address of the hub, without a slash at its end
	Token  string // sent to the hub alone; may be empty
	Agent  string // how it presents itself, as "keyfold/1.0"

	client *http.Client
	stall  time.Duration                                    // how long a server may send nothing
	wait   func(ctx context.Context, d time.Duration) error // between attempts
}

// Open returns the store of this user:
//
//	KEYFOLD_MODELS  its folder, else "keyfold/models" in the user's folder for caches
//	KEYFOLD_HUB     a mirror of the hub
//	HF_TOKEN        a token for gated models; it is sent to the hub itself and to no mirror
//
// Proxies are those of HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
func Open(agent string) (*Store, error) {
	folder := os.Getenv("KEYFOLD_MODELS")
	if folder == "" {
		caches, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("there is no folder to keep models in (%w); name one in KEYFOLD_MODELS", err)
		}
		folder = filepath.Join(caches, "keyfold", "models")
	}
	address, token := os.Getenv("KEYFOLD_HUB"), ""
	if address == "" {
		address, token = Default, os.Getenv("HF_TOKEN")
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("KEYFOLD_HUB is %q, want an address such as %s", address, Default)
	}
	return New(folder, strings.TrimRight(address, "/"), token, agent), nil
}

// New returns a store with these settings.
func New(folder, hub, token, agent string) *Store {
	s := &Store{Folder: folder, Hub: hub, Token: token, Agent: agent, stall: time.Minute, wait: sleep}
	transport := http.DefaultTransport.(*http.Transport).Clone() // it takes proxies from the environment
	transport.ResponseHeaderTimeout = time.Minute
	s.client = &http.Client{Transport: transport, CheckRedirect: s.redirect}
	return s
}

// sleep waits, unless the context ends before.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// redirect decides whether a redirect is followed. The token stays with the hub.
func (s *Store) redirect(r *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("redirects lead from one to the next without end")
	}
	if via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
		return fmt.Errorf("a redirect leads from https to %s://%s", r.URL.Scheme, r.URL.Host)
	}
	if !s.isHub(r.URL) {
		r.Header.Del("Authorization")
	}
	return nil
}

// isHub reports whether an address is the hub's: scheme, host and port.
func (s *Store) isHub(u *url.URL) bool {
	hub, err := url.Parse(s.Hub)
	return err == nil && u.Scheme == hub.Scheme && strings.EqualFold(u.Host, hub.Host)
}

// get asks for an address, from a byte on if from is above 0, and if the file still has that etag.
func (s *Store) get(ctx context.Context, address, ranges, etag string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", s.Agent)
	r.Header.Set("Accept-Encoding", "identity") // bytes are counted, so they come as they are
	if ranges != "" {
		r.Header.Set("Range", ranges)
		if etag != "" {
			r.Header.Set("If-Range", etag)
		}
	}
	if s.Token != "" && s.isHub(r.URL) {
		r.Header.Set("Authorization", "Bearer "+s.Token)
	}
	response, err := s.client.Do(r)
	if err != nil {
		return nil, unreachable(ctx, r.URL, err)
	}
	return response, nil
}

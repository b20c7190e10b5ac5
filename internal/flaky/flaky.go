// Package flaky serves a file as a model hub does, and breaks where it is told to: for tests of
// downloads, natively and from a page.
package flaky

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Fault is what goes wrong. The zero value is a good hub: it answers ranges, If-Range, and says
// the sha256 of a file. Faults can be combined.
type Fault struct {
	BreakAt       []int64       // the connection of the n-th answer breaks before this byte of the file; later ones hold
	Statuses      []int         // the n-th request is answered with this; 0 and later ones are served
	RetryAfter    string        // header of the answers of Statuses
	NoRange       bool          // any request gets the whole file
	NoIfRange     bool          // a range of whatever the file is by now, without a look at If-Range
	NoETag        bool          // no ETag and no date: nothing to tell two contents apart by
	Dated         bool          // a date in place of an ETag
	NoHash        bool          // the hub does not say sha256 and size
	WrongHash     bool          // the hub says another sha256 than the file has
	LengthOff     int64         // Content-Length and the total of Content-Range are off by this
	NoLength      bool          // no Content-Length: the end of the connection is the end of the file
	Extra         int           // this many zeros behind the end of the file, with NoLength
	RangeOff      int64         // ranges come from this many bytes further on, and say so
	HTML          bool          // 200 and a page in place of the file
	Redirects     int           // so many redirects, the first to another host
	ChangeAfter   int           // after so many answers the file is another one of the same length; 0: never
	BytesPerDelay int           // Delay comes after every so many bytes
	Delay         time.Duration // with BytesPerDelay 0: before each answer
}

// A Request is one that came.
type Request struct {
	Host          string // of the server that got it
	Method        string
	Path          string
	Range         string
	IfRange       string
	Authorization string
}

// Server is a hub that has one file, under any path that is no API's.
type Server struct {
	URL   string // of the hub
	Other string // of the host that redirects lead to

	fault   Fault
	content []byte

	mu       sync.Mutex
	requests []Request
	answers  int // with bytes of the file
	asked    int // for the file, at the host that serves it
}

// New starts a hub for a test.
func New(t testing.TB, content []byte, fault Fault) *Server {
	t.Helper()
	s := &Server{fault: fault, content: bytes.Clone(content)}
	hub, other := httptest.NewUnstartedServer(s), httptest.NewUnstartedServer(s)
	s.URL, s.Other = "http://"+hub.Listener.Addr().String(), "http://"+other.Listener.Addr().String()
	for _, server := range []*httptest.Server{hub, other} {
		server.Start()
		t.Cleanup(server.Close)
	}
	return s
}

// SHA256 returns the file's, as it is at first.
func (s *Server) SHA256() string { return sum(s.content) }

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}

// Changed returns what the file is after ChangeAfter answers: every byte from the second half on is another.
func (s *Server) Changed() []byte {
	other := append([]byte(nil), s.content...)
	for i := len(other) / 2; i < len(other); i++ {
		other[i] ^= 0xff
	}
	return other
}

// Requests returns what came so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// exposed are the headers that a page of another origin may read.
const exposed = "Accept-Ranges, Content-Length, Content-Range, ETag, Last-Modified, Retry-After, X-Linked-Etag, X-Linked-Size, X-Repo-Commit"

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Headers", "Range, If-Range, Authorization")
	h.Set("Access-Control-Expose-Headers", exposed)
	if r.Method == http.MethodOptions {
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, Request{
		Host: r.Host, Method: r.Method, Path: r.URL.Path,
		Range: r.Header.Get("Range"), IfRange: r.Header.Get("If-Range"), Authorization: r.Header.Get("Authorization"),
	})
	s.mu.Unlock()
	if strings.HasPrefix(r.URL.Path, "/api/models/") {
		s.api(w, r)
		return
	}
	if !s.fault.NoHash && "http://"+r.Host == s.URL {
		h.Set("X-Linked-Etag", strconv.Quote(s.saidHash()))
		h.Set("X-Linked-Size", strconv.Itoa(len(s.content)))
		h.Set("X-Repo-Commit", strings.Repeat("c0ffee", 7)[:40])
	}
	if s.redirects(w, r) {
		return
	}
	s.mu.Lock()
	n := s.asked
	s.asked++
	s.mu.Unlock()
	switch {
	case n < len(s.fault.Statuses) && s.fault.Statuses[n] != 0:
		if s.fault.RetryAfter != "" {
			h.Set("Retry-After", s.fault.RetryAfter)
		}
		http.Error(w, "not now", s.fault.Statuses[n])
	case s.fault.HTML:
		h.Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!DOCTYPE html><title>Log in</title><p>Please log in to this network.")
	default:
		s.file(w, r)
	}
}

// saidHash is what the hub says the sha256 is.
func (s *Server) saidHash() string {
	if s.fault.WrongHash {
		return strings.Repeat("0", 64)
	}
	return s.SHA256()
}

// api answers what the hub's API says of a repository and of its files.
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if !strings.Contains(r.URL.Path, "/tree/") {
		json.NewEncoder(w).Encode(map[string]any{"cardData": map[string]any{"license": "apache-2.0"}, "tags": []string{"gguf", "license:apache-2.0"}})
		return
	}
	file := map[string]any{"type": "file", "path": "model.gguf", "size": len(s.content)}
	if !s.fault.NoHash {
		file["lfs"] = map[string]any{"oid": s.saidHash(), "size": len(s.content)}
	}
	json.NewEncoder(w).Encode([]any{file})
}

// redirects sends a request on, if that is its fault: the first time to the other host, then to
// other paths of it. The number that a path ends in counts.
func (s *Server) redirects(w http.ResponseWriter, r *http.Request) bool {
	_, count, _ := strings.Cut(r.URL.RawQuery, "hop=")
	hop, _ := strconv.Atoi(count)
	if hop >= s.fault.Redirects {
		return false
	}
	http.Redirect(w, r, fmt.Sprintf("%s%s?hop=%d", s.Other, r.URL.Path, hop+1), http.StatusFound)
	return true
}

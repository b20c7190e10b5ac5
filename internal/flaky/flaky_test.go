package flaky

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// answer is what a plain client makes of one.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error // of reading the body
}

// ask asks a server for its file, for bytes from `from` on unless it is negative.
func ask(t *testing.T, s *Server, from int, ifRange string) answer {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.URL+"/owner/repo/resolve/main/model.gguf", nil)
	if err != nil {
		t.Fatal(err)
	}
	if from >= 0 {
		r.Header.Set("Range", "bytes="+strconv.Itoa(from)+"-")
	}
	if ifRange != "" {
		r.Header.Set("If-Range", ifRange)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, body, err}
}

var content = bytes.Repeat([]byte("0123456789"), 100)

func TestGoodHub(t *testing.T) {
	s := New(t, content, Fault{})
	whole := ask(t, s, -1, "")
	if whole.status != 200 || !bytes.Equal(whole.body, content) || whole.header.Get("X-Linked-Etag") != `"`+s.SHA256()+`"` {
		t.Errorf("the whole file is %+v", whole)
	}
	for _, c := range []struct {
		from    int
		ifRange string
		status  int
		body    []byte
		ranges  string
	}{
		{990, "", 206, content[990:], "bytes 990-999/1000"},
		{5, whole.header.Get("ETag"), 206, content[5:], "bytes 5-999/1000"},
		{5, `"another"`, 200, content, ""},
		{1000, "", 416, nil, "bytes */1000"},
	} {
		got := ask(t, s, c.from, c.ifRange)
		if got.status != c.status || c.body != nil && !bytes.Equal(got.body, c.body) || got.header.Get("Content-Range") != c.ranges {
			t.Errorf("from %d, if %q: %d, %d bytes, %q", c.from, c.ifRange, got.status, len(got.body), got.header.Get("Content-Range"))
		}
	}
	if requests := s.Requests(); len(requests) != 5 || requests[1].Range != "bytes=990-" {
		t.Errorf("it saw %+v", requests)
	}
}

func TestFaults(t *testing.T) {
	length := func(a answer) string { return a.header.Get("Content-Length") }
	for name, c := range map[string]struct {
		fault Fault
		from  int
		seen  func(s *Server, a answer) bool
	}{
		"breaks":       {Fault{BreakAt: []int64{7}}, -1, func(_ *Server, a answer) bool { return len(a.body) == 7 && errors.Is(a.err, io.ErrUnexpectedEOF) }},
		"breaks later": {Fault{BreakAt: []int64{700}}, 600, func(_ *Server, a answer) bool { return len(a.body) == 100 && a.err != nil }},
		"status":       {Fault{Statuses: []int{429}, RetryAfter: "3"}, -1, func(_ *Server, a answer) bool { return a.status == 429 && a.header.Get("Retry-After") == "3" }},
		"no range":     {Fault{NoRange: true}, 9, func(_ *Server, a answer) bool { return a.status == 200 && len(a.body) == 1000 }},
		"no etag":      {Fault{NoETag: true}, 9, func(_ *Server, a answer) bool { return a.status == 206 && a.header.Get("ETag") == "" }},
		"dated": {Fault{Dated: true}, 9, func(_ *Server, a answer) bool {
			return a.status == 206 && a.header.Get("ETag") == "" && a.header.Get("Last-Modified") != ""
		}},
		"no hash":       {Fault{NoHash: true}, -1, func(_ *Server, a answer) bool { return a.header.Get("X-Linked-Etag") == "" }},
		"wrong hash":    {Fault{WrongHash: true}, -1, func(s *Server, a answer) bool { return !strings.Contains(a.header.Get("X-Linked-Etag"), s.SHA256()) }},
		"says more":     {Fault{LengthOff: 5}, -1, func(_ *Server, a answer) bool { return length(a) == "1005" && len(a.body) == 1000 && a.err != nil }},
		"says less":     {Fault{LengthOff: -5}, -1, func(_ *Server, a answer) bool { return length(a) == "995" && len(a.body) == 995 && a.err == nil }},
		"no length":     {Fault{NoLength: true, BreakAt: []int64{7}}, -1, func(_ *Server, a answer) bool { return length(a) == "" && len(a.body) == 7 && a.err == nil }},
		"says nothing":  {Fault{NoLength: true, Extra: 3}, 990, func(_ *Server, a answer) bool { return length(a) == "" && len(a.body) == 13 && a.err == nil }},
		"another range": {Fault{RangeOff: 10}, 5, func(_ *Server, a answer) bool { return a.header.Get("Content-Range") == "bytes 15-999/1000" }},
		"html":          {Fault{HTML: true}, -1, func(_ *Server, a answer) bool { return a.status == 200 && bytes.HasPrefix(a.body, []byte("<!DOCTYPE")) }},
		"redirects": {Fault{Redirects: 3}, 5, func(s *Server, a answer) bool {
			return len(s.Requests()) == 4 && "http://"+s.Requests()[1].Host == s.Other && len(a.body) == 995
		}},
		"slow": {Fault{Delay: 20 * time.Millisecond, BytesPerDelay: 500}, -1, func(_ *Server, a answer) bool { return len(a.body) == 1000 }},
	} {
		s := New(t, content, c.fault)
		if a := ask(t, s, c.from, ""); !c.seen(s, a) {
			t.Errorf("%s: status %d, %v, %d bytes, %v", name, a.status, a.header, len(a.body), a.err)
		}
	}
}

func TestChanges(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		s := New(t, content, Fault{BreakAt: []int64{600}, ChangeAfter: 1, NoIfRange: deaf})
		first := ask(t, s, -1, "")
		second := ask(t, s, len(first.body), first.header.Get("ETag"))
		want, status := s.Changed(), 200
		if deaf {
			want, status = want[600:], 206
		}
		if second.status != status || !bytes.Equal(second.body, want) || second.header.Get("ETag") == first.header.Get("ETag") {
			t.Errorf("deaf to If-Range %v: status %d, %d bytes", deaf, second.status, len(second.body))
		}
	}
}

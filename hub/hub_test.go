package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"keyfold/engine/checkpoint"
	"keyfold/internal/flaky"
	"keyfold/models"
)

// fixture returns a small model as a file.
func fixture(t testing.TB) []byte {
	t.Helper()
	data, err := models.Fixture(models.FixtureConfig, checkpoint.Q8_0, 1)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// waits are the pauses that a store would have made.
type waits struct {
	mu  sync.Mutex
	all []time.Duration
}

// store returns an empty store of a hub, which does not wait between attempts.
func store(t testing.TB, hub string) (*Store, *waits) {
	w := &waits{}
	s := New(t.TempDir(), hub, "", "keyfold/test")
	s.wait = func(ctx context.Context, d time.Duration) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = append(w.all, d)
		return ctx.Err()
	}
	return s, w
}

const name = "hf:owner/repo/model.gguf"

// find returns the model of a name; what the catalogue would know of it is filled in if known is set.
func find(t testing.TB, s *Store, server *flaky.Server, content []byte, known bool) Model {
	t.Helper()
	m, err := s.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	if known {
		m.Size, m.SHA256 = int64(len(content)), server.SHA256()
	}
	return m
}

func quiet(Progress) {}

// files lists what is in a store.
func files(t testing.TB, s *Store) (list []string) {
	t.Helper()
	err := filepath.WalkDir(s.Folder, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			list = append(list, entry.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Each fault ends well, or in one sentence; never in a wrong file.
func TestPull(t *testing.T) {
	content := fixture(t)
	size := int64(len(content))
	third, late := size/3, size-1
	for _, c := range []struct {
		name    string
		fault   flaky.Fault
		unknown bool   // nothing is known of the file beforehand but its name
		want    string // part of the error; empty: it ends well
		kept    bool   // a part stays for the next attempt
		changed bool   // the file is the later one
	}{
		{name: "no fault"},
		{name: "no fault, nothing known", unknown: true},
		{name: "breaks once", fault: flaky.Fault{BreakAt: []int64{third}}},
		{name: "breaks at the first byte", fault: flaky.Fault{BreakAt: []int64{0, 0, 1}}},
		{name: "breaks at the last byte", fault: flaky.Fault{BreakAt: []int64{late}}},
		{name: "breaks often, a little further each time", fault: flaky.Fault{BreakAt: []int64{10, 20, 30, 40, 50, 60, 70, 80, 90}}},
		{name: "breaks and gets nowhere", fault: flaky.Fault{BreakAt: []int64{third, third, third, third, third, third}}, want: "breaks off", kept: true},
		{name: "breaks, nothing known", unknown: true, fault: flaky.Fault{BreakAt: []int64{9999, third}}},
		{name: "breaks, no etag", fault: flaky.Fault{BreakAt: []int64{third}, NoETag: true}},
		{name: "breaks, dated, no hash", unknown: true, fault: flaky.Fault{BreakAt: []int64{9999, third}, Dated: true, NoHash: true}},
		{name: "changes, dated, no hash", unknown: true, fault: flaky.Fault{BreakAt: []int64{9999, late}, ChangeAfter: 2, Dated: true, NoHash: true}, changed: true},
		{name: "breaks, no etag, no hash", unknown: true, fault: flaky.Fault{BreakAt: []int64{9999, third}, NoETag: true, NoHash: true}},
		{name: "ignores ranges", fault: flaky.Fault{NoRange: true}, unknown: true},
		{name: "breaks and ignores ranges", fault: flaky.Fault{BreakAt: []int64{third, third}, NoRange: true}},
		{name: "breaks always and ignores ranges", fault: flaky.Fault{BreakAt: []int64{9, 19, 29, 39, 49, 59, 69, 79, 89}, NoRange: true}, want: "breaks off", kept: true},
		{name: "sends another range", fault: flaky.Fault{BreakAt: []int64{third}, RangeOff: 16}},
		{name: "says a larger length", fault: flaky.Fault{LengthOff: 5}, want: "another one, or the server counts wrongly"},
		{name: "says a smaller length", fault: flaky.Fault{LengthOff: -5}, want: "another one, or the server counts wrongly"},
		{name: "says a larger length, nothing known", unknown: true, fault: flaky.Fault{LengthOff: 5, NoHash: true}, want: "another one, or the server counts wrongly", kept: true},
		{name: "says another length than the hub", unknown: true, fault: flaky.Fault{LengthOff: 5}, want: "another one, or the server counts wrongly"},
		{name: "says a smaller length, nothing known", unknown: true, fault: flaky.Fault{LengthOff: -5, NoHash: true}, want: "file cut short"},
		{name: "says no length", fault: flaky.Fault{NoLength: true}},
		{name: "says no length, nothing known", unknown: true, fault: flaky.Fault{NoLength: true, NoHash: true, NoRange: true}},
		{name: "says no length and breaks", fault: flaky.Fault{NoLength: true, BreakAt: []int64{third, late}}},
		{name: "says no length and breaks, nothing known", unknown: true, fault: flaky.Fault{NoLength: true, NoHash: true, NoRange: true, BreakAt: []int64{9999, late}}, want: "file cut short"},
		{name: "sends too much", fault: flaky.Fault{NoLength: true, Extra: 10}, want: "sends more than", kept: true},
		{name: "redirects", fault: flaky.Fault{Redirects: 3}},
		{name: "redirects, nothing known", unknown: true, fault: flaky.Fault{Redirects: 1}},
		{name: "redirects and breaks", fault: flaky.Fault{Redirects: 1, BreakAt: []int64{third}}},
		{name: "redirects without end", fault: flaky.Fault{Redirects: 1000}, want: "without end"},
		{name: "html", fault: flaky.Fault{HTML: true}, want: "HTML page"},
		{name: "html, nothing known", unknown: true, fault: flaky.Fault{HTML: true}, want: "HTML page"},
		{name: "changes", fault: flaky.Fault{BreakAt: []int64{third}, ChangeAfter: 1}, want: "not the file that was asked for"},
		{name: "changes, deaf to If-Range", fault: flaky.Fault{BreakAt: []int64{late}, ChangeAfter: 1, NoIfRange: true}, want: "not the file that was asked for"},
		{name: "changes unseen", fault: flaky.Fault{BreakAt: []int64{late}, ChangeAfter: 1, NoIfRange: true, NoETag: true}, want: "not the file that was asked for"},
		{name: "changes, nothing known", unknown: true, fault: flaky.Fault{BreakAt: []int64{9999, late}, ChangeAfter: 2, NoHash: true}, changed: true},
		{name: "changes unseen, nothing known", unknown: true, fault: flaky.Fault{BreakAt: []int64{9999, late}, ChangeAfter: 2, NoIfRange: true, NoETag: true, NoHash: true}, changed: true},
		{name: "another file", fault: flaky.Fault{WrongHash: true}, unknown: true, want: "sha256 is"},
		{name: "busy", fault: flaky.Fault{Statuses: []int{503, 429, 500, 502}}},
		{name: "busy, nothing known", unknown: true, fault: flaky.Fault{Statuses: []int{503, 0, 503}}},
		{name: "busy all the time", fault: flaky.Fault{Statuses: []int{503, 503, 503, 503, 503, 503}}, want: "503 Service Unavailable, 5 times in a row"},
		{name: "busy, and says for how long", fault: flaky.Fault{Statuses: []int{429}, RetryAfter: "7"}},
		{name: "busy for too long", fault: flaky.Fault{Statuses: []int{429}, RetryAfter: "3600"}, want: "come again in 1h0m0s"},
		{name: "not there", fault: flaky.Fault{Statuses: []int{404}}, want: "has no model.gguf (404 Not Found)"},
		{name: "gated", fault: flaky.Fault{Statuses: []int{401}}, want: "accept the model's licence at"},
		{name: "forbidden", unknown: true, fault: flaky.Fault{Statuses: []int{403}}, want: "accept the model's licence at"},
		{name: "a strange status", fault: flaky.Fault{Statuses: []int{418}}, want: "418"},
		{name: "gated in the middle", fault: flaky.Fault{BreakAt: []int64{third}, Statuses: []int{0, 403}}, want: "accept the model's licence", kept: true},
	} {
		server := flaky.New(t, content, c.fault)
		s, waited := store(t, server.URL)
		m := find(t, s, server, content, !c.unknown)
		err := s.Pull(t.Context(), m, quiet)
		data, _ := os.ReadFile(m.Path)
		if c.want == "" {
			want := content
			if c.changed {
				want = server.Changed()
			}
			if err != nil || !bytes.Equal(data, want) {
				t.Errorf("%s: %v, %d bytes of %d", c.name, err, len(data), len(want))
			}
			if got := files(t, s); len(got) != 2 {
				t.Errorf("%s: left %v, want the model and its record", c.name, got)
			}
			if recorded := readRecord(m.Path + ".json"); recorded.Size != size || recorded.SHA256 == "" || recorded.Name != name {
				t.Errorf("%s: recorded %+v", c.name, recorded)
			}
		} else {
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), name+": ") {
				t.Errorf("%s: error %v, want one sentence with %q", c.name, err, c.want)
			}
			if data != nil {
				t.Errorf("%s: a file of %d bytes has the model's name", c.name, len(data))
			}
			if entries, err := os.ReadDir(s.Folder); !c.kept && len(entries) > 0 {
				t.Errorf("%s: left %v (%v)", c.name, entries, err)
			}
			if got := files(t, s); (len(got) > 0) != c.kept || c.kept && (m.Part() == 0 || !strings.Contains(err.Error(), "are kept")) {
				t.Errorf("%s: left %v (%v), want something: %v", c.name, got, err, c.kept)
			}
		}
		if c.fault.RetryAfter == "7" && (len(waited.all) != 1 || waited.all[0] != 7*time.Second) {
			t.Errorf("%s: waited %v, want 7 s", c.name, waited.all)
		}
	}
}

// A download that was killed after any byte goes on there, and asks only for what is missing.
func TestResume(t *testing.T) {
	content := fixture(t)
	size := len(content)
	server := flaky.New(t, content, flaky.Fault{})
	for _, have := range []int{0, 1, 3, 4, 4095, size / 2, size - 1, size} {
		for _, known := range []bool{true, false} {
			s, _ := store(t, server.URL)
			m := find(t, s, server, content, known)
			ctx, kill := context.WithCancel(t.Context())
			interrupted := s.Pull(ctx, m, func(p Progress) { kill() }) // leaves folder and record as a killed process does
			if !errors.Is(interrupted, context.Canceled) {
				t.Fatalf("an interrupted download: %v", interrupted)
			}
			if err := os.WriteFile(m.Path+".part", content[:have], 0o644); err != nil {
				t.Fatal(err)
			}
			before := len(server.Requests())
			if err := s.Pull(t.Context(), m, quiet); err != nil {
				t.Errorf("from %d of %d, known %v: %v", have, size, known, err)
				continue
			}
			if data, err := os.ReadFile(m.Path); err != nil || !bytes.Equal(data, content) {
				t.Errorf("from %d: %d bytes, %v", have, len(data), err)
			}
			var asked []string
			for _, r := range server.Requests()[before:] {
				if !strings.HasPrefix(r.Path, "/api/") && r.Range != "bytes=0-511" {
					asked = append(asked, r.Range)
					if r.Range != "" && r.IfRange == "" {
						t.Errorf("from %d, known %v: no If-Range", have, known)
					}
				}
			}
			want := fmt.Sprintf("[bytes=%d-]", have)
			switch have {
			case 0:
				want = "[]"
				asked = nil
			case size:
				want = "[]"
			}
			if fmt.Sprint(asked) != want {
				t.Errorf("from %d, known %v: asked for %v, want %s", have, known, asked, want)
			}
		}
	}
}

// What an earlier version or another file has left does not get into the new one.
func TestResumeOfSomethingElse(t *testing.T) {
	content := fixture(t)
	server := flaky.New(t, content, flaky.Fault{})
	junk := bytes.Repeat([]byte("x"), len(content)/2)
	for what, c := range map[string]struct {
		record
		requests int
	}{
		"no record":      {record{}, 1},
		"another sha256": {record{Source: server.URL, SHA256: strings.Repeat("1", 64)}, 1},
		"a damaged part": {record{SHA256: server.SHA256()}, 2}, // seen at the end, and all is fetched once more
		"too long":       {record{SHA256: server.SHA256()}, 1},
	} {
		before := len(server.Requests())
		s, _ := store(t, server.URL)
		m := find(t, s, server, content, true)
		if err := os.MkdirAll(filepath.Dir(m.Path), 0o755); err != nil {
			t.Fatal(err)
		}
		left := junk
		if what == "too long" {
			left = bytes.Repeat(junk, 3)
		}
		if err := os.WriteFile(m.Path+".part", left, 0o644); err != nil {
			t.Fatal(err)
		}
		if what != "no record" {
			if err := c.write(m.Path + ".part.json"); err != nil {
				t.Fatal(err)
			}
		}
		err := s.Pull(t.Context(), m, quiet)
		if data, _ := os.ReadFile(m.Path); err != nil || !bytes.Equal(data, content) {
			t.Errorf("%s: %v, %d bytes", what, err, len(data))
		}
		if n := len(server.Requests()) - before; n != c.requests {
			t.Errorf("%s: %d requests, want %d", what, n, c.requests)
		}
	}
}

// Whatever goes wrong, a file that had the name before stays as it was.
func TestPullKeepsWhatWasThere(t *testing.T) {
	content := fixture(t)
	for _, fault := range []flaky.Fault{{HTML: true}, {WrongHash: true}, {LengthOff: 3}, {Statuses: []int{404}}, {BreakAt: []int64{9, 9, 9, 9, 9, 9, 9, 9}}} {
		server := flaky.New(t, content, fault)
		s, _ := store(t, server.URL)
		m := find(t, s, server, content, true)
		m.SHA256 = server.SHA256()
		if fault.WrongHash {
			m.SHA256 = strings.Repeat("0", 64)
		}
		old := record{Name: name, SHA256: strings.Repeat("2", 64)}
		if err := errors.Join(os.MkdirAll(filepath.Dir(m.Path), 0o755), os.WriteFile(m.Path, []byte("old"), 0o644), old.write(m.Path+".json")); err != nil {
			t.Fatal(err)
		}
		if err := s.Pull(t.Context(), m, quiet); err == nil {
			t.Errorf("%+v: no error", fault)
		}
		if data, _ := os.ReadFile(m.Path); string(data) != "old" || readRecord(m.Path+".json") != old {
			t.Errorf("%+v: the old file is %q, its record %+v", fault, data, readRecord(m.Path+".json"))
		}
	}
}

// A model that this program cannot run is refused as soon as its description is there.
func TestPullOfAnotherArchitecture(t *testing.T) {
	for _, large := range []bool{false, true} {
		c := models.FixtureConfig
		if large {
			c.Dim, c.HiddenDim, c.NHeads, c.NKVHeads = 512, 1024, 32, 32
		}
		content, err := models.Fixture(c, checkpoint.F32, 1)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.ReplaceAll(content, []byte("llama"), []byte("gamma"))
		server := flaky.New(t, content, flaky.Fault{BytesPerDelay: 1 << 20})
		s, _ := store(t, server.URL)
		m := find(t, s, server, content, true)
		most := int64(0)
		err = s.Pull(t.Context(), m, func(p Progress) { most = max(most, p.Done) })
		if err == nil || !strings.Contains(err.Error(), "keyfold cannot run it") || len(files(t, s)) > 0 {
			t.Errorf("large %v: %v, left %v", large, err, files(t, s))
		}
		if large && (len(content) < 3*frontBytes || most > frontBytes+1<<20) {
			t.Errorf("%d bytes of %d came before the model was refused", most, len(content))
		}
	}
}

// Two downloads of one file at the same time make one request for it.
func TestTwoPulls(t *testing.T) {
	content := fixture(t)
	server := flaky.New(t, content, flaky.Fault{BytesPerDelay: len(content) / 4, Delay: 50 * time.Millisecond})
	s, _ := store(t, server.URL)
	m := find(t, s, server, content, true)
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if err := s.Pull(context.Background(), m, quiet); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if data, err := os.ReadFile(m.Path); err != nil || !bytes.Equal(data, content) || len(server.Requests()) != 1 || len(files(t, s)) != 2 {
		t.Errorf("%v, %d bytes, %d requests, %v", err, len(data), len(server.Requests()), files(t, s))
	}
}

// A server that goes silent is given up, and the download goes on with a new connection.
func TestSilence(t *testing.T) {
	content := fixture(t)
	server := flaky.New(t, content, flaky.Fault{BytesPerDelay: len(content) * 2 / 3, Delay: 300 * time.Millisecond})
	s, _ := store(t, server.URL)
	s.stall = 100 * time.Millisecond
	m := find(t, s, server, content, true)
	if err := s.Pull(t.Context(), m, quiet); err != nil {
		t.Fatal(err)
	}
	if n := len(server.Requests()); n < 2 {
		t.Errorf("%d requests, want a second one behind the silence", n)
	}
}

// A server that is slow and never silent is waited for, however long it takes.
func TestSlowness(t *testing.T) {
	content := fixture(t)
	server := flaky.New(t, content, flaky.Fault{BytesPerDelay: len(content) / 20, Delay: 80 * time.Millisecond})
	s, _ := store(t, server.URL)
	s.stall = time.Second
	if err := s.Pull(t.Context(), find(t, s, server, content, true), quiet); err != nil || len(server.Requests()) != 1 {
		t.Errorf("%v, %d requests, want one", err, len(server.Requests()))
	}
}

// Of the catalogue's models only the file that the catalogue has now is on disk.
func TestOnDisk(t *testing.T) {
	s := New(t.TempDir(), "https://hub.example", "", "")
	m, err := s.Find("stories15m")
	if err != nil {
		t.Fatal(err)
	}
	m.Size = 5
	for _, c := range []struct {
		content, recorded string
		want              bool
	}{{"12345", m.SHA256, true}, {"12345", "", true}, {"12345", strings.Repeat("1", 64), false}, {"1234", m.SHA256, false}} {
		if err := errors.Join(os.WriteFile(m.Path, []byte(c.content), 0o644), record{SHA256: c.recorded}.write(m.Path+".json")); err != nil {
			t.Fatal(err)
		}
		if got := m.OnDisk(); got != c.want {
			t.Errorf("%q, recorded as %q: %v, want %v", c.content, c.recorded, got, c.want)
		}
	}
}

// Ctrl-C ends a download at once and keeps what came.
func TestInterrupt(t *testing.T) {
	content := fixture(t)
	server := flaky.New(t, content, flaky.Fault{BytesPerDelay: len(content) / 2, Delay: time.Minute})
	s, _ := store(t, server.URL)
	m := find(t, s, server, content, true)
	ctx, interrupt := context.WithCancel(t.Context())
	start := time.Now()
	err := s.Pull(ctx, m, func(p Progress) {
		if p.Done > 0 {
			time.AfterFunc(10*time.Millisecond, interrupt)
		}
	})
	if !errors.Is(err, context.Canceled) || m.Part() < 1 || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %v, %d bytes kept", err, time.Since(start), m.Part())
	}
}

// A model that is on disk is used without any request.
func TestOffline(t *testing.T) {
	content := fixture(t)
	server := flaky.New(t, content, flaky.Fault{})
	s, _ := store(t, server.URL)
	m := find(t, s, server, content, false)
	if m.OnDisk() {
		t.Error("it is there before it was downloaded")
	}
	if err := s.Pull(t.Context(), m, quiet); err != nil {
		t.Fatal(err)
	}
	asked := len(server.Requests())
	again, err := New(s.Folder, server.URL, "", "").Find(name)
	if err != nil || !again.OnDisk() {
		t.Errorf("%v; on disk %v", err, again.OnDisk())
	}
	if err := s.Pull(t.Context(), again, quiet); err != nil || len(server.Requests()) != asked {
		t.Errorf("%v, %d requests more", err, len(server.Requests())-asked)
	}
	if list, err := s.List(); err != nil || len(list) != len(models.Catalogue())+1 || list[len(list)-1].Name != name || list[len(list)-1].Licence != "apache-2.0" {
		t.Errorf("the list is %+v, %v", list, err)
	}
	if err := s.Verify(t.Context(), again, quiet); err != nil {
		t.Error(err)
	}
	content[len(content)-1] ^= 1
	if err := os.WriteFile(again.Path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(t.Context(), again, quiet); err == nil || !strings.Contains(err.Error(), "has changed on disk") {
		t.Errorf("a changed file: %v", err)
	}
	if freed, err := s.Remove(t.Context(), again); err != nil || freed < int64(len(content)) || len(files(t, s)) > 0 {
		t.Errorf("removed %d bytes, %v, left %v", freed, err, files(t, s))
	}
	if _, err := s.Remove(t.Context(), again); err == nil || !strings.Contains(err.Error(), "is not on disk") {
		t.Errorf("removed twice: %v", err)
	}
}

// The token goes to the hub and nowhere else.
func TestToken(t *testing.T) {
	content := fixture(t)
	server := flaky.New(t, content, flaky.Fault{Redirects: 2})
	s := New(t.TempDir(), server.URL, "secret", "keyfold/test")
	m, err := s.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Pull(t.Context(), m, quiet); err != nil {
		t.Fatal(err)
	}
	hub, other := 0, 0
	for _, r := range server.Requests() {
		switch {
		case "http://"+r.Host == server.URL && r.Authorization == "Bearer secret":
			hub++
		case r.Authorization != "":
			other++
		}
	}
	if hub == 0 || other > 0 {
		t.Errorf("the hub got the token %d times, others %d times", hub, other)
	}
	address, err := s.Find(server.Other + "/m.gguf")
	if err != nil {
		t.Fatal(err)
	}
	before := len(server.Requests())
	if err := s.Pull(t.Context(), address, quiet); err != nil {
		t.Fatal(err)
	}
	for _, r := range server.Requests()[before:] {
		if r.Authorization != "" {
			t.Errorf("another server got the token: %+v", r)
		}
	}
}

// Requests go through the proxy that the environment names. It is read once in a process, so the
// test is one of its own.
func TestProxy(t *testing.T) {
	if os.Getenv("KEYFOLD_TEST_PROXY") != "" {
		s, err := Open("")
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.Find(name)
		if err == nil {
			err = s.Pull(t.Context(), m, quiet)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	server := flaky.New(t, fixture(t), flaky.Fault{})
	cmd := exec.Command(os.Args[0], "-test.run=^TestProxy$")
	cmd.Env = append(os.Environ(), "KEYFOLD_TEST_PROXY=1", "KEYFOLD_MODELS="+t.TempDir(), "KEYFOLD_HUB=http://hub.invalid",
		"HTTP_PROXY="+server.URL, "http_proxy=", "NO_PROXY=", "no_proxy=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if requests := server.Requests(); len(requests) == 0 || requests[0].Host != "hub.invalid" {
		t.Errorf("the proxy saw %+v", requests)
	}
}

// A disk without room is known before the first byte comes.
func TestRoom(t *testing.T) {
	server := flaky.New(t, fixture(t), flaky.Fault{})
	s, _ := store(t, server.URL)
	m := find(t, s, server, nil, true)
	m.Size = 1 << 60
	err := s.Pull(t.Context(), m, quiet)
	if _, known := freeBytes(s.Folder); !known {
		t.Skip("this system does not say how much room there is")
	}
	if err == nil || !strings.Contains(err.Error(), "more on the disk of") || len(server.Requests()) > 0 || len(files(t, s)) > 0 {
		t.Errorf("%v, %d requests, left %v", err, len(server.Requests()), files(t, s))
	}
}

func TestContinues(t *testing.T) {
	const known = "00"
	for _, c := range []struct {
		status           int
		ranges           string
		etag, was, known string
		want             bool
	}{
		{206, "bytes 100-199/200", `"a"`, `"a"`, "", true},
		{206, "bytes 100-199/*", `"a"`, `"a"`, "", true},
		{206, "bytes 0-199/200", `"a"`, `"a"`, known, false},
		{206, "bytes 101-199/200", `"a"`, `"a"`, known, false},
		{206, "", `"a"`, `"a"`, known, false},
		{206, "bytes 100-199/200", `"b"`, `"a"`, known, false},
		{206, "bytes 100-199/200", "", `"a"`, known, true},
		{206, "bytes 100-199/200", "", `"a"`, "", false},
		{206, "bytes 100-199/200", `"a"`, "", known, true},
		{206, "bytes 100-199/200", `"a"`, "", "", false},
		{416, "bytes */200", `"a"`, `"a"`, known, false},
	} {
		d := &download{have: 100, want: record{ETag: c.was, SHA256: c.known}}
		response := &http.Response{StatusCode: c.status, Header: http.Header{"Content-Range": {c.ranges}}}
		if got := d.continues(response, c.etag); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestMark(t *testing.T) {
	for _, c := range []struct{ etag, date, want string }{
		{`"a"`, "then", `"a"`}, {`W/"a"`, "then", "then"}, {`W/"a"`, "", ""}, {"", "then", "then"}, {"", "", ""},
	} {
		h := http.Header{}
		h.Set("ETag", c.etag)
		h.Set("Last-Modified", c.date)
		if got := mark(h); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-5": 0, "soon": 0, "99999999999999999999": 0,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"keyfold/engine/untrusted"
)

// Look asks where a model comes from what is not known of it yet: size, sha256 and licence. What
// the server sends has to begin as a GGUF file does. Of the catalogue's models all is known.
func (s *Store) Look(ctx context.Context, m *Model) error {
	if m.SHA256 != "" {
		return nil
	}
	err := s.attempts(ctx, func() error { return s.look(ctx, m) }, func() bool { return false })
	if err != nil {
		return fmt.Errorf("%s: %w", untrusted.Name(m.Name), err)
	}
	if m.Licence == "" && m.Revision != "" {
		m.Licence, m.LicenceURL = s.licence(ctx, *m), m.Page
	}
	return nil
}

func (s *Store) look(ctx context.Context, m *Model) error {
	response, err := s.get(ctx, m.URL, fmt.Sprintf("bytes=0-%d", untrusted.HeadBytes-1), "")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := m.refused(response); err != nil {
		return err
	}
	head, err := io.ReadAll(io.LimitReader(response.Body, untrusted.HeadBytes))
	if err != nil && len(head) == 0 {
		return unreachable(ctx, response.Request.URL, err)
	}
	if err := wantGGUF(head); err != nil {
		return fmt.Errorf("%s %w", response.Request.URL.Host, err)
	}
	m.Size = total(response)
	m.SHA256, _ = linked(response)
	if _, size := linked(response); size > 0 {
		m.Size = size
	}
	return nil
}

// wantGGUF fails for the beginning of what is no GGUF file.
func wantGGUF(head []byte) error {
	if strings.HasPrefix(string(head), "GGUF") {
		return nil
	}
	what := untrusted.Kind(head)
	if what == "" {
		what = "something else"
	}
	return fmt.Errorf("sends no GGUF file: it is %s", what)
}

// total returns the size of the whole file that an answer is about; 0: it does not say.
func total(response *http.Response) int64 {
	if response.StatusCode == http.StatusOK {
		return max(response.ContentLength, 0)
	}
	_, size, _ := strings.Cut(response.Header.Get("Content-Range"), "/")
	n, _ := strconv.ParseInt(size, 10, 64)
	return max(n, 0)
}

// sum is a sha256 in hexadecimal.
var sum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// linked returns what a hub says of a large file: its sha256 and its size. It says so in the first
// of the answers that lead to the file.
func linked(response *http.Response) (sha256 string, size int64) {
	for r := response; r != nil; r = r.Request.Response {
		hash := strings.Trim(strings.TrimPrefix(r.Header.Get("X-Linked-Etag"), "W/"), `"`)
		if sum.MatchString(hash) {
			sha256 = hash
			size, _ = strconv.ParseInt(r.Header.Get("X-Linked-Size"), 10, 64)
		}
	}
	return sha256, size
}

// licence returns what the hub says the licence is, or "".
func (s *Store) licence(ctx context.Context, m Model) string {
	response, err := s.get(ctx, s.Hub+"/api/models/"+m.Source, "", "")
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	var said struct {
		CardData struct {
			License, License_name any
		}
	}
	if response.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(response.Body, 1<<22)).Decode(&said) != nil {
		return ""
	}
	name, _ := said.CardData.License.(string)
	if own, _ := said.CardData.License_name.(string); name == "other" && own != "" {
		name = own
	}
	return untrusted.Name(name)
}

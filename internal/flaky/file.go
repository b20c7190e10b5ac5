package flaky

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// file answers with the file, or a range of it.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := s.answers
	s.answers++
	s.mu.Unlock()
	content := s.content
	if s.fault.ChangeAfter > 0 && n >= s.fault.ChangeAfter {
		content = s.Changed()
	}
	etag := s.mark(content)
	size := int64(len(content))
	from, to, ranged := s.rangeOf(r, etag, size)
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	switch {
	case s.fault.Dated:
		h.Set("Last-Modified", etag)
	case !s.fault.NoETag:
		h.Set("ETag", etag)
	}
	if !s.fault.NoRange {
		h.Set("Accept-Ranges", "bytes")
	}
	if ranged && from >= size {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		http.Error(w, "nothing there", http.StatusRequestedRangeNotSatisfiable)
		return
	}
	if !s.fault.NoLength {
		h.Set("Content-Length", strconv.FormatInt(to-from+s.fault.LengthOff, 10))
	}
	status := http.StatusOK
	if ranged {
		status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size+s.fault.LengthOff))
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(status)
		return
	}
	end := to
	if n < len(s.fault.BreakAt) {
		end = max(from, min(end, s.fault.BreakAt[n]))
	}
	body := content[from:end]
	if end == to {
		body = append(body[:len(body):len(body)], make([]byte, s.fault.Extra)...)
	}
	s.send(w, status, body, end < to)
}

// mark returns what tells a content from others: an ETag or a date.
func (s *Server) mark(content []byte) string {
	hash := sha256.Sum256(content)
	if s.fault.Dated {
		return time.Unix(1e9+int64(hash[0]), 0).UTC().Format(http.TimeFormat)
	}
	return fmt.Sprintf(`"v-%.8x"`, hash)
}

// rangeOf returns the bytes that a request wants, and whether it gets a range.
func (s *Server) rangeOf(r *http.Request, etag string, size int64) (from, to int64, ranged bool) {
	asked := r.Header.Get("Range")
	if asked == "" || s.fault.NoRange {
		return 0, size, false
	}
	if condition := r.Header.Get("If-Range"); condition != "" && condition != etag && !s.fault.NoIfRange {
		return 0, size, false
	}
	to = size - 1
	if n, _ := fmt.Sscanf(asked, "bytes=%d-%d", &from, &to); n == 0 {
		return 0, size, false
	}
	return min(from+s.fault.RangeOff, size), min(to+1, size), true
}

// send writes an answer by hand, because the package's server would not let it lie or break.
func (s *Server) send(w http.ResponseWriter, status int, body []byte, breaks bool) {
	if s.fault.BytesPerDelay == 0 {
		time.Sleep(s.fault.Delay)
	}
	conn, out, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	w.Header().Write(&head)
	head.WriteString("Connection: close\r\n\r\n")
	out.Write(head.Bytes())
	step := max(s.fault.BytesPerDelay, 0)
	for len(body) > 0 {
		n := len(body)
		if step > 0 {
			n = min(n, step)
		}
		if _, err := out.Write(body[:n]); err != nil || out.Flush() != nil {
			return
		}
		if body = body[n:]; len(body) > 0 || breaks {
			time.Sleep(s.pause())
		}
	}
	out.Flush()
}

// pause is the time between pieces of an answer.
func (s *Server) pause() time.Duration {
	if s.fault.BytesPerDelay == 0 {
		return 0
	}
	return s.fault.Delay
}

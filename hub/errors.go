package hub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A passing error may be gone at the next attempt.
type passing struct {
	error
	after time.Duration // what the server asks to wait; 0: it does not say
}

func (p *passing) Unwrap() error { return p.error }

// mostWait is the longest that a download waits because a server asks it to.
const mostWait = time.Minute

// unreachable is about a request that got no answer.
func unreachable(ctx context.Context, u *url.URL, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var wrapped *url.Error // it begins with the method and the address, which may hold a password
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return fmt.Errorf("%s is not to be found: is this machine online? (%w)", u.Host, dns)
	}
	return &passing{error: fmt.Errorf("%s: %w", u.Host, err)}
}

// refused is about an answer that is no file; nil for one that is.
func (m *Model) refused(response *http.Response) error {
	host := response.Request.URL.Host
	said := fmt.Errorf("%s answers %s", host, response.Status)
	switch response.StatusCode {
	case http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return m.closed(response)
	case http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("%s has no %s (%s)", host, m.File, response.Status)
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		after := retryAfter(response.Header.Get("Retry-After"), time.Now())
		if after > mostWait {
			return fmt.Errorf("%w and asks to come again in %s", said, after.Round(time.Second))
		}
		return &passing{said, after}
	}
	return said
}

// closed is about a file that not everybody gets.
func (m *Model) closed(response *http.Response) error {
	host := response.Request.URL.Host
	switch response.Header.Get("X-Error-Code") {
	case "RepoNotFound", "RevisionNotFound", "EntryNotFound":
		return fmt.Errorf("%s has no %s, or shows it to its owner alone (%s)", host, m.Source, response.Status)
	}
	if m.Revision != "" { // of the hub
		return fmt.Errorf("%s wants to know who asks (%s): accept the model's licence at %s and put a token of yours in HF_TOKEN", host, response.Status, m.Page)
	}
	return fmt.Errorf("%s does not give the file to everybody (%s)", host, response.Status)
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 1<<30)) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil && date.After(now) {
		return date.Sub(now)
	}
	return 0
}

// attempts does something until it succeeds, fails for good, or fails so often that it is better to
// say so. progress says whether the last attempt got anywhere, which makes it the first again.
func (s *Store) attempts(ctx context.Context, do func() error, progress func() bool) error {
	const most = 5
	for n := 1; ; n++ {
		err := do()
		var may *passing
		if err == nil || !errors.As(err, &may) || ctx.Err() != nil {
			return err
		}
		if progress() {
			n = 1
		}
		if n == most {
			return fmt.Errorf("%w, %d times in a row", may.error, most)
		}
		pause := may.after
		if pause == 0 {
			pause = time.Second << (n - 1)
		}
		if err := s.wait(ctx, pause); err != nil {
			return err
		}
	}
}

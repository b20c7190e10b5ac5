package hub

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"keyfold/engine/checkpoint"
	"keyfold/engine/untrusted"
)

// A download is a part of a file, and how it goes on.
type download struct {
	store *Store
	model Model
	on    func(Progress)

	path     string // of the part; beside it is its record
	file     *os.File
	have     int64  // bytes of the file that are there
	want     record // what the whole is to be
	pieces   int    // answers that the bytes are from
	restarts int    // times that it began anew
	looked   int64  // bytes that were there when the front was looked at
	opened   bool   // all of the front was there: this program can run the model
}

// begin opens the part that an earlier attempt left, or an empty one, and looks whether there is
// room for the rest.
func (s *Store) begin(m Model, on func(Progress)) (*download, error) {
	d := &download{store: s, model: m, on: on, path: m.Path + ".part"}
	d.want = record{Name: m.Name, Source: redacted(m.URL), Size: m.Size, SHA256: m.SHA256, Licence: m.Licence}
	var err error
	if d.file, err = os.OpenFile(d.path, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, err
	}
	info, err := d.file.Stat()
	if err == nil {
		d.have = info.Size()
		err = d.resume(readRecord(d.path + ".json"))
	}
	if err == nil {
		err = d.room()
	}
	if err != nil {
		d.file.Close()
		if d.have == 0 {
			d.discard()
		}
	}
	return d, err
}

// resume goes on with the part, if it is one of the same file.
func (d *download) resume(before record) error {
	if d.have == 0 {
		return d.want.write(d.path + ".json")
	}
	if !before.sameFile(d.want) || d.want.Size > 0 && d.have > d.want.Size {
		return d.restart()
	}
	d.pieces = 1
	if before.Source == d.want.Source {
		d.want.ETag = before.ETag
	}
	return nil
}

// restart throws away what came.
func (d *download) restart() error {
	d.have, d.pieces, d.looked, d.opened, d.want.ETag = 0, 0, 0, false, ""
	if err := d.file.Truncate(0); err != nil {
		return err
	}
	return d.want.write(d.path + ".json")
}

// room fails if the rest of the file does not fit on the disk.
func (d *download) room() error {
	folder := filepath.Dir(d.path)
	free, known := freeBytes(folder)
	if need := d.want.Size - d.have; known && need > 0 && uint64(need) > free {
		return fmt.Errorf("it takes %s more on the disk of %s, where %s are free; KEYFOLD_MODELS names another folder",
			Bytes(need), folder, Bytes(int64(free)))
	}
	return nil
}

// fetch gets what is missing of the file, in as many answers as it takes.
func (d *download) fetch(ctx context.Context) error {
	before := d.have
	return d.store.attempts(ctx, func() error {
		before = d.have
		return d.request(ctx)
	}, func() bool { return d.have > before })
}

// complete reports whether the whole file is there, as far as its size is known.
func (d *download) complete() bool { return d.want.Size > 0 && d.have == d.want.Size }

// request makes one request and writes its answer to the file. It returns nil when all is there.
func (d *download) request(ctx context.Context) error {
	if d.complete() {
		return nil
	}
	guarded, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ranges := ""
	if d.have > 0 && (d.want.ETag != "" || d.want.SHA256 != "") { // else nothing tells a changed file
		ranges = fmt.Sprintf("bytes=%d-", d.have)
	}
	response, err := d.store.get(guarded, d.model.URL, ranges, d.want.ETag)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := d.model.refused(response); err != nil {
		return err
	}
	stall := d.store.stall
	timer := time.AfterFunc(stall, func() { cancel(fmt.Errorf("it sent nothing for %s", stall)) })
	defer timer.Stop()
	body := bufio.NewReader(&restless{response.Body, timer, stall})
	err = d.accept(response, body)
	if err == nil {
		d.pieces++
		err = d.read(response.Request.URL.Host, body)
	}
	var broken *passing
	if errors.As(err, &broken) && guarded.Err() != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		broken.error = fmt.Errorf("%s: %w", response.Request.URL.Host, context.Cause(guarded))
	}
	return err
}

// A restless reader winds a timer up whenever it is read, so that the timer runs out only where
// nothing comes.
type restless struct {
	r     io.Reader
	timer *time.Timer
	stall time.Duration
}

func (r *restless) Read(p []byte) (int, error) {
	r.timer.Reset(r.stall)
	return r.r.Read(p)
}

// accept looks whether an answer goes on with the file, and if it begins it anew, whether that can
// be the file. Only then what was there is thrown away.
func (d *download) accept(response *http.Response, body *bufio.Reader) error {
	host := response.Request.URL.Host
	size, etag := total(response), mark(response.Header)
	whole := response.StatusCode == http.StatusOK
	if whole {
		head, err := body.Peek(untrusted.HeadBytes)
		if err != nil && len(head) < len("GGUF") && !errors.Is(err, io.EOF) {
			return &passing{error: fmt.Errorf("%s breaks off: %w", host, err)}
		}
		if err := wantGGUF(head); err != nil {
			return fmt.Errorf("%s %w", host, err)
		}
	}
	if size > 0 && d.want.Size > 0 && size != d.want.Size {
		return fmt.Errorf("%s has a file of %d bytes, want %d: it is another one, or the server counts wrongly", host, size, d.want.Size)
	}
	switch {
	case whole:
		if err := d.again(host); err != nil {
			return err
		}
	case !d.continues(response, etag):
		if err := d.again(host); err != nil {
			return err
		}
		return &passing{error: fmt.Errorf("%s has another file than before", host)}
	}
	if size > 0 {
		d.want.Size = size
	}
	if etag == d.want.ETag {
		return nil
	}
	d.want.ETag = etag
	return d.want.write(d.path + ".json")
}

// mark returns what a server tells this version of a file from others by: an ETag, but for one that
// stands for the same meaning and not the same bytes, or a date.
func mark(h http.Header) string {
	if etag := h.Get("ETag"); etag != "" && !strings.HasPrefix(etag, "W/") {
		return etag
	}
	return h.Get("Last-Modified")
}

// again begins anew, if that was not tried again and again.
func (d *download) again(host string) error {
	if d.have == 0 {
		return nil
	}
	if d.restarts++; d.restarts > 5 {
		return fmt.Errorf("%s begins with the first byte again and again, and breaks off before the last", host)
	}
	return d.restart()
}

// continues reports whether an answer begins where the part ends, in the same file.
func (d *download) continues(response *http.Response, etag string) bool {
	var from int64
	n, _ := fmt.Sscanf(response.Header.Get("Content-Range"), "bytes %d-", &from)
	same := etag == d.want.ETag || d.want.SHA256 != "" && (etag == "" || d.want.ETag == "")
	return response.StatusCode == http.StatusPartialContent && n == 1 && from == d.have && same
}

// read writes what comes to the file.
func (d *download) read(host string, body io.Reader) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := body.Read(buf)
		if d.want.Size > 0 && d.have+int64(n) > d.want.Size {
			return fmt.Errorf("%s sends more than %d bytes", host, d.want.Size)
		}
		if _, err := d.file.WriteAt(buf[:n], d.have); err != nil {
			return err
		}
		d.have += int64(n)
		d.on(Progress{Downloading, d.have, d.want.Size})
		if err := d.lookAtFront(); err != nil {
			return err
		}
		switch {
		case err == nil:
			continue
		case !errors.Is(err, io.EOF):
		case d.complete() || d.want.Size == 0:
			return nil
		default:
			err = io.ErrUnexpectedEOF
		}
		return &passing{error: fmt.Errorf("%s breaks off: %w", host, err)}
	}
}

// frontBytes is where most models' metadata and table of tensors end.
const frontBytes = 8 << 20

// lookAtFront opens the model as soon as its description is there, so that one that cannot run is
// refused before the weights come.
func (d *download) lookAtFront() error {
	if d.want.Size == 0 || d.opened || d.have < max(frontBytes, 2*d.looked) {
		return nil
	}
	d.looked = d.have
	r := &front{r: d.file, have: d.have}
	f, err := checkpoint.OpenGGUF(r, d.want.Size, d.model.File)
	if r.beyond {
		return nil
	}
	d.opened = true
	if err != nil {
		return fmt.Errorf("%w: %w", errUnfit, err)
	}
	return f.Close()
}

// errUnfit is about a model that is what it should be and that this program cannot run.
var errUnfit = errors.New("keyfold cannot run it")

// A front is a file whose end is still to come.
type front struct {
	r      io.ReaderAt
	have   int64
	beyond bool // something behind have was asked for
}

func (f *front) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) <= f.have {
		return f.r.ReadAt(p, at)
	}
	n := 0
	if at < f.have {
		n, _ = f.r.ReadAt(p[:f.have-at], at)
	}
	if n == 0 {
		f.beyond = true
	}
	return n, io.ErrUnexpectedEOF
}

package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"keyfold/engine/checkpoint"
	"keyfold/engine/untrusted"
)

// Progress is where a download stands.
type Progress struct {
	Phase       string // Waiting, Downloading or Checking
	Done, Total int64  // bytes of the file; Total 0: not known
}

// Phases of a download.
const (
	Waiting     = "waiting for another download of the same file"
	Downloading = "downloading"
	Checking    = "checking"
)

// Pull downloads a model, unless it is on disk. It goes on where an earlier attempt ended. The file
// gets its name when all of it is there, its sha256 is right and this program can run it; what
// had that name before stays until then.
func (s *Store) Pull(ctx context.Context, m Model, on func(Progress)) error {
	if m.URL == "" || m.OnDisk() {
		return nil
	}
	if err := s.Look(ctx, &m); err != nil {
		return err
	}
	if err := s.pull(ctx, m, on); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("%s: %w", untrusted.Name(m.Name), err)
	}
	return nil
}

func (s *Store) pull(ctx context.Context, m Model, on func(Progress)) error {
	if err := os.MkdirAll(filepath.Dir(m.Path), 0o777); err != nil {
		return err
	}
	defer s.tidy(m.Path)
	release, err := lock(ctx, m.Path+".lock", func() { on(Progress{Phase: Waiting}) })
	if err != nil {
		return err
	}
	defer release()
	if m.OnDisk() { // the other download was the same
		return nil
	}
	d, err := s.begin(m, on)
	if err != nil {
		return err
	}
	defer d.file.Close()
	if err := d.get(ctx); err != nil {
		if d.have == 0 || errors.Is(err, errUnfit) || errors.Is(err, errWrongBytes) {
			d.discard()
			return err
		}
		return fmt.Errorf("%w; %s are kept, and the next attempt goes on behind them", err, Bytes(d.have))
	}
	return d.keep()
}

// get downloads the rest of the file and checks the whole.
func (d *download) get(ctx context.Context) error {
	for {
		if err := d.fetch(ctx); err != nil {
			return err
		}
		err := d.check(ctx)
		if !errors.Is(err, errWrongBytes) || d.pieces < 2 {
			return err
		}
		if err := d.restart(); err != nil { // pieces of different files: all of it once more
			return err
		}
	}
}

// errWrongBytes is about a file of another sha256.
var errWrongBytes = errors.New("what came is not the file that was asked for")

// check looks at the whole file: sha256, and whether this program can run it.
func (d *download) check(ctx context.Context) error {
	hash := sha256.New()
	at := int64(0)
	for at < d.have {
		n, err := io.CopyN(hash, io.NewSectionReader(d.file, at, d.have-at), min(d.have-at, 16<<20))
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		at += n
		d.on(Progress{Checking, at, d.have})
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	if d.want.SHA256 != "" && sum != d.want.SHA256 {
		return fmt.Errorf("%w: its sha256 is %s, want %s", errWrongBytes, sum, d.want.SHA256)
	}
	d.want.SHA256, d.want.Size = sum, d.have
	f, err := checkpoint.OpenGGUF(d.file, d.have, d.model.File)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnfit, err)
	}
	return f.Close()
}

// keep gives the file its name.
func (d *download) keep() error {
	if err := errors.Join(d.file.Sync(), d.file.Close()); err != nil {
		return err
	}
	if err := d.want.write(d.model.Path + ".json"); err != nil {
		return err
	}
	if err := os.Rename(d.path, d.model.Path); err != nil {
		return err
	}
	os.Remove(d.path + ".json")
	return nil
}

// discard removes what came.
func (d *download) discard() {
	d.file.Close()
	os.Remove(d.path)
	os.Remove(d.path + ".json")
}

package hub

import (
	"context"
	"os"
	"time"
)

// lock makes a file that only one process has at a time, and waits for the others. waiting is
// called once where it has to.
func lock(ctx context.Context, path string, waiting func()) (release func(), err error) {
	for said := false; ; said = true {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return nil, err
		}
		if tryLock(f) && isAt(f, path) {
			return func() {
				os.Remove(path)
				f.Close()
			}, nil
		}
		f.Close()
		if !said {
			waiting()
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// isAt reports whether an open file still has that name. Who released the lock has removed it.
func isAt(f *os.File, path string) bool {
	mine, err := f.Stat()
	there, err2 := os.Stat(path)
	return err == nil && err2 == nil && os.SameFile(mine, there)
}

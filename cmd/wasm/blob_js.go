//go:build js

package main

import (
	"encoding/hex"
	"fmt"
	"io"

	"github.com/hack-pad/safejs"
)

// blobReader reads a Blob, such as a dropped file or a fetched one, piece by
// piece: what has not been asked for stays with the browser.
type blobReader struct {
	name     string
	blob     safejs.Value
	size     int64
	read     int64
	told     int64
	progress func(done, total int64)

	// The piece last read: metadata is read in many small steps.
	piece []byte
	from  int64
}

// pieceBytes is what is taken from a blob at least.
const pieceBytes = 1 << 20

func newBlobReader(name string, blob safejs.Value) (*blobReader, error) {
	size, err := blob.Get("size")
	if err != nil {
		return nil, err
	}
	n, err := size.Float()
	if err != nil {
		return nil, err
	}
	return &blobReader{name: name, blob: blob, size: int64(n)}, nil
}

// ReadAt reads from the piece at hand or takes another one.
func (b *blobReader) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) && off < b.size {
		if off < b.from || off >= b.from+int64(len(b.piece)) {
			if err := b.take(off, max(int64(len(p)-n), pieceBytes)); err != nil {
				return n, err
			}
		}
		copied := copy(p[n:], b.piece[off-b.from:])
		n, off = n+copied, off+int64(copied)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// take reads up to n bytes at off.
func (b *blobReader) take(off, n int64) error {
	end := min(off+n, b.size)
	slice, err := b.blob.Call("slice", float64(off), float64(end))
	if err != nil {
		return err
	}
	promise, err := slice.Call("arrayBuffer")
	if err != nil {
		return err
	}
	buffer, err := await(promise)
	if err != nil {
		return fmt.Errorf("read the file at byte %d: %w", off, err)
	}
	array, err := bytesOf(buffer)
	if err != nil {
		return err
	}
	if int64(cap(b.piece)) < end-off {
		b.piece = make([]byte, end-off)
	}
	b.piece, b.from = b.piece[:end-off], off
	if _, err := safejs.CopyBytesToGo(b.piece, array); err != nil {
		return err
	}
	b.read += end - off
	if b.progress != nil && (b.read-b.told > 4<<20 || end == b.size) {
		b.told = b.read
		b.progress(min(b.read, b.size), b.size)
	}
	return nil
}

// sha256 hashes the file with the browser's own crypto, which wants all of it
// at once: files of more than 256 MB are left unhashed.
func (b *blobReader) sha256() (string, error) {
	if b.size > 256<<20 {
		return "", fmt.Errorf("the file is too large to hash in a page")
	}
	promise, err := b.blob.Call("arrayBuffer")
	if err != nil {
		return "", err
	}
	buffer, err := await(promise)
	if err != nil {
		return "", err
	}
	crypto, err := safejs.Global().Get("crypto")
	if err != nil {
		return "", err
	}
	subtle, err := crypto.Get("subtle")
	if err != nil || subtle.IsUndefined() {
		return "", fmt.Errorf("this page may not hash: %v", err)
	}
	if promise, err = subtle.Call("digest", "SHA-256", buffer); err != nil {
		return "", err
	}
	digest, err := await(promise)
	if err != nil {
		return "", err
	}
	array, err := bytesOf(digest)
	if err != nil {
		return "", err
	}
	sum := make([]byte, 32)
	if _, err := safejs.CopyBytesToGo(sum, array); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum), nil
}

// bytesOf returns an ArrayBuffer as a Uint8Array.
func bytesOf(buffer safejs.Value) (safejs.Value, error) {
	constructor, err := safejs.Global().Get("Uint8Array")
	if err != nil {
		return safejs.Value{}, err
	}
	return constructor.New(buffer)
}

// await parks this goroutine until a promise settles. It must not be called on
// the event loop.
func await(promise safejs.Value) (safejs.Value, error) {
	type settled struct {
		value safejs.Value
		err   error
	}
	done := make(chan settled, 1)
	resolve, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		done <- settled{value: args[0]}
		return nil
	})
	if err != nil {
		return safejs.Value{}, err
	}
	defer resolve.Release()
	reject, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		message, err := args[0].Get("message")
		if err != nil {
			message = args[0]
		}
		text, _ := message.String()
		done <- settled{err: fmt.Errorf("%s", text)}
		return nil
	})
	if err != nil {
		return safejs.Value{}, err
	}
	defer reject.Release()
	if _, err := promise.Call("then", resolve, reject); err != nil {
		return safejs.Value{}, err
	}
	s := <-done
	return s.value, s.err
}

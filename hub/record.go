package hub

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// A record lies beside a model and says what it is; beside a part of one it says what the whole is
// to be, so that a later download goes on with it only if that is the same file.
type record struct {
	Name    string `json:"name"`   // as it was asked for
	Source  string `json:"source"` // address
	Size    int64  `json:"size,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
	ETag    string `json:"etag,omitempty"` // or the date of the last change, see mark
	Licence string `json:"licence,omitempty"`
}

// readRecord returns a record; one that is not there or is damaged is empty.
func readRecord(path string) (r record) {
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &r) != nil {
		return record{}
	}
	return r
}

// write gives a file the record as its content, all at once.
func (r record) write(path string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".record-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// sameFile reports whether a part that was recorded as r belongs to the file of next. Without a
// sha256 only the same address will do, and an etag, by which the server sees that it is the same still.
func (r record) sameFile(next record) bool {
	if r.SHA256 != "" || next.SHA256 != "" {
		return r.SHA256 == next.SHA256
	}
	return r.Source == next.Source && r.ETag != "" && r.Source != ""
}

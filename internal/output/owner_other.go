//go:build !unix

package output

import "io/fs"

// mustKeep reports whether a regular file has to stay the same one.
func mustKeep(string, fs.FileInfo) bool { return false }

// keepOwner gives a new file the owner of an old one, where files have owners.
func keepOwner(string, fs.FileInfo) error { return nil }

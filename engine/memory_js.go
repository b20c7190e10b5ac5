//go:build js

package engine

// availableMemory knows nothing: a browser does not say.
func availableMemory() (bytes int64, known bool) { return 0, false }

package checkpoint

import (
	"fmt"
	"path/filepath"
	"strings"

	"keyfold/engine/untrusted"
)

// whatIs says what a file is that does not begin as a model does: a clause that follows its name.
func whatIs(src source) string {
	head := make([]byte, min(src.size, untrusted.HeadBytes))
	if n, _ := src.r.ReadAt(head, 0); n < len(head) {
		head = head[:n]
	}
	if kind := untrusted.Kind(head); kind != "" {
		return kind
	}
	what := fmt.Sprintf("begins with %q", head[:min(4, len(head))])
	if name := filepath.Base(src.name); strings.Contains(name, "-of-") || strings.Contains(name, "part") || strings.Contains(name, "split") {
		what += " (by its name one part of several, which have to be joined)"
	}
	return what
}

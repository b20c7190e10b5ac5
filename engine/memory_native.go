//go:build !js

package engine

import (
	"bufio"
	"fmt"
	"os"
)

// availableMemory returns how many bytes programs can have without others losing theirs, as Linux
// reckons it; other systems say nothing of the kind.
func availableMemory() (bytes int64, known bool) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kB int64
		if n, _ := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kB); n == 1 {
			return kB << 10, true
		}
	}
	return 0, false
}

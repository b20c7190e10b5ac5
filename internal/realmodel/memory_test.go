//go:build linux

package realmodel

import (
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"

	"keyfold/engine"
)

// loadsHere, in the environment, makes TestRealMemory load the model and print what memory that took.
const loadsHere = "KEYFOLD_TEST_LOADS"

// Loading takes little more memory than what stays, in a process of its own: what the model is made of
// does not lie in memory twice. Behind the factors are what the program and its vocabulary take.
func TestRealMemory(t *testing.T) {
	if os.Getenv(loadsHere) != "" {
		realEngine(t, engine.CPU)
		debug.FreeOSMemory()
		fmt.Printf("peak %d resident %d\n", status(t, "VmHWM"), status(t, "VmRSS"))
		return
	}
	info, err := os.Stat(modelPath)
	if err != nil {
		realEngine(t, engine.CPU) // says that there is no model
	}
	child := exec.Command(os.Args[0], "-test.run=^TestRealMemory$")
	child.Env = append(os.Environ(), loadsHere+"=1")
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var peak, resident int64
	if _, err := fmt.Sscanf(string(out), "peak %d resident %d", &peak, &resident); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	const mb, constant = 1 << 20, 32 << 20
	t.Logf("a file of %d MB: peak %d MB, resident %d MB", info.Size()/mb, peak/mb, resident/mb)
	if peak > resident*13/10+constant {
		t.Errorf("loading peaks at %d MB, and %d MB stay", peak/mb, resident/mb)
	}
	if resident > info.Size()*12/10+constant {
		t.Errorf("%d MB stay of a file of %d MB", resident/mb, info.Size()/mb)
	}
}

// status returns a number of bytes that Linux tells of this process.
func status(t *testing.T, field string) int64 {
	t.Helper()
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(data), "\n"+field+":")
	var kb int64
	if _, err := fmt.Sscanf(after, "%d kB", &kb); err != nil {
		t.Fatalf("%s: %v", field, err)
	}
	return kb << 10
}

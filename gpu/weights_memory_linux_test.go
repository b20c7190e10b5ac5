package gpu

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"keyfold/layout"
)

// resetPeak makes the kernel forget how much this process held in memory at most.
func resetPeak(t *testing.T) {
	t.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Skip(err)
	}
}

// statusMB returns a size that the kernel tells of this process.
func statusMB(t *testing.T, name string) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	_, rest, _ := strings.Cut(string(status), name+":")
	var kB int
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		t.Fatal(err)
	}
	return kB >> 10
}

// While a large matrix is uploaded its pieces do not lie in memory a second time.
func TestUploadsDoNotPileUp(t *testing.T) {
	d := openForTest(t)
	if !d.emulated {
		t.Skip("a GPU with memory of its own")
	}
	const rows, cols, at = 1 << 16, 4096, 1 << 10
	part := layout.Part{Type: layout.Q8_0, Rows: rows}
	size := 4 * part.Words(cols) >> 20
	resetPeak(t)
	before := statusMB(t, "VmRSS")
	w, err := d.NewWeights("large", cols, part)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Destroy()
	piece := &layout.Weights{Type: layout.Q8_0, Rows: at, Cols: cols}
	piece.Words = make([]uint32, layout.Part{Type: layout.Q8_0, Rows: at}.Words(cols))
	for i := range piece.Words {
		piece.Words[i] = uint32(i)
	}
	for row0 := 0; row0 < rows; row0 += at {
		if err := w.Upload(row0, piece); err != nil {
			t.Fatal(err)
		}
	}
	p := d.Begin()
	p.Read(w.parts[0].buf, 0, 4)
	if err := p.Submit(); err != nil {
		t.Fatal(err)
	}
	if took, most := statusMB(t, "VmHWM")-before, size*13/10+mostUnsettled>>20; took > most {
		t.Errorf("a matrix of %d MB took %d MB while it was uploaded, want at most %d", size, took, most)
	} else {
		t.Logf("%d MB for a matrix of %d MB", took, size)
	}
}

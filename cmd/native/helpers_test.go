//go:build !js

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/models"
)

// keyfold runs a command line and returns its exit status and output.
func keyfold(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(context.Background(), terminal{strings.NewReader(""), &out, &err}, args)
	return status, out.String(), err.String()
}

// mustRun runs a command line that has to succeed and returns its output.
func mustRun(t testing.TB, args ...string) string {
	t.Helper()
	status, stdout, stderr := keyfold(args...)
	if status != 0 {
		t.Fatalf("keyfold %s: exit status %d: %s", strings.Join(args, " "), status, stderr)
	}
	return stdout
}

// devices are those to test on. Without an adapter that is the CPU, unless
// REQUIRE_GPU=1.
func devices(t testing.TB) []string {
	t.Helper()
	if status, _, stderr := keyfold("run", "-device", "gpu", "-n", "1", "a"); status != 0 && os.Getenv("REQUIRE_GPU") != "1" {
		t.Logf("GPU part left out: %s", stderr)
		return []string{"cpu"}
	}
	return []string{"cpu", "gpu"}
}

// sharedData returns the path of a file made by others, or skips the test.
func sharedData(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("reads shared/data/%s, which is absent", name)
	}
	return path
}

// fixtureModel writes the project's fixture to a file.
func fixtureModel(t testing.TB, wt checkpoint.Type) string {
	t.Helper()
	return writeFixture(t, models.FixtureConfig, wt)
}

// relative writes the fixture's relative of that name.
func relative(t testing.TB, name string) string {
	t.Helper()
	for _, s := range models.FixtureShapes() {
		if s.Name == name {
			return writeFixture(t, s.Config, checkpoint.F16)
		}
	}
	t.Fatalf("the fixture has no relative %s", name)
	return ""
}

func writeFixture(t testing.TB, c checkpoint.Config, wt checkpoint.Type) string {
	t.Helper()
	data, err := models.Fixture(c, wt, 1)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "fixture.gguf")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func readFloats(t testing.TB, path string) []float64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float64, len(data)/4)
	for i := range v {
		v[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
	}
	return v
}

func idList(ids []int) string {
	fields := make([]string, len(ids))
	for i, id := range ids {
		fields[i] = strconv.Itoa(id)
	}
	return strings.Join(fields, ",")
}

// sampleIDs returns n ids in which stretches come back, as words do in a text.
func sampleIDs(n, vocab int) []int {
	ids := []int{1}
	for i := 1; len(ids) < n; i++ {
		ids = append(ids, 3+(i*i*31+i*7)%(vocab-3))
		if i%9 == 0 && len(ids) > 8 {
			ids = append(ids, ids[len(ids)-6:]...)
		}
	}
	return ids[:n]
}

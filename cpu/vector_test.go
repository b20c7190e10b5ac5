//go:build !js

package cpu

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The tests of this package pass in wasm too, with vector instructions and
// without. It needs node and, for the assembler, node_modules.
func TestInWasm(t *testing.T) {
	_, err := exec.LookPath("node")
	if _, missing := os.Stat(filepath.Join("..", "node_modules", "wabt")); err != nil || missing != nil {
		if os.Getenv("REQUIRE_BROWSER") == "1" {
			t.Fatal("needs node and node_modules, which make site gets")
		}
		t.Skip("needs node and node_modules, which make site gets")
	}
	program := filepath.Join(t.TempDir(), "cpu.test")
	build := exec.Command("go", "test", "-c", "-o", program, ".")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, instructions := range []string{"vector", "plain"} {
		t.Run(instructions, func(t *testing.T) {
			if out, err := exec.Command("node", filepath.Join("testdata", "exec.mjs"), instructions, program).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

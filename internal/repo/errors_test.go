package repo

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// packageError finds an error whose message begins with the name of its package.
func packageError(name string) *regexp.Regexp {
	return regexp.MustCompile("(Errorf|errors\\.New)\\([\"`]" + regexp.QuoteMeta(name) + ": ")
}

// The errors of a package are read by people who do not know the package: they
// begin with the file, method, option or token that they are about.
func TestErrorsBeginWithTheirSubject(t *testing.T) {
	for _, file := range files(t) {
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Error(err)
			continue
		}
		finds := packageError(path.Base(path.Dir(file)))
		for i, line := range bytes.Split(source, []byte("\n")) {
			if finds.Match(line) {
				t.Errorf("%s:%d: the error begins with its package: %s", file, i+1, bytes.TrimSpace(line))
			}
		}
	}
	for line, want := range map[string]bool{
		`return fmt.Errorf("gpu: no room")`:           true,
		`return errors.New("gpu: no room")`:           true,
		`return fmt.Errorf("a gpu: no room")`:         false,
		`return fmt.Errorf("tokenizer: no room")`:     false, // another package's subject
		`panic(fmt.Sprintf("BUG: gpu: no room: %s"))`: false,
	} {
		if packageError("gpu").MatchString(line) != want {
			t.Errorf("packageError on %q: %v, want %v", line, !want, want)
		}
	}
}

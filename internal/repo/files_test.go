package repo

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// machinePath finds an absolute path into somebody's own folders, which means
// nothing on another machine. It is put together here so as not to find itself.
var machinePath = regexp.MustCompile(`(^|[^\w.~-])/(work|root|home)` + `/`)

func TestNoPathsOfOneMachine(t *testing.T) {
	for _, file := range files(t) {
		data, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Error(err)
			continue
		}
		if bytes.IndexByte(data, 0) >= 0 {
			continue // not text
		}
		for i, line := range bytes.Split(data, []byte("\n")) {
			if machinePath.Match(line) {
				t.Errorf("%s:%d: a path of one machine: %.150s", file, i+1, line)
			}
		}
	}
	const slash = "/"
	for text, want := range map[string]bool{
		slash + "work/main":                     true,
		`open("` + slash + "home/me/m.gguf":     true,
		"see " + slash + "root/x":               true,
		"file://" + slash + "home/me":           true,
		"https://example.org" + slash + "home/": false,
		"../shared" + slash + "work/":           false,
		"." + slash + "work/":                   false,
		"/homework/":                            false,
	} {
		if machinePath.MatchString(text) != want {
			t.Errorf("machinePath on %q: %v, want %v", text, !want, want)
		}
	}
}

// files returns the files of the tree by their paths from the root: those that
// git tracks or would track, and where there is no git, as in an unpacked
// archive, all that are not hidden, built or npm's.
//
// It also looks at each of them and at their folders itself: the go tool takes
// the result of an earlier run until something that the test looked at changes,
// and does not see what git and go list read.
func files(t *testing.T) []string {
	t.Helper()
	// Git refuses the repository of another user, as containers mount it, without safe.directory.
	out, err := exec.Command("git", "-c", "safe.directory=*", "-C", root,
		"ls-files", "-z", "-co", "--exclude-standard").Output()
	all := strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
	if err != nil {
		all = walk(t)
	}
	all = slices.DeleteFunc(all, func(file string) bool {
		_, err := os.Lstat(filepath.Join(root, file))
		return err != nil // deleted, and not yet committed
	})
	folders := map[string]bool{}
	for _, file := range all {
		folders[path.Dir(file)] = true
	}
	for folder := range folders {
		if _, err := os.ReadDir(filepath.Join(root, folder)); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 10 {
		t.Fatalf("found only the files %v", all)
	}
	return all
}

// walk returns the files of the tree but for those that are hidden, built or
// npm's.
func walk(t *testing.T) []string {
	var all []string
	err := fs.WalkDir(os.DirFS(root), ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if !entry.IsDir() {
			all = append(all, file)
		} else if file != "." && (name == "node_modules" || name == "build" || name[0] == '.') {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

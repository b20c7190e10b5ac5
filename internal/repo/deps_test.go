package repo

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// machine is a folder of programs that stands for PATH. It holds what tools/deps
// itself runs, a Go, and a Vulkan loader; apt-get and sudo write down that they ran.
type machine struct {
	t      *testing.T
	folder string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t, t.TempDir()}
	for _, name := range []string{"bash", "env", "awk", "sed", "sort", "head", "grep", "dirname", "cat"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("needs %s to run tools/deps", name)
		}
		if err := os.Symlink(path, filepath.Join(m.folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	m.add("go", `case "$2" in GOVERSION) echo go1.99.1 ;; CC) echo "fakecc -m64" ;; esac`)
	m.add("fakecc", "cat >/dev/null")
	m.add("uname", "echo Linux")
	m.add("ldconfig", "echo libvulkan.so.1")
	m.add("id", "echo 0")
	m.add("npm", "")
	m.add("python3", "")
	m.add("chromium", "")
	m.add("firefox-esr", "")
	m.add("apt-get", `echo "apt-get $*" >>"$LOG"`)
	m.add("sudo", `echo sudo >>"$LOG"; "$@"`)
	return m
}

// add puts a program on the machine, in the place of the one that was there.
func (m *machine) add(name, script string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.folder, name), []byte("#!/bin/bash\n"+script+"\n"), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// deps runs tools/deps there, without a terminal. It returns what it said, which
// programs it ran, and whether it failed.
func (m *machine) deps(environment string, args ...string) (said, ran string, failed bool) {
	m.t.Helper()
	log := filepath.Join(m.folder, "log")
	cmd := exec.Command(filepath.Join(root, "tools", "deps"), args...)
	cmd.Env = []string{"PATH=" + m.folder, "LOG=" + log, environment}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		m.t.Fatal(err)
	}
	data, _ := os.ReadFile(log) // none: nothing ran
	return out.String(), string(data), err != nil
}

func TestDeps(t *testing.T) {
	const (
		apt       = "apt-get update -q\napt-get install -q -y --no-install-recommends "
		aptRoot   = "apt-get update -q && env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "
		aptSudo   = "sudo apt-get update -q && sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "
		gcc       = "gcc libc6-dev"
		pip       = "python3 python3-pip"
		says      = "keyfold: missing: "
		hint      = " (Debian's names); make deps installs it\n"
		installs  = "keyfold: installing: "
		aptByHand = "keyfold: please run: "
		byHand    = "keyfold: please install what Debian calls "
	)
	user := [2]string{"id", "echo 1000"}
	noCompiler := [2]string{"fakecc", "exit 1"}
	noLoader := [2]string{"ldconfig", ""}
	missing := func(name string) [2]string { return [2]string{name, ""} }
	for _, tc := range []struct {
		name        string
		programs    [][2]string // in the place of the machine's; without a script the program is missing
		environment string
		args        string
		said, ran   string
		failed      bool
	}{
		{name: "all is there", args: "install compiler npm pip chromium firefox"},
		{name: "say names a compiler and fails", programs: [][2]string{noCompiler}, args: "say compiler",
			said: says + gcc + hint, failed: true},
		{name: "say names a browser", programs: [][2]string{missing("chromium")}, args: "say compiler chromium",
			said: says + "chromium" + hint},
		{name: "another browser will do", programs: [][2]string{missing("chromium"), {"google-chrome", "true"}}, args: "say chromium"},
		{name: "a browser of each kind", programs: [][2]string{missing("chromium"), missing("firefox-esr")}, args: "say chromium firefox",
			said: says + "chromium firefox-esr" + hint},
		{name: "Firefox as Mozilla calls it", programs: [][2]string{missing("firefox-esr"), {"firefox", "true"}}, args: "say firefox"},
		{name: "ready installs what it must", programs: [][2]string{noCompiler}, args: "ready compiler chromium",
			said: installs + aptRoot + gcc + "\n", ran: apt + gcc + "\n"},
		{name: "ready only says what is not needed", programs: [][2]string{missing("chromium")}, args: "ready compiler chromium",
			said: says + "chromium" + hint},
		{name: "install as root", programs: [][2]string{missing("npm"), missing("chromium")}, args: "install compiler npm chromium",
			said: installs + aptRoot + "npm chromium\n", ran: apt + "npm chromium\n"},
		{name: "a user without a terminal is told", programs: [][2]string{user, noCompiler}, args: "install compiler",
			said: aptByHand + aptSudo + gcc + "\n", failed: true},
		{name: "a user without a terminal goes on without a browser", programs: [][2]string{user, missing("chromium")}, args: "install chromium",
			said: aptByHand + aptSudo + "chromium\n"},
		{name: "continuous integration agrees to sudo", programs: [][2]string{user, noCompiler}, environment: "CI=true", args: "install compiler",
			said: installs + aptSudo + gcc + "\n", ran: "sudo\napt-get update -q\nsudo\n" + apt[strings.Index(apt, "\n")+1:] + gcc + "\n"},
		{name: "Python without pip", programs: [][2]string{{"python3", "exit 1"}}, args: "install pip",
			said: installs + aptRoot + pip + "\n", ran: apt + pip + "\n"},
		{name: "no Python", programs: [][2]string{missing("python3"), missing("apt-get")}, args: "install pip", said: byHand + pip + "\n", failed: true},
		{name: "no sudo", programs: [][2]string{user, missing("sudo"), missing("npm")}, args: "install npm", said: byHand + "npm\n", failed: true},
		{name: "no apt-get", programs: [][2]string{missing("apt-get"), missing("chromium")}, args: "install chromium", said: byHand + "chromium\n"},
		{name: "apt-get fails", programs: [][2]string{{"apt-get", "exit 1"}, noCompiler}, args: "install compiler",
			said: installs + aptRoot + gcc + "\n", failed: true},
		{name: "no Vulkan outside Linux", programs: [][2]string{{"uname", "echo Darwin"}, noLoader}, args: "say vulkan"},
		{name: "an old Go", programs: [][2]string{{"go", "echo go1.20"}}, args: "say compiler", failed: true,
			said: "keyfold: needs Go 1.26.0 or newer, found 1.20: see https://go.dev/dl/\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMachine(t)
			for _, p := range tc.programs {
				if m.add(p[0], p[1]); p[1] == "" && p[0] != "ldconfig" {
					os.Remove(filepath.Join(m.folder, p[0]))
				}
			}
			said, ran, failed := m.deps(tc.environment, strings.Fields(tc.args)...)
			if said != tc.said || ran != tc.ran || failed != tc.failed {
				t.Errorf("said %q, ran %q, failed %v; want %q, %q, %v", said, ran, failed, tc.said, tc.ran, tc.failed)
			}
		})
	}

	// Whether there is a driver is a matter of the real machine.
	m := newMachine(t)
	m.add("ldconfig", "")
	if said, _, failed := m.deps("", "say", "vulkan"); !strings.HasPrefix(said, says+"libvulkan1") || failed {
		t.Errorf("without a Vulkan loader it said %q, failed: %v", said, failed)
	}
}

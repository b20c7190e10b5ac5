package engine

import (
	"runtime/debug"
	"testing"

	"keyfold/gpu"
)

// The version is that of this module, whatever program it is in and however that
// was built.
func TestModuleVersion(t *testing.T) {
	settings := func(revision, modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: modified}}
	}
	const revision = "0123456789abcdef0123456789abcdef01234567"
	for _, tc := range []struct {
		name string
		info debug.BuildInfo
		want string
	}{
		{"nothing is known", debug.BuildInfo{}, "devel"},
		{"installed", debug.BuildInfo{Main: debug.Module{Path: "keyfold", Version: "v1.2.3"}}, "v1.2.3"},
		{"built in a checkout", debug.BuildInfo{Main: debug.Module{Path: "keyfold", Version: "(devel)"}, Settings: settings(revision, "false")}, "0123456789ab"},
		{"with changes", debug.BuildInfo{Main: debug.Module{Path: "keyfold", Version: "(devel)"}, Settings: settings(revision, "true")}, "0123456789ab+changes"},
		{"without git", debug.BuildInfo{Main: debug.Module{Path: "keyfold", Version: "(devel)"}}, "devel"},
		{"in another program", debug.BuildInfo{Main: debug.Module{Path: "other", Version: "v9.0.0"}, Settings: settings(revision, "false"),
			Deps: []*debug.Module{{Path: "else", Version: "v0.1.0"}, {Path: "keyfold", Version: "v1.2.3"}}}, "v1.2.3"},
		{"replaced in another program", debug.BuildInfo{Main: debug.Module{Path: "other"}, Settings: settings(revision, "false"),
			Deps: []*debug.Module{{Path: "keyfold", Version: "(devel)"}}}, "devel"},
	} {
		if got := moduleVersion(&tc.info); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	if v := Version(); v.Keyfold == "" || v.Go == "" || v.Kernels != gpu.KernelSet() || len(v.Kernels) != 16 {
		t.Errorf("version %+v", v)
	}
}

package engine

import (
	"runtime"
	"runtime/debug"

	"keyfold/gpu"
)

// VersionReport says what computed the numbers of a report.
type VersionReport struct {
	Keyfold string `json:"keyfold"` // of the module, or the revision that it was built from
	Go      string `json:"go"`      // compiler
	Kernels string `json:"kernels"` // changes where the text of a shader does
}

// Version returns the version of the running program.
func Version() VersionReport {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return VersionReport{Keyfold: moduleVersion(info), Go: runtime.Version(), Kernels: gpu.KernelSet()}
}

// moduleVersion returns the version of this module in a program, which may be
// another one that imports it; "devel" where the build does not know it.
func moduleVersion(info *debug.BuildInfo) string {
	module := &info.Main
	for _, dependency := range info.Deps {
		if dependency.Path == modulePath {
			module = dependency
		}
	}
	if module.Path == modulePath && module.Version != "" && module.Version != "(devel)" {
		return module.Version
	}
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+changes"
		}
	}
	if module != &info.Main || revision == "" {
		return "devel"
	}
	return revision + changed
}

const modulePath = "keyfold"

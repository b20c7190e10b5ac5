package gpu

import "strings"

// softwareNames are in the names of all adapters that emulate a GPU on a CPU, in lower
// case: Mesa's, Google's and Microsoft's. The last two lines are what Chrome calls
// Mesa's and Microsoft's.
var softwareNames = []string{
	"llvmpipe", "lavapipe", "swiftshader", "microsoft basic render driver",
	"mesa software",
	"microsoft warp",
}

// emulates reports whether an adapter of this name emulates a GPU on a CPU. The type of
// the adapter does not say it: wgpu-native gives the GPUs of virtual machines the type of
// CPUs, and Microsoft's emulation may come as a GPU.
func emulates(name string) bool {
	name = strings.ToLower(name)
	for _, part := range softwareNames {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// leanNames begin a word in the names of adapters that keep 64 numbers or fewer per thread in
// registers, in lower case: Arm's, and Broadcom's of the Raspberry Pi.
var leanNames = []string{"mali", "arm", "v3d", "broadcom"}

// isLean reports whether an adapter of this name has so few registers.
func isLean(name string) bool {
	for _, word := range strings.Fields(strings.ToLower(name)) {
		for _, begins := range leanNames {
			if strings.HasPrefix(word, begins) {
				return true
			}
		}
	}
	return false
}

// browserName makes a name of what a browser says about an adapter. It may say nothing.
func browserName(vendor, architecture, description string) string {
	name := strings.Join(strings.Fields(vendor+" "+architecture+" "+description), " ")
	if name == "" {
		return "an adapter without a name"
	}
	return name
}

// howToTurnOn returns how WebGPU is turned on in a browser of that user agent, as the end of a
// sentence, where there is a way.
func howToTurnOn(agent string) string {
	switch {
	case !strings.Contains(agent, "Firefox/"):
		return ""
	case strings.Contains(agent, "Linux") && !strings.Contains(agent, "Android"):
		return "; Firefox on Linux turns it on by dom.webgpu.enabled and gfx.webgpu.ignore-blocklist in about:config"
	}
	return "; Firefox turns it on by dom.webgpu.enabled in about:config"
}

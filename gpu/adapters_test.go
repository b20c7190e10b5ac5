package gpu

import (
	"strings"
	"testing"
)

// Names of adapters as Vulkan, D3D12 and Metal give them.
var adapterNames = map[string]bool{ // to whether they emulate a GPU
	"llvmpipe (LLVM 15.0.6, 256 bits)":                     true,
	"llvmpipe (LLVM 20.1.2, 128 bits)":                     true,
	"SwiftShader Device (LLVM 10.0.0)":                     true,
	"SwiftShader Device (Subzero)":                         true,
	"Microsoft Basic Render Driver":                        true,
	"Microsoft Direct3D12 (Microsoft Basic Render Driver)": true,
	"Virtio-GPU Venus (llvmpipe (LLVM 17.0.6, 256 bits))":  true,
	"Virtio-GPU Venus (Apple M2 Pro)":                      false,
	"Virtio-GPU Venus (NVIDIA GeForce RTX 4060)":           false,
	"Microsoft Direct3D12 (NVIDIA GeForce RTX 3080)":       false,
	"GRID T4-16Q":                       false,
	"NVIDIA A10-24Q":                    false,
	"NVIDIA A100-SXM4-40GB MIG 1g.5gb":  false,
	"Tesla T4":                          false,
	"AMD Radeon Pro V520 (RADV NAVI12)": false,
	"Apple Paravirtual device":          false,
	"Apple M1":                          false,
	"AMD Radeon Graphics (RADV RENOIR)": false,
	"AMD Ryzen 7 7840U w/ Radeon 780M Graphics (RADV PHX)": false,
	"Intel(R) UHD Graphics 630":                            false,
	"Intel(R) Iris(R) Xe Graphics (TGL GT2)":               false,
	"Intel(R) Arc(tm) A770 Graphics (DG2)":                 false,
	"NVIDIA GeForce RTX 4090":                              false,
	"Adreno (TM) 740":                                      false,
	"Mali-G57":                                             false,
	"V3D 7.1.7":                                            false,
	"Qualcomm(R) Adreno(TM) X1-85 GPU":                     false,
	"NVIDIA Tegra Orin (nvgpu)":                            false,
	"":                                                     false,
}

func TestAdaptersThatEmulate(t *testing.T) {
	for name, want := range adapterNames {
		if got := emulates(name); got != want {
			t.Errorf("%q emulates a GPU: %v, want %v", name, got, want)
		}
	}
	// What browsers say: Chrome a vendor and an architecture, with a description where a flag asks for it,
	// Safari a vendor, and Firefox often nothing.
	for _, tc := range []struct {
		vendor, architecture, description, name string
		emulates                                bool
	}{
		{"google", "swiftshader", "", "google swiftshader", true},
		{"google", "swiftshader", "SwiftShader Device (Subzero)", "google swiftshader SwiftShader Device (Subzero)", true},
		{"mesa", "software", "", "mesa software", true},
		{"mesa", "software", "llvmpipe (LLVM 15.0.6, 256 bits)", "mesa software llvmpipe (LLVM 15.0.6, 256 bits)", true},
		{"mesa", "", "llvmpipe (LLVM 19.1.7, 256 bits)", "mesa llvmpipe (LLVM 19.1.7, 256 bits)", true},
		{"microsoft", "warp", "", "microsoft warp", true},
		{"microsoft", "", "Microsoft Basic Render Driver", "microsoft Microsoft Basic Render Driver", true},
		{"", "", "llvmpipe (LLVM 15.0.6, 256 bits)", "llvmpipe (LLVM 15.0.6, 256 bits)", true},
		{"nvidia", "lovelace", "", "nvidia lovelace", false},
		{"intel", "gen-12lp", "", "intel gen-12lp", false},
		{"amd", "rdna-3", "AMD Radeon RX 7900 XTX", "amd rdna-3 AMD Radeon RX 7900 XTX", false},
		{"apple", "metal-3", "", "apple metal-3", false},
		{"apple", "", "", "apple", false},
		{"qualcomm", "adreno-7xx", "", "qualcomm adreno-7xx", false},
		{"arm", "valhall", "", "arm valhall", false},
		{"", "", "", "an adapter without a name", false},
	} {
		if got := browserName(tc.vendor, tc.architecture, tc.description); got != tc.name {
			t.Errorf("%q, %q, %q: named %q, want %q", tc.vendor, tc.architecture, tc.description, got, tc.name)
		}
		if got := emulates(tc.name); got != tc.emulates {
			t.Errorf("%q emulates a GPU: %v, want %v", tc.name, got, tc.emulates)
		}
	}
}

// Prompts are read through smaller tiles where a thread has few registers.
func TestLeanAdapters(t *testing.T) {
	for name := range adapterNames {
		want := "matmul_wide"
		if name == "Mali-G57" || name == "V3D 7.1.7" {
			want = "matmul_tiled"
		}
		if got := (&Device{lean: isLean(name)}).variants(ManyTokens); got[0].kernel != want || len(got) != 3 {
			t.Errorf("%q takes %v, want %s first", name, got, want)
		}
	}
	for _, name := range []string{"arm valhall", "arm bifrost", "broadcom v3d-7"} {
		if !isLean(name) {
			t.Errorf("%q has many registers", name)
		}
	}
	if got := (&Device{lean: true, Software: true}).variant(ManyTokens).kernel; got != "matmul" {
		t.Errorf("a software adapter takes %s, want matmul", got)
	}
}

func TestHowToTurnOn(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0":                             "dom.webgpu.enabled and gfx.webgpu.ignore-blocklist in",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:153.0) Gecko/20100101 Firefox/153.0":               "by dom.webgpu.enabled in",
		"Mozilla/5.0 (Android 15; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0":                               "by dom.webgpu.enabled in",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537": "",
		"Node.js/20": "",
	} {
		if got := howToTurnOn(agent); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", agent, got, want)
		}
	}
}

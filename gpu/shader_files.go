package gpu

import "embed"

//go:embed shaders/*.wgsl
var shaders embed.FS

// shaderFile returns the text of shaders/NAME.wgsl, and whether there is one.
func shaderFile(name string) (string, bool) {
	data, err := shaders.ReadFile("shaders/" + name + ".wgsl")
	return string(data), err == nil
}

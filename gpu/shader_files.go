package gpu

import (
	"embed"
	"fmt"
	"hash/fnv"
)

//go:embed shaders/*.wgsl
var shaders embed.FS

// shaderFile returns the text of shaders/NAME.wgsl, and whether there is one.
func shaderFile(name string) (string, bool) {
	data, err := shaders.ReadFile("shaders/" + name + ".wgsl")
	return string(data), err == nil
}

// KernelSet returns a name for the text of all shaders: it changes where one of them does.
func KernelSet() string {
	h := fnv.New64a()
	files, err := shaders.ReadDir("shaders") // in order of name
	if err != nil {
		panic("BUG: " + err.Error())
	}
	for _, file := range files {
		text, _ := shaders.ReadFile("shaders/" + file.Name())
		fmt.Fprintf(h, "%s %d\n%s", file.Name(), len(text), text)
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

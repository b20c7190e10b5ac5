package gpu

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	paramStride   = 256  // bytes between uniform blocks: WebGPU's default offset alignment
	maxDispatches = 1024 // per submit; a longer pass is submitted in pieces
	maxBindings   = 9    // storage buffers of one kernel, and the uniform block
)

// kernelID names one shader text: a kernel's file, the files that are joined to
// it (a weight reader, or a cache reader and writer) and the constants that are
// rewritten in it.
type kernelID struct {
	name   string
	parts  [2]string   // "weights_q8_0", "cache_f16", ...; "" for none
	consts [2]constant // the zero constant for none
}

type constant struct {
	name  string
	value int
}

func (id kernelID) String() string {
	s := id.name
	for _, part := range id.parts {
		if part != "" {
			s += "+" + part
		}
	}
	for _, c := range id.consts {
		if c.name != "" {
			s += fmt.Sprintf("(%s=%d)", c.name, c.value)
		}
	}
	return s
}

// files returns the names of the files of a text: the kernel's, its parts, and halves
// if one of these has scales.
func (id kernelID) files() []string {
	files, scales := []string{id.name}, false
	for _, part := range id.parts {
		if part != "" {
			files = append(files, part)
		}
		scales = scales || strings.Contains(part, "_q") // weights_q8_0, cache_q4_0, cache_write_q8_0, ...
	}
	if scales {
		files = append(files, "halves")
	}
	return files
}

// source returns the WGSL text of a kernel: its file with its constants
// rewritten, then the joined files. shader returns the text of a file.
func (id kernelID) source(shader func(name string) (text string, ok bool)) (string, error) {
	var text strings.Builder
	for i, name := range id.files() {
		file, ok := shader(name)
		if !ok {
			return "", fmt.Errorf("no shader named %s.wgsl", name)
		}
		if i > 0 {
			text.WriteString("\n")
		}
		text.WriteString(file)
	}
	src := text.String()
	for _, c := range id.consts {
		if c.name == "" {
			continue
		}
		var err error
		if src, err = setConst(src, c.name, c.value); err != nil {
			return "", err
		}
	}
	return src, nil
}

// setConst rewrites the line "const NAME: u32 = 64u;" to hold value. The text
// keeps its line numbers, so compiler errors stay true. It is the only
// substitution made in a shader: the native compiler knows no override
// constants.
func setConst(src, name string, value int) (string, error) {
	prefix := "const " + name + ": u32 = "
	if n := strings.Count(src, prefix); n != 1 {
		return "", fmt.Errorf("shader declares const %s %d times, want once", name, n)
	}
	at := strings.Index(src, prefix) + len(prefix)
	end := strings.IndexByte(src[at:], ';')
	if end < 0 {
		return "", fmt.Errorf("shader const %s has no semicolon", name)
	}
	return src[:at] + strconv.Itoa(value) + "u" + src[at+end:], nil
}

// binding is a storage buffer that a shader declares.
type binding struct {
	name     string
	number   uint32
	readOnly bool
}

// storageBindings finds the lines
//
//	@group(0) @binding(N) var<storage, read> name: type;
//
// of a shader, in the order of N. Style demands exactly this form, and a test
// that every shader keeps to it.
func storageBindings(src string) []binding {
	var found [maxBindings]binding
	for line := range strings.Lines(src) {
		var b binding
		rest, ok := strings.CutPrefix(line, "@group(0) @binding(")
		if !ok {
			continue
		}
		number, rest, _ := strings.Cut(rest, ")")
		access, rest, _ := strings.Cut(rest, ">")
		n, err := strconv.Atoi(number)
		if err != nil || n <= 0 || n >= maxBindings {
			continue
		}
		b.number = uint32(n)
		b.readOnly = strings.HasSuffix(access, "<storage, read")
		b.name, _, _ = strings.Cut(strings.TrimSpace(rest), ":")
		found[n] = b
	}
	var list []binding
	for _, b := range found {
		if b.name != "" {
			list = append(list, b)
		}
	}
	return list
}

// paramFields counts the fields of a shader's struct Params, which style puts on a
// line each.
func paramFields(src string) int {
	_, after, _ := strings.Cut(src, "struct Params {")
	fields, _, _ := strings.Cut(after, "}")
	n := 0
	for line := range strings.Lines(fields) {
		code, _, _ := strings.Cut(line, "//")
		n += strings.Count(code, ":")
	}
	return n
}

// folds reports whether a shader numbers its workgroups by x + y * groups.x; see [Device.fold].
func folds(src string) bool { return strings.Contains(src, ".y * groups.x") }

// kernel is a compiled shader with its layout.
type kernel struct {
	id       kernelID
	bindings []binding
	params   int  // fields of its struct Params
	folds    bool // its workgroups, (n, 1, 1), may be spread over x and y
	pipeline pipeline
	warm     bool // has been dispatched before
}

// kernel returns the compiled kernel, compiling it on first use.
func (d *Device) kernel(id kernelID) (*kernel, error) {
	if _, ok := d.kernels[id]; !ok {
		if err := d.compile([]kernelID{id})[id]; err != nil {
			return nil, err
		}
	}
	return d.kernels[id], nil
}

// compile compiles those of some different kernels that are not compiled yet, all at the same time where
// the driver can. It returns why some cannot be.
func (d *Device) compile(ids []kernelID) map[kernelID]error {
	faults := map[kernelID]error{}
	var kernels []*kernel
	var sources []source
	for _, id := range ids {
		if d.kernels[id] != nil {
			continue
		}
		code, err := id.source(d.shader)
		if err != nil {
			faults[id] = err
			continue
		}
		k := &kernel{id: id, bindings: storageBindings(code), params: paramFields(code), folds: folds(code)}
		kernels, sources = append(kernels, k), append(sources, source{id.String(), code, k.bindings})
	}
	d.tell("compile", len(sources))
	for i, c := range d.driver.compile(sources) {
		k := kernels[i]
		if c.err != nil {
			faults[k.id] = fmt.Errorf("compile %v: %w", k.id, c.err)
			continue
		}
		k.pipeline = c.pipeline
		d.kernels[k.id] = k
	}
	return faults
}

// bindKey names a bind group: a kernel and the buffers bound to it.
type bindKey struct {
	kernel  *kernel
	buffers [maxBindings]uint64
}

func (key bindKey) uses(id uint64) bool {
	for _, b := range key.buffers {
		if b == id {
			return true
		}
	}
	return false
}

// bindGroup returns the bind group of these buffers, making it on first use:
// making one costs more than a small dispatch.
func (d *Device) bindGroup(k *kernel, buffers []*Buffer) (group bindGroup, err error) {
	defer catch("bind "+k.id.name, &err)
	key := bindKey{kernel: k}
	for i, b := range buffers {
		key.buffers[i] = b.id
	}
	if group, ok := d.bindGroups[key]; ok {
		return group, nil
	}
	memories := []bound{{0, d.params.m, paramStride}}
	for i, b := range buffers {
		memories = append(memories, bound{k.bindings[i].number, b.m, b.size})
	}
	if group, err = d.driver.bind(k.pipeline, memories); err != nil {
		return group, fmt.Errorf("bind %v: %w", k.id, err)
	}
	d.bindGroups[key] = group
	return group, nil
}

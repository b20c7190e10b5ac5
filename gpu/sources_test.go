package gpu

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"keyfold/layout"
)

// headDims are the values of HEAD_DIM that every kernel of a cache type is
// compiled with: the smallest, those of common models, and one that is not a
// power of two. Quantised rows of 32 and 96 elements have unused bytes.
func headDims(t layout.CacheType) []int {
	if t.Quantised() {
		return []int{32, 64, 96}
	}
	return []int{4, 8, 64, 80, 128}
}

// shaderFiles returns the text of every file in shaders/ by its name without
// .wgsl.
func shaderFiles(t testing.TB) map[string]string {
	t.Helper()
	paths, err := fs.Glob(shaders, "shaders/*.wgsl")
	if err != nil || len(paths) == 0 {
		t.Fatalf("found %d shaders: %v", len(paths), err)
	}
	files := map[string]string{}
	for _, p := range paths {
		data, err := shaders.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimSuffix(path.Base(p), ".wgsl")] = string(data)
	}
	return files
}

// isKernel reports whether a shader file has an entry point. The others are
// joined to kernels.
func isKernel(src string) bool { return strings.Contains(src, "@compute") }

// kernelIDs returns every shader text in use: each kernel with every reader,
// writer or random part that it calls, and with the constants that its wrapper
// sets. It looks at what a kernel calls, so that a new kernel, weight type or
// cache type is in the list without a line here; a new constant needs one.
func kernelIDs(t testing.TB) []kernelID {
	t.Helper()
	files := shaderFiles(t)
	var ids []kernelID
	for name, src := range files {
		if !isKernel(src) {
			continue
		}
		code := withoutComments(src)
		calls := func(part string) bool {
			for _, m := range functionDeclared.FindAllStringSubmatch(files[part], -1) {
				if regexp.MustCompile(`\b` + m[1] + `\(`).MatchString(code) {
					return true
				}
			}
			return false
		}
		var joined []kernelID
		reads, writes := calls("cache_f32"), calls("cache_write_f32")
		switch {
		case reads || writes:
			for _, ct := range layout.CacheTypes {
				for _, headDim := range headDims(ct) {
					c := &Cache{Type: ct, HeadDim: headDim}
					joined = append(joined, c.kernel(name, reads, writes))
				}
			}
		case calls("weights_f32"), calls("blocks_q8_0"):
			for _, wt := range weightTypes {
				v, inputs := variant{kernel: name}, []string{""}
				if calls("blocks_q8_0") {
					v.blocks = &matvec
				}
				if v.of(wt) != v {
					continue
				}
				if calls("input_plain") {
					inputs = []string{"input_plain", "input_norm"}
				}
				for _, input := range inputs {
					joined = append(joined, kernelID{name: name, parts: [2]string{v.reader(weightPart{typ: wt}), input}})
				}
			}
		case calls("summary"):
			joined = []kernelID{{name: name, parts: [2]string{"summary", "random"}}}
		case calls("random"):
			joined = []kernelID{{name: name, parts: [2]string{"random"}}}
		default:
			joined = []kernelID{{name: name}}
		}
		for _, id := range joined {
			switch name {
			case "attention":
				id.consts[1] = constant{"BLOCK4", largestDivisor(id.consts[0].value/4, attentionBlock)}
			case "prefill_tiles":
				id.consts[1] = constant{"SLOTS", prefillSlots(id.consts[0].value)}
			}
			plain := true // the text is in use without another constant
			for _, k := range table {
				for _, v := range k.all() {
					other := id
					switch {
					case v.kernel != name:
					case v.threads > 0:
						other.consts[1] = v.id().consts[1]
						ids = append(ids, other)
					case v.shrinks:
						plain = false
						for _, n := range []int{2, 4, 8} {
							other.consts[0] = v.forTokens(n).id().consts[0]
							if !slices.Contains(ids, other) {
								ids = append(ids, other)
							}
						}
					}
				}
			}
			if plain {
				ids = append(ids, id)
			}
		}
	}
	slices.SortFunc(ids, func(a, b kernelID) int { return strings.Compare(a.String(), b.String()) })
	return ids
}

// largestDivisor returns the largest divisor of n that is at most limit.
func largestDivisor(n, limit int) int {
	for d := min(n, limit); ; d-- {
		if n%d == 0 {
			return d
		}
	}
}

var functionDeclared = regexp.MustCompile(`(?m)^fn (\w+)\(`)

// withoutComments returns src with its comments cut off, line by line.
func withoutComments(src string) string {
	var code strings.Builder
	for line := range strings.Lines(src) {
		before, _, found := strings.Cut(line, "//")
		code.WriteString(before)
		if found {
			code.WriteString("\n")
		}
	}
	return code.String()
}

// Every file in shaders/ is a part of some text in the list, and every
// constant that a wrapper rewrites is rewritten there.
func TestKernelIDsCoverEveryShader(t *testing.T) {
	covered := map[string]bool{}
	ids := kernelIDs(t)
	for _, id := range ids {
		for _, name := range id.files() {
			covered[name] = true
		}
		for _, c := range id.consts {
			covered["const "+c.name] = true
		}
	}
	for name := range shaderFiles(t) {
		if !covered[name] {
			t.Errorf("%s.wgsl is in no text of the list", name)
		}
	}
	wrappers, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	constantSet := regexp.MustCompile(`constant\{+"(\w+)"`)
	for _, file := range wrappers {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range constantSet.FindAllStringSubmatch(string(data), -1) {
			if !covered["const "+m[1]] {
				t.Errorf("%s rewrites const %s, which no text of the list does", file, m[1])
			}
		}
	}
	t.Logf("%d texts", len(ids))
}

// browserOnly reports whether a kernel uses what the native compiler does not know;
// TestSubgroupsInChromium runs those.
func browserOnly(kernel string) bool { return strings.HasSuffix(kernel, "_subgroups") }

// Every text compiles on this machine's device, but for those that are for browsers.
func TestShadersCompile(t *testing.T) {
	d := openForTest(t)
	for _, id := range kernelIDs(t) {
		if _, err := d.kernel(id); err != nil && !browserOnly(id.name) {
			t.Error(err)
		}
	}
}

// The words that a wrapper passes are counted against the shader's struct Params, and
// the buffers against its bindings.
func TestDispatchCounts(t *testing.T) {
	d := openForTest(t)
	b := d.poisoned(t, 64)
	id, groups := kernelID{name: "swiglu"}, [3]int{1, 1, 1} // its struct Params has the field hidden alone
	for _, tc := range []struct {
		params  []uint32
		buffers []*Buffer
		want    string
	}{
		{nil, []*Buffer{b, d.poisoned(t, 64)}, "BUG: gpu: swiglu has 1 parameters, got 0"},
		{[]uint32{32, 0}, []*Buffer{b, d.poisoned(t, 64)}, "BUG: gpu: swiglu has 1 parameters, got 2"},
		{[]uint32{32}, []*Buffer{b}, "BUG: gpu: swiglu takes 2 buffers, got 1"},
	} {
		func() {
			defer func() {
				if got := recover(); got != tc.want {
					t.Errorf("%d words and %d buffers: panic %v, want %s", len(tc.params), len(tc.buffers), got, tc.want)
				}
			}()
			d.Begin().dispatch(id, groups, tc.params, tc.buffers...)
		}()
	}
}

// Fields are counted whatever is written behind them.
func TestParamFields(t *testing.T) {
	for src, want := range map[string]int{
		"":                                0,
		"struct Params {\n    n: u32,\n}": 1,
		"struct Params {\n    n: u32, // of what: (n, dim)\n    // also: this\n    eps: f32,\n}\nstruct Other {\n    a: u32,\n}": 2,
	} {
		if got := paramFields(src); got != want {
			t.Errorf("%q: %d fields, want %d", src, got, want)
		}
	}
}

// A device that takes anything would pass the test above.
func TestCompileRejectsBadShaders(t *testing.T) {
	d := openForTest(t)
	id := kernelID{name: "swiglu"}
	src, err := id.source(shaderFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ why, old, new string }{
		{"a missing semicolon", "let i = id.x;", "let i = id.x"},
		{"an int where a float goes", "let g = ", "let g: f32 = 1i + "},
		{"no entry point", "fn main(", "fn start("},
		{"a binding that storageBindings does not find", "@group(0) @binding(2)", "@binding(2) @group(0)"},
	} {
		bad := strings.Replace(src, tc.old, tc.new, 1)
		if bad == src {
			t.Fatalf("%s: there is no %q to change", tc.why, tc.old)
		}
		if c := d.driver.compile([]source{{id.String(), bad, storageBindings(bad)}})[0]; c.err == nil {
			c.free()
			t.Errorf("%s: compiled", tc.why)
		}
	}
}

// headerLabels are the labels of a shader's header in their order. A kernel has
// all of them; a part that is joined to kernels has no dispatch of its own, and
// needs only Twin and Source.
var headerLabels = []string{"Shapes", "Dispatch", "Threads", "Limits", "Twin", "Source"}

var (
	headerLabel    = regexp.MustCompile(`(?m)^// ([A-Z]\w*) {2,}(\S+)`)
	storageBinding = regexp.MustCompile(
		`^@group\(0\) @binding\([1-8]\) var<storage, read(_write)?> \w+: [^;]+;( +//.*)?$`)
	reservedWord  = regexp.MustCompile(`\b(enable|override|const_assert|diagnostic)\b`)
	subgroupPlace = regexp.MustCompile(`\b(subgroup_size|subgroup_id|num_subgroups|subgroup_invocation_id)\b`)
)

// styleErrors lists what is wrong with a shader file, given its name without
// .wgsl. exists reports whether the repository has a file.
func styleErrors(name, src string, exists func(file string) bool) []string {
	var errs []string
	fail := func(line int, format string, args ...any) {
		errs = append(errs, fmt.Sprintf("%s.wgsl:%d: %s", name, line, fmt.Sprintf(format, args...)))
	}

	// 1. The header: all comment lines before the first other line.
	header := ""
	for line := range strings.Lines(src) {
		if !strings.HasPrefix(line, "//") {
			break
		}
		header += line
	}
	if !strings.HasPrefix(header, "// "+name+".wgsl: ") {
		fail(1, "the header does not begin with \"// %s.wgsl: \"", name)
	}
	var labels []string
	for _, m := range headerLabel.FindAllStringSubmatch(header, -1) {
		labels = append(labels, m[1])
		if m[1] != "Twin" {
			continue
		}
		if !exists(m[2]) {
			fail(1, "there is no twin %s", m[2])
		}
		// A kernel is four files of one name: shader, wrapper, twin and test. A variant has
		// the twin of the kernel that it stands for, and shares that one's wrapper and test.
		for _, form := range []string{"gpu/shaders/%s.wgsl", "gpu/%s.go", "gpu/%s_test.go"} {
			if file := fmt.Sprintf(form, strings.TrimSuffix(path.Base(m[2]), ".go")); isKernel(src) && !exists(file) {
				fail(1, "there is no %s, the name of its twin %s", file, m[2])
			}
		}
	}
	want := headerLabels
	if !isKernel(src) {
		want = slices.DeleteFunc(slices.Clone(headerLabels), func(label string) bool {
			return label != "Twin" && label != "Source" && !slices.Contains(labels, label)
		})
	}
	if !slices.Equal(labels, want) {
		fail(1, "the header has the labels %v, want %v", labels, want)
	}

	// 2. The code, line by line.
	bindings := 0
	for i, line := range strings.Split(src, "\n") {
		if n := utf8.RuneCountInString(line); n > 120 {
			fail(i+1, "%d columns, want at most 120", n)
		}
		code, _, _ := strings.Cut(line, "//")
		if word := reservedWord.FindString(code); word != "" && (code != "enable subgroups;" || !browserOnly(name)) {
			fail(i+1, "%s, which the native compiler does not know", word)
		}
		if word := subgroupPlace.FindString(code); word != "" {
			fail(i+1, "%s, which some drivers report wrongly, or do not know", word)
		}
		if strings.Contains(code, "var<storage") {
			bindings++
			if !storageBinding.MatchString(line) {
				fail(i+1, "a storage binding, want \"@group(0) @binding(N) var<storage, read> name: type;\"")
			}
		}
	}
	if found := len(storageBindings(src)); found != bindings {
		fail(1, "declares %d storage bindings, of which storageBindings finds %d", bindings, found)
	}
	if !isKernel(src) {
		return errs
	}
	for _, once := range []string{
		"struct Params {", "@group(0) @binding(0) var<uniform> params: Params;", "@compute ", "fn main(",
	} {
		if n := strings.Count(src, once); n != 1 {
			fail(1, "has %q %d times, want once", once, n)
		}
	}
	return errs
}

func inRepository(file string) bool {
	_, err := os.Stat(filepath.Join("..", filepath.FromSlash(file)))
	return err == nil
}

func TestShaderStyle(t *testing.T) {
	for name, src := range shaderFiles(t) {
		for _, err := range styleErrors(name, src, inRepository) {
			t.Error(err)
		}
	}
	// Joined texts number their storage buffers 1, 2, 3 ..., at most 8.
	for _, id := range kernelIDs(t) {
		src, err := id.source(shaderFile)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range storageBindings(src) {
			if int(b.number) != i+1 {
				t.Errorf("%v: storage binding %s has number %d, want %d", id, b.name, b.number, i+1)
			}
		}
		found, declared := len(storageBindings(src)), strings.Count(withoutComments(src), "var<storage")
		if found != declared {
			t.Errorf("%v: declares %d storage bindings with %d numbers", id, declared, found)
		}
	}
}

// Each rule of styleErrors is seen to fail.
func TestShaderStyleCatchesErrors(t *testing.T) {
	files := shaderFiles(t)
	for _, tc := range []struct {
		file, old, new string
		want           string // in the complaint; "" for none
	}{
		{"swiglu", "", "", ""},
		{"weights_f16", "", "", ""},
		{"swiglu", "swiglu.wgsl: ", "swiglu: ", "does not begin"},
		{"swiglu", "// Limits ", "// Limit ", "labels"},
		{"zero", "// Limits     none\n", "", "labels"},
		{"swiglu", "// Twin  ", "// Source  ", "labels"},
		{"swiglu", "ref/swiglu.go", "ref/swiglo.go", "no twin"},
		{"swiglu", "ref/swiglu.go", "ref/ranking.go", "no gpu/ranking_test.go"},
		{"weights_f16", "// Twin       layout/weights.go\n", "", "labels"},
		{"weights_f16", "// Source     definition\n", "", "labels"},
		{"swiglu", "let i = id.x;", "let i = id.x;" + strings.Repeat(" ", 110), "columns"},
		{"swiglu", "struct Params", "enable f16;\nstruct Params", "enable"},
		{"swiglu", "const WG_SIZE", "override WG_SIZE", "override"},
		{"matvec_subgroups", "subgroupElect()", "lane == t % subgroup_size", "report wrongly"},
		{"swiglu", "var<storage, read> gate_up", "var<storage,read> gate_up", "a storage binding"},
		{"swiglu", "@group(0) @binding(1)", "@binding(1) @group(0)", "finds 1"},
		{"swiglu", "@binding(2)", "@binding(1)", "finds 1"},
		{"swiglu", "@binding(0)", "@binding(7)", "var<uniform>"},
		{"swiglu", "fn main(", "fn start(", "fn main("},
	} {
		src := strings.Replace(files[tc.file], tc.old, tc.new, 1)
		if src == files[tc.file] && tc.want != "" {
			t.Errorf("%s has no %q to change", tc.file, tc.old)
			continue
		}
		errs := strings.Join(styleErrors(tc.file, src, inRepository), "\n")
		if tc.want == "" && errs != "" || !strings.Contains(errs, tc.want) {
			t.Errorf("%s with %q instead of %q: complaints %q, want %q", tc.file, tc.new, tc.old, errs, tc.want)
		}
	}
}

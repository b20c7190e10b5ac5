//go:build !js

package checkpoint

import "testing"

// readable fails the test unless everything that opening promised can be read, within the bytes of
// the file.
func readable(t *testing.T, f *File, size int) {
	t.Helper()
	if err := f.Config.Validate(); err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, tensor := range f.Tensors() {
		total += tensor.Bytes()
		if total > int64(size) {
			t.Fatalf("tensors up to %s take %d bytes, the file has %d", tensor.Name, total, size)
		}
		readAll(t, f, tensor)
	}
	if _, err := f.SHA256(); err != nil {
		t.Fatal(err)
	}
}

func FuzzOpenGGUF(f *testing.F) {
	f.Add(newToy(specimen, false).gguf(f, F32))
	f.Add(newToy(specimen, true).gguf(f, BF16))
	m := newToy(specimen, true)
	f.Add(writeGGUF(f, append(m.meta(), allKinds...), m.tensorData(F16)))
	f.Add(writeGGUF(f, allKinds, nil))
	m.Config.Dim, m.Config.HiddenDim, m.Config.HeadDim = 32, 32, 32
	f.Add(newToy(m.Config, true).gguf(f, Q4_1))
	f.Fuzz(func(t *testing.T, b []byte) {
		if file, err := openGGUFBytes(b); err == nil {
			readable(t, file, len(b))
		}
	})
}

func FuzzSafetensors(f *testing.F) {
	m := newToy(specimen, false)
	f.Add([]byte(m.config(nil)), writeSafetensors(m.safetensors(F32)), []byte{})
	f.Add([]byte(m.config(map[string]any{"rope_parameters": map[string]any{"rope_theta": 1e5}})),
		writeSafetensors(newToy(specimen, true).safetensors(F16)), []byte{})
	files := sharded(m)
	f.Add([]byte(files["config.json"]), []byte(files["model-00001-of-00002.safetensors"]), []byte(files[indexName]))
	second := []byte(files["model-00002-of-00002.safetensors"])
	f.Fuzz(func(t *testing.T, config, weights, index []byte) {
		files := map[string]string{
			"config.json": string(config), "model.safetensors": string(weights),
		}
		size := len(weights)
		if len(index) > 0 {
			files = map[string]string{
				"config.json": string(config), indexName: string(index),
				"model-00001-of-00002.safetensors": string(weights),
				"model-00002-of-00002.safetensors": string(second),
			}
			size += len(second)
		}
		if file, err := openFiles(files); err == nil {
			readable(t, file, size)
			file.Close()
		}
	})
}

func FuzzLlama2C(f *testing.F) {
	f.Add(newToy(specimen, false).llama2c())
	f.Add(newToy(specimen, true).llama2c())
	f.Add([]byte("24ka\x01\x00\x00\x00 and more than a header"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if file, err := openLlama2CBytes(b); err == nil {
			readable(t, file, len(b))
		}
	})
}

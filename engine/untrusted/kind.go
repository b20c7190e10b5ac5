package untrusted

import (
	"bytes"
	"encoding/binary"
)

// HeadBytes is how much of the beginning of a file Kind looks at.
const HeadBytes = 512

// JSON is the Kind of a JSON object.
const JSON = "a JSON text"

// Kind says what a file is that is not what a reader wanted, from its first bytes, and what to do
// about it where that is known: a clause that follows a name and a colon. It is empty for bytes that
// it does not know.
func Kind(head []byte) string {
	for _, k := range kinds {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return k.what
		}
	}
	text := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n"))
	switch {
	case len(head) == 0:
		return "an empty file"
	case bytes.HasPrefix(text, []byte("<!doctype html")), bytes.HasPrefix(text, []byte("<html")), bytes.HasPrefix(text, []byte("<head")):
		return "an HTML page, probably one that a server sent in place of the file (a login, a licence, an error); download the file itself"
	case bytes.HasPrefix(text, []byte("<?xml")), bytes.HasPrefix(text, []byte("<error")):
		return "an XML document, probably a server's error in place of the file"
	case bytes.HasPrefix(text, []byte("{")) && bytes.Contains(text, []byte(`"weight_map"`)):
		return "an index of safetensors files, which lie beside it; name their folder"
	case bytes.HasPrefix(text, []byte("{")):
		return JSON
	case isSafetensors(head):
		return "a safetensors file; its name has to end in .safetensors, with config.json beside it"
	case bytes.Count(head, []byte{0}) == len(head):
		return "nothing but zeros, probably an unfinished download"
	}
	return ""
}

// kinds are files that begin with fixed bytes.
var kinds = []struct{ magic, what string }{
	{"GGUF", "a GGUF file"},
	{"version https://git-lfs.github.com/spec/", "a Git LFS pointer, which stands for a file that has not been downloaded; " +
		"\"git lfs pull\" in its repository gets it"},
	{"version https://hawser.github.com/spec/", "a Git LFS pointer, which stands for a file that has not been downloaded"},
	{"PK\x03\x04", "a PyTorch or other zip file"},
	// Not by two bytes alone: a llama2.c model of width 640 begins with them.
	{"\x80\x02}", "a PyTorch (pickle) file"},
	{"\x80\x02c", "a PyTorch (pickle) file"},
	{"\x80\x04\x95", "a PyTorch (pickle) file"},
	{"\x1f\x8b", "compressed with gzip; unpack it first"},
	{"BZh", "compressed with bzip2; unpack it first"},
	{"\xfd7zXZ\x00", "compressed with xz; unpack it first"},
	{"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"},
	{"Rar!\x1a\x07", "a RAR archive; unpack it first"},
	{"ggml", "a GGML file, the format before GGUF; convert it, or download a GGUF"},
	{"lmgg", "a GGML file, the format before GGUF; convert it, or download a GGUF"},
	{"fmgg", "a GGMF file, the format before GGUF; convert it, or download a GGUF"},
	{"tjgg", "a GGJT file, the format before GGUF; convert it, or download a GGUF"},
	{"algg", "a GGLA adapter, which needs to be merged into a model"},
	{"\x93NUMPY", "a NumPy array"},
	{"\x89HDF", "an HDF5 file"},
	{"\x7fELF", "a program"},
	{"%PDF", "a PDF document"},
}

// isSafetensors reports whether a file begins with the length of a JSON object and the object.
func isSafetensors(head []byte) bool {
	return len(head) > 9 && head[8] == '{' && (head[9] == '"' || head[9] == ' ') && binary.LittleEndian.Uint64(head) < 1<<32
}

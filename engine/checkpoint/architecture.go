package checkpoint

import (
	"slices"
	"strings"
)

// An architecture is a kind of model that the forward pass computes: a Llama, with what it has
// beside a Llama's parts.
type architecture struct {
	gguf    string // general.architecture; "" where GGUF files call it another
	model   string // model_type of a config.json
	class   string // the class of transformers
	qkvBias bool   // queries, keys and values always have biases
	qkNorm  bool   // queries and keys are normalised head by head before RoPE

	// Its GGUF files have the rows of Q and K in the order of Hugging Face files.
	ggufHalves bool

	// What a config.json means that does not say it: 0 key/value heads are as many as query heads,
	// a head_dim of 0 is dim / heads, a window of 0 is none.
	kvHeads, headDim, window int
	// A config.json has a window only where use_sliding_window is true, and only in the layers from
	// max_window_layers on.
	windowSwitch bool
}

// Sources: the configuration classes and modeling files of transformers 5.24, and
// convert_hf_to_gguf.py of llama.cpp.
var architectures = []architecture{
	{gguf: "llama", model: "llama", class: "LlamaForCausalLM"},
	{model: "mistral", class: "MistralForCausalLM", kvHeads: 8, window: 4096},
	{gguf: "qwen2", model: "qwen2", class: "Qwen2ForCausalLM", qkvBias: true, ggufHalves: true, kvHeads: 32, window: 4096, windowSwitch: true},
	{gguf: "qwen3", model: "qwen3", class: "Qwen3ForCausalLM", qkNorm: true, ggufHalves: true, kvHeads: 32, headDim: 128, window: 4096, windowSwitch: true},
}

// findArchitecture returns the architecture that name gives this name. If there is none it is the
// Llama's, with which reading goes on after a refusal.
func findArchitecture(given string, name func(architecture) string) (a architecture, ok bool) {
	i := slices.IndexFunc(architectures, func(a architecture) bool { return given != "" && name(a) == given })
	if i < 0 {
		return architectures[0], false
	}
	return architectures[i], true
}

// architectureNames lists what name gives, for errors: "a, b or c".
func architectureNames(name func(architecture) string) string {
	var names []string
	for _, a := range architectures {
		if n := name(a); n != "" {
			names = append(names, n)
		}
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func inGGUF(a architecture) string { return a.gguf }

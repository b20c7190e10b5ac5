//go:build !js

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keyfold/engine/chat"
	"keyfold/session"
)

// realModel returns the path of the model that "make real" gets. Without it the test is skipped, unless
// REQUIRE_REAL=1 makes that a failure.
func realModel(t testing.TB) string {
	t.Helper()
	path := filepath.Join("..", "..", "build", "real", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if _, err := os.Stat(path); err != nil {
		const missing = "needs build/real, which make test-real gets"
		if os.Getenv("REQUIRE_REAL") == "1" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	return path
}

// What wasm's memory may hold besides the file: once the model is loaded, and after three texts, one of them
// compressed, with the full cache beside it.
const (
	mostLoaded = 64 << 20
	mostUsed   = 256 << 20
)

// The browser writes the tokens of a real model that the native engine writes, with the full cache and with a
// compressed one, and answers as transformers does. Its GPU path takes minutes on SwiftShader: internal/realmodel
// holds the GPU to transformers natively.
func TestRealModelInTheBrowser(t *testing.T) {
	path := realModel(t)
	w := startWorker(t, map[string]string{"real.gguf": path})
	events, _ := w.must(session.Request{Do: "load", Name: "real.gguf", Device: "cpu"}, "real.gguf")
	if kind := loaded(t, events).Device.Kind; kind != "cpu" {
		t.Fatalf("the model is on the %s", kind)
	}
	atLoad := w.memory()
	const prompt = "Light is bent where it goes from air into water, and blue light is bent more than red light. That is why"
	for _, method := range []string{"full", "kvmerger"} {
		if !compareWithNative(t, w, "the real model with "+method, path, "cpu", method, prompt, greedy) {
			t.Errorf("%s: another number of slots than natively", method)
		}
	}
	compareChat(t, w)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	memory := w.memory()
	t.Logf("%d MB of file, %d MB of wasm memory after loading, %d MB at the peak", info.Size()>>20, atLoad>>20, memory>>20)
	if atLoad > info.Size()+mostLoaded || memory > info.Size()+mostUsed {
		t.Errorf("with a model of %d MB the module's memory grew to %d MB, and then to %d MB", info.Size()>>20, atLoad>>20, memory>>20)
	}
}

// compareChat asks the model in the page what transformers was asked.
func compareChat(t *testing.T, w *worker) {
	t.Helper()
	var reference struct {
		Chats []struct {
			Messages []chat.Message
			Wrote    []int
			Text     string
		}
	}
	data, err := os.ReadFile(filepath.Join("..", "..", "internal", "realmodel", "testdata", "smollm2.json"))
	if err == nil {
		err = json.Unmarshal(data, &reference)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := reference.Chats[0]
	_, report := w.must(session.Request{Do: "chat", Messages: want.Messages, Method: "full", KV: "f16", N: 48,
		Sampler: &session.Sampler{TopP: 1, RepeatPenalty: 1}}, "")
	var got []int
	var text strings.Builder
	for _, token := range report.Tokens {
		got = append(got, token.ID)
		text.WriteString(token.Text)
	}
	if !slices.Equal(got, want.Wrote) || text.String() != want.Text {
		t.Errorf("asked %v: tokens %v, %q; want %v, %q", want.Messages, got, text.String(), want.Wrote, want.Text)
	}
}

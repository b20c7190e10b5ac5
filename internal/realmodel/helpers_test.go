//go:build !js

// Package realmodel holds tests on a model that people use, SmolLM2-135M-Instruct in Q4_1, which
// "make real" gets and "make test-real" runs them on. There is no code in it.
//
// What they are held to was computed by transformers: testdata/smollm2.json, which testdata/smollm2.py
// writes, and shared/data/real where that is present.
package realmodel

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
)

// modelPath is where "make real" puts the model.
var modelPath = filepath.Join("..", "..", "build", "real", "SmolLM2-135M-Instruct.Q4_1.gguf")

// engines holds one engine for each device, because all tests run on the same weights.
var engines = map[engine.DeviceKind]func() (*engine.Engine, error){
	engine.CPU: sync.OnceValues(func() (*engine.Engine, error) { return load(engine.CPU) }),
	engine.GPU: sync.OnceValues(func() (*engine.Engine, error) { return load(engine.GPU) }),
}

func load(kind engine.DeviceKind) (*engine.Engine, error) {
	f, err := checkpoint.Open(modelPath)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tok, err := tokenizer.FromGGUF(f.Meta)
	if err != nil {
		return nil, err
	}
	return engine.Open(context.Background(), f, tok, kind)
}

// realEngine returns the model on a device. Without the model the test is skipped, unless
// REQUIRE_REAL=1 makes that a failure.
func realEngine(t *testing.T, kind engine.DeviceKind) *engine.Engine {
	t.Helper()
	if _, err := os.Stat(modelPath); err != nil {
		const missing = "needs build/real, which make test-real gets"
		if os.Getenv("REQUIRE_REAL") == "1" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	e, err := engines[kind]()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// reference is what another program computed on the model.
type reference struct {
	Text   string      `json:"text"`
	IDs    []int       `json:"ids"`
	Argmax []int       `json:"argmax"` // after each of the ids
	Logits []logitsRow `json:"logits"`
	Chats  []chatCase  `json:"chats"`
}

// logitsRow is the logits after a token of a text, of some tokens of the vocabulary.
type logitsRow struct {
	Position int       `json:"position"`
	Tokens   []int     `json:"tokens"`
	Values   []float32 `json:"values"`
}

// references returns those there are, by name.
func references(t *testing.T) map[string]reference {
	t.Helper()
	all := map[string]reference{"testdata": ownReference(t)}
	if shared, ok := sharedReference(t); ok {
		all["shared"] = shared
	} else {
		t.Log("without shared/data/real, which is absent")
	}
	return all
}

func ownReference(t *testing.T) (r reference) {
	t.Helper()
	readJSON(t, filepath.Join("testdata", "smollm2.json"), &r)
	return r
}

// sharedReference returns what shared/data has, if it is there: it is no part of the repository.
func sharedReference(t *testing.T) (r reference, ok bool) {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "real", "smollm2")
	if _, err := os.Stat(path + ".json"); err != nil {
		return r, false
	}
	readJSON(t, path+".json", &r)
	var at struct {
		Positions []int `json:"logits_at"`
		Chats     []struct {
			Wrote []int  `json:"greedy_ids"`
			Text  string `json:"greedy_text"`
		} `json:"chats"`
	}
	readJSON(t, path+".json", &at)
	for i, chat := range at.Chats {
		r.Chats[i].Wrote, r.Chats[i].Text = chat.Wrote, chat.Text
	}
	data, err := os.ReadFile(path + ".logits.f32")
	if err != nil {
		t.Fatal(err)
	}
	vocab := len(data) / 4 / len(at.Positions)
	for i, position := range at.Positions {
		row := logitsRow{Position: position}
		for id := range vocab {
			row.Tokens = append(row.Tokens, id)
			row.Values = append(row.Values, math.Float32frombits(binary.LittleEndian.Uint32(data[4*(i*vocab+id):])))
		}
		r.Logits = append(r.Logits, row)
	}
	return r, true
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

//go:build js

// Command wasm is the engine alone in a Web Worker, without the session around
// it, which runs every text twice: peers.mjs measures it against other engines
// in the same browser. It sets one global, keyfold, with two functions that
// return promises:
//
//	load(bytes, device)    the GGUF file, a Uint8Array; device is "gpu" or "cpu". Resolves with what it runs on
//	measure(ids, decode)   reads the prompt, then writes so many tokens. Resolves with [seconds, seconds]
package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"syscall/js"
	"time"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/layout"
)

var loaded *engine.Engine

func main() {
	js.Global().Set("keyfold", js.ValueOf(map[string]any{
		"load":    promise(load),
		"measure": promise(measure),
	}))
	select {}
}

func load(args []js.Value) (any, error) {
	data := make([]byte, args[0].Length())
	js.CopyBytesToGo(data, args[0])
	f, err := checkpoint.OpenGGUF(bytes.NewReader(data), int64(len(data)), "model")
	if err != nil {
		return nil, err
	}
	if loaded, err = engine.Open(context.Background(), f, nil, engine.DeviceKind(args[1].String())); err != nil {
		return nil, err
	}
	return strings.TrimSpace(loaded.Device.Backend + " " + loaded.Device.Adapter), nil
}

func measure(args []js.Value) (any, error) {
	tokens := make([]int, args[0].Length())
	for i := range tokens {
		tokens[i] = args[0].Index(i).Int()
	}
	start := time.Now()
	p, err := loaded.Prefill(context.Background(), tokens, engine.Settings{KV: layout.CacheF16})
	if err != nil {
		return nil, err
	}
	defer p.Free()
	read := time.Since(start)
	start = time.Now()
	// The last token is not fed.
	greedy := engine.Sampler{TopP: 1, RepeatPenalty: 1}
	err = p.Generate(context.Background(), engine.Generation{N: args[1].Int() + 1, Sampler: greedy,
		Emit: func(engine.Token) error { return nil }})
	return []any{read.Seconds(), time.Since(start).Seconds()}, err
}

// promise makes a function of JavaScript that does the work on a goroutine of
// its own: what waits for the browser must not run on its event loop.
func promise(do func(args []js.Value) (any, error)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		var executor js.Func
		executor = js.FuncOf(func(_ js.Value, settle []js.Value) any {
			go func() {
				defer executor.Release()
				if result, err := do(args); err != nil {
					settle[1].Invoke(fmt.Sprint(err))
				} else {
					settle[0].Invoke(result)
				}
			}()
			return nil
		})
		return js.Global().Get("Promise").New(executor)
	})
}

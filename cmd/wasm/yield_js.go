//go:build js

package main

import "github.com/hack-pad/safejs"

// newYield returns a function that lets the event loop do what waits for it, such as
// hearing the page, and comes back after that. It must not be called on the event loop.
//
// It comes back with a message to itself. A timer would do, but Go asks for one of at
// least 1 ms, and browsers make that 4 ms after a few in a row.
func newYield() (yield func(), err error) {
	constructor, err := safejs.Global().Get("MessageChannel")
	if err != nil {
		return nil, err
	}
	channel, err := constructor.New()
	if err != nil {
		return nil, err
	}
	here, err := channel.Get("port1")
	if err != nil {
		return nil, err
	}
	there, err := channel.Get("port2")
	if err != nil {
		return nil, err
	}
	back := make(chan struct{}, 1)
	heard, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		back <- struct{}{}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := here.Set("onmessage", heard); err != nil {
		return nil, err
	}
	return func() {
		if _, err := there.Call("postMessage", 0); err != nil {
			panic(err)
		}
		<-back
	}, nil
}

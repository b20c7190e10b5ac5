//go:build !js

package main

import (
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/internal/browser"
	"keyfold/session"
)

// timerCounter counts the timers that a worker asks for.
const timerCounter = `
let timers = 0;
const {setTimeout: timer} = globalThis;
globalThis.setTimeout = (...given) => { timers++; return timer(...given); };
const timersChannel = new BroadcastChannel("timers");
timersChannel.onmessage = () => timersChannel.postMessage(timers);`

// After each event the engine lets the browser hear the page. That takes no timer, which
// would cost 1 to 4 ms per event.
func TestEventsTakeNoTimers(t *testing.T) {
	for _, in := range browser.Both {
		t.Run(string(in), func(t *testing.T) {
			const model = "fixture.gguf"
			w := startWorkerIn(t, in, map[string]string{model: fixtureModel(t, checkpoint.Q8_0)}, timerCounter)
			timers := func() int {
				n, err := browser.Evaluate[int](w.page, `new Promise((resolve) => {
					const channel = new BroadcastChannel("timers");
					channel.onmessage = ({data}) => resolve(data);
					channel.postMessage("?");
				})`)
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			w.must(session.Request{Do: "load", Name: model, Device: "cpu"}, model)
			before := timers()
			events, _ := w.must(session.Request{Do: "run", Prompt: "a nest in the sand", Method: "full", N: 60}, "")
			n := timers() - before
			t.Logf("%d timers for %d events", n, len(events))
			if len(events) < 60 || n > len(events)/4 {
				t.Errorf("%d timers for %d events, want at most one for four", n, len(events))
			}
		})
	}
}

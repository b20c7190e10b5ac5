//go:build js

// Command wasm is the engine inside a Web Worker. It sets one global,
// keyfold, with two functions:
//
//	handle(request, blob)   request is a session.Request as JSON; blob is the model file to load, or null.
//	                        Requests are answered one after the other
//	interrupt(what)         "stop" ends the request being answered, "step" lets a run make its next token
//
// and calls the worker's keyfoldEmit(event) with a session.Event as JSON for
// every answer. worker.js is the other side.
package main

import (
	"fmt"
	"time"

	"github.com/hack-pad/safejs"

	"keyfold/engine/checkpoint"
	"keyfold/session"
)

// job is a request on its way to the session.
type job struct {
	request session.Request
	blob    safejs.Value
}

func main() {
	if err := serve(); err != nil {
		panic(err)
	}
}

// serve sets the global and answers requests for ever.
func serve() error {
	emit, err := safejs.Global().Get("keyfoldEmit")
	if err != nil {
		return err
	}
	send := func(e session.Event) {
		if _, err := emit.Invoke(session.Encode(e)); err != nil {
			panic(err)
		}
	}
	jobs := make(chan job, 64)
	var opened, inUse *blobReader // the model file last opened, and that of the engine
	s := &session.Session{
		// A timer is what lets this one thread hear the page.
		Yield: func() { time.Sleep(time.Microsecond) },
		InUse: func() string {
			inUse = opened
			sum, err := inUse.sha256()
			if err != nil {
				return ""
			}
			return sum
		},
	}
	handle, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		// Nothing here may wait: this is the event loop.
		j := job{}
		if err := decode(args[0], &j.request); err != nil {
			send(session.Event{ID: j.request.ID, Failed: &session.Failed{Message: err.Error(), Usage: true}})
			return nil
		}
		j.blob = args[1]
		select {
		case jobs <- j:
		default:
			send(session.Event{ID: j.request.ID, Failed: &session.Failed{Message: "too many requests are waiting"}})
		}
		return nil
	})
	if err != nil {
		return err
	}
	interrupt, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		what, err := args[0].String()
		switch {
		case err != nil:
		case what == "stop":
			s.Stop()
		case what == "step":
			s.Step()
		}
		return nil
	})
	if err != nil {
		return err
	}
	api, err := safejs.ValueOf(map[string]any{})
	if err != nil {
		return err
	}
	if err := api.Set("handle", handle); err != nil {
		return err
	}
	if err := api.Set("interrupt", interrupt); err != nil {
		return err
	}
	if err := safejs.Global().Set("keyfold", api); err != nil {
		return err
	}
	for j := range jobs {
		s.Open = func(req session.Request) (*checkpoint.File, error) {
			blob := j.blob
			if blob.IsNull() || blob.IsUndefined() {
				if inUse == nil || inUse.name != req.Name {
					return nil, fmt.Errorf("%s was not handed over", req.Name)
				}
				blob = inUse.blob // its device was lost
			}
			var err error
			if opened, err = newBlobReader(req.Name, blob); err != nil {
				return nil, err
			}
			opened.progress = func(done, total int64) {
				send(session.Event{ID: req.ID, Progress: &session.Progress{Step: "weights", Done: int(done), Total: int(total), Unit: "bytes"}})
			}
			return checkpoint.OpenGGUF(opened, opened.size, req.Name)
		}
		s.Handle(j.request, send)
	}
	return nil
}

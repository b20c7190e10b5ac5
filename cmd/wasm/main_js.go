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

	"github.com/hack-pad/safejs"

	"keyfold/engine/checkpoint"
	"keyfold/session"
)

func main() {
	if err := serve(); err != nil {
		panic(err)
	}
}

// worker is the engine's side of the conversation with worker.js.
type worker struct {
	emit    safejs.Value // worker.js takes events here
	session *session.Session
	jobs    chan job // requests in the order in which they came

	opened, inUse *blobReader // the model file last opened, and that of the engine
}

// job is a request on its way to the session.
type job struct {
	request session.Request
	blob    safejs.Value
}

// serve sets the global and answers requests for ever.
func serve() error {
	emit, err := safejs.Global().Get("keyfoldEmit")
	if err != nil {
		return err
	}
	w := &worker{emit: emit, jobs: make(chan job, 64)}
	yield, err := newYield()
	if err != nil {
		return err
	}
	w.session = &session.Session{InUse: w.useOpened, Yield: yield}
	if err := w.announce(); err != nil {
		return err
	}
	for j := range w.jobs {
		w.session.Open = func(req session.Request) (*checkpoint.File, error) { return w.open(req, j.blob) }
		w.session.Handle(j.request, w.send)
	}
	return nil
}

// announce sets the global with the functions that worker.js calls. They run on the
// event loop, so they must not wait.
func (w *worker) announce() error {
	api, err := safejs.ValueOf(map[string]any{})
	if err != nil {
		return err
	}
	for name, call := range map[string]func(args []safejs.Value){"handle": w.handle, "interrupt": w.interrupt} {
		function, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
			call(args)
			return nil
		})
		if err != nil {
			return err
		}
		if err := api.Set(name, function); err != nil {
			return err
		}
	}
	return safejs.Global().Set("keyfold", api)
}

// handle takes a request, as JSON, and the blob of the model that it loads.
func (w *worker) handle(args []safejs.Value) {
	j := job{blob: args[1]}
	if err := decode(args[0], &j.request); err != nil {
		w.send(session.Event{ID: j.request.ID, Failed: &session.Failed{Message: err.Error(), Usage: true}})
		return
	}
	select {
	case w.jobs <- j:
	default:
		w.send(session.Event{ID: j.request.ID, Failed: &session.Failed{Message: "too many requests are waiting"}})
	}
}

// interrupt tells the request being answered to stop, or to make its next step.
func (w *worker) interrupt(args []safejs.Value) {
	what, err := args[0].String()
	switch {
	case err != nil:
	case what == "stop":
		w.session.Stop()
	case what == "step":
		w.session.Step()
	}
}

func (w *worker) send(e session.Event) {
	if _, err := w.emit.Invoke(session.Encode(e)); err != nil {
		panic(err)
	}
}

// open opens a model's blob. Without one it opens the model in use again: its device
// was lost.
func (w *worker) open(req session.Request, blob safejs.Value) (*checkpoint.File, error) {
	if blob.IsNull() || blob.IsUndefined() {
		if w.inUse == nil || w.inUse.name != req.Name {
			return nil, fmt.Errorf("%s was not handed over", req.Name)
		}
		blob = w.inUse.blob
	}
	var err error
	if w.opened, err = newBlobReader(req.Name, blob); err != nil {
		return nil, err
	}
	w.opened.progress = func(done, total int64) {
		w.send(session.Event{ID: req.ID, Progress: &session.Progress{Step: "weights", Done: int(done), Total: int(total), Unit: "bytes"}})
	}
	return checkpoint.OpenGGUF(w.opened, w.opened.size, req.Name)
}

// useOpened notes that the engine has the model last opened, and returns its sha256
// in hex, or "" if it cannot be had.
func (w *worker) useOpened() string {
	w.inUse = w.opened
	sum, err := w.inUse.sha256()
	if err != nil {
		return ""
	}
	return sum
}

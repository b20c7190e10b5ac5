package session

import (
	"errors"
	"sync"
)

var errStopped = errors.New("stopped")

// stopSign is the engine.Context of one request; see there why it is not one of
// package context. Once set it stays set.
type stopSign struct {
	done chan struct{}
	once sync.Once
}

func newStopSign() *stopSign { return &stopSign{done: make(chan struct{})} }

func (s *stopSign) set() { s.once.Do(func() { close(s.done) }) }

func (s *stopSign) Err() error {
	select {
	case <-s.done:
		return errStopped
	default:
		return nil
	}
}

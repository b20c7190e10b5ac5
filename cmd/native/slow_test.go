//go:build !js

package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What takes long is told once, by its last step, and what does not is not.
func TestTellSlow(t *testing.T) {
	failed := errors.New("failed")
	for _, tc := range []struct {
		steps []time.Duration // that each takes
		want  string
	}{
		{nil, ""},
		{[]time.Duration{time.Second, time.Second / 2}, ""},
		{[]time.Duration{time.Second, time.Minute, time.Hour}, "b\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var told strings.Builder
			err := tellSlow(&told, 2*time.Second, func(tell func(string)) error {
				time.Sleep(time.Hour) // what tells nothing is not told of
				for i, took := range tc.steps {
					tell(string(rune('a' + i)))
					time.Sleep(took)
				}
				return failed
			})
			if err != failed || told.String() != tc.want {
				t.Errorf("%v: error %v, told %q, want %q", tc.steps, err, told.String(), tc.want)
			}
		})
	}
}

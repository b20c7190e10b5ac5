//go:build !js

package session

import (
	"math"
	"reflect"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/models"
)

// The model in use is measured, and one that is handed over, which is gone afterwards. The run
// that was there goes on.
func TestMeasure(t *testing.T) {
	p := newPage(t)
	before := p.must(Request{Do: "run", Prompt: "Once", Method: "window", Budget: 0.5, N: 4})
	open := p.s.Open
	p.s.Open = func(req Request) (*checkpoint.File, error) {
		if req.Name != "other" {
			return open(req)
		}
		return models.OpenFixture()
	}
	for _, name := range []string{"", "other"} {
		events := p.must(Request{Do: "measure", Name: name, Device: "cpu", Prefill: 40, N: 8})
		var m *Measured
		for _, e := range events {
			if e.Measured != nil {
				m = e.Measured
			} else if e.Loaded != nil {
				t.Errorf("%q: the page was told of another model", name)
			}
		}
		if m == nil || events[0].Progress == nil || events[0].Progress.Step != "prompt" || events[0].Progress.Total != 40 {
			t.Fatalf("%q: %+v", name, events)
		}
		f := m.Figures
		if f.PromptTokens != 40 || f.DecodeTokens != 8 || !(f.PromptRate > 0) || !(f.DecodeRate > 0) || math.IsInf(f.DecodeRate, 0) {
			t.Errorf("%q: %+v", name, f)
		}
		if m.Model.Layers != models.FixtureConfig.NLayers || m.Device.Kind != "cpu" || m.Weights == "" || m.Bytes < 1000 || m.Version.Go == "" {
			t.Errorf("%q: %+v", name, m)
		}
		if f.Overhead != nil || f.Match != nil {
			t.Errorf("%q: the CPU has %+v, %+v", name, f.Overhead, f.Match)
		}
	}
	after := p.must(Request{Do: "replan", Method: "window", Budget: 0.5, N: 4})
	if !reflect.DeepEqual(tokensOf(before), tokensOf(after)) {
		t.Errorf("the run writes %v, before it was measured %v", tokensOf(after), tokensOf(before))
	}
}

// Nothing is measured that is not there, and it ends when it is stopped.
func TestMeasureRefuses(t *testing.T) {
	p := newPage(t)
	p.refused(Request{Do: "measure", Prefill: -1}, "prefill", "at least 1")
	p.refused(Request{Do: "measure", N: -1}, "n", "at least 1")
	p.refused(Request{Do: "match"}, "device", "nothing to compare")
	events := []Event{}
	p.s.Handle(Request{Do: "measure", Prefill: 40, N: 8}, func(e Event) {
		events = append(events, e)
		p.s.Stop()
	})
	if last := events[len(events)-1]; last.Failed == nil || last.Failed.Message != "stopped" || len(events) > 3 {
		t.Errorf("%+v after it was stopped", events)
	}
}

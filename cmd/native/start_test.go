//go:build !js

package main

import (
	"encoding/json"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/internal/browser"
	"keyfold/session"
)

// startCounter counts what a worker asks WebGPU for: pipelines, the most of them at the same
// time, and waits.
const startCounter = `
const counts = {pipelines: 0, together: 0, waits: 0};
let pending = 0;
const {createComputePipelineAsync} = GPUDevice.prototype;
GPUDevice.prototype.createComputePipelineAsync = function (...given) {
	counts.pipelines++;
	counts.together = Math.max(counts.together, ++pending);
	return createComputePipelineAsync.apply(this, given).finally(() => pending--);
};
const {createComputePipeline} = GPUDevice.prototype;
GPUDevice.prototype.createComputePipeline = function (...given) {
	counts.pipelines++;
	return createComputePipeline.apply(this, given);
};
const {mapAsync} = GPUBuffer.prototype;
GPUBuffer.prototype.mapAsync = function (...given) {
	counts.waits++;
	return mapAsync.apply(this, given);
};
const startChannel = new BroadcastChannel("start");
startChannel.onmessage = () => startChannel.postMessage(JSON.stringify(counts));`

// In the browser, too, few kernels are compiled before a model is ready, all at the same
// time, and the page is told. The first run compiles and tests what the page shows beside
// the text: signals for all methods, the ten likeliest. A software adapter compiles a kernel
// per submit, which is waited for, too.
func TestStartInTheBrowser(t *testing.T) {
	const mostKernels, mostBeside, mostWaits = 12, 6, 10
	const model = "fixture.gguf"
	w := startWorker(t, map[string]string{model: fixtureModel(t, checkpoint.Q8_0)}, startCounter)
	var told []session.Progress
	events, _ := w.must(session.Request{Do: "load", Name: model, Device: "gpu"}, model)
	for _, e := range events {
		if e.Progress != nil && e.Progress.Unit == "kernels" {
			told = append(told, *e.Progress)
		}
	}
	w.must(session.Request{Do: "run", Prompt: "a nest in the sand", Method: "full", N: 1}, "")
	text, err := browser.Evaluate[string](w.page, `new Promise((resolve) => {
		const channel = new BroadcastChannel("start");
		channel.onmessage = ({data}) => resolve(data);
		channel.postMessage("?");
	})`)
	if err != nil {
		t.Fatal(err)
	}
	var counts struct{ Pipelines, Together, Waits int }
	if err := json.Unmarshal([]byte(text), &counts); err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v, told %+v", counts, told)
	beside := counts.Pipelines - counts.Together
	if counts.Together == 0 || counts.Together > mostKernels || beside > mostBeside {
		t.Errorf("%d pipelines at the same time and %d later, want %d and %d at most", counts.Together, beside, mostKernels, mostBeside)
	}
	if most := mostWaits + counts.Pipelines + beside; counts.Waits > most {
		t.Errorf("%d waits, want %d at most", counts.Waits, most)
	}
	if len(told) != 2 || told[0].Step != "compile" || told[1].Step != "test" || told[0].Total != counts.Together {
		t.Errorf("told %+v, want compile and test, %d kernels", told, counts.Together)
	}
}

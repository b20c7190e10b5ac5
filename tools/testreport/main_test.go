package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const passing = `{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"TestGood"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"    a_test.go:3: chatter\n"}
{"Action":"pass","Package":"a","Test":"TestGood","Elapsed":0}
{"Action":"output","Package":"a","Output":"PASS\n"}
{"Action":"output","Package":"a","Output":"ok  \ta\t0.1s\n"}
{"Action":"pass","Package":"a","Elapsed":0.1}
`
	const skipping = `{"Action":"output","Package":"a","Test":"TestFile","Output":"=== RUN   TestFile\n"}
{"Action":"output","Package":"a","Test":"TestFile","Output":"    a_test.go:7: looking\n"}
{"Action":"output","Package":"a","Test":"TestFile","Output":"    a_test.go:8: needs ../shared/data,\n"}
{"Action":"output","Package":"a","Test":"TestFile","Output":"        absent\n"}
{"Action":"output","Package":"a","Test":"TestFile","Output":"--- SKIP: TestFile (0.00s)\n"}
{"Action":"skip","Package":"a","Test":"TestFile","Elapsed":0}
`
	noGPU := strings.NewReplacer("TestFile", "TestGPU/small", "../shared/data", "an adapter", "--- SKIP", "    --- SKIP").Replace(skipping)
	const failing = `{"Action":"output","Package":"b","Test":"TestBad","Output":"    b_test.go:5: 2, want 3\n"}
{"Action":"fail","Package":"b","Test":"TestBad","Elapsed":0}
{"Action":"output","Package":"b","Test":"TestCutOff","Output":"panic: index out of range\n"}
{"Action":"output","Package":"b","Output":"FAIL\tb\t0.1s\n"}
{"Action":"fail","Package":"b","Elapsed":0.1}
`
	const notBuilding = `{"ImportPath":"c","Action":"build-output","Output":"c.go:1: syntax error\n"}
{"ImportPath":"c","Action":"build-fail"}
{"Action":"output","Package":"c","Output":"FAIL\tc [build failed]\n"}
{"Action":"fail","Package":"c","Elapsed":0,"FailedBuild":"c"}
`
	real := strings.ReplaceAll(skipping, "../shared/data", "the model of make test-real")
	file := "skipped a.TestFile: a_test.go:8: needs ../shared/data, absent\n"
	gpu := "skipped a.TestGPU/small: a_test.go:8: needs an adapter, absent\n"
	for _, tc := range []struct {
		name, events string
		ci           bool
		status       int
		output       string
	}{
		{"nothing", "", true, 0, "\n0 tests and subtests passed, 0 skipped\n"},
		{"passing", passing, true, 0, "ok  \ta\t0.1s\n\n1 tests and subtests passed, 0 skipped\n"},
		{"skips at home", skipping + noGPU, false, 0, "\n0 tests and subtests passed, 2 skipped\n" + file + gpu},
		{"data is absent in CI", skipping, true, 0, "\n0 tests and subtests passed, 1 skipped\n" + file},
		{"the real model is absent in CI", real, true, 0, "\n0 tests and subtests passed, 1 skipped\n" +
			"skipped a.TestFile: a_test.go:8: needs the model of make test-real, absent\n"},
		{"another skip in CI", noGPU + skipping, true, 1, "\n0 tests and subtests passed, 2 skipped\n" + file + gpu +
			"        which CI does not allow: only what needs shared/data, or what make test-real runs, may be skipped there\n"},
		{"failing", failing, false, 0, "    b_test.go:5: 2, want 3\npanic: index out of range\nFAIL\tb\t0.1s\n" +
			"\n0 tests and subtests passed, 0 skipped\n"},
		{"not building", notBuilding, false, 0, "c.go:1: syntax error\nFAIL\tc [build failed]\n" +
			"\n0 tests and subtests passed, 0 skipped\n"},
		{"not an event", "go: no such flag\n", false, 0, "go: no such flag\n\n0 tests and subtests passed, 0 skipped\n"},
	} {
		var out strings.Builder
		status := report(strings.NewReader(tc.events), &out, tc.ci)
		if status != tc.status || out.String() != tc.output {
			t.Errorf("%s: status %d and\n%s\nwant status %d and\n%s", tc.name, status, out.String(), tc.status, tc.output)
		}
	}
}

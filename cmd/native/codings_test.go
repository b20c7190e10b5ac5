//go:build !js

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestChooseCoding(t *testing.T) {
	both := []string{"br", "gzip", identity}
	for _, tc := range []struct {
		name    string
		lines   []string
		codings []string
		want    string
	}{
		{"no header", nil, both, identity},
		{"an empty header", []string{""}, both, identity},
		{"a browser's", []string{"gzip, deflate, br, zstd"}, both, "br"},
		{"a browser's over plain http", []string{"gzip, deflate"}, both, "gzip"},
		{"only what there is", []string{"gzip, br"}, []string{"gzip", identity}, "gzip"},
		{"nothing compressed", []string{"gzip, br"}, []string{identity}, identity},
		{"unknown ones alone", []string{"deflate, zstd"}, both, identity},
		{"part of a word", []string{"xgzip, brotli"}, both, identity},
		{"refused", []string{"br;q=0, gzip"}, both, "gzip"},
		{"refused with digits", []string{"br;q=0.000, gzip;q=0.0"}, both, identity},
		{"weights decide", []string{"br;q=0.5, gzip;q=0.8"}, both, "gzip"},
		{"equal weights: the smaller file", []string{"gzip;q=0.5, br;q=0.5"}, both, "br"},
		{"small weights are yes", []string{"gzip;q=0.001"}, both, "gzip"},
		{"identity preferred", []string{"identity, br;q=0.5"}, both, identity},
		{"identity refused", []string{"identity;q=0, gzip;q=0.1"}, both, "gzip"},
		{"all refused", []string{"identity;q=0"}, both, ""},
		{"all refused by the star", []string{"*;q=0"}, both, ""},
		{"the star", []string{"*"}, both, "br"},
		{"the star for what is not named", []string{"br;q=0, *;q=0.1"}, both, "gzip"},
		{"the star refuses the others", []string{"gzip, *;q=0"}, both, "gzip"},
		{"the star refuses, identity may", []string{"identity, *;q=0"}, both, identity},
		{"capitals and space", []string{" GZip ; Q=0.5 ,\tBR;q=0.4"}, both, "gzip"},
		{"several lines", []string{"gzip;q=0.2", "br"}, both, "br"},
		{"empty elements", []string{",, ,gzip,"}, both, "gzip"},
		{"no weight", []string{"br;q=, gzip"}, both, "gzip"},
		{"a weight of more than 1", []string{"br;q=2, gzip;q=0.1"}, both, "gzip"},
		{"a weight below 0", []string{"br;q=-1, gzip;q=0.1"}, both, "gzip"},
		{"not a number", []string{"br;q=NaN, gzip;q=0.1"}, both, "gzip"},
		{"another parameter", []string{"br;level=1, gzip"}, both, "gzip"},
		{"a wrong weight of identity refuses nothing", []string{"identity;q=x"}, both, identity},
	} {
		if got := chooseCoding(tc.lines, tc.codings); got != tc.want {
			t.Errorf("%s: %q chose %q of %q, want %q", tc.name, tc.lines, got, tc.codings, tc.want)
		}
	}
}

// The header says what the body is.
func TestServeNegotiates(t *testing.T) {
	folder := t.TempDir()
	for name, body := range map[string]string{
		"index.html": "page", "a.wasm": "plain", "a.wasm.br": "brotli", "a.wasm.gz": "gzip",
		"only.js": "plain", "only.js.gz": "gzip", "m.gguf": "model", "m.gguf.gz": "not asked for",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	handler := siteHandler(folder)
	for _, tc := range []struct {
		path, accept     string
		status           int
		body, coding, is string
	}{
		{"/", "br", 200, "page", "", "text/html; charset=utf-8"},
		{"/a.wasm", "gzip, br", 200, "brotli", "br", "application/wasm"},
		{"/a.wasm", "gzip, br;q=0", 200, "gzip", "gzip", "application/wasm"},
		{"/a.wasm", "", 200, "plain", "", "application/wasm"},
		{"/a.wasm", "*;q=0", 406, "no coding that this request accepts; there is identity\n", "", "text/plain; charset=utf-8"},
		{"/only.js", "gzip, br", 200, "gzip", "gzip", "text/javascript; charset=utf-8"},
		{"/m.gguf", "gzip, br", 200, "model", "", ""},
	} {
		r := httptest.NewRequest(http.MethodGet, tc.path, nil)
		r.Header.Set("Accept-Encoding", tc.accept)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		header := w.Header()
		if w.Code != tc.status || w.Body.String() != tc.body || header.Get("Content-Encoding") != tc.coding {
			t.Errorf("%s, accepting %q: %d %q in coding %q, want %d %q in %q",
				tc.path, tc.accept, w.Code, w.Body, header.Get("Content-Encoding"), tc.status, tc.body, tc.coding)
		}
		if tc.is != "" && (header.Get("Content-Type") != tc.is || header.Get("Vary") != "Accept-Encoding") {
			t.Errorf("%s, accepting %q: %v, want Content-Type %s, and Vary", tc.path, tc.accept, header, tc.is)
		}
	}
}

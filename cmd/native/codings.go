//go:build !js

package main

import (
	"io/fs"
	"strconv"
	"strings"
)

// identity is the coding of a file as it is.
const identity = "identity"

// extensions are those of compressed files, by content coding.
var extensions = map[string]string{"br": ".br", "gzip": ".gz"}

// codingsOf returns the codings in which a folder has a file, the best first.
func codingsOf(root fs.FS, name string) []string {
	var codings []string
	for _, coding := range []string{"br", "gzip"} {
		if _, err := fs.Stat(root, name+extensions[coding]); err == nil {
			codings = append(codings, coding)
		}
	}
	return append(codings, identity)
}

// chooseCoding returns which of the codings that there are, the best first, the
// lines of a request's Accept-Encoding prefer; "" where they refuse all. Without
// a line there is no preference, and the file goes out as it is.
//
// A coding counts by its weight, else by that of "*". One that has neither is
// refused; only identity is then the last resort. An element whose weight is no
// weight is as if it were absent. Source: RFC 9110, section 12.5.3.
func chooseCoding(lines, codings []string) string {
	if len(lines) == 0 {
		return identity
	}
	weights := map[string]float64{}
	for element := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		coding, parameters, _ := strings.Cut(element, ";")
		if weight, ok := parseWeight(parameters); ok {
			weights[strings.ToLower(strings.TrimSpace(coding))] = weight
		}
	}
	best, most := "", 0.0
	for _, coding := range codings {
		weight, ok := weights[coding]
		if !ok {
			weight, ok = weights["*"]
		}
		if !ok && coding == identity && best == "" {
			return identity
		}
		if weight > most {
			best, most = coding, weight
		}
	}
	return best
}

// parseWeight reads what follows a coding and its semicolon: q=W, with W from 0
// (refused) to 1, which is also the weight of a coding that has none.
func parseWeight(parameters string) (float64, bool) {
	parameters = strings.ToLower(strings.TrimSpace(parameters))
	if parameters == "" {
		return 1, true
	}
	digits, ok := strings.CutPrefix(parameters, "q=")
	if !ok || strings.Trim(digits, "0123456789.") != "" {
		return 0, false
	}
	weight, err := strconv.ParseFloat(digits, 64)
	return weight, err == nil && weight <= 1
}

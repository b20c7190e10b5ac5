//go:build js

package compress

var rereaders []*entry // see registry_native.go

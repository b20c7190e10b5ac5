//go:build !js

package compress

// rereaders lists the methods that ask for more than one reading of a prompt.
// The page reads it once, so they are not in the wasm module.
var rereaders = []*entry{&kvZipEntry, &oracleEntry}

//go:build !js

package main

// The program's output. It runs the built-in model on the CPU.
func Example() {
	main()
	// Output:
	// One sunny morning Lily went out for a long walk. The path went up and down between the trees. She met nobody on the way. "What a fine morning," she said to nobody.
	// The days grew short
}

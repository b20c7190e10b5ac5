//go:build !js

package main

// The program's output. It runs the built-in model on the CPU.
func Example() {
	main()
	// Output:
	// unlike keeps 124 of 276 slots
	// layer 0:   2   2 slots
	// layer 1:  11  11 slots
	// layer 2:   5  10 slots
	// layer 3:  13  11 slots
	// layer 4:  17  11 slots
	// layer 5:  17  14 slots
}

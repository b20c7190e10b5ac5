//go:build !js

package main

// The program's output. It runs the built-in model on the CPU.
func Example() {
	main()
	// Output:
	// full      keeps 100% of the slots and answers "by coach"
	// window    keeps  35% of the slots and answers "by train"
	// snapkv    keeps  35% of the slots and answers "by coach"
	// kvmerger  keeps  50% of the slots and answers "by coach"
}

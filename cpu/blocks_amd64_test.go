package cpu

import "testing"

// Machines with 32 registers have the products of those with 16, too.
func TestBlocksInSixteenRegisters(t *testing.T) {
	defer func(before bool) { registers32 = before }(registers32)
	registers32 = false
	TestBlocksAddInOrder(t)
	TestBlocksOfThisMachine(t)
	TestBlocksOfEveryInteger(t)
}

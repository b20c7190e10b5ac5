package ref

// Zero is the CPU twin of gpu/shaders/zero.wgsl.
func Zero(x []uint32) { clear(x) }

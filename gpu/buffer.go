package gpu

import (
	"fmt"
	"unsafe"
)

// Buffer is memory on a device. Sizes and offsets are in bytes and multiples of 4.
type Buffer struct {
	d     *Device
	m     memory
	id    uint64 // never used again, so that it can name the buffer in a bind group's key
	label string
	size  int
}

// NewBuffer allocates bytes of storage that kernels can read and write. The
// memory starts as zeros.
func (d *Device) NewBuffer(label string, bytes int) (*Buffer, error) {
	if bytes > d.Limits.BindingBytes {
		return nil, d.failed(fmt.Errorf("%s needs %d bytes in one binding, this device allows %d",
			label, bytes, d.Limits.BindingBytes))
	}
	return d.newBuffer(label, bytes, storage|copyDst|copySrc)
}

func (d *Device) newBuffer(label string, bytes int, u usage) (b *Buffer, err error) {
	defer func() { err = d.failed(err) }()
	defer catch("allocate "+label, &err)
	if bytes <= 0 || bytes%4 != 0 {
		return nil, fmt.Errorf("buffer %s of %d bytes, want a positive multiple of 4", label, bytes)
	}
	if bytes > d.Limits.BufferBytes {
		return nil, fmt.Errorf("buffer %s of %d bytes, this device allows %d", label, bytes, d.Limits.BufferBytes)
	}
	m, err := d.driver.allocate(label, bytes, u)
	if err != nil {
		return nil, fmt.Errorf("allocate %s of %d bytes: %w", label, bytes, err)
	}
	d.nextID++
	d.live += bytes
	return &Buffer{d: d, m: m, id: d.nextID, label: label, size: bytes}, nil
}

// Size returns the size in bytes; that of no buffer is 0.
func (b *Buffer) Size() int {
	if b == nil {
		return 0
	}
	return b.size
}

// Upload writes data at offset. It takes effect before the next Submit.
func (b *Buffer) Upload(offset int, data []byte) (err error) {
	defer func() { err = b.d.failed(err) }()
	defer catch("upload to "+b.label, &err)
	if len(data) == 0 {
		return nil
	}
	if offset%4 != 0 || len(data)%4 != 0 || offset < 0 || offset+len(data) > b.size {
		return fmt.Errorf("upload of %d bytes at %d to %s of %d bytes, want multiples of 4 inside it",
			len(data), offset, b.label, b.size)
	}
	return b.d.driver.write(b.m, offset, data)
}

// UploadWords writes 32-bit words at offset.
func (b *Buffer) UploadWords(offset int, words []uint32) error {
	return b.Upload(offset, wordBytes(words))
}

// UploadFloats writes 32-bit floats at offset.
func (b *Buffer) UploadFloats(offset int, v []float32) error {
	return b.Upload(offset, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v)))
}

// Destroy frees the memory. Work already submitted still finishes. Destroying
// twice, or a nil buffer, does nothing.
func (b *Buffer) Destroy() {
	if b == nil || b.size == 0 {
		return
	}
	for key, group := range b.d.bindGroups {
		if key.uses(b.id) {
			group.free()
			delete(b.d.bindGroups, key)
		}
	}
	b.m.free()
	b.d.live -= b.size
	b.size = 0
}

// wordBytes returns words as little-endian bytes, in the same memory: every machine
// that WebGPU runs on is little-endian.
func wordBytes(words []uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 4*len(words))
}

#include "textflag.h"

// Products of scaled blocks, see [addBlocksGo]: four rows at a time, whose lanes are Y4 to Y7. The x of
// a block are Y0 to Y3; Y8 to Y11 are the integers of a row, and then the products with them.

DATA low<>+0(SB)/4, $15
DATA middle<>+0(SB)/4, $8
DATA eight<>+0(SB)/4, $0x41000000 // as a float
GLOBL low<>(SB), RODATA|NOPTR, $4
GLOBL middle<>(SB), RODATA|NOPTR, $4
GLOBL eight<>(SB), RODATA|NOPTR, $4

// LOAD takes the x of a block.
#define LOAD \
	VMOVUPS (SI), Y0; \
	VMOVUPS 32(SI), Y1; \
	VMOVUPS 64(SI), Y2; \
	VMOVUPS 96(SI), Y3

// SCALE adds the products in Y8 to Y11, times a scale, to the lanes of a row.
#define SCALE(scale, lanes) \
	VADDPS Y9, Y8, Y8; \
	VBROADCASTSS scale, Y9; \
	VADDPS Y10, Y8, Y8; \
	VADDPS Y11, Y8, Y8; \
	VMULPS Y9, Y8, Y8; \
	VADDPS Y8, lanes, lanes

// FLOATS multiplies a block of floats.
#define FLOATS(w0, w1, w2, w3, scale, lanes) \
	VMULPS w0, Y0, Y8; \
	VMULPS w1, Y1, Y9; \
	VMULPS w2, Y2, Y10; \
	VMULPS w3, Y3, Y11; \
	SCALE(scale, lanes)

// PRODUCTS multiplies integers in Y8 to Y11.
#define PRODUCTS(scale, lanes) \
	VCVTDQ2PS Y8, Y8; \
	VCVTDQ2PS Y9, Y9; \
	VCVTDQ2PS Y10, Y10; \
	VCVTDQ2PS Y11, Y11; \
	VMULPS Y8, Y0, Y8; \
	VMULPS Y9, Y1, Y9; \
	VMULPS Y10, Y2, Y10; \
	VMULPS Y11, Y3, Y11; \
	SCALE(scale, lanes)

// BYTES multiplies a block of signed bytes.
#define BYTES(w0, w1, w2, w3, scale, lanes) \
	VPMOVSXBD w0, Y8; \
	VPMOVSXBD w1, Y9; \
	VPMOVSXBD w2, Y10; \
	VPMOVSXBD w3, Y11; \
	PRODUCTS(scale, lanes)

// SPLIT takes the nibbles of eight bytes apart, less 8. Y15 has fifteens, Y14 eights.
#define SPLIT(bytes, low, high) \
	VPMOVZXBD bytes, low; \
	VPSRLD $4, low, high; \
	VPAND Y15, low, low; \
	VPSUBD Y14, high, high; \
	VPSUBD Y14, low, low

// NIBBLES multiplies a block of nibbles.
#define NIBBLES(w0, w1, scale, lanes) \
	SPLIT(w0, Y8, Y9); \
	SPLIT(w1, Y10, Y11); \
	PRODUCTS(scale, lanes)

// ROWS begins with four rows, which are DX bytes each, R11 their scales: R8 and R9 are the first and
// the last, R10 and R12 their scales.
#define ROWS \
	LEAQ (DX)(DX*2), AX; \
	LEAQ (R8)(AX*1), R9; \
	LEAQ (R11)(R11*2), AX; \
	LEAQ (R10)(AX*1), R12; \
	VXORPS Y4, Y4, Y4; \
	VXORPS Y5, Y5, Y5; \
	VXORPS Y6, Y6, Y6; \
	VXORPS Y7, Y7, Y7; \
	MOVQ x+24(FP), SI; \
	MOVQ blocks+40(FP), CX

// NEXT goes to the next block.
#define NEXT(bytes) \
	ADDQ bytes, R8; \
	ADDQ bytes, R9; \
	ADDQ R13, R10; \
	ADDQ R13, R12; \
	ADDQ $128, SI; \
	DECQ CX

// SUM adds the lanes of four rows to y.
#define SUM(a, b, c, d, x, y) \
	VHADDPS b, a, a; \
	VHADDPS d, c, c; \
	VHADDPS c, a, a; \
	VEXTRACTF128 $1, a, y; \
	VADDPS y, x, x; \
	VADDPS (DI), x, x; \
	VMOVUPS x, (DI); \
	ADDQ $16, DI

// STORE writes the integers in Y0 to Y3 as floats.
#define STORE \
	VCVTDQ2PS Y0, Y0; \
	VCVTDQ2PS Y1, Y1; \
	VCVTDQ2PS Y2, Y2; \
	VCVTDQ2PS Y3, Y3; \
	VMOVUPS Y0, (DI); \
	VMOVUPS Y1, 32(DI); \
	VMOVUPS Y2, 64(DI); \
	VMOVUPS Y3, 96(DI)

// START takes the parameters, and makes DX, the bytes of a block, those of a row.
#define START \
	MOVQ y+0(FP), DI; \
	MOVQ w+8(FP), R8; \
	MOVQ scales+16(FP), R10; \
	MOVQ rows+32(FP), BX; \
	MOVQ step+48(FP), R13; \
	SHLQ $2, R13; \
	MOVQ blocks+40(FP), AX; \
	IMULQ AX, DX; \
	MOVQ R13, R11; \
	IMULQ AX, R11

// func addBlocksAVX2(y, w, scales, x *float32, rows, blocks, step int)
TEXT ·addBlocksAVX2(SB), NOSPLIT, $0-56
	MOVQ $128, DX
	START
	SUBQ $8, BX
	JLT last

eight:
	ROWS
	LEAQ (DX)(DX*2), AX
	LEAQ (R9)(AX*1), R14
	LEAQ (R11)(R11*2), AX
	LEAQ (R12)(AX*1), R15
	VXORPS Y12, Y12, Y12
	VXORPS Y13, Y13, Y13
	VXORPS Y14, Y14, Y14
	VXORPS Y15, Y15, Y15

	PCALIGN $32
block8:
	LOAD
	FLOATS((R8), 32(R8), 64(R8), 96(R8), (R10), Y4)
	FLOATS((R8)(DX*1), 32(R8)(DX*1), 64(R8)(DX*1), 96(R8)(DX*1), (R10)(R11*1), Y5)
	FLOATS((R8)(DX*2), 32(R8)(DX*2), 64(R8)(DX*2), 96(R8)(DX*2), (R10)(R11*2), Y6)
	FLOATS((R9), 32(R9), 64(R9), 96(R9), (R12), Y7)
	FLOATS((R9)(DX*1), 32(R9)(DX*1), 64(R9)(DX*1), 96(R9)(DX*1), (R12)(R11*1), Y12)
	FLOATS((R9)(DX*2), 32(R9)(DX*2), 64(R9)(DX*2), 96(R9)(DX*2), (R12)(R11*2), Y13)
	FLOATS((R14), 32(R14), 64(R14), 96(R14), (R15), Y14)
	FLOATS((R14)(DX*1), 32(R14)(DX*1), 64(R14)(DX*1), 96(R14)(DX*1), (R15)(R11*1), Y15)
	ADDQ $128, R14
	ADDQ R13, R15
	NEXT($128)
	JNZ block8
	SUM(Y4, Y5, Y6, Y7, X4, X5)
	SUM(Y12, Y13, Y14, Y15, X12, X13)
	LEAQ (R14)(DX*1), R8
	LEAQ (R15)(R11*1), R10
	SUBQ $8, BX
	JGE eight

last:
	ADDQ $8, BX
	JZ done
	ROWS

	PCALIGN $32
block:
	LOAD
	FLOATS((R8), 32(R8), 64(R8), 96(R8), (R10), Y4)
	FLOATS((R8)(DX*1), 32(R8)(DX*1), 64(R8)(DX*1), 96(R8)(DX*1), (R10)(R11*1), Y5)
	FLOATS((R8)(DX*2), 32(R8)(DX*2), 64(R8)(DX*2), 96(R8)(DX*2), (R10)(R11*2), Y6)
	FLOATS((R9), 32(R9), 64(R9), 96(R9), (R12), Y7)
	NEXT($128)
	JNZ block
	SUM(Y4, Y5, Y6, Y7, X4, X5)

done:
	VZEROUPPER
	RET

// func addBytesAVX2(y *float32, w *uint32, scales, x *float32, rows, blocks, step int)
TEXT ·addBytesAVX2(SB), NOSPLIT, $0-56
	MOVQ $32, DX
	START
	LEAQ 2048(R8), R14

four:
	ROWS

	PCALIGN $32
block:
	PREFETCHT0 (R14)
	PREFETCHT0 64(R14)
	ADDQ $128, R14
	LOAD
	BYTES((R8), 8(R8), 16(R8), 24(R8), (R10), Y4)
	BYTES((R8)(DX*1), 8(R8)(DX*1), 16(R8)(DX*1), 24(R8)(DX*1), (R10)(R11*1), Y5)
	BYTES((R8)(DX*2), 8(R8)(DX*2), 16(R8)(DX*2), 24(R8)(DX*2), (R10)(R11*2), Y6)
	BYTES((R9), 8(R9), 16(R9), 24(R9), (R12), Y7)
	NEXT($32)
	JNZ block
	SUM(Y4, Y5, Y6, Y7, X4, X5)
	MOVQ R9, R8
	MOVQ R12, R10
	SUBQ $4, BX
	JNZ four
	VZEROUPPER
	RET

// func addNibblesAVX2(y *float32, w *uint32, scales, x *float32, rows, blocks, step int)
TEXT ·addNibblesAVX2(SB), NOSPLIT, $0-56
	MOVQ $16, DX
	START
	LEAQ 2048(R8), R14
	VPBROADCASTD low<>(SB), Y15
	VPBROADCASTD middle<>(SB), Y14

four:
	ROWS

	PCALIGN $32
block:
	PREFETCHT0 (R14)
	ADDQ $64, R14
	LOAD
	NIBBLES((R8), 8(R8), (R10), Y4)
	NIBBLES((R8)(DX*1), 8(R8)(DX*1), (R10)(R11*1), Y5)
	NIBBLES((R8)(DX*2), 8(R8)(DX*2), (R10)(R11*2), Y6)
	NIBBLES((R9), 8(R9), (R12), Y7)
	NEXT($16)
	JNZ block
	SUM(Y4, Y5, Y6, Y7, X4, X5)
	MOVQ R9, R8
	MOVQ R12, R10
	SUBQ $4, BX
	JNZ four
	VZEROUPPER
	RET

// func widenBytesAVX2(dst *float32, quants *uint32, blocks int)
TEXT ·widenBytesAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ quants+8(FP), SI
	MOVQ blocks+16(FP), CX

	PCALIGN $32
block:
	PREFETCHT0 4096(SI)
	VPMOVSXBD (SI), Y0
	VPMOVSXBD 8(SI), Y1
	VPMOVSXBD 16(SI), Y2
	VPMOVSXBD 24(SI), Y3
	STORE
	ADDQ $32, SI
	ADDQ $128, DI
	DECQ CX
	JNZ block
	VZEROUPPER
	RET

// func widenNibblesAVX2(dst *float32, quants *uint32, blocks int)
TEXT ·widenNibblesAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ quants+8(FP), SI
	MOVQ blocks+16(FP), CX
	VPBROADCASTD low<>(SB), Y15
	VPBROADCASTD middle<>(SB), Y14

	PCALIGN $32
block:
	PREFETCHT0 4096(SI)
	SPLIT((SI), Y0, Y1)
	SPLIT(8(SI), Y2, Y3)
	STORE
	ADDQ $16, SI
	ADDQ $128, DI
	DECQ CX
	JNZ block
	VZEROUPPER
	RET

// func centreAVX2(scales *float32, pairs int)
TEXT ·centreAVX2(SB), NOSPLIT, $0-16
	MOVQ scales+0(FP), DI
	MOVQ pairs+8(FP), CX
	VBROADCASTSS eight<>(SB), Y1

	PCALIGN $32
four:
	VMOVSLDUP (DI), Y0
	VMULPS Y1, Y0, Y2
	VADDPS (DI), Y2, Y2
	VBLENDPS $0xaa, Y2, Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ $32, DI
	SUBQ $4, CX
	JNZ four
	VZEROUPPER
	RET

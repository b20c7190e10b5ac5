#include "textflag.h"

// Products of scaled blocks, see [addBlocksGo]: four rows at a time, whose lanes are Y4 to Y7. With floats
// the x of a block are Y0 to Y3; Y8 to Y11 are a row's products. With packed integers Y8 to Y11 are the
// sums of the four rows: their instructions alternate, so that none waits for the one before it.

DATA low<>+0(SB)/4, $15
DATA middle<>+0(SB)/4, $8
DATA eight<>+0(SB)/4, $0x41000000 // as a float
GLOBL low<>(SB), RODATA|NOPTR, $4
GLOBL middle<>(SB), RODATA|NOPTR, $4
GLOBL eight<>(SB), RODATA|NOPTR, $4

// A nibble less 8, as a float, which tiles_amd64.s reads, too.
DATA ·nibbleTable+0(SB)/4, $0xc1000000 // -8
DATA ·nibbleTable+4(SB)/4, $0xc0e00000 // -7
DATA ·nibbleTable+8(SB)/4, $0xc0c00000 // -6
DATA ·nibbleTable+12(SB)/4, $0xc0a00000 // -5
DATA ·nibbleTable+16(SB)/4, $0xc0800000 // -4
DATA ·nibbleTable+20(SB)/4, $0xc0400000 // -3
DATA ·nibbleTable+24(SB)/4, $0xc0000000 // -2
DATA ·nibbleTable+28(SB)/4, $0xbf800000 // -1
DATA ·nibbleTable+32(SB)/4, $0x00000000 // 0
DATA ·nibbleTable+36(SB)/4, $0x3f800000 // 1
DATA ·nibbleTable+40(SB)/4, $0x40000000 // 2
DATA ·nibbleTable+44(SB)/4, $0x40400000 // 3
DATA ·nibbleTable+48(SB)/4, $0x40800000 // 4
DATA ·nibbleTable+52(SB)/4, $0x40a00000 // 5
DATA ·nibbleTable+56(SB)/4, $0x40c00000 // 6
DATA ·nibbleTable+60(SB)/4, $0x40e00000 // 7
GLOBL ·nibbleTable(SB), RODATA|NOPTR, $64

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

// BYTES makes floats of eight signed bytes of each row, in Y1, Y2, Y3 and Y12, and takes x of those columns.
#define BYTES(at, x) \
	VPMOVSXBD at(R8), Y1; \
	VPMOVSXBD at(R8)(DX*1), Y2; \
	VPMOVSXBD at(R8)(DX*2), Y3; \
	VPMOVSXBD at(R9), Y12; \
	VMOVUPS x(SI), Y0; \
	VCVTDQ2PS Y1, Y1; \
	VCVTDQ2PS Y2, Y2; \
	VCVTDQ2PS Y3, Y3; \
	VCVTDQ2PS Y12, Y12

// MOREBYTES adds their products to the sums.
#define MOREBYTES(at, x) \
	BYTES(at, x); \
	VMULPS Y1, Y0, Y1; \
	VMULPS Y2, Y0, Y2; \
	VMULPS Y3, Y0, Y3; \
	VMULPS Y12, Y0, Y12; \
	VADDPS Y1, Y8, Y8; \
	VADDPS Y2, Y9, Y9; \
	VADDPS Y3, Y10, Y10; \
	VADDPS Y12, Y11, Y11

// SCALES adds the sums, times their scales, to the lanes.
#define SCALES \
	VBROADCASTSS (R10), Y0; \
	VBROADCASTSS (R10)(R11*1), Y1; \
	VBROADCASTSS (R10)(R11*2), Y2; \
	VBROADCASTSS (R12), Y3; \
	VMULPS Y0, Y8, Y8; \
	VMULPS Y1, Y9, Y9; \
	VMULPS Y2, Y10, Y10; \
	VMULPS Y3, Y11, Y11; \
	VADDPS Y8, Y4, Y4; \
	VADDPS Y9, Y5, Y5; \
	VADDPS Y10, Y6, Y6; \
	VADDPS Y11, Y7, Y7

// SPLIT takes the nibbles of eight bytes apart, less 8. Y15 has fifteens, Y14 eights.
#define SPLIT(bytes, low, high) \
	VPMOVZXBD bytes, low; \
	VPSRLD $4, low, high; \
	VPAND Y15, low, low; \
	VPSUBD Y14, high, high; \
	VPSUBD Y14, low, low

// NIBBLES makes floats of sixteen nibbles of each of two rows, the low ones in Y2 and Y12, the high ones in Y3 and Y13.
#define NIBBLES(a, b) \
	SPLIT(a, Y2, Y3); \
	SPLIT(b, Y12, Y13); \
	VCVTDQ2PS Y2, Y2; \
	VCVTDQ2PS Y3, Y3; \
	VCVTDQ2PS Y12, Y12; \
	VCVTDQ2PS Y13, Y13

// FIRSTNIBBLES begins the sums of two rows with their products with Y0 and Y1.
#define FIRSTNIBBLES(a, b, s, t) \
	NIBBLES(a, b); \
	VMULPS Y2, Y0, s; \
	VMULPS Y12, Y0, t; \
	VMULPS Y3, Y1, Y3; \
	VMULPS Y13, Y1, Y13; \
	VADDPS Y3, s, s; \
	VADDPS Y13, t, t

// MORENIBBLES adds such products to them.
#define MORENIBBLES(a, b, s, t) \
	NIBBLES(a, b); \
	VMULPS Y2, Y0, Y2; \
	VMULPS Y12, Y0, Y12; \
	VMULPS Y3, Y1, Y3; \
	VMULPS Y13, Y1, Y13; \
	VADDPS Y2, s, s; \
	VADDPS Y12, t, t; \
	VADDPS Y3, s, s; \
	VADDPS Y13, t, t

// LOOKUP makes floats of sixteen nibbles of each of four rows with the table in Y14 and Y15, which takes the
// lowest four bits: the low ones in Y16 to Y19, the high ones in Y20 to Y23.
#define LOOKUP(at) \
	VPMOVZXBD at(R8), Y16; \
	VPMOVZXBD at(R8)(DX*1), Y17; \
	VPMOVZXBD at(R8)(DX*2), Y18; \
	VPMOVZXBD at(R9), Y19; \
	VPSRLD $4, Y16, Y20; \
	VPSRLD $4, Y17, Y21; \
	VPSRLD $4, Y18, Y22; \
	VPSRLD $4, Y19, Y23; \
	VPERMI2PS Y15, Y14, Y16; \
	VPERMI2PS Y15, Y14, Y17; \
	VPERMI2PS Y15, Y14, Y18; \
	VPERMI2PS Y15, Y14, Y19; \
	VPERMI2PS Y15, Y14, Y20; \
	VPERMI2PS Y15, Y14, Y21; \
	VPERMI2PS Y15, Y14, Y22; \
	VPERMI2PS Y15, Y14, Y23

// TIMES multiplies x with the vectors of four rows, and PLUS adds to their sums.
#define TIMES(x, a, b, c, d, s, t, u, v) \
	VMULPS a, x, s; \
	VMULPS b, x, t; \
	VMULPS c, x, u; \
	VMULPS d, x, v
#define PLUS(a, b, c, d) \
	VADDPS a, Y8, Y8; \
	VADDPS b, Y9, Y9; \
	VADDPS c, Y10, Y10; \
	VADDPS d, Y11, Y11

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
	BYTES(0, 0)
	VMULPS Y1, Y0, Y8
	VMULPS Y2, Y0, Y9
	VMULPS Y3, Y0, Y10
	VMULPS Y12, Y0, Y11
	MOREBYTES(8, 32)
	MOREBYTES(16, 64)
	MOREBYTES(24, 96)
	SCALES
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
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	FIRSTNIBBLES((R8), (R8)(DX*1), Y8, Y9)
	FIRSTNIBBLES((R8)(DX*2), (R9), Y10, Y11)
	VMOVUPS 64(SI), Y0
	VMOVUPS 96(SI), Y1
	MORENIBBLES(8(R8), 8(R8)(DX*1), Y8, Y9)
	MORENIBBLES(8(R8)(DX*2), 8(R9), Y10, Y11)
	SCALES
	NEXT($16)
	JNZ block
	SUM(Y4, Y5, Y6, Y7, X4, X5)
	MOVQ R9, R8
	MOVQ R12, R10
	SUBQ $4, BX
	JNZ four
	VZEROUPPER
	RET

// func addNibblesAVX512(y *float32, w *uint32, scales, x *float32, rows, blocks, step int)
TEXT ·addNibblesAVX512(SB), NOSPLIT, $0-56
	MOVQ $16, DX
	START
	LEAQ 2048(R8), R14
	VMOVUPS ·nibbleTable(SB), Y14
	VMOVUPS ·nibbleTable+32(SB), Y15

four:
	ROWS

	PCALIGN $32
block:
	PREFETCHT0 (R14)
	ADDQ $64, R14
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	LOOKUP(0)
	TIMES(Y0, Y16, Y17, Y18, Y19, Y8, Y9, Y10, Y11)
	TIMES(Y1, Y20, Y21, Y22, Y23, Y20, Y21, Y22, Y23)
	PLUS(Y20, Y21, Y22, Y23)
	VMOVUPS 64(SI), Y0
	VMOVUPS 96(SI), Y1
	LOOKUP(8)
	TIMES(Y0, Y16, Y17, Y18, Y19, Y16, Y17, Y18, Y19)
	TIMES(Y1, Y20, Y21, Y22, Y23, Y20, Y21, Y22, Y23)
	PLUS(Y16, Y17, Y18, Y19)
	PLUS(Y20, Y21, Y22, Y23)
	SCALES
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

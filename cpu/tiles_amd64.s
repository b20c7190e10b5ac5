#include "textflag.h"

// Products of scaled blocks with two or three tokens, see [addBlocksGo], with AVX-512's 32 registers.
// Four rows and the tokens are a tile: Y0 to Y11 are its lanes, row by row, and Y12 to Y23 the sums of a
// block. Y24 to Y26 are x of the tokens, or a table; Y27 is the weights of a row, later its scale, and Y28 to
// Y30 are products.

// TAKE2 and TAKE3 take x of the tokens.
#define TAKE2(at) \
	VMOVUPS at(SI), Y24; \
	VMOVUPS at(SI)(R14*1), Y25
#define TAKE3(at) \
	TAKE2(at); \
	VMOVUPS at(SI)(R14*2), Y26

// FIRST2 and FIRST3 begin the sums of a row with products.
#define FIRST2(w, s0, s1) \
	VMOVUPS w, Y27; \
	VMULPS Y24, Y27, s0; \
	VMULPS Y25, Y27, s1
#define FIRST3(w, s0, s1, s2) \
	FIRST2(w, s0, s1); \
	VMULPS Y26, Y27, s2

// MORE2 and MORE3 add products to them.
#define MORE2(w, s0, s1) \
	VMOVUPS w, Y27; \
	VMULPS Y24, Y27, Y28; \
	VMULPS Y25, Y27, Y29; \
	VADDPS Y28, s0, s0; \
	VADDPS Y29, s1, s1
#define MORE3(w, s0, s1, s2) \
	VMOVUPS w, Y27; \
	VMULPS Y24, Y27, Y28; \
	VMULPS Y25, Y27, Y29; \
	VMULPS Y26, Y27, Y30; \
	VADDPS Y28, s0, s0; \
	VADDPS Y29, s1, s1; \
	VADDPS Y30, s2, s2

// SCALE2 and SCALE3 add the sums of a row, times its scale, to its lanes.
#define SCALE2(scale, s0, s1, l0, l1) \
	VBROADCASTSS scale, Y27; \
	VMULPS s0, Y27, Y28; \
	VMULPS s1, Y27, Y29; \
	VADDPS Y28, l0, l0; \
	VADDPS Y29, l1, l1
#define SCALE3(scale, s0, s1, s2, l0, l1, l2) \
	SCALE2(scale, s0, s1, l0, l1); \
	VMULPS s2, Y27, Y30; \
	VADDPS Y30, l2, l2

// FIRSTS2 and FIRSTS3 multiply the first eight columns of a block.
#define FIRSTS2 \
	TAKE2(0); \
	FIRST2((R8), Y12, Y13); \
	FIRST2((R8)(DX*1), Y15, Y16); \
	FIRST2((R8)(DX*2), Y18, Y19); \
	FIRST2((R9), Y21, Y22)
#define FIRSTS3 \
	TAKE3(0); \
	FIRST3((R8), Y12, Y13, Y14); \
	FIRST3((R8)(DX*1), Y15, Y16, Y17); \
	FIRST3((R8)(DX*2), Y18, Y19, Y20); \
	FIRST3((R9), Y21, Y22, Y23)

// MORES2 and MORES3 multiply eight others.
#define MORES2(at) \
	TAKE2(at); \
	MORE2(at(R8), Y12, Y13); \
	MORE2(at(R8)(DX*1), Y15, Y16); \
	MORE2(at(R8)(DX*2), Y18, Y19); \
	MORE2(at(R9), Y21, Y22)
#define MORES3(at) \
	TAKE3(at); \
	MORE3(at(R8), Y12, Y13, Y14); \
	MORE3(at(R8)(DX*1), Y15, Y16, Y17); \
	MORE3(at(R8)(DX*2), Y18, Y19, Y20); \
	MORE3(at(R9), Y21, Y22, Y23)

// BEGIN2 and BEGIN3 begin the sums of a row with products of weights w and x in memory, and ADD2 and ADD3 add such
// products to them.
#define BEGIN2(at, w, s0, s1) \
	VMULPS at(SI), w, s0; \
	VMULPS at(SI)(R14*1), w, s1
#define BEGIN3(at, w, s0, s1, s2) \
	BEGIN2(at, w, s0, s1); \
	VMULPS at(SI)(R14*2), w, s2
#define ADD2(at, w, s0, s1) \
	VMULPS at(SI), w, Y28; \
	VMULPS at(SI)(R14*1), w, Y29; \
	VADDPS Y28, s0, s0; \
	VADDPS Y29, s1, s1
#define ADD3(at, w, s0, s1, s2) \
	VMULPS at(SI), w, Y28; \
	VMULPS at(SI)(R14*1), w, Y29; \
	VMULPS at(SI)(R14*2), w, Y30; \
	VADDPS Y28, s0, s0; \
	VADDPS Y29, s1, s1; \
	VADDPS Y30, s2, s2

// LOOKUP makes floats of sixteen nibbles, the low ones in Y26, the high ones in Y27, with the table in Y24 and Y25.
#define LOOKUP(w) \
	VPMOVZXBD w, Y26; \
	VPSRLD $4, Y26, Y27; \
	VPERMI2PS Y25, Y24, Y26; \
	VPERMI2PS Y25, Y24, Y27

// NIBBLES2 and NIBBLES3 multiply a block of nibbles of a row.
#define NIBBLES2(w0, w1, s0, s1) \
	LOOKUP(w0); \
	BEGIN2(0, Y26, s0, s1); \
	ADD2(32, Y27, s0, s1); \
	LOOKUP(w1); \
	ADD2(64, Y26, s0, s1); \
	ADD2(96, Y27, s0, s1)
#define NIBBLES3(w0, w1, s0, s1, s2) \
	LOOKUP(w0); \
	BEGIN3(0, Y26, s0, s1, s2); \
	ADD3(32, Y27, s0, s1, s2); \
	LOOKUP(w1); \
	ADD3(64, Y26, s0, s1, s2); \
	ADD3(96, Y27, s0, s1, s2)

// WIDEN makes floats of signed bytes, and BYTES2 and BYTES3 multiply a block of them of a row.
#define WIDEN(w, to) \
	VPMOVSXBD w, to; \
	VCVTDQ2PS to, to
#define BYTES2(w0, w1, w2, w3, s0, s1) \
	WIDEN(w0, Y24); \
	WIDEN(w1, Y25); \
	WIDEN(w2, Y26); \
	WIDEN(w3, Y27); \
	BEGIN2(0, Y24, s0, s1); \
	ADD2(32, Y25, s0, s1); \
	ADD2(64, Y26, s0, s1); \
	ADD2(96, Y27, s0, s1)
#define BYTES3(w0, w1, w2, w3, s0, s1, s2) \
	WIDEN(w0, Y24); \
	WIDEN(w1, Y25); \
	WIDEN(w2, Y26); \
	WIDEN(w3, Y27); \
	BEGIN3(0, Y24, s0, s1, s2); \
	ADD3(32, Y25, s0, s1, s2); \
	ADD3(64, Y26, s0, s1, s2); \
	ADD3(96, Y27, s0, s1, s2)

// SCALES2 and SCALES3 are the ends of a block of four rows.
#define SCALES2 \
	SCALE2((R10), Y12, Y13, Y0, Y1); \
	SCALE2((R10)(R11*1), Y15, Y16, Y3, Y4); \
	SCALE2((R10)(R11*2), Y18, Y19, Y6, Y7); \
	SCALE2((R12), Y21, Y22, Y9, Y10)
#define SCALES3 \
	SCALE3((R10), Y12, Y13, Y14, Y0, Y1, Y2); \
	SCALE3((R10)(R11*1), Y15, Y16, Y17, Y3, Y4, Y5); \
	SCALE3((R10)(R11*2), Y18, Y19, Y20, Y6, Y7, Y8); \
	SCALE3((R12), Y21, Y22, Y23, Y9, Y10, Y11)

// NEXT goes to the next block, of so many bytes.
#define NEXT(bytes) \
	ADDQ bytes, R8; \
	ADDQ bytes, R9; \
	ADDQ R13, R10; \
	ADDQ R13, R12; \
	ADDQ $128, SI; \
	DECQ CX

// SUM adds the lanes of four rows, a to d, to y at AX. x and y are the first halves of a and b.
#define SUM(a, b, c, d, x, y) \
	VHADDPS b, a, a; \
	VHADDPS d, c, c; \
	VHADDPS c, a, a; \
	VEXTRACTF128 $1, a, y; \
	VADDPS y, x, x; \
	VADDPS (AX), x, x; \
	VMOVUPS x, (AX)

// START takes the parameters, and makes DX, the bytes of a block, those of a row.
#define START \
	MOVQ y+0(FP), DI; \
	MOVQ w+8(FP), R8; \
	MOVQ scales+16(FP), R10; \
	MOVQ rows+32(FP), BX; \
	MOVQ step+48(FP), R13; \
	SHLQ $2, R13; \
	MOVQ blocks+40(FP), R14; \
	MOVQ R13, R11; \
	IMULQ R14, R11; \
	IMULQ R14, DX; \
	SHLQ $7, R14; \
	MOVQ stride+56(FP), R15; \
	SHLQ $2, R15

// ROWS begins with four rows: R8 and R9 are the first and the last, R10 and R12 their scales.
#define ROWS \
	LEAQ (DX)(DX*2), AX; \
	LEAQ (R8)(AX*1), R9; \
	LEAQ (R11)(R11*2), AX; \
	LEAQ (R10)(AX*1), R12; \
	MOVQ x+24(FP), SI; \
	MOVQ blocks+40(FP), CX; \
	VXORPS Y0, Y0, Y0; \
	VXORPS Y1, Y1, Y1; \
	VXORPS Y2, Y2, Y2; \
	VXORPS Y3, Y3, Y3; \
	VXORPS Y4, Y4, Y4; \
	VXORPS Y5, Y5, Y5; \
	VXORPS Y6, Y6, Y6; \
	VXORPS Y7, Y7, Y7; \
	VXORPS Y8, Y8, Y8; \
	VXORPS Y9, Y9, Y9; \
	VXORPS Y10, Y10, Y10; \
	VXORPS Y11, Y11, Y11; \
	CMPQ tokens+64(FP), $2

// SUM3 and SUM2 add the lanes of the third token, and of the first two.
#define SUM3 \
	LEAQ (DI)(R15*2), AX; \
	SUM(Y2, Y5, Y8, Y11, X2, X5)
#define SUM2 \
	MOVQ DI, AX; \
	SUM(Y0, Y3, Y6, Y9, X0, X3); \
	ADDQ R15, AX; \
	SUM(Y1, Y4, Y7, Y10, X1, X4); \
	ADDQ $16, DI; \
	MOVQ R9, R8; \
	MOVQ R12, R10; \
	SUBQ $4, BX

// func addTileAVX512(y, w, scales, x *float32, rows, blocks, step, stride, tokens int)
TEXT ·addTileAVX512(SB), NOSPLIT, $0-72
	MOVQ $128, DX
	START

four:
	ROWS
	JEQ two

	PCALIGN $32
three:
	FIRSTS3
	MORES3(32)
	MORES3(64)
	MORES3(96)
	SCALES3
	NEXT($128)
	JNZ three
	SUM3
	JMP sums

	PCALIGN $32
two:
	FIRSTS2
	MORES2(32)
	MORES2(64)
	MORES2(96)
	SCALES2
	NEXT($128)
	JNZ two

sums:
	SUM2
	JNZ four
	VZEROUPPER
	RET

// func addNibblesTileAVX512(y *float32, w *uint32, scales, x *float32, rows, blocks, step, stride, tokens int)
TEXT ·addNibblesTileAVX512(SB), NOSPLIT, $0-72
	MOVQ $16, DX
	START
	VMOVUPS ·nibbleTable(SB), Y24
	VMOVUPS ·nibbleTable+32(SB), Y25

four:
	ROWS
	JEQ two

	PCALIGN $32
three:
	PREFETCHT0 2048(R8)
	PREFETCHT0 2048(R8)(DX*2)
	NIBBLES3((R8), 8(R8), Y12, Y13, Y14)
	NIBBLES3((R8)(DX*1), 8(R8)(DX*1), Y15, Y16, Y17)
	NIBBLES3((R8)(DX*2), 8(R8)(DX*2), Y18, Y19, Y20)
	NIBBLES3((R9), 8(R9), Y21, Y22, Y23)
	SCALES3
	NEXT($16)
	JNZ three
	SUM3
	JMP sums

	PCALIGN $32
two:
	PREFETCHT0 2048(R8)
	PREFETCHT0 2048(R8)(DX*2)
	NIBBLES2((R8), 8(R8), Y12, Y13)
	NIBBLES2((R8)(DX*1), 8(R8)(DX*1), Y15, Y16)
	NIBBLES2((R8)(DX*2), 8(R8)(DX*2), Y18, Y19)
	NIBBLES2((R9), 8(R9), Y21, Y22)
	SCALES2
	NEXT($16)
	JNZ two

sums:
	SUM2
	JNZ four
	VZEROUPPER
	RET

// func addBytesTileAVX512(y *float32, w *uint32, scales, x *float32, rows, blocks, step, stride, tokens int)
TEXT ·addBytesTileAVX512(SB), NOSPLIT, $0-72
	MOVQ $32, DX
	START

four:
	ROWS
	JEQ two

	PCALIGN $32
three:
	PREFETCHT0 2048(R8)
	PREFETCHT0 2048(R8)(DX*2)
	BYTES3((R8), 8(R8), 16(R8), 24(R8), Y12, Y13, Y14)
	BYTES3((R8)(DX*1), 8(R8)(DX*1), 16(R8)(DX*1), 24(R8)(DX*1), Y15, Y16, Y17)
	BYTES3((R8)(DX*2), 8(R8)(DX*2), 16(R8)(DX*2), 24(R8)(DX*2), Y18, Y19, Y20)
	BYTES3((R9), 8(R9), 16(R9), 24(R9), Y21, Y22, Y23)
	SCALES3
	NEXT($32)
	JNZ three
	SUM3
	JMP sums

	PCALIGN $32
two:
	PREFETCHT0 2048(R8)
	PREFETCHT0 2048(R8)(DX*2)
	BYTES2((R8), 8(R8), 16(R8), 24(R8), Y12, Y13)
	BYTES2((R8)(DX*1), 8(R8)(DX*1), 16(R8)(DX*1), 24(R8)(DX*1), Y15, Y16)
	BYTES2((R8)(DX*2), 8(R8)(DX*2), 16(R8)(DX*2), 24(R8)(DX*2), Y18, Y19)
	BYTES2((R9), 8(R9), 16(R9), 24(R9), Y21, Y22)
	SCALES2
	NEXT($32)
	JNZ two

sums:
	SUM2
	JNZ four
	VZEROUPPER
	RET

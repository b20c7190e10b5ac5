#include "textflag.h"

// Products of scaled blocks with two or three tokens, see [addBlocksGo], on machines whose vectors are 32.
// Four rows and the tokens are a tile: Y0 to Y11 are its lanes, row by row, and Y12 to Y23 the sums of a
// block. Y24 to Y26 are x of the tokens, Y27 weights of a row, later its scale, and Y28 to Y30 products.

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

// NEXT goes to the next block.
#define NEXT \
	ADDQ $128, R8; \
	ADDQ $128, R9; \
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

// func addTileAVX512(y, w, scales, x *float32, rows, blocks, step, stride, tokens int)
TEXT ·addTileAVX512(SB), NOSPLIT, $0-72
	MOVQ y+0(FP), DI
	MOVQ w+8(FP), R8
	MOVQ scales+16(FP), R10
	MOVQ rows+32(FP), BX
	MOVQ step+48(FP), R13
	SHLQ $2, R13
	MOVQ blocks+40(FP), DX
	MOVQ R13, R11
	IMULQ DX, R11             // bytes of the scales of a row
	SHLQ $7, DX               // of its weights
	MOVQ DX, R14              // of x of a token
	MOVQ stride+56(FP), R15
	SHLQ $2, R15

four:
	LEAQ (DX)(DX*2), AX
	LEAQ (R8)(AX*1), R9
	LEAQ (R11)(R11*2), AX
	LEAQ (R10)(AX*1), R12
	MOVQ x+24(FP), SI
	MOVQ blocks+40(FP), CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	VXORPS Y8, Y8, Y8
	VXORPS Y9, Y9, Y9
	VXORPS Y10, Y10, Y10
	VXORPS Y11, Y11, Y11
	CMPQ tokens+64(FP), $2
	JEQ two

	PCALIGN $32
three:
	FIRSTS3
	MORES3(32)
	MORES3(64)
	MORES3(96)
	SCALE3((R10), Y12, Y13, Y14, Y0, Y1, Y2)
	SCALE3((R10)(R11*1), Y15, Y16, Y17, Y3, Y4, Y5)
	SCALE3((R10)(R11*2), Y18, Y19, Y20, Y6, Y7, Y8)
	SCALE3((R12), Y21, Y22, Y23, Y9, Y10, Y11)
	NEXT
	JNZ three
	LEAQ (DI)(R15*2), AX
	SUM(Y2, Y5, Y8, Y11, X2, X5)
	JMP sums

	PCALIGN $32
two:
	FIRSTS2
	MORES2(32)
	MORES2(64)
	MORES2(96)
	SCALE2((R10), Y12, Y13, Y0, Y1)
	SCALE2((R10)(R11*1), Y15, Y16, Y3, Y4)
	SCALE2((R10)(R11*2), Y18, Y19, Y6, Y7)
	SCALE2((R12), Y21, Y22, Y9, Y10)
	NEXT
	JNZ two

sums:
	MOVQ DI, AX
	SUM(Y0, Y3, Y6, Y9, X0, X3)
	ADDQ R15, AX
	SUM(Y1, Y4, Y7, Y10, X1, X4)
	ADDQ $16, DI
	MOVQ R9, R8
	MOVQ R12, R10
	SUBQ $4, BX
	JNZ four
	VZEROUPPER
	RET

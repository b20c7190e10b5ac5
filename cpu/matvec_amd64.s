#include "textflag.h"

// Loads of a row's last 1 to 7 elements are masked by the eight words that
// begin that many words before the zeros.
DATA tails<>+0(SB)/8, $-1
DATA tails<>+8(SB)/8, $-1
DATA tails<>+16(SB)/8, $-1
DATA tails<>+24(SB)/8, $-1
DATA tails<>+32(SB)/8, $0
DATA tails<>+40(SB)/8, $0
DATA tails<>+48(SB)/8, $0
DATA tails<>+56(SB)/8, $0
GLOBL tails<>(SB), RODATA|NOPTR, $64

// func matvecAVX2(y, w, x *float32, rows, cols, stride int)
//
// Four rows at a time, whose eight lanes each are Y1 to Y4. There is no fused
// multiply-add: it would round once where [matvecGo] rounds twice.
TEXT ·matvecAVX2(SB), NOSPLIT, $0-48
	MOVQ y+0(FP), DI
	MOVQ w+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ rows+24(FP), CX
	MOVQ cols+32(FP), BX
	MOVQ stride+40(FP), DX
	SHLQ $2, DX               // bytes from row to row
	MOVQ BX, R12
	ANDQ $~7, R12
	SHLQ $2, R12              // bytes of a row's whole vectors
	ANDQ $7, BX               // elements behind them
	NEGQ BX
	LEAQ tails<>+32(SB), AX
	VMOVUPS (AX)(BX*4), Y15

four:
	LEAQ (R8)(DX*1), R9
	LEAQ (R9)(DX*1), R10
	LEAQ (R10)(DX*1), R11
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	XORQ AX, AX
	TESTQ R12, R12
	JZ tail

whole:
	VMOVUPS (SI)(AX*1), Y0
	VMULPS (R8)(AX*1), Y0, Y5
	VMULPS (R9)(AX*1), Y0, Y6
	VMULPS (R10)(AX*1), Y0, Y7
	VMULPS (R11)(AX*1), Y0, Y8
	VADDPS Y5, Y1, Y1
	VADDPS Y6, Y2, Y2
	VADDPS Y7, Y3, Y3
	VADDPS Y8, Y4, Y4
	ADDQ $32, AX
	CMPQ AX, R12
	JLT whole

tail:
	TESTQ BX, BX
	JZ sum
	VMASKMOVPS (SI)(AX*1), Y15, Y0
	VMASKMOVPS (R8)(AX*1), Y15, Y5
	VMASKMOVPS (R9)(AX*1), Y15, Y6
	VMASKMOVPS (R10)(AX*1), Y15, Y7
	VMASKMOVPS (R11)(AX*1), Y15, Y8
	VMULPS Y5, Y0, Y5
	VMULPS Y6, Y0, Y6
	VMULPS Y7, Y0, Y7
	VMULPS Y8, Y0, Y8
	VADDPS Y5, Y1, Y1
	VADDPS Y6, Y2, Y2
	VADDPS Y7, Y3, Y3
	VADDPS Y8, Y4, Y4

sum:
	VHADDPS Y2, Y1, Y1        // l0+l1, l2+l3 of rows 1 and 2; l4+l5, l6+l7
	VHADDPS Y4, Y3, Y3        // of rows 3 and 4
	VHADDPS Y3, Y1, Y1        // (l0+l1)+(l2+l3) of the four; (l4+l5)+(l6+l7)
	VEXTRACTF128 $1, Y1, X2
	VADDPS X2, X1, X1
	VMOVUPS X1, (DI)
	ADDQ $16, DI
	LEAQ (R11)(DX*1), R8
	SUBQ $4, CX
	JNZ four
	VZEROUPPER
	RET

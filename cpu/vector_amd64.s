#include "textflag.h"

// Inner loops begin at a multiple of 32 bytes. Otherwise the linker decides where they lie, and one
// that straddles a cache line of instructions takes up to a third longer.

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

// The shifts that bring nibble l of a word to its low bits, and 15 and 8.
DATA nibbles<>+0(SB)/8, $0x0000000400000000
DATA nibbles<>+8(SB)/8, $0x0000000c00000008
DATA nibbles<>+16(SB)/8, $0x0000001400000010
DATA nibbles<>+24(SB)/8, $0x0000001c00000018
DATA fifteen<>+0(SB)/4, $15
DATA eight<>+0(SB)/4, $8
GLOBL nibbles<>(SB), RODATA|NOPTR, $32
GLOBL fifteen<>(SB), RODATA|NOPTR, $4
GLOBL eight<>(SB), RODATA|NOPTR, $4

// -Inf.
DATA lowest<>+0(SB)/4, $0xff800000
GLOBL lowest<>(SB), RODATA|NOPTR, $4

// The constants of [expGo].
DATA series<>+0(SB)/4, $0x3fb8aa3b // log2e
DATA series<>+4(SB)/4, $0x4b400000 // nearest
DATA series<>+8(SB)/4, $0x3f318000 // ln2a
DATA series<>+12(SB)/4, $0xb95e8083 // ln2b
DATA series<>+16(SB)/4, $0x39500d01 // 1/5040
DATA series<>+20(SB)/4, $0x3ab60b61 // 1/720
DATA series<>+24(SB)/4, $0x3c088889 // 1/120
DATA series<>+28(SB)/4, $0x3d2aaaab // 1/24
DATA series<>+32(SB)/4, $0x3e2aaaab // 1/6
DATA series<>+36(SB)/4, $0x3f000000 // 1/2
DATA series<>+40(SB)/4, $0x3f800000 // 1
DATA series<>+44(SB)/4, $0xc2ae0000 // -87
DATA series<>+48(SB)/4, $0x42b00000 // 88
GLOBL series<>(SB), RODATA|NOPTR, $52

// func hasF16C() bool
TEXT ·hasF16C(SB), NOSPLIT, $0-1
	MOVL $1, AX
	XORL CX, CX
	CPUID
	SHRL $29, CX
	ANDL $1, CX
	MOVB CX, ret+0(FP)
	RET

// func pause()
TEXT ·pause(SB), NOSPLIT, $0-0
	PAUSE
	RET

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

	PCALIGN $32
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

// func addRowsAVX2(lanes, w, x *float32, rows, cols int)
//
// Eight columns at a time, whose eight lanes are Y0 to Y7.
TEXT ·addRowsAVX2(SB), NOSPLIT, $0-40
	MOVQ lanes+0(FP), DI
	MOVQ w+8(FP), R8
	MOVQ x+16(FP), SI
	MOVQ rows+24(FP), CX
	MOVQ cols+32(FP), BX
	MOVQ BX, DX
	SHLQ $2, DX               // bytes from row to row, and from lane to lane
	LEAQ (DX)(DX*2), R13

columns:
	LEAQ (DI)(DX*4), R12
	VMOVUPS (DI), Y0
	VMOVUPS (DI)(DX*1), Y1
	VMOVUPS (DI)(DX*2), Y2
	VMOVUPS (DI)(R13*1), Y3
	VMOVUPS (R12), Y4
	VMOVUPS (R12)(DX*1), Y5
	VMOVUPS (R12)(DX*2), Y6
	VMOVUPS (R12)(R13*1), Y7
	MOVQ R8, R9
	MOVQ SI, R10
	MOVQ CX, R11

	PCALIGN $32
rows:
	LEAQ (R9)(DX*4), AX
	VBROADCASTSS (R10), Y8
	VBROADCASTSS 4(R10), Y9
	VBROADCASTSS 8(R10), Y10
	VBROADCASTSS 12(R10), Y11
	VMULPS (R9), Y8, Y8
	VMULPS (R9)(DX*1), Y9, Y9
	VMULPS (R9)(DX*2), Y10, Y10
	VMULPS (R9)(R13*1), Y11, Y11
	VADDPS Y8, Y0, Y0
	VADDPS Y9, Y1, Y1
	VADDPS Y10, Y2, Y2
	VADDPS Y11, Y3, Y3
	VBROADCASTSS 16(R10), Y8
	VBROADCASTSS 20(R10), Y9
	VBROADCASTSS 24(R10), Y10
	VBROADCASTSS 28(R10), Y11
	VMULPS (AX), Y8, Y8
	VMULPS (AX)(DX*1), Y9, Y9
	VMULPS (AX)(DX*2), Y10, Y10
	VMULPS (AX)(R13*1), Y11, Y11
	VADDPS Y8, Y4, Y4
	VADDPS Y9, Y5, Y5
	VADDPS Y10, Y6, Y6
	VADDPS Y11, Y7, Y7
	LEAQ (AX)(DX*4), R9
	ADDQ $32, R10
	SUBQ $8, R11
	JNZ rows

	VMOVUPS Y0, (DI)
	VMOVUPS Y1, (DI)(DX*1)
	VMOVUPS Y2, (DI)(DX*2)
	VMOVUPS Y3, (DI)(R13*1)
	VMOVUPS Y4, (R12)
	VMOVUPS Y5, (R12)(DX*1)
	VMOVUPS Y6, (R12)(DX*2)
	VMOVUPS Y7, (R12)(R13*1)
	ADDQ $32, DI
	ADDQ $32, R8
	SUBQ $8, BX
	JNZ columns
	VZEROUPPER
	RET

// func unpackHalvesAVX2(dst *float32, words *uint32, halves int)
TEXT ·unpackHalvesAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ words+8(FP), SI
	MOVQ halves+16(FP), CX

	PCALIGN $32
halves:
	PREFETCHT0 1024(SI)
	VCVTPH2PS (SI), Y0
	VMOVUPS Y0, (DI)
	ADDQ $16, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ halves
	VZEROUPPER
	RET

// func unpackQ8AVX2(dst *float32, quants, scales *uint32, block, blocks, rows, stride int)
TEXT ·unpackQ8AVX2(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ quants+8(FP), SI
	MOVQ scales+16(FP), R8
	MOVQ block+24(FP), AX
	LEAQ (R8)(AX*2), R8       // the first scale that is used
	MOVQ blocks+32(FP), BX
	MOVQ rows+40(FP), CX
	MOVQ stride+48(FP), DX
	SHLQ $2, DX

row:
	XORQ AX, AX               // blocks done
	MOVQ SI, R9

	PCALIGN $32
block:
	VPBROADCASTW (R8)(AX*2), X0
	VCVTPH2PS X0, Y0
	VPMOVSXBD (R9), Y1
	VPMOVSXBD 8(R9), Y2
	VPMOVSXBD 16(R9), Y3
	VPMOVSXBD 24(R9), Y4
	VCVTDQ2PS Y1, Y1
	VCVTDQ2PS Y2, Y2
	VCVTDQ2PS Y3, Y3
	VCVTDQ2PS Y4, Y4
	VMULPS Y0, Y1, Y1
	VMULPS Y0, Y2, Y2
	VMULPS Y0, Y3, Y3
	VMULPS Y0, Y4, Y4
	VMOVUPS Y1, (DI)
	VMOVUPS Y2, 32(DI)
	VMOVUPS Y3, 64(DI)
	VMOVUPS Y4, 96(DI)
	ADDQ $32, R9
	ADDQ $128, DI
	INCQ AX
	CMPQ AX, BX
	JLT block
	ADDQ DX, SI
	ADDQ DX, R8
	DECQ CX
	JNZ row
	VZEROUPPER
	RET

// func unpackQ4AVX2(dst *float32, quants, scales *uint32, block, blocks, rows, stride int)
TEXT ·unpackQ4AVX2(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ quants+8(FP), SI
	MOVQ scales+16(FP), R8
	MOVQ block+24(FP), AX
	LEAQ (R8)(AX*2), R8       // the first scale that is used
	MOVQ blocks+32(FP), BX
	MOVQ rows+40(FP), CX
	MOVQ stride+48(FP), DX
	SHLQ $2, DX
	VMOVDQU nibbles<>(SB), Y10
	VPBROADCASTD fifteen<>(SB), Y9
	VPBROADCASTD eight<>(SB), Y8

row:
	XORQ AX, AX               // blocks done
	MOVQ SI, R9

	PCALIGN $32
block:
	VPBROADCASTW (R8)(AX*2), X0
	VCVTPH2PS X0, Y0
	VPBROADCASTD (R9), Y1
	VPBROADCASTD 4(R9), Y2
	VPBROADCASTD 8(R9), Y3
	VPBROADCASTD 12(R9), Y4
	VPSRLVD Y10, Y1, Y1
	VPSRLVD Y10, Y2, Y2
	VPSRLVD Y10, Y3, Y3
	VPSRLVD Y10, Y4, Y4
	VPAND Y9, Y1, Y1
	VPAND Y9, Y2, Y2
	VPAND Y9, Y3, Y3
	VPAND Y9, Y4, Y4
	VPSUBD Y8, Y1, Y1
	VPSUBD Y8, Y2, Y2
	VPSUBD Y8, Y3, Y3
	VPSUBD Y8, Y4, Y4
	VCVTDQ2PS Y1, Y1
	VCVTDQ2PS Y2, Y2
	VCVTDQ2PS Y3, Y3
	VCVTDQ2PS Y4, Y4
	VMULPS Y0, Y1, Y1
	VMULPS Y0, Y2, Y2
	VMULPS Y0, Y3, Y3
	VMULPS Y0, Y4, Y4
	VMOVUPS Y1, (DI)
	VMOVUPS Y2, 32(DI)
	VMOVUPS Y3, 64(DI)
	VMOVUPS Y4, 96(DI)
	ADDQ $16, R9
	ADDQ $128, DI
	INCQ AX
	CMPQ AX, BX
	JLT block
	ADDQ DX, SI
	ADDQ DX, R8
	DECQ CX
	JNZ row
	VZEROUPPER
	RET

// func unpackQ8MAVX2(dst *float32, quants, scales *uint32, blocks int)
TEXT ·unpackQ8MAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ quants+8(FP), SI
	MOVQ scales+16(FP), R8
	MOVQ blocks+24(FP), CX

	PCALIGN $32
block:
	VPBROADCASTW (R8), X0
	VPBROADCASTW 2(R8), X5
	VCVTPH2PS X0, Y0
	VCVTPH2PS X5, Y5
	VPMOVZXBD (SI), Y1
	VPMOVZXBD 8(SI), Y2
	VPMOVZXBD 16(SI), Y3
	VPMOVZXBD 24(SI), Y4
	VCVTDQ2PS Y1, Y1
	VCVTDQ2PS Y2, Y2
	VCVTDQ2PS Y3, Y3
	VCVTDQ2PS Y4, Y4
	VMULPS Y0, Y1, Y1
	VMULPS Y0, Y2, Y2
	VMULPS Y0, Y3, Y3
	VMULPS Y0, Y4, Y4
	VADDPS Y5, Y1, Y1
	VADDPS Y5, Y2, Y2
	VADDPS Y5, Y3, Y3
	VADDPS Y5, Y4, Y4
	VMOVUPS Y1, (DI)
	VMOVUPS Y2, 32(DI)
	VMOVUPS Y3, 64(DI)
	VMOVUPS Y4, 96(DI)
	ADDQ $32, SI
	ADDQ $4, R8
	ADDQ $128, DI
	DECQ CX
	JNZ block
	VZEROUPPER
	RET

// func unpackQ4KAVX2(dst *float32, quants, records *uint32, blocks int)
//
// Of each block d s and m n of the eight groups are put down first.
TEXT ·unpackQ4KAVX2(SB), NOSPLIT, $64-32
	MOVQ dst+0(FP), DI
	MOVQ quants+8(FP), SI
	MOVQ records+16(FP), R8
	MOVQ blocks+24(FP), CX
	VMOVDQU nibbles<>(SB), Y10
	VPBROADCASTD fifteen<>(SB), Y9

block:
	VPBROADCASTW (R8), X0
	VPBROADCASTW 2(R8), X5
	VCVTPH2PS X0, Y0
	VCVTPH2PS X5, Y5
	VPMOVZXWD 4(R8), Y1
	VPSLLD $24, Y1, Y2
	VPSRAD $24, Y2, Y2
	VCVTDQ2PS Y2, Y2
	VMULPS Y0, Y2, Y2
	VMOVUPS Y2, 0(SP)
	VPSLLD $16, Y1, Y3
	VPSRAD $24, Y3, Y3
	VCVTDQ2PS Y3, Y3
	VMULPS Y5, Y3, Y3
	VMOVUPS Y3, 32(SP)
	XORQ AX, AX               // groups done

	PCALIGN $32
group:
	VBROADCASTSS (SP)(AX*4), Y6
	VBROADCASTSS 32(SP)(AX*4), Y7
	VPBROADCASTD (SI), Y1
	VPBROADCASTD 4(SI), Y2
	VPBROADCASTD 8(SI), Y3
	VPBROADCASTD 12(SI), Y4
	VPSRLVD Y10, Y1, Y1
	VPSRLVD Y10, Y2, Y2
	VPSRLVD Y10, Y3, Y3
	VPSRLVD Y10, Y4, Y4
	VPAND Y9, Y1, Y1
	VPAND Y9, Y2, Y2
	VPAND Y9, Y3, Y3
	VPAND Y9, Y4, Y4
	VCVTDQ2PS Y1, Y1
	VCVTDQ2PS Y2, Y2
	VCVTDQ2PS Y3, Y3
	VCVTDQ2PS Y4, Y4
	VMULPS Y6, Y1, Y1
	VMULPS Y6, Y2, Y2
	VMULPS Y6, Y3, Y3
	VMULPS Y6, Y4, Y4
	VSUBPS Y7, Y1, Y1
	VSUBPS Y7, Y2, Y2
	VSUBPS Y7, Y3, Y3
	VSUBPS Y7, Y4, Y4
	VMOVUPS Y1, (DI)
	VMOVUPS Y2, 32(DI)
	VMOVUPS Y3, 64(DI)
	VMOVUPS Y4, 96(DI)
	ADDQ $16, SI
	ADDQ $128, DI
	INCQ AX
	CMPQ AX, $8
	JLT group
	ADDQ $20, R8
	DECQ CX
	JNZ block
	VZEROUPPER
	RET

// func unpackQ8KAVX2(dst *float32, quants, records *uint32, blocks int)
//
// The same for sixteen groups.
TEXT ·unpackQ8KAVX2(SB), NOSPLIT, $128-32
	MOVQ dst+0(FP), DI
	MOVQ quants+8(FP), SI
	MOVQ records+16(FP), R8
	MOVQ blocks+24(FP), CX

block:
	VPBROADCASTW (R8), X0
	VPBROADCASTW 2(R8), X5
	VCVTPH2PS X0, Y0
	VCVTPH2PS X5, Y5
	VPMOVZXWD 4(R8), Y1
	VPSLLD $24, Y1, Y2
	VPSRAD $24, Y2, Y2
	VCVTDQ2PS Y2, Y2
	VMULPS Y0, Y2, Y2
	VMOVUPS Y2, 0(SP)
	VPSLLD $16, Y1, Y3
	VPSRAD $24, Y3, Y3
	VCVTDQ2PS Y3, Y3
	VMULPS Y5, Y3, Y3
	VMOVUPS Y3, 64(SP)
	VPMOVZXWD 20(R8), Y1
	VPSLLD $24, Y1, Y2
	VPSRAD $24, Y2, Y2
	VCVTDQ2PS Y2, Y2
	VMULPS Y0, Y2, Y2
	VMOVUPS Y2, 32(SP)
	VPSLLD $16, Y1, Y3
	VPSRAD $24, Y3, Y3
	VCVTDQ2PS Y3, Y3
	VMULPS Y5, Y3, Y3
	VMOVUPS Y3, 96(SP)
	XORQ AX, AX               // groups done

	PCALIGN $32
group:
	VBROADCASTSS (SP)(AX*4), Y6
	VBROADCASTSS 64(SP)(AX*4), Y7
	VPMOVSXBD (SI), Y1
	VPMOVSXBD 8(SI), Y2
	VCVTDQ2PS Y1, Y1
	VCVTDQ2PS Y2, Y2
	VMULPS Y6, Y1, Y1
	VMULPS Y6, Y2, Y2
	VSUBPS Y7, Y1, Y1
	VSUBPS Y7, Y2, Y2
	VMOVUPS Y1, (DI)
	VMOVUPS Y2, 32(DI)
	ADDQ $16, SI
	ADDQ $64, DI
	INCQ AX
	CMPQ AX, $16
	JLT group
	ADDQ $36, R8
	DECQ CX
	JNZ block
	VZEROUPPER
	RET

// func addBiasAVX2(scores, bias *float32, n int, scale float32) (top float32)
//
// The largest of eight are Y3. What is no number is never the largest: VMAXPS takes its
// first operand then.
TEXT ·addBiasAVX2(SB), NOSPLIT, $0-36
	MOVQ scores+0(FP), DI
	MOVQ bias+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSS scale+24(FP), Y2
	VBROADCASTSS lowest<>(SB), Y3

	PCALIGN $32
eight:
	VMULPS (DI), Y2, Y0
	VADDPS (SI), Y0, Y0
	VMOVUPS Y0, (DI)
	VMAXPS Y3, Y0, Y3
	ADDQ $32, DI
	ADDQ $32, SI
	SUBQ $8, CX
	JNZ eight
	VEXTRACTF128 $1, Y3, X0
	VMAXPS X3, X0, X3
	VPERMILPS $0x4e, X3, X0
	VMAXPS X3, X0, X3
	VPERMILPS $0xb1, X3, X0
	VMAXPS X3, X0, X3
	VMOVSS X3, top+32(FP)
	VZEROUPPER
	RET

// func expAVX2(s *float32, n int, top float32) (done int)
//
// Eight at a time, up to the first eight of which one goes the long way.
TEXT ·expAVX2(SB), NOSPLIT, $0-32
	MOVQ s+0(FP), DI
	MOVQ n+8(FP), CX
	VBROADCASTSS top+16(FP), Y15
	VBROADCASTSS series<>+0(SB), Y14
	VBROADCASTSS series<>+4(SB), Y13
	VBROADCASTSS series<>+8(SB), Y12
	VBROADCASTSS series<>+12(SB), Y11
	VBROADCASTSS series<>+16(SB), Y10
	VBROADCASTSS series<>+20(SB), Y9
	VBROADCASTSS series<>+24(SB), Y8
	VBROADCASTSS series<>+28(SB), Y7
	VBROADCASTSS series<>+32(SB), Y6
	VBROADCASTSS series<>+36(SB), Y5
	VBROADCASTSS series<>+40(SB), Y4
	XORQ AX, AX

	PCALIGN $32
eight:
	VMOVUPS (DI)(AX*4), Y0
	VSUBPS Y15, Y0, Y0        // x
	VBROADCASTSS series<>+44(SB), Y1
	VBROADCASTSS series<>+48(SB), Y2
	VCMPPS $0x1e, Y1, Y0, Y1  // x > -87
	VCMPPS $0x11, Y2, Y0, Y2  // x < 88
	VANDPS Y1, Y2, Y1
	VMOVMSKPS Y1, BX
	CMPL BX, $255
	JNE done
	VMULPS Y14, Y0, Y1
	VADDPS Y13, Y1, Y1
	VSUBPS Y13, Y1, Y1        // k
	VMULPS Y12, Y1, Y2
	VSUBPS Y2, Y0, Y0
	VMULPS Y11, Y1, Y2
	VSUBPS Y2, Y0, Y0         // r
	VMULPS Y10, Y0, Y2
	VADDPS Y9, Y2, Y2
	VMULPS Y0, Y2, Y2
	VADDPS Y8, Y2, Y2
	VMULPS Y0, Y2, Y2
	VADDPS Y7, Y2, Y2
	VMULPS Y0, Y2, Y2
	VADDPS Y6, Y2, Y2
	VMULPS Y0, Y2, Y2
	VADDPS Y5, Y2, Y2
	VMULPS Y0, Y2, Y2
	VADDPS Y4, Y2, Y2
	VMULPS Y0, Y2, Y2
	VADDPS Y4, Y2, Y2
	VCVTPS2DQ Y1, Y1
	VPSLLD $23, Y1, Y1
	VPADDD Y1, Y2, Y2
	VMOVUPS Y2, (DI)(AX*4)
	ADDQ $8, AX
	CMPQ AX, CX
	JLT eight

done:
	MOVQ AX, done+24(FP)
	VZEROUPPER
	RET

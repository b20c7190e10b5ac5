;; vector.wat: the loops of package cpu in vector instructions, which Go's compiler
;; has none of for browsers. A module of its own on the engine's memory: see
;; web/vector.js. Each function does what the Go function of its name with Go behind
;; it does, bit for bit but for those of a NaN, and returns 1: it is done.
(module
  (import "go" "mem" (memory 1))

  ;; y = w x, see matvecGo. Rows and cols are at least 1, rows a multiple of 4; stride
  ;; is in floats. Four rows at a time, whose lanes 0 to 3 are $a0 to $a3 and whose
  ;; lanes 4 to 7 are $b0 to $b3.
  (func (export "matvec")
    (param $y i32) (param $w i32) (param $x i32) (param $rows i32) (param $cols i32) (param $stride i32)
    (result i32)
    (local $in i32) (local $w0 i32) (local $w1 i32) (local $w2 i32) (local $w3 i32) (local $left i32)
    (local $v v128)
    (local $a0 v128) (local $a1 v128) (local $a2 v128) (local $a3 v128)
    (local $b0 v128) (local $b1 v128) (local $b2 v128) (local $b3 v128)
    (local.set $stride (i32.shl (local.get $stride) (i32.const 2))) ;; in bytes
    (loop $four
      (local.set $in (local.get $x))
      (local.set $w0 (local.get $w))
      (local.set $w1 (i32.add (local.get $w0) (local.get $stride)))
      (local.set $w2 (i32.add (local.get $w1) (local.get $stride)))
      (local.set $w3 (i32.add (local.get $w2) (local.get $stride)))
      (local.set $w (i32.add (local.get $w3) (local.get $stride)))
      (local.set $a0 (v128.const f32x4 0 0 0 0)) (local.set $b0 (v128.const f32x4 0 0 0 0))
      (local.set $a1 (v128.const f32x4 0 0 0 0)) (local.set $b1 (v128.const f32x4 0 0 0 0))
      (local.set $a2 (v128.const f32x4 0 0 0 0)) (local.set $b2 (v128.const f32x4 0 0 0 0))
      (local.set $a3 (v128.const f32x4 0 0 0 0)) (local.set $b3 (v128.const f32x4 0 0 0 0))

      ;; 1. Eight columns at a time.
      (local.set $left (local.get $cols))
      (block $whole
        (br_if $whole (i32.lt_u (local.get $left) (i32.const 8)))
        (loop $eight
          (local.set $v (v128.load (local.get $in)))
          (local.set $a0 (f32x4.add (local.get $a0) (f32x4.mul (local.get $v) (v128.load (local.get $w0)))))
          (local.set $a1 (f32x4.add (local.get $a1) (f32x4.mul (local.get $v) (v128.load (local.get $w1)))))
          (local.set $a2 (f32x4.add (local.get $a2) (f32x4.mul (local.get $v) (v128.load (local.get $w2)))))
          (local.set $a3 (f32x4.add (local.get $a3) (f32x4.mul (local.get $v) (v128.load (local.get $w3)))))
          (local.set $v (v128.load offset=16 (local.get $in)))
          (local.set $b0 (f32x4.add (local.get $b0) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $w0)))))
          (local.set $b1 (f32x4.add (local.get $b1) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $w1)))))
          (local.set $b2 (f32x4.add (local.get $b2) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $w2)))))
          (local.set $b3 (f32x4.add (local.get $b3) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $w3)))))
          (local.set $in (i32.add (local.get $in) (i32.const 32)))
          (local.set $w0 (i32.add (local.get $w0) (i32.const 32)))
          (local.set $w1 (i32.add (local.get $w1) (i32.const 32)))
          (local.set $w2 (i32.add (local.get $w2) (i32.const 32)))
          (local.set $w3 (i32.add (local.get $w3) (i32.const 32)))
          (local.set $left (i32.sub (local.get $left) (i32.const 8)))
          (br_if $eight (i32.ge_u (local.get $left) (i32.const 8)))))

      ;; 2. The last one to seven: up to four of lanes 0 to 3, then those behind them.
      ;;    The other lanes get zeros, which change no sum.
      (if (local.get $left) (then
        (local.set $v (call $first (local.get $in) (local.get $left)))
        (local.set $a0 (f32x4.add (local.get $a0) (f32x4.mul (local.get $v) (call $first (local.get $w0) (local.get $left)))))
        (local.set $a1 (f32x4.add (local.get $a1) (f32x4.mul (local.get $v) (call $first (local.get $w1) (local.get $left)))))
        (local.set $a2 (f32x4.add (local.get $a2) (f32x4.mul (local.get $v) (call $first (local.get $w2) (local.get $left)))))
        (local.set $a3 (f32x4.add (local.get $a3) (f32x4.mul (local.get $v) (call $first (local.get $w3) (local.get $left)))))))
      (if (i32.gt_u (local.get $left) (i32.const 4)) (then
        (local.set $left (i32.sub (local.get $left) (i32.const 4)))
        (local.set $v (call $first (i32.add (local.get $in) (i32.const 16)) (local.get $left)))
        (local.set $b0 (f32x4.add (local.get $b0) (f32x4.mul (local.get $v)
          (call $first (i32.add (local.get $w0) (i32.const 16)) (local.get $left)))))
        (local.set $b1 (f32x4.add (local.get $b1) (f32x4.mul (local.get $v)
          (call $first (i32.add (local.get $w1) (i32.const 16)) (local.get $left)))))
        (local.set $b2 (f32x4.add (local.get $b2) (f32x4.mul (local.get $v)
          (call $first (i32.add (local.get $w2) (i32.const 16)) (local.get $left)))))
        (local.set $b3 (f32x4.add (local.get $b3) (f32x4.mul (local.get $v)
          (call $first (i32.add (local.get $w3) (i32.const 16)) (local.get $left)))))))

      ;; 3. Add the lanes: (l0 + l1) + (l2 + l3) of the four rows, and the same of l4 to l7.
      (v128.store (local.get $y) (f32x4.add
        (call $pairs (call $pairs (local.get $a0) (local.get $a1)) (call $pairs (local.get $a2) (local.get $a3)))
        (call $pairs (call $pairs (local.get $b0) (local.get $b1)) (call $pairs (local.get $b2) (local.get $b3)))))
      (local.set $y (i32.add (local.get $y) (i32.const 16)))
      (br_if $four (local.tee $rows (i32.sub (local.get $rows) (i32.const 4)))))
    (i32.const 1))

  ;; first returns the first n floats at p, four at most, and zeros behind them. It
  ;; reads no others.
  (func $first (param $p i32) (param $n i32) (result v128)
    (if (i32.ge_u (local.get $n) (i32.const 4)) (then (return (v128.load (local.get $p)))))
    (if (i32.eq (local.get $n) (i32.const 1)) (then (return (v128.load32_zero (local.get $p)))))
    (if (i32.eq (local.get $n) (i32.const 2)) (then (return (v128.load64_zero (local.get $p)))))
    (v128.load32_lane offset=8 2 (local.get $p) (v128.load64_zero (local.get $p))))

  ;; pairs returns (a0 + a1, a2 + a3, b0 + b1, b2 + b3).
  (func $pairs (param $a v128) (param $b v128) (result v128)
    (f32x4.add
      (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $a) (local.get $b))
      (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 (local.get $a) (local.get $b))))

  ;; Widens n halves, at least 4 and a multiple of 4: see unpackHalvesGo. Exponent and
  ;; fraction of a half, read as those of a float, are 2^-112 of its value, also where
  ;; it is subnormal. Infinities and NaN have all bits in their exponent.
  (func (export "unpackHalves") (param $dst i32) (param $halves i32) (param $n i32) (result i32)
    (local $h v128) (local $bits v128)
    (loop $four
      (local.set $h (v128.load16x4_u (local.get $halves)))
      (local.set $bits (i32x4.shl (v128.and (local.get $h) (v128.const i32x4 0x7fff 0x7fff 0x7fff 0x7fff)) (i32.const 13)))
      (v128.store (local.get $dst) (v128.or
        (v128.or
          (f32x4.mul (local.get $bits) (v128.const f32x4 0x1p112 0x1p112 0x1p112 0x1p112))
          (v128.and
            (i32x4.gt_s (local.get $bits) (v128.const i32x4 0x0f7fffff 0x0f7fffff 0x0f7fffff 0x0f7fffff))
            (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000)))
        (i32x4.shl (i32x4.shr_u (local.get $h) (i32.const 15)) (i32.const 31))))
      (local.set $halves (i32.add (local.get $halves) (i32.const 8)))
      (local.set $dst (i32.add (local.get $dst) (i32.const 16)))
      (br_if $four (local.tee $n (i32.sub (local.get $n) (i32.const 4)))))
    (i32.const 1))

  ;; Transposes rows of cols floats, both at least 4 and multiples of 4, in blocks of
  ;; 4 x 4: see transposeGo. Rows of dst are stride floats apart.
  (func (export "transpose")
    (param $dst i32) (param $src i32) (param $rows i32) (param $cols i32) (param $stride i32)
    (result i32)
    (local $row i32) (local $to i32) (local $left i32)
    (local $r0 v128) (local $r1 v128) (local $r2 v128) (local $r3 v128)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (local.set $row (i32.shl (local.get $cols) (i32.const 2))) ;; in bytes
    (local.set $stride (i32.shl (local.get $stride) (i32.const 2)))
    (loop $four
      (local.set $to (local.get $dst))
      (local.set $left (local.get $cols))
      (loop $block
        (local.set $r0 (v128.load (local.get $src)))
        (local.set $r1 (v128.load (i32.add (local.get $src) (local.get $row))))
        (local.set $r2 (v128.load (i32.add (local.get $src) (i32.shl (local.get $row) (i32.const 1)))))
        (local.set $r3 (v128.load (i32.add (local.get $src) (i32.mul (local.get $row) (i32.const 3)))))
        (local.set $s0 (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 ;; r00 r10 r01 r11
          (local.get $r0) (local.get $r1)))
        (local.set $s1 (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 ;; r02 r12 r03 r13
          (local.get $r0) (local.get $r1)))
        (local.set $s2 (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 ;; r20 r30 r21 r31
          (local.get $r2) (local.get $r3)))
        (local.set $s3 (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 ;; r22 r32 r23 r33
          (local.get $r2) (local.get $r3)))
        (v128.store (local.get $to) (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 ;; r00 r10 r20 r30
          (local.get $s0) (local.get $s2)))
        (local.set $to (i32.add (local.get $to) (local.get $stride)))
        (v128.store (local.get $to) (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 ;; r01 r11 r21 r31
          (local.get $s0) (local.get $s2)))
        (local.set $to (i32.add (local.get $to) (local.get $stride)))
        (v128.store (local.get $to) (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 ;; r02 r12 r22 r32
          (local.get $s1) (local.get $s3)))
        (local.set $to (i32.add (local.get $to) (local.get $stride)))
        (v128.store (local.get $to) (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 ;; r03 r13 r23 r33
          (local.get $s1) (local.get $s3)))
        (local.set $to (i32.add (local.get $to) (local.get $stride)))
        (local.set $src (i32.add (local.get $src) (i32.const 16)))
        (br_if $block (local.tee $left (i32.sub (local.get $left) (i32.const 4)))))
      (local.set $src (i32.add (local.get $src) (i32.mul (local.get $row) (i32.const 3)))) ;; it is at the second row
      (local.set $dst (i32.add (local.get $dst) (i32.const 16)))
      (br_if $four (local.tee $rows (i32.sub (local.get $rows) (i32.const 4)))))
    (i32.const 1))
)

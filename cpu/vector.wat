;; vector.wat: the loops of package cpu in vector instructions, which Go's compiler
;; has none of for browsers. A module of its own on the engine's memory: see
;; web/vector.js. Each function does what the Go function of its name with Go behind
;; it does, bit for bit but for those of a NaN, and returns 1: it is done. exp says how far.
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

  ;; Adds products of tokens with floats to y: see addTokensGo. Rows are at least 4 and a multiple of
  ;; 4, blocks and tokens at least 1; stride is in floats. Two tokens at a time.
  (func (export "addTokens")
    (param $y i32) (param $w i32) (param $scales i32) (param $x i32)
    (param $tokens i32) (param $rows i32) (param $blocks i32) (param $step i32) (param $stride i32)
    (result i32)
    (local $cols i32)
    (local.set $step (i32.shl (local.get $step) (i32.const 2))) ;; in bytes
    (local.set $stride (i32.shl (local.get $stride) (i32.const 2))) ;; in bytes
    (local.set $cols (i32.shl (local.get $blocks) (i32.const 7))) ;; in bytes
    (block $last
      (loop $two
        (br_if $last (i32.lt_u (local.get $tokens) (i32.const 2)))
        (call $twoTokens
          (local.get $y) (i32.add (local.get $y) (local.get $stride)) (local.get $w) (local.get $scales)
          (local.get $x) (i32.add (local.get $x) (local.get $cols))
          (local.get $rows) (local.get $blocks) (local.get $step))
        (local.set $y (i32.add (local.get $y) (i32.shl (local.get $stride) (i32.const 1))))
        (local.set $x (i32.add (local.get $x) (i32.shl (local.get $cols) (i32.const 1))))
        (local.set $tokens (i32.sub (local.get $tokens) (i32.const 2)))
        (br $two)))
    (if (local.get $tokens) (then
      (call $oneToken
        (local.get $y) (local.get $w) (local.get $scales) (local.get $x)
        (local.get $rows) (local.get $blocks) (local.get $step))))
    (i32.const 1))

  ;; twoTokens does addTokens's work for two tokens, two rows at a time. Step is in bytes.
  (func $twoTokens
    (param $y0 i32) (param $y1 i32) (param $w i32) (param $scales i32) (param $x0 i32) (param $x1 i32)
    (param $rows i32) (param $blocks i32) (param $step i32)
    (local $row i32) (local $scale i32) (local $v v128)
    (local.set $row (i32.shl (local.get $blocks) (i32.const 7)))
    (local.set $scale (i32.mul (local.get $blocks) (local.get $step)))
    (loop $two
      ;; Both rows of the first token, and both of the second.
      (local.set $v (f32x4.add
        (call $fourSums
          (local.get $w) (local.get $scales) (local.get $x0) (local.get $x1)
          (local.get $blocks) (local.get $row) (local.get $scale) (local.get $step))
        (call $fourSums
          (i32.add (local.get $w) (i32.const 16)) (local.get $scales)
          (i32.add (local.get $x0) (i32.const 16)) (i32.add (local.get $x1) (i32.const 16))
          (local.get $blocks) (local.get $row) (local.get $scale) (local.get $step))))
      (local.set $v (f32x4.add (v128.load64_lane 1 (local.get $y1) (v128.load64_zero (local.get $y0))) (local.get $v)))
      (v128.store64_lane 0 (local.get $y0) (local.get $v))
      (v128.store64_lane 1 (local.get $y1) (local.get $v))
      (local.set $y0 (i32.add (local.get $y0) (i32.const 8)))
      (local.set $y1 (i32.add (local.get $y1) (i32.const 8)))
      (local.set $w (i32.add (local.get $w) (i32.shl (local.get $row) (i32.const 1))))
      (local.set $scales (i32.add (local.get $scales) (i32.shl (local.get $scale) (i32.const 1))))
      (br_if $two (local.tee $rows (i32.sub (local.get $rows) (i32.const 2))))))

  ;; fourSums returns half of the lanes of two rows and two tokens, summed, from $w, $x0 and $x1 on:
  ;; see addBlocksGo. A row has $row bytes, its scales $scale, a block's $step. In $s01 are row 0 and
  ;; token 1.
  (func $fourSums
    (param $w0 i32) (param $d0 i32) (param $x0 i32) (param $x1 i32)
    (param $blocks i32) (param $row i32) (param $scale i32) (param $step i32)
    (result v128)
    (local $w1 i32) (local $d1 i32)
    (local $u v128) (local $v v128) (local $q v128) (local $d v128)
    (local $s00 v128) (local $s01 v128) (local $s10 v128) (local $s11 v128)
    (local $a00 v128) (local $a01 v128) (local $a10 v128) (local $a11 v128)
    (local.set $w1 (i32.add (local.get $w0) (local.get $row)))
    (local.set $d1 (i32.add (local.get $d0) (local.get $scale)))
    (loop $block
      (local.set $u (v128.load (local.get $x0)))
      (local.set $v (v128.load (local.get $x1)))
      (local.set $q (v128.load (local.get $w0)))
      (local.set $s00 (f32x4.mul (local.get $q) (local.get $u)))
      (local.set $s01 (f32x4.mul (local.get $q) (local.get $v)))
      (local.set $q (v128.load (local.get $w1)))
      (local.set $s10 (f32x4.mul (local.get $q) (local.get $u)))
      (local.set $s11 (f32x4.mul (local.get $q) (local.get $v)))
      (local.set $u (v128.load offset=32 (local.get $x0)))
      (local.set $v (v128.load offset=32 (local.get $x1)))
      (local.set $q (v128.load offset=32 (local.get $w0)))
      (local.set $s00 (f32x4.add (local.get $s00) (f32x4.mul (local.get $q) (local.get $u))))
      (local.set $s01 (f32x4.add (local.get $s01) (f32x4.mul (local.get $q) (local.get $v))))
      (local.set $q (v128.load offset=32 (local.get $w1)))
      (local.set $s10 (f32x4.add (local.get $s10) (f32x4.mul (local.get $q) (local.get $u))))
      (local.set $s11 (f32x4.add (local.get $s11) (f32x4.mul (local.get $q) (local.get $v))))
      (local.set $u (v128.load offset=64 (local.get $x0)))
      (local.set $v (v128.load offset=64 (local.get $x1)))
      (local.set $q (v128.load offset=64 (local.get $w0)))
      (local.set $s00 (f32x4.add (local.get $s00) (f32x4.mul (local.get $q) (local.get $u))))
      (local.set $s01 (f32x4.add (local.get $s01) (f32x4.mul (local.get $q) (local.get $v))))
      (local.set $q (v128.load offset=64 (local.get $w1)))
      (local.set $s10 (f32x4.add (local.get $s10) (f32x4.mul (local.get $q) (local.get $u))))
      (local.set $s11 (f32x4.add (local.get $s11) (f32x4.mul (local.get $q) (local.get $v))))
      (local.set $u (v128.load offset=96 (local.get $x0)))
      (local.set $v (v128.load offset=96 (local.get $x1)))
      (local.set $q (v128.load offset=96 (local.get $w0)))
      (local.set $s00 (f32x4.add (local.get $s00) (f32x4.mul (local.get $q) (local.get $u))))
      (local.set $s01 (f32x4.add (local.get $s01) (f32x4.mul (local.get $q) (local.get $v))))
      (local.set $q (v128.load offset=96 (local.get $w1)))
      (local.set $s10 (f32x4.add (local.get $s10) (f32x4.mul (local.get $q) (local.get $u))))
      (local.set $s11 (f32x4.add (local.get $s11) (f32x4.mul (local.get $q) (local.get $v))))
      (local.set $d (v128.load32_splat (local.get $d0)))
      (local.set $a00 (f32x4.add (local.get $a00) (f32x4.mul (local.get $d) (local.get $s00))))
      (local.set $a01 (f32x4.add (local.get $a01) (f32x4.mul (local.get $d) (local.get $s01))))
      (local.set $d (v128.load32_splat (local.get $d1)))
      (local.set $a10 (f32x4.add (local.get $a10) (f32x4.mul (local.get $d) (local.get $s10))))
      (local.set $a11 (f32x4.add (local.get $a11) (f32x4.mul (local.get $d) (local.get $s11))))
      (local.set $w0 (i32.add (local.get $w0) (i32.const 128))) (local.set $d0 (i32.add (local.get $d0) (local.get $step)))
      (local.set $w1 (i32.add (local.get $w1) (i32.const 128))) (local.set $d1 (i32.add (local.get $d1) (local.get $step)))
      (local.set $x0 (i32.add (local.get $x0) (i32.const 128)))
      (local.set $x1 (i32.add (local.get $x1) (i32.const 128)))
      (br_if $block (local.tee $blocks (i32.sub (local.get $blocks) (i32.const 1)))))
    (call $pairs (call $pairs (local.get $a00) (local.get $a10)) (call $pairs (local.get $a01) (local.get $a11))))

  ;; oneToken does addTokens's work for one token, four rows at a time. Step is in bytes.
  (func $oneToken
    (param $y i32) (param $w i32) (param $scales i32) (param $x i32) (param $rows i32) (param $blocks i32) (param $step i32)
    (local $row i32) (local $scale i32)
    (local.set $row (i32.shl (local.get $blocks) (i32.const 7)))
    (local.set $scale (i32.mul (local.get $blocks) (local.get $step)))
    (loop $four
      (v128.store (local.get $y) (f32x4.add (v128.load (local.get $y)) (f32x4.add
        (call $floats
          (local.get $w) (local.get $x) (local.get $scales)
          (local.get $blocks) (local.get $row) (local.get $scale) (local.get $step))
        (call $floats
          (i32.add (local.get $w) (i32.const 16)) (i32.add (local.get $x) (i32.const 16)) (local.get $scales)
          (local.get $blocks) (local.get $row) (local.get $scale) (local.get $step)))))
      (local.set $y (i32.add (local.get $y) (i32.const 16)))
      (local.set $w (i32.add (local.get $w) (i32.shl (local.get $row) (i32.const 2))))
      (local.set $scales (i32.add (local.get $scales) (i32.shl (local.get $scale) (i32.const 2))))
      (br_if $four (local.tee $rows (i32.sub (local.get $rows) (i32.const 4))))))

  ;; floats returns half of the lanes of four rows of floats, summed, from $w and $x on: see
  ;; addBlocksGo. A row has $row bytes, its scales $scale, a block's $step.
  (func $floats
    (param $w0 i32) (param $x i32) (param $d0 i32) (param $blocks i32) (param $row i32) (param $scale i32) (param $step i32)
    (result v128)
    (local $w1 i32) (local $w2 i32) (local $w3 i32) (local $d1 i32) (local $d2 i32) (local $d3 i32)
    (local $x0 v128) (local $x1 v128) (local $x2 v128) (local $x3 v128)
    (local $a0 v128) (local $a1 v128) (local $a2 v128) (local $a3 v128)
    (local.set $w1 (i32.add (local.get $w0) (local.get $row))) (local.set $d1 (i32.add (local.get $d0) (local.get $scale)))
    (local.set $w2 (i32.add (local.get $w1) (local.get $row))) (local.set $d2 (i32.add (local.get $d1) (local.get $scale)))
    (local.set $w3 (i32.add (local.get $w2) (local.get $row))) (local.set $d3 (i32.add (local.get $d2) (local.get $scale)))
    (loop $block
      (local.set $x0 (v128.load (local.get $x)))
      (local.set $x1 (v128.load offset=32 (local.get $x)))
      (local.set $x2 (v128.load offset=64 (local.get $x)))
      (local.set $x3 (v128.load offset=96 (local.get $x)))
      (local.set $a0 (f32x4.add (local.get $a0) (f32x4.mul (v128.load32_splat (local.get $d0)) (f32x4.add (f32x4.add (f32x4.add
        (f32x4.mul (local.get $x0) (v128.load (local.get $w0)))
        (f32x4.mul (local.get $x1) (v128.load offset=32 (local.get $w0))))
        (f32x4.mul (local.get $x2) (v128.load offset=64 (local.get $w0))))
        (f32x4.mul (local.get $x3) (v128.load offset=96 (local.get $w0)))))))
      (local.set $a1 (f32x4.add (local.get $a1) (f32x4.mul (v128.load32_splat (local.get $d1)) (f32x4.add (f32x4.add (f32x4.add
        (f32x4.mul (local.get $x0) (v128.load (local.get $w1)))
        (f32x4.mul (local.get $x1) (v128.load offset=32 (local.get $w1))))
        (f32x4.mul (local.get $x2) (v128.load offset=64 (local.get $w1))))
        (f32x4.mul (local.get $x3) (v128.load offset=96 (local.get $w1)))))))
      (local.set $a2 (f32x4.add (local.get $a2) (f32x4.mul (v128.load32_splat (local.get $d2)) (f32x4.add (f32x4.add (f32x4.add
        (f32x4.mul (local.get $x0) (v128.load (local.get $w2)))
        (f32x4.mul (local.get $x1) (v128.load offset=32 (local.get $w2))))
        (f32x4.mul (local.get $x2) (v128.load offset=64 (local.get $w2))))
        (f32x4.mul (local.get $x3) (v128.load offset=96 (local.get $w2)))))))
      (local.set $a3 (f32x4.add (local.get $a3) (f32x4.mul (v128.load32_splat (local.get $d3)) (f32x4.add (f32x4.add (f32x4.add
        (f32x4.mul (local.get $x0) (v128.load (local.get $w3)))
        (f32x4.mul (local.get $x1) (v128.load offset=32 (local.get $w3))))
        (f32x4.mul (local.get $x2) (v128.load offset=64 (local.get $w3))))
        (f32x4.mul (local.get $x3) (v128.load offset=96 (local.get $w3)))))))
      (local.set $w0 (i32.add (local.get $w0) (i32.const 128))) (local.set $d0 (i32.add (local.get $d0) (local.get $step)))
      (local.set $w1 (i32.add (local.get $w1) (i32.const 128))) (local.set $d1 (i32.add (local.get $d1) (local.get $step)))
      (local.set $w2 (i32.add (local.get $w2) (i32.const 128))) (local.set $d2 (i32.add (local.get $d2) (local.get $step)))
      (local.set $w3 (i32.add (local.get $w3) (i32.const 128))) (local.set $d3 (i32.add (local.get $d3) (local.get $step)))
      (local.set $x (i32.add (local.get $x) (i32.const 128)))
      (br_if $block (local.tee $blocks (i32.sub (local.get $blocks) (i32.const 1)))))
    (call $pairs (call $pairs (local.get $a0) (local.get $a1)) (call $pairs (local.get $a2) (local.get $a3))))

  ;; Adds products with signed bytes to y: see addPackedGo. Rows and blocks are at least 1. One row
  ;; at a time, lanes 0 to 3 in $a, lanes 4 to 7 in $b: a matrix is read from its first byte to its
  ;; last, which is what memory is fastest at.
  (func (export "addBytes")
    (param $y i32) (param $w i32) (param $scales i32) (param $x i32) (param $rows i32) (param $blocks i32) (param $step i32)
    (result i32)
    (local $in i32) (local $left i32)
    (local $q v128) (local $d v128) (local $s v128) (local $t v128) (local $a v128) (local $b v128)
    (local.set $step (i32.shl (local.get $step) (i32.const 2))) ;; in bytes
    (loop $row
      (local.set $in (local.get $x))
      (local.set $a (v128.const f32x4 0 0 0 0)) (local.set $b (v128.const f32x4 0 0 0 0))
      (local.set $left (local.get $blocks))
      (loop $block
        (local.set $q (v128.load8x8_s (local.get $w)))
        (local.set $s (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $q))) (v128.load (local.get $in))))
        (local.set $t (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $q))) (v128.load offset=16 (local.get $in))))
        (local.set $q (v128.load8x8_s offset=8 (local.get $w)))
        (local.set $s (f32x4.add (local.get $s) (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $q))) (v128.load offset=32 (local.get $in)))))
        (local.set $t (f32x4.add (local.get $t) (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $q))) (v128.load offset=48 (local.get $in)))))
        (local.set $q (v128.load8x8_s offset=16 (local.get $w)))
        (local.set $s (f32x4.add (local.get $s) (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $q))) (v128.load offset=64 (local.get $in)))))
        (local.set $t (f32x4.add (local.get $t) (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $q))) (v128.load offset=80 (local.get $in)))))
        (local.set $q (v128.load8x8_s offset=24 (local.get $w)))
        (local.set $s (f32x4.add (local.get $s) (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $q))) (v128.load offset=96 (local.get $in)))))
        (local.set $t (f32x4.add (local.get $t) (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $q))) (v128.load offset=112 (local.get $in)))))
        (local.set $d (v128.load32_splat (local.get $scales)))
        (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $d) (local.get $s))))
        (local.set $b (f32x4.add (local.get $b) (f32x4.mul (local.get $d) (local.get $t))))
        (local.set $w (i32.add (local.get $w) (i32.const 32)))
        (local.set $scales (i32.add (local.get $scales) (local.get $step)))
        (local.set $in (i32.add (local.get $in) (i32.const 128)))
        (br_if $block (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (local.set $a (call $pairs (local.get $a) (local.get $b)))
      (local.set $a (call $pairs (local.get $a) (local.get $a)))
      (f32.store (local.get $y) (f32.add
        (f32.load (local.get $y))
        (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))))
      (local.set $y (i32.add (local.get $y) (i32.const 4)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1)))))
    (i32.const 1))

  ;; Adds products with nibbles to y, as addBytes does. A nibble less 8 is a float of whose four
  ;; bytes two are zero: the third is looked up in $thirds, the fourth in $fourths. Of a block's
  ;; vectors of eight floats, $q0 to $q3 are the upper halves.
  (func (export "addNibbles")
    (param $y i32) (param $w i32) (param $scales i32) (param $x i32) (param $rows i32) (param $blocks i32) (param $step i32)
    (result i32)
    (local $in i32) (local $left i32)
    (local $thirds v128) (local $fourths v128) (local $mask v128) (local $zero v128)
    (local $q v128) (local $i v128) (local $third v128) (local $fourth v128)
    (local $q0 v128) (local $q1 v128) (local $q2 v128) (local $q3 v128)
    (local $d v128) (local $s v128) (local $t v128) (local $a v128) (local $b v128)
    (local.set $thirds (v128.const i8x16 0x00 0xe0 0xc0 0xa0 0x80 0x40 0x00 0x80 0x00 0x80 0x00 0x40 0x80 0xa0 0xc0 0xe0))
    (local.set $fourths (v128.const i8x16 0xc1 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xbf 0x00 0x3f 0x40 0x40 0x40 0x40 0x40 0x40))
    (local.set $mask (v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15))
    (local.set $step (i32.shl (local.get $step) (i32.const 2))) ;; in bytes
    (loop $row
      (local.set $in (local.get $x))
      (local.set $a (v128.const f32x4 0 0 0 0)) (local.set $b (v128.const f32x4 0 0 0 0))
      (local.set $left (local.get $blocks))
      (loop $block
        (local.set $q (v128.load (local.get $w)))
        (local.set $i (v128.and (local.get $q) (local.get $mask)))
        (local.set $third (i8x16.swizzle (local.get $thirds) (local.get $i)))
        (local.set $fourth (i8x16.swizzle (local.get $fourths) (local.get $i)))
        (local.set $q0 (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 (local.get $third) (local.get $fourth)))
        (local.set $q2 (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 (local.get $third) (local.get $fourth)))
        (local.set $i (v128.and (i16x8.shr_u (local.get $q) (i32.const 4)) (local.get $mask)))
        (local.set $third (i8x16.swizzle (local.get $thirds) (local.get $i)))
        (local.set $fourth (i8x16.swizzle (local.get $fourths) (local.get $i)))
        (local.set $q1 (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 (local.get $third) (local.get $fourth)))
        (local.set $q3 (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 (local.get $third) (local.get $fourth)))
        (local.set $s (f32x4.mul (i8x16.shuffle 0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23 (local.get $zero) (local.get $q0)) (v128.load (local.get $in))))
        (local.set $t (f32x4.mul (i8x16.shuffle 8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31 (local.get $zero) (local.get $q0)) (v128.load offset=16 (local.get $in))))
        (local.set $s (f32x4.add (local.get $s) (f32x4.mul (i8x16.shuffle 0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23 (local.get $zero) (local.get $q1)) (v128.load offset=32 (local.get $in)))))
        (local.set $t (f32x4.add (local.get $t) (f32x4.mul (i8x16.shuffle 8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31 (local.get $zero) (local.get $q1)) (v128.load offset=48 (local.get $in)))))
        (local.set $s (f32x4.add (local.get $s) (f32x4.mul (i8x16.shuffle 0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23 (local.get $zero) (local.get $q2)) (v128.load offset=64 (local.get $in)))))
        (local.set $t (f32x4.add (local.get $t) (f32x4.mul (i8x16.shuffle 8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31 (local.get $zero) (local.get $q2)) (v128.load offset=80 (local.get $in)))))
        (local.set $s (f32x4.add (local.get $s) (f32x4.mul (i8x16.shuffle 0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23 (local.get $zero) (local.get $q3)) (v128.load offset=96 (local.get $in)))))
        (local.set $t (f32x4.add (local.get $t) (f32x4.mul (i8x16.shuffle 8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31 (local.get $zero) (local.get $q3)) (v128.load offset=112 (local.get $in)))))
        (local.set $d (v128.load32_splat (local.get $scales)))
        (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $d) (local.get $s))))
        (local.set $b (f32x4.add (local.get $b) (f32x4.mul (local.get $d) (local.get $t))))
        (local.set $w (i32.add (local.get $w) (i32.const 16)))
        (local.set $scales (i32.add (local.get $scales) (local.get $step)))
        (local.set $in (i32.add (local.get $in) (i32.const 128)))
        (br_if $block (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (local.set $a (call $pairs (local.get $a) (local.get $b)))
      (local.set $a (call $pairs (local.get $a) (local.get $a)))
      (f32.store (local.get $y) (f32.add
        (f32.load (local.get $y))
        (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))))
      (local.set $y (i32.add (local.get $y) (i32.const 4)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1)))))
    (i32.const 1))

  ;; Writes blocks of signed bytes as floats: see widenBytesGo.
  (func (export "widenBytes") (param $dst i32) (param $quants i32) (param $blocks i32) (result i32)
    (local $end i32) (local $q v128)
    (local.set $end (i32.add (local.get $quants) (i32.shl (local.get $blocks) (i32.const 5))))
    (loop $eight
      (local.set $q (v128.load8x8_s (local.get $quants)))
      (v128.store (local.get $dst) (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $q))))
      (v128.store offset=16 (local.get $dst) (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $q))))
      (local.set $dst (i32.add (local.get $dst) (i32.const 32)))
      (br_if $eight (i32.lt_u (local.tee $quants (i32.add (local.get $quants) (i32.const 8))) (local.get $end))))
    (i32.const 1))

  ;; Writes blocks of nibbles as floats, of eight bytes the low ones first: see widenNibblesGo, and
  ;; addNibbles for how.
  (func (export "widenNibbles") (param $dst i32) (param $quants i32) (param $blocks i32) (result i32)
    (local $thirds v128) (local $fourths v128) (local $mask v128) (local $zero v128)
    (local $q v128) (local $i v128) (local $third v128) (local $fourth v128)
    (local $q0 v128) (local $q1 v128) (local $q2 v128) (local $q3 v128)
    (local.set $thirds (v128.const i8x16 0x00 0xe0 0xc0 0xa0 0x80 0x40 0x00 0x80 0x00 0x80 0x00 0x40 0x80 0xa0 0xc0 0xe0))
    (local.set $fourths (v128.const i8x16 0xc1 0xc0 0xc0 0xc0 0xc0 0xc0 0xc0 0xbf 0x00 0x3f 0x40 0x40 0x40 0x40 0x40 0x40))
    (local.set $mask (v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15))
    (loop $block
      (local.set $q (v128.load (local.get $quants)))
      (local.set $i (v128.and (local.get $q) (local.get $mask)))
      (local.set $third (i8x16.swizzle (local.get $thirds) (local.get $i)))
      (local.set $fourth (i8x16.swizzle (local.get $fourths) (local.get $i)))
      (local.set $q0 (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 (local.get $third) (local.get $fourth)))
      (local.set $q2 (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 (local.get $third) (local.get $fourth)))
      (local.set $i (v128.and (i16x8.shr_u (local.get $q) (i32.const 4)) (local.get $mask)))
      (local.set $third (i8x16.swizzle (local.get $thirds) (local.get $i)))
      (local.set $fourth (i8x16.swizzle (local.get $fourths) (local.get $i)))
      (local.set $q1 (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 (local.get $third) (local.get $fourth)))
      (local.set $q3 (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 (local.get $third) (local.get $fourth)))
      (v128.store (local.get $dst) (i8x16.shuffle 0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23 (local.get $zero) (local.get $q0)))
      (v128.store offset=16 (local.get $dst) (i8x16.shuffle 8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31 (local.get $zero) (local.get $q0)))
      (v128.store offset=32 (local.get $dst) (i8x16.shuffle 0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23 (local.get $zero) (local.get $q1)))
      (v128.store offset=48 (local.get $dst) (i8x16.shuffle 8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31 (local.get $zero) (local.get $q1)))
      (v128.store offset=64 (local.get $dst) (i8x16.shuffle 0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23 (local.get $zero) (local.get $q2)))
      (v128.store offset=80 (local.get $dst) (i8x16.shuffle 8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31 (local.get $zero) (local.get $q2)))
      (v128.store offset=96 (local.get $dst) (i8x16.shuffle 0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23 (local.get $zero) (local.get $q3)))
      (v128.store offset=112 (local.get $dst) (i8x16.shuffle 8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31 (local.get $zero) (local.get $q3)))
      (local.set $dst (i32.add (local.get $dst) (i32.const 128)))
      (local.set $quants (i32.add (local.get $quants) (i32.const 16)))
      (br_if $block (local.tee $blocks (i32.sub (local.get $blocks) (i32.const 1)))))
    (i32.const 1))

  ;; Adds eight times the first of each pair to the second: see centreGo. Pairs are at least 2 and even.
  (func (export "centre") (param $scales i32) (param $pairs i32) (result i32)
    (local $v v128) (local $d v128)
    (loop $two
      (local.set $v (v128.load (local.get $scales)))
      (local.set $d (i8x16.shuffle 0 1 2 3 0 1 2 3 8 9 10 11 8 9 10 11 (local.get $v) (local.get $v)))
      (v128.store (local.get $scales)
        (i8x16.shuffle 0 1 2 3 20 21 22 23 8 9 10 11 28 29 30 31
          (local.get $v)
          (f32x4.add (local.get $v) (f32x4.mul (local.get $d) (v128.const f32x4 8 8 8 8)))))
      (local.set $scales (i32.add (local.get $scales) (i32.const 16)))
      (br_if $two (local.tee $pairs (i32.sub (local.get $pairs) (i32.const 2)))))
    (i32.const 1))

  ;; Widens n halves, at least 4 and a multiple of 4: see unpackHalvesGo. It does what
  ;; $halves does, without a call for every four.
  (func (export "unpackHalves") (param $dst i32) (param $halves i32) (param $n i32) (result i32)
    (local $h v128)
    (loop $four
      (local.set $h (f32x4.mul
        (v128.and
          (i32x4.shl (v128.load16x4_s (local.get $halves)) (i32.const 13))
          (v128.const i32x4 0x8fffffff 0x8fffffff 0x8fffffff 0x8fffffff))
        (v128.const f32x4 0x1p112 0x1p112 0x1p112 0x1p112)))
      (v128.store (local.get $dst) (v128.or (local.get $h) (v128.and
        (i32x4.gt_s
          (v128.and (local.get $h) (v128.const i32x4 0x7fffffff 0x7fffffff 0x7fffffff 0x7fffffff))
          (v128.const i32x4 0x477fffff 0x477fffff 0x477fffff 0x477fffff))
        (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000))))
      (local.set $halves (i32.add (local.get $halves) (i32.const 8)))
      (local.set $dst (i32.add (local.get $dst) (i32.const 16)))
      (br_if $four (local.tee $n (i32.sub (local.get $n) (i32.const 4)))))
    (i32.const 1))

  ;; Adds rows to eight lanes of sums: see addRowsGo. Rows are at least 8 and a multiple
  ;; of 8, cols at least 4 and a multiple of 4. Four columns at a time, whose lanes are
  ;; $l0 to $l7.
  (func (export "addRows")
    (param $lanes i32) (param $w i32) (param $x i32) (param $rows i32) (param $cols i32)
    (result i32)
    (local $row i32) (local $left i32) (local $from i32) (local $in i32) (local $to i32)
    (local $l0 v128) (local $l1 v128) (local $l2 v128) (local $l3 v128)
    (local $l4 v128) (local $l5 v128) (local $l6 v128) (local $l7 v128)
    (local.set $row (i32.shl (local.get $cols) (i32.const 2))) ;; in bytes, of lanes too
    (loop $four
      (local.set $l0 (v128.load (local.tee $to (local.get $lanes))))
      (local.set $l1 (v128.load (local.tee $to (i32.add (local.get $to) (local.get $row)))))
      (local.set $l2 (v128.load (local.tee $to (i32.add (local.get $to) (local.get $row)))))
      (local.set $l3 (v128.load (local.tee $to (i32.add (local.get $to) (local.get $row)))))
      (local.set $l4 (v128.load (local.tee $to (i32.add (local.get $to) (local.get $row)))))
      (local.set $l5 (v128.load (local.tee $to (i32.add (local.get $to) (local.get $row)))))
      (local.set $l6 (v128.load (local.tee $to (i32.add (local.get $to) (local.get $row)))))
      (local.set $l7 (v128.load (local.tee $to (i32.add (local.get $to) (local.get $row)))))
      (local.set $from (local.get $w))
      (local.set $in (local.get $x))
      (local.set $left (local.get $rows))
      (loop $eight
        (local.set $l0 (f32x4.add (local.get $l0) (f32x4.mul (v128.load32_splat (local.get $in)) (v128.load (local.get $from)))))
        (local.set $from (i32.add (local.get $from) (local.get $row)))
        (local.set $l1 (f32x4.add (local.get $l1) (f32x4.mul (v128.load32_splat offset=4 (local.get $in)) (v128.load (local.get $from)))))
        (local.set $from (i32.add (local.get $from) (local.get $row)))
        (local.set $l2 (f32x4.add (local.get $l2) (f32x4.mul (v128.load32_splat offset=8 (local.get $in)) (v128.load (local.get $from)))))
        (local.set $from (i32.add (local.get $from) (local.get $row)))
        (local.set $l3 (f32x4.add (local.get $l3) (f32x4.mul (v128.load32_splat offset=12 (local.get $in)) (v128.load (local.get $from)))))
        (local.set $from (i32.add (local.get $from) (local.get $row)))
        (local.set $l4 (f32x4.add (local.get $l4) (f32x4.mul (v128.load32_splat offset=16 (local.get $in)) (v128.load (local.get $from)))))
        (local.set $from (i32.add (local.get $from) (local.get $row)))
        (local.set $l5 (f32x4.add (local.get $l5) (f32x4.mul (v128.load32_splat offset=20 (local.get $in)) (v128.load (local.get $from)))))
        (local.set $from (i32.add (local.get $from) (local.get $row)))
        (local.set $l6 (f32x4.add (local.get $l6) (f32x4.mul (v128.load32_splat offset=24 (local.get $in)) (v128.load (local.get $from)))))
        (local.set $from (i32.add (local.get $from) (local.get $row)))
        (local.set $l7 (f32x4.add (local.get $l7) (f32x4.mul (v128.load32_splat offset=28 (local.get $in)) (v128.load (local.get $from)))))
        (local.set $from (i32.add (local.get $from) (local.get $row)))
        (local.set $in (i32.add (local.get $in) (i32.const 32)))
        (br_if $eight (local.tee $left (i32.sub (local.get $left) (i32.const 8)))))
      (v128.store (local.tee $to (local.get $lanes)) (local.get $l0))
      (v128.store (local.tee $to (i32.add (local.get $to) (local.get $row))) (local.get $l1))
      (v128.store (local.tee $to (i32.add (local.get $to) (local.get $row))) (local.get $l2))
      (v128.store (local.tee $to (i32.add (local.get $to) (local.get $row))) (local.get $l3))
      (v128.store (local.tee $to (i32.add (local.get $to) (local.get $row))) (local.get $l4))
      (v128.store (local.tee $to (i32.add (local.get $to) (local.get $row))) (local.get $l5))
      (v128.store (local.tee $to (i32.add (local.get $to) (local.get $row))) (local.get $l6))
      (v128.store (local.tee $to (i32.add (local.get $to) (local.get $row))) (local.get $l7))
      (local.set $lanes (i32.add (local.get $lanes) (i32.const 16)))
      (local.set $w (i32.add (local.get $w) (i32.const 16)))
      (br_if $four (local.tee $cols (i32.sub (local.get $cols) (i32.const 4)))))
    (i32.const 1))

  ;; Does what expGo does to the first of n numbers, at least 8 and a multiple of 8, and
  ;; returns to how many: up to the first eight of which one goes the long way.
  (func (export "exp") (param $s i32) (param $n i32) (param $top f32) (result i32)
    (local $done i32)
    (loop $eight
      (if (i32.eqz (i32.and
        (call $short (f32x4.sub (v128.load (local.get $s)) (f32x4.splat (local.get $top))))
        (call $short (f32x4.sub (v128.load offset=16 (local.get $s)) (f32x4.splat (local.get $top))))))
        (then (return (local.get $done))))
      (v128.store (local.get $s)
        (call $series (f32x4.sub (v128.load (local.get $s)) (f32x4.splat (local.get $top)))))
      (v128.store offset=16 (local.get $s)
        (call $series (f32x4.sub (v128.load offset=16 (local.get $s)) (f32x4.splat (local.get $top)))))
      (local.set $s (i32.add (local.get $s) (i32.const 32)))
      (br_if $eight (i32.lt_u (local.tee $done (i32.add (local.get $done) (i32.const 8))) (local.get $n))))
    (local.get $done))

  ;; Gates n numbers, at least 4 and a multiple of 4: see swiGLUGo. Below -80 an exponential adds
  ;; nothing to 1, whatever it is.
  (func (export "swiGLU") (param $y i32) (param $gate i32) (param $up i32) (param $n i32) (result i32)
    (local $z v128)
    (loop $four
      (local.set $z (v128.load (local.get $gate)))
      (v128.store (local.get $y) (f32x4.mul
        (f32x4.div
          (local.get $z)
          (f32x4.add
            (v128.const f32x4 1 1 1 1)
            (call $series (f32x4.max
              (f32x4.min (f32x4.neg (local.get $z)) (v128.const f32x4 80 80 80 80))
              (v128.const f32x4 -80 -80 -80 -80)))))
        (v128.load (local.get $up))))
      (local.set $gate (i32.add (local.get $gate) (i32.const 16)))
      (local.set $up (i32.add (local.get $up) (i32.const 16)))
      (local.set $y (i32.add (local.get $y) (i32.const 16)))
      (br_if $four (local.tee $n (i32.sub (local.get $n) (i32.const 4)))))
    (i32.const 1))

  ;; short returns 1 if none of four numbers goes the long way.
  (func $short (param $x v128) (result i32)
    (i32x4.all_true (v128.and
      (f32x4.gt (local.get $x) (v128.const f32x4 -87 -87 -87 -87))
      (f32x4.lt (local.get $x) (v128.const f32x4 88 88 88 88)))))

  ;; series returns exp x of four numbers, see expGo.
  (func $series (param $x v128) (result v128)
    (local $k v128) (local $e v128)
    (local.set $k (f32x4.sub
      (f32x4.add
        (f32x4.mul (local.get $x) (v128.const f32x4 1.44269504 1.44269504 1.44269504 1.44269504))
        (v128.const f32x4 12582912 12582912 12582912 12582912))
      (v128.const f32x4 12582912 12582912 12582912 12582912)))
    (local.set $x (f32x4.sub
      (f32x4.sub (local.get $x) (f32x4.mul (local.get $k) (v128.const f32x4 0.693359375 0.693359375 0.693359375 0.693359375)))
      (f32x4.mul (local.get $k) (v128.const f32x4 -2.12194440e-4 -2.12194440e-4 -2.12194440e-4 -2.12194440e-4))))
    (local.set $e (f32x4.add
      (f32x4.mul (local.get $x) (v128.const f32x4 1.98412698e-4 1.98412698e-4 1.98412698e-4 1.98412698e-4))
      (v128.const f32x4 1.38888889e-3 1.38888889e-3 1.38888889e-3 1.38888889e-3)))
    (local.set $e (f32x4.add (f32x4.mul (local.get $e) (local.get $x)) (v128.const f32x4 8.33333333e-3 8.33333333e-3 8.33333333e-3 8.33333333e-3)))
    (local.set $e (f32x4.add (f32x4.mul (local.get $e) (local.get $x)) (v128.const f32x4 4.16666667e-2 4.16666667e-2 4.16666667e-2 4.16666667e-2)))
    (local.set $e (f32x4.add (f32x4.mul (local.get $e) (local.get $x)) (v128.const f32x4 0.166666667 0.166666667 0.166666667 0.166666667)))
    (local.set $e (f32x4.add (f32x4.mul (local.get $e) (local.get $x)) (v128.const f32x4 0.5 0.5 0.5 0.5)))
    (local.set $e (f32x4.add (f32x4.mul (local.get $e) (local.get $x)) (v128.const f32x4 1 1 1 1)))
    (local.set $e (f32x4.add (f32x4.mul (local.get $e) (local.get $x)) (v128.const f32x4 1 1 1 1)))
    (i32x4.add (local.get $e) (i32x4.shl (i32x4.trunc_sat_f32x4_s (local.get $k)) (i32.const 23))))

  ;; halves makes floats of four halves with their signs extended to 32 bits. Exponent
  ;; and fraction of a half, read as those of a float, are 2^-112 of its value, also
  ;; where it is subnormal. Infinities and NaN have all bits in their exponent.
  (func $halves (param $h v128) (result v128)
    (local.set $h (f32x4.mul
      (v128.and (i32x4.shl (local.get $h) (i32.const 13)) (v128.const i32x4 0x8fffffff 0x8fffffff 0x8fffffff 0x8fffffff))
      (v128.const f32x4 0x1p112 0x1p112 0x1p112 0x1p112)))
    (v128.or (local.get $h) (v128.and
      (i32x4.gt_s
        (v128.and (local.get $h) (v128.const i32x4 0x7fffffff 0x7fffffff 0x7fffffff 0x7fffffff))
        (v128.const i32x4 0x477fffff 0x477fffff 0x477fffff 0x477fffff))
      (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000))))

  ;; Widens blocks of Q8_0: see unpackQ8Go. Rows and blocks are at least 1.
  (func (export "unpackQ8")
    (param $dst i32) (param $quants i32) (param $scales i32) (param $block i32) (param $blocks i32) (param $rows i32) (param $stride i32)
    (result i32)
    (local $from i32) (local $scale i32) (local $end i32) (local $next i32)
    (local $d v128) (local $q v128) (local $low v128)
    (local.set $stride (i32.shl (local.get $stride) (i32.const 2))) ;; in bytes
    (local.set $scales (i32.add (local.get $scales) (i32.shl (local.get $block) (i32.const 1))))
    (loop $row
      (local.set $from (local.get $quants))
      (local.set $scale (local.get $scales))
      (local.set $end (i32.add (local.get $from) (i32.shl (local.get $blocks) (i32.const 5))))
      (loop $scaled
        (local.set $d (call $halves (i32x4.extend_low_i16x8_s (v128.load16_splat (local.get $scale)))))
        (local.set $scale (i32.add (local.get $scale) (i32.const 2)))
        (local.set $next (i32.add (local.get $from) (i32.const 32)))
        (loop $sixteen
          (local.set $q (v128.load (local.get $from)))
          (local.set $low (i16x8.extend_low_i8x16_s (local.get $q)))
          (local.set $q (i16x8.extend_high_i8x16_s (local.get $q)))
          (v128.store (local.get $dst)
            (f32x4.mul (local.get $d) (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $low)))))
          (v128.store offset=16 (local.get $dst)
            (f32x4.mul (local.get $d) (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $low)))))
          (v128.store offset=32 (local.get $dst)
            (f32x4.mul (local.get $d) (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $q)))))
          (v128.store offset=48 (local.get $dst)
            (f32x4.mul (local.get $d) (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $q)))))
          (local.set $from (i32.add (local.get $from) (i32.const 16)))
          (local.set $dst (i32.add (local.get $dst) (i32.const 64)))
          (br_if $sixteen (i32.lt_u (local.get $from) (local.get $next))))
        (br_if $scaled (i32.lt_u (local.get $from) (local.get $end))))
      (local.set $quants (i32.add (local.get $quants) (local.get $stride)))
      (local.set $scales (i32.add (local.get $scales) (local.get $stride)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1)))))
    (i32.const 1))

  ;; Widens blocks of Q4_0: see unpackQ4Go. Rows and blocks are at least 1.
  (func (export "unpackQ4")
    (param $dst i32) (param $quants i32) (param $scales i32) (param $block i32) (param $blocks i32) (param $rows i32) (param $stride i32)
    (result i32)
    (local $from i32) (local $scale i32) (local $end i32) (local $next i32)
    (local $d v128) (local $q v128) (local $low v128)
    (local.set $stride (i32.shl (local.get $stride) (i32.const 2))) ;; in bytes
    (local.set $scales (i32.add (local.get $scales) (i32.shl (local.get $block) (i32.const 1))))
    (loop $row
      (local.set $from (local.get $quants))
      (local.set $scale (local.get $scales))
      (local.set $end (i32.add (local.get $from) (i32.shl (local.get $blocks) (i32.const 4))))
      (loop $scaled
        (local.set $d (call $halves (i32x4.extend_low_i16x8_s (v128.load16_splat (local.get $scale)))))
        (local.set $scale (i32.add (local.get $scale) (i32.const 2)))
        (local.set $next (i32.add (local.get $from) (i32.const 16)))
        (loop $sixteen
          ;; Of each byte the low nibble, then the high one, less 8.
          (local.set $q (v128.load8x8_u (local.get $from)))
          (local.set $q (i8x16.sub
            (v128.or
              (v128.and (local.get $q) (v128.const i16x8 15 15 15 15 15 15 15 15))
              (v128.and
                (i16x8.shl (local.get $q) (i32.const 4))
                (v128.const i16x8 0x0f00 0x0f00 0x0f00 0x0f00 0x0f00 0x0f00 0x0f00 0x0f00)))
            (v128.const i8x16 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8)))
          (local.set $low (i16x8.extend_low_i8x16_s (local.get $q)))
          (local.set $q (i16x8.extend_high_i8x16_s (local.get $q)))
          (v128.store (local.get $dst)
            (f32x4.mul (local.get $d) (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $low)))))
          (v128.store offset=16 (local.get $dst)
            (f32x4.mul (local.get $d) (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $low)))))
          (v128.store offset=32 (local.get $dst)
            (f32x4.mul (local.get $d) (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $q)))))
          (v128.store offset=48 (local.get $dst)
            (f32x4.mul (local.get $d) (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $q)))))
          (local.set $from (i32.add (local.get $from) (i32.const 8)))
          (local.set $dst (i32.add (local.get $dst) (i32.const 64)))
          (br_if $sixteen (i32.lt_u (local.get $from) (local.get $next))))
        (br_if $scaled (i32.lt_u (local.get $from) (local.get $end))))
      (local.set $quants (i32.add (local.get $quants) (local.get $stride)))
      (local.set $scales (i32.add (local.get $scales) (local.get $stride)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1)))))
    (i32.const 1))

  ;; Widens blocks, at least one, of Q8M: see unpackQ8MGo.
  (func (export "unpackQ8M") (param $dst i32) (param $quants i32) (param $scales i32) (param $blocks i32) (result i32)
    (local $d v128) (local $m v128) (local $end i32)
    (loop $next
      (local.set $d (v128.load32_splat (local.get $scales)))
      (local.set $m (call $halves (i32x4.shr_s (local.get $d) (i32.const 16))))
      (local.set $d (call $halves (i32x4.extend_low_i16x8_s (v128.load16_splat (local.get $scales)))))
      (local.set $end (i32.add (local.get $quants) (i32.const 32)))
      (loop $four
        (v128.store (local.get $dst) (f32x4.add (local.get $m) (f32x4.mul (local.get $d)
          (f32x4.convert_i32x4_u (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $quants))))))))
        (local.set $dst (i32.add (local.get $dst) (i32.const 16)))
        (local.set $quants (i32.add (local.get $quants) (i32.const 4)))
        (br_if $four (i32.lt_u (local.get $quants) (local.get $end))))
      (local.set $scales (i32.add (local.get $scales) (i32.const 4)))
      (br_if $next (local.tee $blocks (i32.sub (local.get $blocks) (i32.const 1)))))
    (i32.const 1))

  ;; Widens blocks, at least one, of Q4K: see unpackQ4KGo.
  (func (export "unpackQ4K") (param $dst i32) (param $quants i32) (param $records i32) (param $blocks i32) (result i32)
    (local $d v128) (local $m v128) (local $ds v128) (local $mn v128) (local $q v128) (local $low v128)
    (local $next i32) (local $end i32)
    (loop $block
      (local.set $d (call $halves (i32x4.extend_low_i16x8_s (v128.load16_splat (local.get $records)))))
      (local.set $m (call $halves (i32x4.extend_low_i16x8_s (v128.load16_splat offset=2 (local.get $records)))))
      (local.set $records (i32.add (local.get $records) (i32.const 4)))
      (local.set $next (i32.add (local.get $records) (i32.const 16)))
      (loop $group
        (local.set $ds (f32x4.mul (local.get $d) (f32x4.splat (f32.convert_i32_s (i32.load8_s (local.get $records))))))
        (local.set $mn (f32x4.mul (local.get $m) (f32x4.splat (f32.convert_i32_s (i32.load8_s offset=1 (local.get $records))))))
        (local.set $records (i32.add (local.get $records) (i32.const 2)))
        (local.set $end (i32.add (local.get $quants) (i32.const 16)))
        (loop $sixteen
          (local.set $q (v128.load8x8_u (local.get $quants)))
          (local.set $q (v128.or
            (v128.and (local.get $q) (v128.const i16x8 15 15 15 15 15 15 15 15))
            (v128.and
              (i16x8.shl (local.get $q) (i32.const 4))
              (v128.const i16x8 0x0f00 0x0f00 0x0f00 0x0f00 0x0f00 0x0f00 0x0f00 0x0f00))))
          (local.set $low (i16x8.extend_low_i8x16_s (local.get $q)))
          (local.set $q (i16x8.extend_high_i8x16_s (local.get $q)))
          (v128.store (local.get $dst)
            (f32x4.sub (f32x4.mul (local.get $ds) (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $low)))) (local.get $mn)))
          (v128.store offset=16 (local.get $dst)
            (f32x4.sub (f32x4.mul (local.get $ds) (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $low)))) (local.get $mn)))
          (v128.store offset=32 (local.get $dst)
            (f32x4.sub (f32x4.mul (local.get $ds) (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $q)))) (local.get $mn)))
          (v128.store offset=48 (local.get $dst)
            (f32x4.sub (f32x4.mul (local.get $ds) (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $q)))) (local.get $mn)))
          (local.set $dst (i32.add (local.get $dst) (i32.const 64)))
          (local.set $quants (i32.add (local.get $quants) (i32.const 8)))
          (br_if $sixteen (i32.lt_u (local.get $quants) (local.get $end))))
        (br_if $group (i32.lt_u (local.get $records) (local.get $next))))
      (br_if $block (local.tee $blocks (i32.sub (local.get $blocks) (i32.const 1)))))
    (i32.const 1))

  ;; Widens blocks, at least one, of Q8K: see unpackQ8KGo.
  (func (export "unpackQ8K") (param $dst i32) (param $quants i32) (param $records i32) (param $blocks i32) (result i32)
    (local $d v128) (local $m v128) (local $ds v128) (local $mn v128) (local $q v128) (local $low v128)
    (local $next i32)
    (loop $block
      (local.set $d (call $halves (i32x4.extend_low_i16x8_s (v128.load16_splat (local.get $records)))))
      (local.set $m (call $halves (i32x4.extend_low_i16x8_s (v128.load16_splat offset=2 (local.get $records)))))
      (local.set $records (i32.add (local.get $records) (i32.const 4)))
      (local.set $next (i32.add (local.get $records) (i32.const 32)))
      (loop $group
        (local.set $ds (f32x4.mul (local.get $d) (f32x4.splat (f32.convert_i32_s (i32.load8_s (local.get $records))))))
        (local.set $mn (f32x4.mul (local.get $m) (f32x4.splat (f32.convert_i32_s (i32.load8_s offset=1 (local.get $records))))))
        (local.set $records (i32.add (local.get $records) (i32.const 2)))
        (local.set $q (v128.load (local.get $quants)))
        (local.set $low (i16x8.extend_low_i8x16_s (local.get $q)))
        (local.set $q (i16x8.extend_high_i8x16_s (local.get $q)))
        (v128.store (local.get $dst)
          (f32x4.sub (f32x4.mul (local.get $ds) (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $low)))) (local.get $mn)))
        (v128.store offset=16 (local.get $dst)
          (f32x4.sub (f32x4.mul (local.get $ds) (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $low)))) (local.get $mn)))
        (v128.store offset=32 (local.get $dst)
          (f32x4.sub (f32x4.mul (local.get $ds) (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $q)))) (local.get $mn)))
        (v128.store offset=48 (local.get $dst)
          (f32x4.sub (f32x4.mul (local.get $ds) (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $q)))) (local.get $mn)))
        (local.set $dst (i32.add (local.get $dst) (i32.const 64)))
        (local.set $quants (i32.add (local.get $quants) (i32.const 16)))
        (br_if $group (i32.lt_u (local.get $records) (local.get $next))))
      (br_if $block (local.tee $blocks (i32.sub (local.get $blocks) (i32.const 1)))))
    (i32.const 1))
)

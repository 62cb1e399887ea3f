// e^x, tanh and rounding of 16 lanes.
#ifndef APUS_EXPONENTIAL_H
#define APUS_EXPONENTIAL_H

#include "lanes.h"

INLINE f32x16 select16(i32x16 mask, f32x16 a, f32x16 b) { return (f32x16)(((i32x16)a & mask) | ((i32x16)b & ~mask)); }

// e^x to about 1 ulp for x <= 88.7; 0 below -86.6, NaN for NaN. x = (n + r) · ln 2 with n whole, which the lowest bits of a float of
// 1.5 · 2^23 hold, and |r| <= 1/2; 2^r by the polynomial of least relative error.
INLINE f32x16 exp_bounded(f32x16 x) {
  const float log2e = 1.44269502f, log2e_rest = 1.92596299e-8f, whole = 12582912.0f;
  i32x16 tiny = x < -86.6f;
  x = max16(splat(-86.6f), x);
  f32x16 shifted = fma16(x, splat(log2e), splat(whole)), r = fma16(x, splat(log2e), whole - shifted);
  r = fma16(x, splat(log2e_rest), r);
  f32x16 y = splat(1.53458118e-4f);
  y = fma16(y, r, splat(1.33999309e-3f));
  y = fma16(y, r, splat(9.61848907e-3f));
  y = fma16(y, r, splat(5.55032864e-2f));
  y = fma16(y, r, splat(2.40226462e-1f));
  y = fma16(y, r, splat(6.93147182e-1f));
  y = fma16(y, r, splat(1.0f));
  return select16(tiny, splat(0), (f32x16)((i32x16)y + ((i32x16)shifted << 23)));
}
// The same for any x; its greatest value above 88.7.
INLINE f32x16 exp16(f32x16 x) { return exp_bounded(-max16(splat(-88.7f), -x)); }

// tanh x, with a small absolute error.
INLINE f32x16 tanh16(f32x16 x) { return 1.0f - 2.0f / (exp16(2.0f * x) + 1.0f); }

// Rounded to the nearest bf16, ties to even.
INLINE f32x16 round_bf16(f32x16 x) {
  u32x16 bits = (u32x16)x;
  return (f32x16)((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
}

#endif

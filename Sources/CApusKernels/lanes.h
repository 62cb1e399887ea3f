// What every body of kernels does with a vector of 16 lanes: loads, stores, sums and transposes.
#ifndef APUS_LANES_H
#define APUS_LANES_H

#include "vector.h"

static const i32x16 lane_numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// Sixteen times x. (Not 0 + x: that is an addition, since it turns -0 into 0.)
INLINE f32x16 splat(float x) { return (f32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
INLINE f32x16 load16(const float *p) { f32x16 v; memcpy(&v, p, 64); return v; }
// Sixteen pairs of bf16, as they lie in memory.
INLINE f32x16 load_pairs(const uint16_t *p) { f32x16 v; memcpy(&v, p, 64); return v; }
INLINE void store16(float *p, f32x16 v) { memcpy(p, &v, 64); }
INLINE u8x64 load64(const uint8_t *p) { u8x64 v; memcpy(&v, p, 64); return v; }
INLINE f32x16 fma16(f32x16 a, f32x16 b, f32x16 c) { return __builtin_elementwise_fma(a, b, c); }
INLINE f32x16 to_float(i32x16 v) { return __builtin_convertvector(v, f32x16); }
INLINE f32x16 load_half(const uint16_t *p) {
  f16x16 v;
  memcpy(&v, p, 32);
  return __builtin_convertvector(v, f32x16);
}
INLINE f32x16 load_u8(const uint8_t *p) {
  u8x16 v;
  memcpy(&v, p, 16);
  return to_float(__builtin_convertvector(v, i32x16));
}
INLINE f32x16 load_s8(const int8_t *p) {
  i8x16 v;
  memcpy(&v, p, 16);
  return to_float(__builtin_convertvector(v, i32x16));
}

// A sum over the lanes in a fixed order: halves, quarters, eighths.
INLINE float sum_lanes(f32x16 v) {
  typedef float f32x8 __attribute__((vector_size(32)));
  typedef float f32x4 __attribute__((vector_size(16)));
  f32x8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  f32x4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
  return (b[0] + b[2]) + (b[1] + b[3]);
}

// The greater of each lane; b where one is NaN.
INLINE f32x16 max16(f32x16 a, f32x16 b) {
  i32x16 greater = a > b;
  return (f32x16)(((i32x16)a & greater) | ((i32x16)b & ~greater));
}
INLINE float max_lanes(f32x16 v) {
  v = max16(v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  v = max16(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  v = max16(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  return v[0] > v[1] ? v[0] : v[1];
}

// Columns of a vector that starts at column i.
INLINE int part_at(int64_t i, int64_t columns) { return (int)(columns - i < 16 ? columns - i : 16); }

// The first `columns` lanes; the others are 0 and stay unread.
INLINE f32x16 load_part(const float *p, int columns) {
  if (columns >= 16) return load16(p);
  f32x16 v = {};
  if (columns > 0) memcpy(&v, p, (size_t)columns * 4);
  return v;
}
INLINE void store_part(float *p, f32x16 v, int columns) {
  if (columns >= 16) store16(p, v);
  else if (columns > 0) memcpy(p, &v, (size_t)columns * 4);
}

#ifdef BF16_DOT
// 32 numbers as 16 pairs of bf16, rounded to nearest even.
INLINE u32x16 bf16_pairs(f32x16 low, f32x16 high) { return (u32x16)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low); }
// The same, lane i of the one beside lane i of the other: two columns of 16 rows.
INLINE u32x16 bf16_columns(f32x16 first, f32x16 second) {
  const u16x32 both = (u16x32)bf16_pairs(first, second);
  return (u32x16)__builtin_shufflevector(both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
                                         13, 29, 14, 30, 15, 31);
}
#endif

// Lane i of row m becomes lane m of row i: four rounds that interleave the halves of the rows.
INLINE void transpose16(f32x16 rows[16]) {
#pragma clang loop unroll(full)
  for (int round = 0; round < 4; round++) {
    f32x16 next[16];
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) {
      next[2 * i] = __builtin_shufflevector(rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    memcpy(rows, next, sizeof next);
  }
}

#endif

// Dropout (Srivastava et al. 2014): which elements are left out: the body of one instruction set. Numbers are Philox 4×32 with 7 rounds, the
// fewest that pass BigCrush (Salmon et al. 2011): each block of 128 bits decides about 8 elements, each by 16 bits.
#ifndef APUS_DROPOUT_H
#define APUS_DROPOUT_H

#include "dropout_numbers.h"
#include "exponential.h"

typedef uint64_t u64x16 __attribute__((vector_size(128)));

// Four words for each of 16 counters (c[0], c[1], c[2], c[3]), in their place.
INLINE void philox16(uint64_t key, u32x16 c[4]) {
  uint32_t first = (uint32_t)key, second = (uint32_t)(key >> 32);
#pragma clang loop unroll(full)
  for (int round = 0; round < PHILOX_ROUNDS; round++) {
    u64x16 a = __builtin_convertvector(c[0], u64x16) * PHILOX_A, b = __builtin_convertvector(c[2], u64x16) * PHILOX_B;
    c[0] = __builtin_convertvector(b >> 32, u32x16) ^ c[1] ^ first;
    c[1] = __builtin_convertvector(b, u32x16);
    c[2] = __builtin_convertvector(a >> 32, u32x16) ^ c[3] ^ second;
    c[3] = __builtin_convertvector(a, u32x16);
    first += PHILOX_STEP_A;
    second += PHILOX_STEP_B;
  }
}

// Ones in the lanes where element `n` of 8 is kept.
INLINE i32x16 keeps16(const apus_dropout *d, const u32x16 words[4], int n) {
  u32x16 word = words[n / 2], half = n % 2 ? word >> 16 : word & 0xFFFF;
  return (i32x16)(half >= d->threshold);
}

INLINE void count16(const apus_dropout *d, int64_t block, int64_t block_step, int64_t position, int64_t position_step, int64_t row, u32x16 c[4]) {
  c[0] = (u32x16)(lane_numbers * (int32_t)block_step) + (uint32_t)block;
  c[1] = (u32x16)(lane_numbers * (int32_t)position_step) + (uint32_t)position;
  c[2] = (u32x16)(lane_numbers * 0) + d->site;
  c[3] = (u32x16)(lane_numbers * 0) + (uint32_t)row;
}

INLINE void drop_row(const apus_dropout *d, int64_t position, int64_t columns, float *x) {
  float factor = apus_dropout_factor(d);
  for (int64_t column = 0; column < columns; column += 128) {
    u32x16 words[4];
    count16(d, column / 8, 1, position, 0, 0, words);
    philox16(d->key, words);
    for (int n = 0; n < 8 && column + n * 16 < columns; n++) {
      float *at = x + column + n * 16;
      int left = part_at(column + n * 16, columns);
      store_part(at, select16(keeps16(d, words, n), load_part(at, left) * factor, splat(0)), left);
    }
  }
}

#endif

// The random numbers of dropout, one element at a time; dropout.h has them 16 counters at a time.
#ifndef APUS_DROPOUT_NUMBERS_H
#define APUS_DROPOUT_NUMBERS_H

#include "apus_training.h"

#define PHILOX_ROUNDS 7
#define PHILOX_A 0xD2511F53u
#define PHILOX_B 0xCD9E8D57u
#define PHILOX_STEP_A 0x9E3779B9u
#define PHILOX_STEP_B 0xBB67AE85u

// What elements that are kept are multiplied by: 1 / (1 - rate).
static inline float apus_dropout_factor(const apus_dropout *d) { return 65536.0f / (float)(65536 - d->threshold); }

// Whether element `n` of the 8 of a block is kept.
static inline bool apus_keeps(const apus_dropout *d, int64_t block, int64_t position, int64_t row, int64_t n) {
  uint32_t c[4] = {(uint32_t)block, (uint32_t)position, d->site, (uint32_t)row}, first = (uint32_t)d->key, second = (uint32_t)(d->key >> 32);
  for (int round = 0; round < PHILOX_ROUNDS; round++, first += PHILOX_STEP_A, second += PHILOX_STEP_B) {
    uint64_t a = (uint64_t)PHILOX_A * c[0], b = (uint64_t)PHILOX_B * c[2];
    c[0] = (uint32_t)(b >> 32) ^ c[1] ^ first;
    c[1] = (uint32_t)b;
    c[2] = (uint32_t)(a >> 32) ^ c[3] ^ second;
    c[3] = (uint32_t)a;
  }
  return (c[n / 2] >> (n % 2 * 16) & 0xFFFF) >= d->threshold;
}

#endif

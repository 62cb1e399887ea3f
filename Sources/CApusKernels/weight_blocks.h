// Blocks of 32 columns of quantised panels, taken apart into levels and scales: for the body of one instruction set.
#ifndef APUS_WEIGHT_BLOCKS_H
#define APUS_WEIGHT_BLOCKS_H

#include "lanes.h"
#include "panels.h"

// A block of 32 columns of a panel: levels of the eight groups; the scale (and what is added per sum of activations) of
// the two halves, equal where the type has one scale for 32.
enum { BYTES_AHEAD = 4096 };  // of the block in work, for prefetching

typedef struct {
  u8x64 level[8];
  f32x16 scale[2], minimum[2];
} weight_block;

INLINE void unpack_nibbles(const uint8_t nibbles[4][64], u8x64 level[8]) {
  for (int v = 0; v < 4; v++) {
    u8x64 both = load64(nibbles[v]);
    level[v] = both & 15;
    level[v + 4] = (u8x64)((u16x32)both >> 4) & 15;
  }
}
INLINE void add_bits(const uint8_t bits[64], int to, u8x64 level[8]) {
  u16x32 all = (u16x32)load64(bits);
  u8x64 mask = (u8x64){} + (uint8_t)(1 << to);
  for (int g = 0; g < 8; g++) level[g] |= (u8x64)(g < to ? all << (to - g) : all >> (g - to)) & mask;
}
INLINE void add_pairs(const uint8_t pairs[2][64], int to, u8x64 level[8]) {
  u8x64 mask = (u8x64){} + (uint8_t)(3 << to);
  for (int g = 0; g < 8; g++) {
    u16x32 all = (u16x32)load64(pairs[g / 4]);
    int from = g % 4 * 2;
    level[g] |= (u8x64)(from < to ? all << (to - from) : all >> (from - to)) & mask;
  }
}

INLINE bool has_minimum(int dtype) {
  return dtype == APUS_Q4_1 || dtype == APUS_Q5_1 || dtype == APUS_Q4_K || dtype == APUS_Q5_K || dtype == APUS_Q2_K;
}
INLINE bool has_half_scales(int dtype) { return dtype == APUS_Q2_K || dtype == APUS_Q3_K || dtype == APUS_Q6_K; }

// Bytes of a block of 32 columns of a panel, nearly so where a super-block has scales of its own.
INLINE size_t block_bytes(int dtype) {
  switch (dtype) {
    case APUS_Q8_0: return sizeof(panel_q8_0);
    case APUS_Q4_0: return sizeof(panel_q4_0);
    case APUS_Q4_1: return sizeof(panel_q4_1);
    case APUS_Q5_0: return sizeof(panel_q5_0);
    case APUS_Q5_1: return sizeof(panel_q5_1);
    case APUS_Q4_K: return sizeof(panel_q4_k) / 8;
    case APUS_Q5_K: return sizeof(panel_q5_k) / 8;
    case APUS_Q6_K: return sizeof(panel_q6_k) / 8;
    case APUS_Q2_K: return sizeof(panel_q2_k) / 8;
    default: return sizeof(panel_q3_k) / 8;
  }
}
// The weights that will be wanted soon; panels lie one after the other, so that their ends need no care.
INLINE void prefetch_block(int dtype, const uint8_t *panel, int64_t b) {
  const uint8_t *at = panel + (size_t)b * block_bytes(dtype) + BYTES_AHEAD;
#pragma clang loop unroll(full)
  for (size_t i = 0; i < block_bytes(dtype); i += 64) __builtin_prefetch(at + i);
}

INLINE void load_block(int dtype, const uint8_t *panel, int64_t b, weight_block *w) {
  switch (dtype) {
    case APUS_Q8_0: {
      const panel_q8_0 *p = (const panel_q8_0 *)panel + b;
      w->scale[0] = load_half(p->d);
      for (int g = 0; g < 8; g++) w->level[g] = load64(p->levels[g]);
      return;
    }
    case APUS_Q4_0: {
      const panel_q4_0 *p = (const panel_q4_0 *)panel + b;
      w->scale[0] = load_half(p->d);
      unpack_nibbles(p->nibbles, w->level);
      return;
    }
    case APUS_Q4_1: {
      const panel_q4_1 *p = (const panel_q4_1 *)panel + b;
      w->scale[0] = load_half(p->d);
      w->minimum[0] = load_half(p->m);
      unpack_nibbles(p->nibbles, w->level);
      return;
    }
    case APUS_Q5_0: {
      const panel_q5_0 *p = (const panel_q5_0 *)panel + b;
      w->scale[0] = load_half(p->d);
      unpack_nibbles(p->nibbles, w->level);
      add_bits(p->bits, 4, w->level);
      return;
    }
    case APUS_Q5_1: {
      const panel_q5_1 *p = (const panel_q5_1 *)panel + b;
      w->scale[0] = load_half(p->d);
      w->minimum[0] = load_half(p->m);
      unpack_nibbles(p->nibbles, w->level);
      add_bits(p->bits, 4, w->level);
      return;
    }
    case APUS_Q4_K: {
      const panel_q4_k *p = (const panel_q4_k *)panel + b / 8;
      const block_q4_k_panel *q = &p->blocks[b % 8];
      w->scale[0] = load_half(p->d) * load_u8(q->scale);
      w->minimum[0] = -(load_half(p->m) * load_u8(q->minimum));
      unpack_nibbles(q->nibbles, w->level);
      return;
    }
    case APUS_Q5_K: {
      const panel_q5_k *p = (const panel_q5_k *)panel + b / 8;
      const block_q5_k_panel *q = &p->blocks[b % 8];
      w->scale[0] = load_half(p->d) * load_u8(q->scale);
      w->minimum[0] = -(load_half(p->m) * load_u8(q->minimum));
      unpack_nibbles(q->nibbles, w->level);
      add_bits(q->bits, 4, w->level);
      return;
    }
    case APUS_Q6_K: {
      const panel_q6_k *p = (const panel_q6_k *)panel + b / 8;
      const block_q6_k_panel *q = &p->blocks[b % 8];
      f32x16 d = load_half(p->d);
      for (int i = 0; i < 2; i++) w->scale[i] = d * load_s8(q->scale[i]);
      unpack_nibbles(q->nibbles, w->level);
      add_pairs(q->pairs, 4, w->level);
      return;
    }
    case APUS_Q2_K: {
      const panel_q2_k *p = (const panel_q2_k *)panel + b / 8;
      const block_q2_k_panel *q = &p->blocks[b % 8];
      f32x16 d = load_half(p->d), m = load_half(p->m);
      for (int i = 0; i < 2; i++) {
        u8x16 both;
        memcpy(&both, q->scale_and_minimum[i], 16);
        w->scale[i] = d * to_float(__builtin_convertvector(both & 15, i32x16));
        w->minimum[i] = -(m * to_float(__builtin_convertvector(both >> 4, i32x16)));
      }
      for (int g = 0; g < 8; g++) w->level[g] = (u8x64){};
      add_pairs(q->pairs, 0, w->level);
      return;
    }
    default: {
      const panel_q3_k *p = (const panel_q3_k *)panel + b / 8;
      const block_q3_k_panel *q = &p->blocks[b % 8];
      f32x16 d = load_half(p->d);
      for (int i = 0; i < 2; i++) w->scale[i] = d * load_s8(q->scale[i]);
      for (int g = 0; g < 8; g++) w->level[g] = (u8x64){};
      add_pairs(q->pairs, 0, w->level);
      add_bits(q->bits, 2, w->level);
      return;
    }
  }
}

#endif

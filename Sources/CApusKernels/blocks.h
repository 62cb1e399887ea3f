// GGUF's blocks of quantised weights, byte for byte (ggml-common.h). d and m are f16 bits.
#ifndef APUS_BLOCKS_H
#define APUS_BLOCKS_H

#include <stdint.h>

#pragma pack(push, 1)  // a mapped file may put them at any address
typedef struct { uint16_t d; uint8_t qs[16]; } block_q4_0;                                            // d (q - 8)
typedef struct { uint16_t d, m; uint8_t qs[16]; } block_q4_1;                                         // d q + m
typedef struct { uint16_t d; uint8_t qh[4], qs[16]; } block_q5_0;                                     // d (q - 16)
typedef struct { uint16_t d, m; uint8_t qh[4], qs[16]; } block_q5_1;                                  // d q + m
typedef struct { uint16_t d; int8_t qs[32]; } block_q8_0;                                             // d q
typedef struct { uint8_t scales[16], qs[64]; uint16_t d, m; } block_q2_k;                             // d s q - m t
typedef struct { uint8_t high[32], qs[64], scales[12]; uint16_t d; } block_q3_k;                      // d s (q - 4)
typedef struct { uint16_t d, m; uint8_t scales[12], qs[128]; } block_q4_k;                            // d s q - m t
typedef struct { uint16_t d, m; uint8_t scales[12], high[32], qs[128]; } block_q5_k;                  // d s q - m t
typedef struct { uint8_t low[128], high[64]; int8_t scales[16]; uint16_t d; } block_q6_k;             // d s (q - 32)
#pragma pack(pop)

_Static_assert(sizeof(block_q4_0) == 18 && sizeof(block_q4_1) == 20 && sizeof(block_q5_0) == 22, "layout");
_Static_assert(sizeof(block_q5_1) == 24 && sizeof(block_q8_0) == 34 && sizeof(block_q2_k) == 84, "layout");
_Static_assert(sizeof(block_q3_k) == 110 && sizeof(block_q4_k) == 144 && sizeof(block_q5_k) == 176, "layout");
_Static_assert(sizeof(block_q6_k) == 210, "layout");

// The 6-bit scale and minimum of block `j` (of 8) in the 12 bytes of a Q4_K or Q5_K super-block.
static inline void unpack_scale(const uint8_t *scales, int j, uint8_t *scale, uint8_t *minimum) {
  if (j < 4) {
    *scale = scales[j] & 63;
    *minimum = scales[j + 4] & 63;
  } else {
    *scale = (uint8_t)((scales[j + 4] & 15) | scales[j - 4] >> 6 << 4);
    *minimum = (uint8_t)(scales[j + 4] >> 4 | scales[j] >> 6 << 4);
  }
}

// The 6-bit scale of half-block `i` (of 16) in the 12 bytes of a Q3_K super-block.
static inline int unpack_q3_scale(const uint8_t *scales, int i) {
  unsigned low = scales[i % 8] >> (i / 8 * 4) & 15, high = scales[8 + i % 4] >> (i / 4 * 2) & 3;
  return (int)(low | high << 4) - 32;
}

#endif

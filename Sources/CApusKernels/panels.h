// The layouts of packed panels: 16 rows interleaved so that a vector lane is a row. In a 64-byte vector, lane r holds four
// consecutive columns of row r. A block of 32 columns is eight such groups, g = 0 ... 7; quantised levels are unsigned
// (`offset` was added), so that one u8 × s8 dot product serves every type. Planes:
//   nibbles[v]: low nibble of group v, high nibble of group v + 4 (v < 4) — GGUF's own order, so packing only transposes
//   pairs[v]:   bits 2(g % 4) of group g, v = g / 4
//   bits:       bit g of group g
#ifndef APUS_PANELS_H
#define APUS_PANELS_H

#include "apus_kernels.h"

typedef struct { uint16_t d[16]; uint8_t levels[8][64]; } panel_q8_0;
typedef struct { uint16_t d[16]; uint8_t nibbles[4][64]; } panel_q4_0;
typedef struct { uint16_t d[16], m[16]; uint8_t nibbles[4][64]; } panel_q4_1;
typedef struct { uint16_t d[16]; uint8_t bits[64], nibbles[4][64]; } panel_q5_0;
typedef struct { uint16_t d[16], m[16]; uint8_t bits[64], nibbles[4][64]; } panel_q5_1;

// K-quants: super-blocks of eight blocks; block scales are whole numbers times the super-block's d (and minima times m).
typedef struct { uint8_t scale[16], minimum[16], nibbles[4][64]; } block_q4_k_panel;
typedef struct { uint8_t scale[16], minimum[16], bits[64], nibbles[4][64]; } block_q5_k_panel;
typedef struct { int8_t scale[2][16]; uint8_t nibbles[4][64], pairs[2][64]; } block_q6_k_panel;
typedef struct { uint8_t scale_and_minimum[2][16], pairs[2][64]; } block_q2_k_panel;
typedef struct { int8_t scale[2][16]; uint8_t pairs[2][64], bits[64]; } block_q3_k_panel;
typedef struct { uint16_t d[16], m[16]; block_q4_k_panel blocks[8]; } panel_q4_k;
typedef struct { uint16_t d[16], m[16]; block_q5_k_panel blocks[8]; } panel_q5_k;
typedef struct { uint16_t d[16]; block_q6_k_panel blocks[8]; } panel_q6_k;
typedef struct { uint16_t d[16], m[16]; block_q2_k_panel blocks[8]; } panel_q2_k;
typedef struct { uint16_t d[16]; block_q3_k_panel blocks[8]; } panel_q3_k;

// What is added to a type's signed levels to make them unsigned; types with minima need nothing.
static inline int apus_level_offset(int dtype) {
  switch (dtype) {
    case APUS_Q8_0: return 128;
    case APUS_Q4_0: return 8;
    case APUS_Q5_0: return 16;
    case APUS_Q6_K: return 32;
    case APUS_Q3_K: return 4;
    default: return 0;
  }
}

static inline bool apus_is_quantized(int dtype) { return dtype >= APUS_Q4_0; }

// Whether activations of 16 bits make a difference: levels of 8 bits are themselves rounded as coarsely as activations of 8 bits.
static inline bool apus_deserves_fine(int dtype) { return dtype != APUS_Q8_0; }

#endif

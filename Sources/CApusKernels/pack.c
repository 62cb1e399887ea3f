// Packing: from 16 rows of GGUF blocks (or plain elements) to a panel, and back to f32 one row at a time.
#include <string.h>

#include "blocks.h"
#include "panels.h"

size_t apus_panel_bytes(int dtype, int64_t columns) {
  if (columns <= 0 || columns > INT32_MAX) return 0;
  size_t k = (size_t)columns;
  if (dtype >= APUS_Q4_0 && dtype <= APUS_Q8_0 && k % 32) return 0;
  if (dtype >= APUS_Q2_K && k % 256) return 0;
  switch (dtype) {
    case APUS_F32: return k * 64;
    case APUS_F16: return k * 32;
    case APUS_BF16: return (k + 1) / 2 * 64;
    case APUS_Q4_0: return k / 32 * sizeof(panel_q4_0);
    case APUS_Q4_1: return k / 32 * sizeof(panel_q4_1);
    case APUS_Q5_0: return k / 32 * sizeof(panel_q5_0);
    case APUS_Q5_1: return k / 32 * sizeof(panel_q5_1);
    case APUS_Q8_0: return k / 32 * sizeof(panel_q8_0);
    case APUS_Q2_K: return k / 256 * sizeof(panel_q2_k);
    case APUS_Q3_K: return k / 256 * sizeof(panel_q3_k);
    case APUS_Q4_K: return k / 256 * sizeof(panel_q4_k);
    case APUS_Q5_K: return k / 256 * sizeof(panel_q5_k);
    case APUS_Q6_K: return k / 256 * sizeof(panel_q6_k);
    default: return 0;
  }
}

// ---- Planes of one block of 32 columns; e is the column, r the row ---------------------------------------------------

static size_t place(int e, int r) { return (size_t)(r * 4 + e % 4); }

static void put_nibble(uint8_t nibbles[4][64], int e, int r, unsigned value) {
  nibbles[e / 4 % 4][place(e, r)] |= (uint8_t)((value & 15) << (e / 16 * 4));
}
static unsigned get_nibble(const uint8_t nibbles[4][64], int e, int r) {
  return nibbles[e / 4 % 4][place(e, r)] >> (e / 16 * 4) & 15;
}
static void put_pair(uint8_t pairs[2][64], int e, int r, unsigned value) {
  pairs[e / 16][place(e, r)] |= (uint8_t)((value & 3) << (e / 4 % 4 * 2));
}
static unsigned get_pair(const uint8_t pairs[2][64], int e, int r) {
  return pairs[e / 16][place(e, r)] >> (e / 4 % 4 * 2) & 3;
}
static void put_bit(uint8_t bits[64], int e, int r, unsigned value) {
  bits[place(e, r)] |= (uint8_t)((value & 1) << (e / 4));
}
static unsigned get_bit(const uint8_t bits[64], int e, int r) { return bits[place(e, r)] >> (e / 4) & 1; }

// GGUF's nibble bytes of a row already lie in the order of `nibbles`: four bytes a vector.
static void put_nibble_bytes(uint8_t nibbles[4][64], int r, const uint8_t *bytes) {
  for (int v = 0; v < 4; v++) memcpy(&nibbles[v][r * 4], bytes + v * 4, 4);
}

static void put_high_bits(uint8_t bits[64], int r, const uint8_t *source) {
  uint32_t high;
  memcpy(&high, source, 4);
  for (int b = 0; b < 4; b++) {
    unsigned byte = 0;
    for (int g = 0; g < 8; g++) byte |= (high >> (g * 4 + b) & 1) << g;
    bits[r * 4 + b] = (uint8_t)byte;
  }
}

// ---- One row's block into its lane -----------------------------------------------------------------------------------

static void pack_q4_k(panel_q4_k *p, int r, const uint8_t *s) {
  memcpy(&p->d[r], s, 2);
  memcpy(&p->m[r], s + 2, 2);
  for (int j = 0; j < 8; j++) {
    block_q4_k_panel *b = &p->blocks[j];
    unpack_scale(s + 4, j, &b->scale[r], &b->minimum[r]);
    for (int e = 0; e < 32; e++) put_nibble(b->nibbles, e, r, s[16 + j / 2 * 32 + e] >> (j % 2 * 4));
  }
}

static void pack_q5_k(panel_q5_k *p, int r, const uint8_t *s) {
  memcpy(&p->d[r], s, 2);
  memcpy(&p->m[r], s + 2, 2);
  for (int j = 0; j < 8; j++) {
    block_q5_k_panel *b = &p->blocks[j];
    unpack_scale(s + 4, j, &b->scale[r], &b->minimum[r]);
    for (int e = 0; e < 32; e++) {
      put_nibble(b->nibbles, e, r, s[48 + j / 2 * 32 + e] >> (j % 2 * 4));
      put_bit(b->bits, e, r, s[16 + e] >> j);
    }
  }
}

static void pack_q6_k(panel_q6_k *p, int r, const uint8_t *s) {
  memcpy(&p->d[r], s + 208, 2);
  for (int j = 0; j < 8; j++) {
    block_q6_k_panel *b = &p->blocks[j];
    const uint8_t *low = s + j / 4 * 64 + j % 2 * 32, *high = s + 128 + j / 4 * 32;
    for (int i = 0; i < 2; i++) b->scale[i][r] = (int8_t)s[192 + j * 2 + i];
    for (int e = 0; e < 32; e++) {
      put_nibble(b->nibbles, e, r, low[e] >> (j % 4 / 2 * 4));
      put_pair(b->pairs, e, r, high[e] >> (j % 4 * 2));
    }
  }
}

static void pack_q2_k(panel_q2_k *p, int r, const uint8_t *s) {
  memcpy(&p->d[r], s + 80, 2);
  memcpy(&p->m[r], s + 82, 2);
  for (int j = 0; j < 8; j++) {
    block_q2_k_panel *b = &p->blocks[j];
    for (int i = 0; i < 2; i++) b->scale_and_minimum[i][r] = s[j * 2 + i];
    for (int e = 0; e < 32; e++) put_pair(b->pairs, e, r, s[16 + j / 4 * 32 + e] >> (j % 4 * 2));
  }
}

static void pack_q3_k(panel_q3_k *p, int r, const uint8_t *s) {
  memcpy(&p->d[r], s + 108, 2);
  for (int j = 0; j < 8; j++) {
    block_q3_k_panel *b = &p->blocks[j];
    for (int i = 0; i < 2; i++) b->scale[i][r] = (int8_t)unpack_q3_scale(s + 96, j * 2 + i);
    for (int e = 0; e < 32; e++) {
      put_pair(b->pairs, e, r, s[32 + j / 4 * 32 + e] >> (j % 4 * 2));
      put_bit(b->bits, e, r, s[e] >> j);
    }
  }
}

static void pack_block(int dtype, uint8_t *panel, int r, const uint8_t *s) {
  switch (dtype) {
    case APUS_Q4_0: {
      panel_q4_0 *p = (panel_q4_0 *)panel;
      memcpy(&p->d[r], s, 2);
      put_nibble_bytes(p->nibbles, r, s + 2);
      return;
    }
    case APUS_Q4_1: {
      panel_q4_1 *p = (panel_q4_1 *)panel;
      memcpy(&p->d[r], s, 2);
      memcpy(&p->m[r], s + 2, 2);
      put_nibble_bytes(p->nibbles, r, s + 4);
      return;
    }
    case APUS_Q5_0: {
      panel_q5_0 *p = (panel_q5_0 *)panel;
      memcpy(&p->d[r], s, 2);
      put_high_bits(p->bits, r, s + 2);
      put_nibble_bytes(p->nibbles, r, s + 6);
      return;
    }
    case APUS_Q5_1: {
      panel_q5_1 *p = (panel_q5_1 *)panel;
      memcpy(&p->d[r], s, 2);
      memcpy(&p->m[r], s + 2, 2);
      put_high_bits(p->bits, r, s + 4);
      put_nibble_bytes(p->nibbles, r, s + 8);
      return;
    }
    case APUS_Q8_0: {
      panel_q8_0 *p = (panel_q8_0 *)panel;
      memcpy(&p->d[r], s, 2);
      for (int g = 0; g < 8; g++) {
        uint32_t four;
        memcpy(&four, s + 2 + g * 4, 4);
        four ^= 0x80808080u;
        memcpy(&p->levels[g][r * 4], &four, 4);
      }
      return;
    }
    case APUS_Q2_K: pack_q2_k((panel_q2_k *)panel, r, s); return;
    case APUS_Q3_K: pack_q3_k((panel_q3_k *)panel, r, s); return;
    case APUS_Q4_K: pack_q4_k((panel_q4_k *)panel, r, s); return;
    case APUS_Q5_K: pack_q5_k((panel_q5_k *)panel, r, s); return;
    case APUS_Q6_K: pack_q6_k((panel_q6_k *)panel, r, s); return;
    default: return;
  }
}

static void pack_plain(int dtype, int64_t columns, const uint8_t *const rows[APUS_PANEL], uint8_t *panel) {
  for (int64_t k = 0; k < columns; k++) {
    for (int r = 0; r < APUS_PANEL; r++) {
      if (!rows[r]) continue;
      if (dtype == APUS_F32) memcpy(panel + (k * 16 + r) * 4, rows[r] + k * 4, 4);
      else if (dtype == APUS_F16) memcpy(panel + (k * 16 + r) * 2, rows[r] + k * 2, 2);
      else memcpy(panel + (k / 2 * 32 + r * 2 + k % 2) * 2, rows[r] + k * 2, 2);
    }
  }
}

void apus_pack_panel(int dtype, int64_t columns, const uint8_t *const rows[APUS_PANEL], uint8_t *panel) {
  size_t bytes = apus_panel_bytes(dtype, columns);
  bool whole = dtype == APUS_Q4_0 || dtype == APUS_Q4_1 || dtype == APUS_Q8_0 || dtype == APUS_F32 || dtype == APUS_F16;
  for (int r = 0; r < APUS_PANEL; r++) whole = whole && rows[r];
  if (!whole) memset(panel, 0, bytes);
  if (!apus_is_quantized(dtype)) {
    pack_plain(dtype, columns, rows, panel);
    return;
  }
  int64_t blocks = columns / (int64_t)apus_dtype_block_size(dtype);
  size_t source = apus_dtype_block_bytes(dtype), target = bytes / (size_t)blocks;
  for (int64_t b = 0; b < blocks; b++) {
    for (int r = 0; r < APUS_PANEL; r++) {
      if (rows[r]) pack_block(dtype, panel + (size_t)b * target, r, rows[r] + (size_t)b * source);
    }
  }
}

// ---- Unpacking -------------------------------------------------------------------------------------------------------

static float half(uint16_t bits) {
  float value;
  apus_f16_to_f32(&bits, &value, 1);
  return value;
}

// Column e (0 ..< 32) of block b (of 32 columns) of lane r.
static float unpacked(int dtype, const uint8_t *panel, int64_t b, int e, int r) {
  int j = (int)(b % 8);
  switch (dtype) {
    case APUS_Q8_0: {
      const panel_q8_0 *p = (const panel_q8_0 *)panel + b;
      return half(p->d[r]) * (float)(p->levels[e / 4][place(e, r)] - 128);
    }
    case APUS_Q4_0: {
      const panel_q4_0 *p = (const panel_q4_0 *)panel + b;
      return half(p->d[r]) * (float)((int)get_nibble(p->nibbles, e, r) - 8);
    }
    case APUS_Q4_1: {
      const panel_q4_1 *p = (const panel_q4_1 *)panel + b;
      return half(p->d[r]) * (float)get_nibble(p->nibbles, e, r) + half(p->m[r]);
    }
    case APUS_Q5_0: {
      const panel_q5_0 *p = (const panel_q5_0 *)panel + b;
      return half(p->d[r]) * (float)((int)(get_nibble(p->nibbles, e, r) | get_bit(p->bits, e, r) << 4) - 16);
    }
    case APUS_Q5_1: {
      const panel_q5_1 *p = (const panel_q5_1 *)panel + b;
      return half(p->d[r]) * (float)(get_nibble(p->nibbles, e, r) | get_bit(p->bits, e, r) << 4) + half(p->m[r]);
    }
    case APUS_Q2_K: {
      const panel_q2_k *p = (const panel_q2_k *)panel + b / 8;
      unsigned s = p->blocks[j].scale_and_minimum[e / 16][r];
      return half(p->d[r]) * (float)(s & 15) * (float)get_pair(p->blocks[j].pairs, e, r) - half(p->m[r]) * (float)(s >> 4);
    }
    case APUS_Q3_K: {
      const panel_q3_k *p = (const panel_q3_k *)panel + b / 8;
      int level = (int)(get_pair(p->blocks[j].pairs, e, r) | get_bit(p->blocks[j].bits, e, r) << 2) - 4;
      return half(p->d[r]) * (float)p->blocks[j].scale[e / 16][r] * (float)level;
    }
    case APUS_Q4_K: {
      const panel_q4_k *p = (const panel_q4_k *)panel + b / 8;
      const block_q4_k_panel *q = &p->blocks[j];
      return half(p->d[r]) * (float)q->scale[r] * (float)get_nibble(q->nibbles, e, r) - half(p->m[r]) * (float)q->minimum[r];
    }
    case APUS_Q5_K: {
      const panel_q5_k *p = (const panel_q5_k *)panel + b / 8;
      const block_q5_k_panel *q = &p->blocks[j];
      unsigned level = get_nibble(q->nibbles, e, r) | get_bit(q->bits, e, r) << 4;
      return half(p->d[r]) * (float)q->scale[r] * (float)level - half(p->m[r]) * (float)q->minimum[r];
    }
    case APUS_Q6_K: {
      const panel_q6_k *p = (const panel_q6_k *)panel + b / 8;
      const block_q6_k_panel *q = &p->blocks[j];
      int level = (int)(get_nibble(q->nibbles, e, r) | get_pair(q->pairs, e, r) << 4) - 32;
      return half(p->d[r]) * (float)q->scale[e / 16][r] * (float)level;
    }
    default: return 0;
  }
}

void apus_unpack_row(const apus_matrix *matrix, int64_t row, float *out) {
  int64_t columns = matrix->columns;
  const uint8_t *panel = matrix->panels + (size_t)(row / 16) * apus_panel_bytes(matrix->dtype, columns);
  int r = (int)(row % 16);
  if (apus_is_quantized(matrix->dtype)) {
    for (int64_t k = 0; k < columns; k++) out[k] = unpacked(matrix->dtype, panel, k / 32, (int)(k % 32), r);
    return;
  }
  for (int64_t k = 0; k < columns; k++) {
    if (matrix->dtype == APUS_F32) {
      memcpy(out + k, panel + (k * 16 + r) * 4, 4);
    } else if (matrix->dtype == APUS_F16) {
      uint16_t bits;
      memcpy(&bits, panel + (k * 16 + r) * 2, 2);
      out[k] = half(bits);
    } else {
      uint16_t bits;
      memcpy(&bits, panel + (k / 2 * 32 + r * 2 + k % 2) * 2, 2);
      uint32_t wide = (uint32_t)bits << 16;
      memcpy(out + k, &wide, 4);
    }
  }
}

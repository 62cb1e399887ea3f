// Blocks to f32: ggml's formulas, in its order of operations, one function a type.
#include "apus_codecs.h"
#include "blocks.h"
#include "codec_floats.h"

// A fused multiply-add would round differently from the definition.
#pragma STDC FP_CONTRACT OFF

size_t apus_dtype_block_size(int dtype) {
  if (dtype < 0 || dtype >= APUS_DTYPE_COUNT) return 0;
  return dtype < APUS_Q4_0 ? 1 : dtype < APUS_Q2_K ? 32 : 256;
}

size_t apus_dtype_block_bytes(int dtype) {
  static const uint8_t bytes[APUS_DTYPE_COUNT] = {4, 2, 2, 4, 8, 1, 18, 20, 22, 24, 34, 84, 110, 144, 176, 210};
  return dtype >= 0 && dtype < APUS_DTYPE_COUNT ? bytes[dtype] : 0;
}

static void from_q4_0(const block_q4_0 *b, float *out) {
  float d = codec_from_f16(b->d);
  for (int i = 0; i < 16; i++) {
    out[i] = (float)((b->qs[i] & 15) - 8) * d;
    out[i + 16] = (float)((b->qs[i] >> 4) - 8) * d;
  }
}

static void from_q4_1(const block_q4_1 *b, float *out) {
  float d = codec_from_f16(b->d), m = codec_from_f16(b->m);
  for (int i = 0; i < 16; i++) {
    out[i] = (float)(b->qs[i] & 15) * d + m;
    out[i + 16] = (float)(b->qs[i] >> 4) * d + m;
  }
}

// The 32 levels of a 5-bit block: nibbles, and bit i of `qh` as the fifth bit of element i.
static void unpack_q5(const uint8_t *qh, const uint8_t *qs, uint8_t *levels) {
  static const uint8_t bit[8] = {1, 2, 4, 8, 16, 32, 64, 128};
  for (int i = 0; i < 16; i++) {
    levels[i] = qs[i] & 15;
    levels[i + 16] = qs[i] >> 4;
  }
  for (int i = 0; i < 32; i++) levels[i] |= (qh[i / 8] & bit[i % 8]) ? 16 : 0;
}

static void from_q5_0(const block_q5_0 *b, float *out) {
  float d = codec_from_f16(b->d);
  uint8_t levels[32];
  unpack_q5(b->qh, b->qs, levels);
  for (int i = 0; i < 32; i++) out[i] = (float)(levels[i] - 16) * d;
}

static void from_q5_1(const block_q5_1 *b, float *out) {
  float d = codec_from_f16(b->d), m = codec_from_f16(b->m);
  uint8_t levels[32];
  unpack_q5(b->qh, b->qs, levels);
  for (int i = 0; i < 32; i++) out[i] = (float)levels[i] * d + m;
}

static void from_q8_0(const block_q8_0 *b, float *out) {
  float d = codec_from_f16(b->d);
  for (int i = 0; i < 32; i++) out[i] = (float)b->qs[i] * d;
}

static void from_q2_k(const block_q2_k *b, float *out) {
  float d = codec_from_f16(b->d), m = codec_from_f16(b->m);
  for (int j = 0; j < 16; j++) {  // runs of 16 that share a scale
    float step = d * (float)(b->scales[j] & 15), low = m * (float)(b->scales[j] >> 4);
    const uint8_t *qs = b->qs + j / 8 * 32 + j % 2 * 16;
    int shift = j / 2 % 4 * 2;
    for (int e = 0; e < 16; e++) out[j * 16 + e] = step * (float)(qs[e] >> shift & 3) - low;
  }
}

static void from_q3_k(const block_q3_k *b, float *out) {
  float d = codec_from_f16(b->d);
  for (int j = 0; j < 16; j++) {
    float step = d * (float)unpack_q3_scale(b->scales, j);
    const uint8_t *qs = b->qs + j / 8 * 32 + j % 2 * 16, *high = b->high + j % 2 * 16;
    int shift = j / 2 % 4 * 2, bit = j / 2;
    for (int e = 0; e < 16; e++) out[j * 16 + e] = step * (float)((qs[e] >> shift & 3) + (high[e] >> bit & 1) * 4 - 4);
  }
}

static void from_q4_k(const block_q4_k *b, float *out) {
  float d = codec_from_f16(b->d), m = codec_from_f16(b->m);
  for (int j = 0; j < 8; j++) {
    uint8_t scale, minimum;
    unpack_scale(b->scales, j, &scale, &minimum);
    float step = d * (float)scale, low = m * (float)minimum;
    const uint8_t *qs = b->qs + j / 2 * 32;
    int shift = j % 2 * 4;
    for (int e = 0; e < 32; e++) out[j * 32 + e] = step * (float)(qs[e] >> shift & 15) - low;
  }
}

static void from_q5_k(const block_q5_k *b, float *out) {
  float d = codec_from_f16(b->d), m = codec_from_f16(b->m);
  for (int j = 0; j < 8; j++) {
    uint8_t scale, minimum;
    unpack_scale(b->scales, j, &scale, &minimum);
    float step = d * (float)scale, low = m * (float)minimum;
    const uint8_t *qs = b->qs + j / 2 * 32;
    int shift = j % 2 * 4;
    for (int e = 0; e < 32; e++) {
      out[j * 32 + e] = step * (float)((qs[e] >> shift & 15) + (b->high[e] >> j & 1) * 16) - low;
    }
  }
}

static void from_q6_k(const block_q6_k *b, float *out) {
  float d = codec_from_f16(b->d);
  for (int j = 0; j < 16; j++) {
    float step = d * (float)b->scales[j];
    const uint8_t *low = b->low + j / 8 * 64 + j / 2 % 2 * 32 + j % 2 * 16, *high = b->high + j / 8 * 32 + j % 2 * 16;
    int low_shift = j / 4 % 2 * 4, high_shift = j / 2 % 4 * 2;
    for (int e = 0; e < 16; e++) {
      out[j * 16 + e] = step * (float)((low[e] >> low_shift & 15) + (high[e] >> high_shift & 3) * 16 - 32);
    }
  }
}

#define EACH_BLOCK(type, size) \
  for (size_t b = 0; b < n / size; b++) from_##type((const block_##type *)source + b, out + b * size); \
  return APUS_CODEC_OK

int apus_dequantize(int dtype, const void *source, float *out, size_t n) {
  switch (dtype) {
    case APUS_F32: memcpy(out, source, n * sizeof *out); return APUS_CODEC_OK;
    case APUS_F16: apus_f16_to_f32(source, out, n); return APUS_CODEC_OK;
    case APUS_BF16: apus_bf16_to_f32(source, out, n); return APUS_CODEC_OK;
    case APUS_Q4_0: EACH_BLOCK(q4_0, 32);
    case APUS_Q4_1: EACH_BLOCK(q4_1, 32);
    case APUS_Q5_0: EACH_BLOCK(q5_0, 32);
    case APUS_Q5_1: EACH_BLOCK(q5_1, 32);
    case APUS_Q8_0: EACH_BLOCK(q8_0, 32);
    case APUS_Q2_K: EACH_BLOCK(q2_k, 256);
    case APUS_Q3_K: EACH_BLOCK(q3_k, 256);
    case APUS_Q4_K: EACH_BLOCK(q4_k, 256);
    case APUS_Q5_K: EACH_BLOCK(q5_k, 256);
    case APUS_Q6_K: EACH_BLOCK(q6_k, 256);
    default: return APUS_CODEC_UNSUPPORTED;
  }
}

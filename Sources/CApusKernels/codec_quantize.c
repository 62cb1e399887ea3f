// f32 to blocks: the 32-element types as ggml's reference quantiser defines them, and the entry for every type.
#include "codec_quantize.h"

#include "apus_codecs.h"

// A fused multiply-add would round differently from the definition.
#pragma STDC FP_CONTRACT OFF

// 1 / d, or 0 where that is infinite: such a d is zero as f16 too, so the levels do not matter.
static float inverse(float d) {
  float inverse = d != 0 ? 1 / d : 0;
  return inverse <= 3.4028235e38f && inverse >= -3.4028235e38f ? inverse : 0;
}

// The value furthest from zero, the first of them.
static float extreme(const float *x) {
  float value = x[0];
  for (int i = 1; i < 32; i++) {
    if (fabsf(x[i]) > fabsf(value)) value = x[i];
  }
  return value;
}

static void range(const float *x, float *least, float *greatest) {
  *least = *greatest = x[0];
  for (int i = 1; i < 32; i++) {
    *least = x[i] < *least ? x[i] : *least;
    *greatest = x[i] > *greatest ? x[i] : *greatest;
  }
}

// level = trunc((x - low) · scale + shift), at most `top`.
static void levels_of(const float *x, float low, float scale, float shift, int top, uint8_t *levels) {
  for (int i = 0; i < 32; i++) {
    int level = (int)((x[i] - low) * scale + shift);
    levels[i] = (uint8_t)(level < top ? level : top);
  }
}

static void pack_nibbles(const uint8_t *levels, uint8_t *qs) {
  for (int i = 0; i < 16; i++) qs[i] = (uint8_t)((levels[i] & 15) | levels[i + 16] << 4);
}

static void pack_fifth_bits(const uint8_t *levels, uint8_t *qh) {
  for (int i = 0; i < 4; i++) {
    unsigned byte = 0;
    for (int e = 0; e < 8; e++) byte |= (unsigned)(levels[i * 8 + e] >> 4) << e;
    qh[i] = (uint8_t)byte;
  }
}

// Each checks its f16 fields first: with finite ones no level leaves the range of an int.

static int to_q4_0(const float *x, block_q4_0 *b) {
  float d = extreme(x) / -8;
  b->d = codec_to_f16(d);
  if (!codec_f16_is_finite(b->d)) return 0;
  uint8_t levels[32];
  levels_of(x, 0, inverse(d), 8.5f, 15, levels);
  pack_nibbles(levels, b->qs);
  return 1;
}

static int to_q4_1(const float *x, block_q4_1 *b) {
  float least, greatest;
  range(x, &least, &greatest);
  float d = (greatest - least) / 15;
  b->d = codec_to_f16(d);
  b->m = codec_to_f16(least);
  if (!codec_f16_is_finite(b->d) || !codec_f16_is_finite(b->m)) return 0;
  uint8_t levels[32];
  levels_of(x, least, inverse(d), 0.5f, 15, levels);
  pack_nibbles(levels, b->qs);
  return 1;
}

static int to_q5_0(const float *x, block_q5_0 *b) {
  float d = extreme(x) / -16;
  b->d = codec_to_f16(d);
  if (!codec_f16_is_finite(b->d)) return 0;
  uint8_t levels[32];
  levels_of(x, 0, inverse(d), 16.5f, 31, levels);
  pack_nibbles(levels, b->qs);
  pack_fifth_bits(levels, b->qh);
  return 1;
}

static int to_q5_1(const float *x, block_q5_1 *b) {
  float least, greatest;
  range(x, &least, &greatest);
  float d = (greatest - least) / 31;
  b->d = codec_to_f16(d);
  b->m = codec_to_f16(least);
  if (!codec_f16_is_finite(b->d) || !codec_f16_is_finite(b->m)) return 0;
  uint8_t levels[32];
  levels_of(x, least, inverse(d), 0.5f, 31, levels);
  pack_nibbles(levels, b->qs);
  pack_fifth_bits(levels, b->qh);
  return 1;
}

static int to_q8_0(const float *x, block_q8_0 *b) {
  float d = fabsf(extreme(x)) / 127, scale = inverse(d);
  b->d = codec_to_f16(d);
  if (!codec_f16_is_finite(b->d)) return 0;
  for (int i = 0; i < 32; i++) {
    float value = x[i] * scale;
    int whole = (int)value;
    float rest = value - (float)whole;  // exact, so halves go away from zero as roundf has them
    b->qs[i] = (int8_t)(whole + (rest >= 0.5f) - (rest <= -0.5f));
  }
  return 1;
}

static int all_finite(const float *x, size_t n) {
  uint32_t greatest = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t magnitude = codec_bits(x[i]) & 0x7fffffff;
    greatest = magnitude > greatest ? magnitude : greatest;
  }
  return greatest < 0x7f800000;
}

#define EACH_BLOCK(type, size) \
  for (size_t b = 0; b < n / size; b++) { \
    const float *x = source + b * size; \
    if (!all_finite(x, size) || !to_##type(x, (block_##type *)out + b)) return APUS_CODEC_RANGE; \
  } \
  return APUS_CODEC_OK

int apus_quantize(int dtype, const float *source, void *out, size_t n) {
  switch (dtype) {
    case APUS_F32: memcpy(out, source, n * sizeof *source); return APUS_CODEC_OK;
    case APUS_F16: apus_f32_to_f16(source, out, n); return APUS_CODEC_OK;
    case APUS_BF16: apus_f32_to_bf16(source, out, n); return APUS_CODEC_OK;
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

// Element types, plain conversions, and blocks to f32: the formulas of ggml, one small function a type.
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "apus_codecs.h"
#include "blocks.h"

size_t apus_dtype_block_size(int dtype) { return dtype < APUS_Q4_0 ? 1 : dtype < APUS_Q2_K ? 32 : 256; }

size_t apus_dtype_block_bytes(int dtype) {
  static const uint8_t bytes[] = {4, 2, 2, 4, 8, 1, 18, 20, 22, 24, 34, 84, 110, 144, 176, 210};
  return dtype >= 0 && dtype < (int)sizeof bytes ? bytes[dtype] : 0;
}

// ---- f16 and bf16 ------------------------------------------------------------------------------------------------------

#if defined(__x86_64__)
// Without F16C the compiler calls a library function an element.
__attribute__((target("avx,f16c"))) static size_t wide_f16_to_f32(const uint16_t *source, float *out, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(source + i))));
  return i;
}
__attribute__((target("avx,f16c"))) static size_t wide_f32_to_f16(const float *source, uint16_t *out, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) _mm_storeu_si128((__m128i *)(out + i), _mm256_cvtps_ph(_mm256_loadu_ps(source + i), _MM_FROUND_TO_NEAREST_INT));
  return i;
}
#endif

// By the bits: exponent 31 is infinity or NaN, 0 is a subnormal.
static float one_f16_to_f32(uint16_t bits) {
  uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 1023, wide;
  float value;
  if (exponent == 0) {
    value = (float)fraction * 5.9604644775390625e-8f;  // 2^-24
    memcpy(&wide, &value, 4);
    wide |= sign;
  } else {
    wide = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | fraction << 13;
    if (exponent == 31 && fraction) wide |= 0x400000;
  }
  memcpy(&value, &wide, 4);
  return value;
}

static uint16_t one_f32_to_f16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  bits &= 0x7fffffff;
  if (bits > 0x7f800000) return sign | 0x7e00 | (bits >> 13 & 0x1ff);
  if (bits >= 0x477ff000) return sign | 0x7c00;  // rounds beyond 65504
  if (bits < 0x38800000) {                       // below 2^-14: a multiple of 2^-24
    float magnitude, shifted;
    memcpy(&magnitude, &bits, 4);
    shifted = magnitude + 0.5f;  // the addition rounds at 2^-24
    uint32_t rounded;
    memcpy(&rounded, &shifted, 4);
    return sign | (uint16_t)(rounded - 0x3f000000);
  }
  bits += 0xfff + (bits >> 13 & 1);
  return sign | (uint16_t)((bits - 0x38000000) >> 13);
}

void apus_f16_to_f32(const uint16_t *source, float *out, size_t n) {
  size_t i = 0;
#if defined(__x86_64__)
  if (n >= 8 && __builtin_cpu_supports("f16c")) i = wide_f16_to_f32(source, out, n);
#endif
  for (; i < n; i++) out[i] = one_f16_to_f32(source[i]);
}

void apus_f32_to_f16(const float *source, uint16_t *out, size_t n) {
  size_t i = 0;
#if defined(__x86_64__)
  if (n >= 8 && __builtin_cpu_supports("f16c")) i = wide_f32_to_f16(source, out, n);
#endif
  for (; i < n; i++) out[i] = one_f32_to_f16(source[i]);
}

void apus_bf16_to_f32(const uint16_t *source, float *out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = (uint32_t)source[i] << 16;
    memcpy(out + i, &bits, 4);
  }
}

void apus_f32_to_bf16(const float *source, uint16_t *out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, source + i, 4);
    if ((bits & 0x7fffffff) > 0x7f800000) bits |= 0x400000;
    else bits += 0x7fff + (bits >> 16 & 1);
    out[i] = (uint16_t)(bits >> 16);
  }
}

// ---- Blocks ------------------------------------------------------------------------------------------------------------

static unsigned fifth_bit(const uint8_t *high, int e) { return (high[e / 8] >> e % 8 & 1u) << 4; }

static void from_q4(const uint8_t *qs, float d, float m, int offset, float *out) {
  for (int e = 0; e < 16; e++) {
    out[e] = (float)((qs[e] & 15) - offset) * d + m;
    out[e + 16] = (float)((qs[e] >> 4) - offset) * d + m;
  }
}

static void from_q5(const uint8_t *qs, const uint8_t *high, float d, float m, int offset, float *out) {
  for (int e = 0; e < 16; e++) {
    out[e] = (float)((int)((qs[e] & 15u) | fifth_bit(high, e)) - offset) * d + m;
    out[e + 16] = (float)((int)((qs[e] >> 4u) | fifth_bit(high, e + 16)) - offset) * d + m;
  }
}

static void from_q2_k(const block_q2_k *b, float *out) {
  float d = one_f16_to_f32(b->d), m = one_f16_to_f32(b->m);
  for (int i = 0; i < 256; i++) {
    unsigned scale = b->scales[i / 16], q = b->qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
    out[i] = d * (float)(scale & 15) * (float)q - m * (float)(scale >> 4);
  }
}

static void from_q3_k(const block_q3_k *b, float *out) {
  float d = one_f16_to_f32(b->d);
  for (int i = 0; i < 256; i++) {
    unsigned q = (b->qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3u) | (b->high[i % 32] >> i / 32 & 1u) << 2;
    out[i] = d * (float)unpack_q3_scale(b->scales, i / 16) * (float)((int)q - 4);
  }
}

static void from_q4_k(const uint8_t *scales, const uint8_t *high, const uint8_t *qs, float d, float m, float *out) {
  for (int j = 0; j < 8; j++) {
    uint8_t scale, minimum;
    unpack_scale(scales, j, &scale, &minimum);
    float step = d * (float)scale, low = m * (float)minimum;
    for (int e = 0; e < 32; e++) {
      unsigned q = qs[j / 2 * 32 + e] >> (j % 2 * 4) & 15u;
      if (high) q |= (high[e] >> j & 1u) << 4;
      out[j * 32 + e] = step * (float)q - low;
    }
  }
}

static void from_q6_k(const block_q6_k *b, float *out) {
  float d = one_f16_to_f32(b->d);
  for (int i = 0; i < 256; i++) {
    int j = i / 32, e = i % 32;
    unsigned low = b->low[j / 4 * 64 + j % 2 * 32 + e] >> (j % 4 / 2 * 4) & 15u;
    unsigned high = b->high[j / 4 * 32 + e] >> (j % 4 * 2) & 3u;
    out[i] = d * (float)b->scales[i / 16] * (float)((int)(low | high << 4) - 32);
  }
}

static void from_block(int dtype, const void *block, float *out) {
  switch (dtype) {
    case APUS_Q4_0: {
      const block_q4_0 *b = block;
      from_q4(b->qs, one_f16_to_f32(b->d), 0, 8, out);
      return;
    }
    case APUS_Q4_1: {
      const block_q4_1 *b = block;
      from_q4(b->qs, one_f16_to_f32(b->d), one_f16_to_f32(b->m), 0, out);
      return;
    }
    case APUS_Q5_0: {
      const block_q5_0 *b = block;
      from_q5(b->qs, b->qh, one_f16_to_f32(b->d), 0, 16, out);
      return;
    }
    case APUS_Q5_1: {
      const block_q5_1 *b = block;
      from_q5(b->qs, b->qh, one_f16_to_f32(b->d), one_f16_to_f32(b->m), 0, out);
      return;
    }
    case APUS_Q8_0: {
      const block_q8_0 *b = block;
      float d = one_f16_to_f32(b->d);
      for (int e = 0; e < 32; e++) out[e] = (float)b->qs[e] * d;
      return;
    }
    case APUS_Q2_K: from_q2_k(block, out); return;
    case APUS_Q3_K: from_q3_k(block, out); return;
    case APUS_Q4_K: {
      const block_q4_k *b = block;
      from_q4_k(b->scales, NULL, b->qs, one_f16_to_f32(b->d), one_f16_to_f32(b->m), out);
      return;
    }
    case APUS_Q5_K: {
      const block_q5_k *b = block;
      from_q4_k(b->scales, b->high, b->qs, one_f16_to_f32(b->d), one_f16_to_f32(b->m), out);
      return;
    }
    default: from_q6_k(block, out);
  }
}

int apus_dequantize(int dtype, const void *source, float *out, size_t n) {
  switch (dtype) {
    case APUS_F32: memcpy(out, source, n * 4); return 0;
    case APUS_F16: apus_f16_to_f32(source, out, n); return 0;
    case APUS_BF16: apus_bf16_to_f32(source, out, n); return 0;
    case APUS_I32: case APUS_I64: case APUS_U8: return -1;
    default: break;
  }
  size_t size = apus_dtype_block_size(dtype), bytes = apus_dtype_block_bytes(dtype);
  for (size_t b = 0; b < n / size; b++) from_block(dtype, (const uint8_t *)source + b * bytes, out + b * size);
  return 0;
}

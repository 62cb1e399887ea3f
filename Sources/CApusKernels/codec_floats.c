// Arrays of f16 and bf16 to and from f32.
#include "codec_floats.h"

#include "apus_codecs.h"

// The widest conversion of the processor does whole vectors and says how many elements it did; the rest go one by one.
#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx,f16c"))) static size_t wide_from_f16(const uint16_t *source, float *out, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(source + i))));
  return i;
}

__attribute__((target("avx,f16c"))) static size_t wide_to_f16(const float *source, uint16_t *out, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(source + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128((__m128i *)(out + i), halves);
  }
  return i;
}

static int has_wide(void) { return __builtin_cpu_supports("f16c"); }
#elif defined(__aarch64__)
#include <arm_neon.h>

static size_t wide_from_f16(const uint16_t *source, float *out, size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(out + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(source + i))));
  return i;
}

static size_t wide_to_f16(const float *source, uint16_t *out, size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(source + i))));
  return i;
}

static int has_wide(void) { return 1; }
#else
static size_t wide_from_f16(const uint16_t *source, float *out, size_t n) { return 0; }
static size_t wide_to_f16(const float *source, uint16_t *out, size_t n) { return 0; }
static int has_wide(void) { return 0; }
#endif

void apus_f16_to_f32(const uint16_t *source, float *out, size_t n) {
  size_t i = has_wide() ? wide_from_f16(source, out, n) : 0;
  for (; i < n; i++) out[i] = codec_from_f16(source[i]);
}

void apus_f32_to_f16(const float *source, uint16_t *out, size_t n) {
  size_t i = has_wide() ? wide_to_f16(source, out, n) : 0;
  for (; i < n; i++) out[i] = codec_to_f16(source[i]);
}

void apus_bf16_to_f32(const uint16_t *source, float *out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = codec_float((uint32_t)source[i] << 16);
}

void apus_f32_to_bf16(const float *source, uint16_t *out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = codec_bits(source[i]);
    uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1), quiet = bits | 0x400000;
    out[i] = (uint16_t)(((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded) >> 16);
  }
}

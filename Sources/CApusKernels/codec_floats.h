// One f16 number to and from f32, by its bits: the twin of the vector conversions in codec_floats.c.
#ifndef APUS_CODEC_FLOATS_H
#define APUS_CODEC_FLOATS_H

#include <stdint.h>
#include <string.h>

static inline uint32_t codec_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}

static inline float codec_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

// Exponent 31 is infinity or NaN (made quiet), 0 a multiple of 2^-24.
static inline float codec_from_f16(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
  if (exponent == 0) return codec_float(codec_bits((float)fraction * 0x1p-24f) | sign);
  if (exponent == 31) return codec_float(sign | 0x7f800000 | fraction << 13 | (fraction ? 0x400000 : 0));
  return codec_float(sign | (exponent + 112) << 23 | fraction << 13);
}

static inline uint16_t codec_to_f16(float value) {
  uint32_t bits = codec_bits(value), magnitude = bits & 0x7fffffff;
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  if (magnitude > 0x7f800000) return sign | 0x7e00 | (magnitude >> 13 & 0x1ff);
  if (magnitude >= 0x477ff000) return sign | 0x7c00;  // 65520: half way from the greatest f16 to 2^16
  // Below 2^-14 f16 counts in steps of 2^-24, which are the last bit of a f32 near 0.5: the addition rounds.
  if (magnitude < 0x38800000) return sign | (uint16_t)(codec_bits(codec_float(magnitude) + 0.5f) - 0x3f000000);
  magnitude += 0xfff + (magnitude >> 13 & 1);
  return sign | (uint16_t)((magnitude - 0x38000000) >> 13);
}

#endif

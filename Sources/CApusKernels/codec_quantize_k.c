// The bytes of the 256-element types, from the scales and levels that codec_fit.c finds.
#include "codec_fit.h"
#include "codec_quantize.h"

// Scales and minima of 6 bits in the 12 bytes of Q4_K and Q5_K: the inverse of unpack_scale.
static void pack_scales(const offset_fit *fit, uint8_t *scales) {
  for (int j = 0; j < 4; j++) {
    unsigned s = fit->scales[j], t = fit->minima[j], s4 = fit->scales[j + 4], t4 = fit->minima[j + 4];
    scales[j] = (uint8_t)(s | s4 >> 4 << 6);
    scales[j + 4] = (uint8_t)(t | t4 >> 4 << 6);
    scales[j + 8] = (uint8_t)((s4 & 15) | (t4 & 15) << 4);
  }
}

// Two bits of each level, four runs of 32 to a byte.
static void pack_pairs(const uint8_t *levels, int shift, uint8_t *qs) {
  for (int i = 0; i < 64; i++) {
    const uint8_t *first = levels + i / 32 * 128 + i % 32;
    unsigned byte = 0;
    for (int r = 0; r < 4; r++) byte |= (first[r * 32] >> shift & 3u) << (r * 2);
    qs[i] = (uint8_t)byte;
  }
}

// One bit of each level, eight runs of 32 to a byte.
static void pack_bits(const uint8_t *levels, int shift, uint8_t *high) {
  for (int i = 0; i < 32; i++) {
    unsigned byte = 0;
    for (int r = 0; r < 8; r++) byte |= (levels[r * 32 + i] >> shift & 1u) << r;
    high[i] = (uint8_t)byte;
  }
}

// The low four bits of levels that are `distance` apart, `distance` bytes at a time.
static void pack_nibbles(const uint8_t *levels, int distance, uint8_t *qs) {
  for (int i = 0; i < 128; i++) {
    const uint8_t *first = levels + i / distance * 2 * distance + i % distance;
    qs[i] = (uint8_t)((first[0] & 15) | (first[distance] & 15) << 4);
  }
}

int to_q2_k(const float *x, block_q2_k *b) {
  offset_fit fit = {.run = 16, .level_top = 3, .scale_top = 15};
  fit_with_offsets(x, &fit);
  b->d = fit.d;
  b->m = fit.m;
  for (int j = 0; j < 16; j++) b->scales[j] = (uint8_t)(fit.scales[j] | fit.minima[j] << 4);
  pack_pairs(fit.levels, 0, b->qs);
  return codec_f16_is_finite(b->d) && codec_f16_is_finite(b->m);
}

int to_q3_k(const float *x, block_q3_k *b) {
  signed_fit fit = {.level_half = 4, .scale_half = 32};
  fit_signed(x, &fit);
  b->d = fit.d;
  memset(b->scales, 0, sizeof b->scales);
  for (int j = 0; j < 16; j++) {
    unsigned scale = (unsigned)(fit.scales[j] + 32);
    b->scales[j % 8] |= (uint8_t)((scale & 15) << (j / 8 * 4));
    b->scales[8 + j % 4] |= (uint8_t)(scale >> 4 << (j / 4 * 2));
  }
  pack_pairs(fit.levels, 0, b->qs);
  pack_bits(fit.levels, 2, b->high);
  return codec_f16_is_finite(b->d);
}

int to_q4_k(const float *x, block_q4_k *b) {
  offset_fit fit = {.run = 32, .level_top = 15, .scale_top = 63};
  fit_with_offsets(x, &fit);
  b->d = fit.d;
  b->m = fit.m;
  pack_scales(&fit, b->scales);
  pack_nibbles(fit.levels, 32, b->qs);
  return codec_f16_is_finite(b->d) && codec_f16_is_finite(b->m);
}

int to_q5_k(const float *x, block_q5_k *b) {
  offset_fit fit = {.run = 32, .level_top = 31, .scale_top = 63};
  fit_with_offsets(x, &fit);
  b->d = fit.d;
  b->m = fit.m;
  pack_scales(&fit, b->scales);
  pack_nibbles(fit.levels, 32, b->qs);
  pack_bits(fit.levels, 4, b->high);
  return codec_f16_is_finite(b->d) && codec_f16_is_finite(b->m);
}

int to_q6_k(const float *x, block_q6_k *b) {
  signed_fit fit = {.level_half = 32, .scale_half = 128};
  fit_signed(x, &fit);
  b->d = fit.d;
  memcpy(b->scales, fit.scales, sizeof b->scales);
  pack_nibbles(fit.levels, 64, b->low);
  pack_pairs(fit.levels, 4, b->high);
  return codec_f16_is_finite(b->d);
}

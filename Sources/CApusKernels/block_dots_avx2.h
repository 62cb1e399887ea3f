// Dot products of a block of levels with activations where there is no product of bytes into sums of 32 bits (AVX2). See tiles.h for what
// block_dots gives. Of more than two rows the loops over groups stay loops: unrolled, the compiler would go row by row, and load the levels
// anew for each.

enum { UNROLLED_ROWS = 2 };

// The greatest level of 6 bits or fewer.
INLINE int greatest_level(int dtype) {
  switch (dtype) {
    case APUS_Q2_K: return 3;
    case APUS_Q3_K: return 7;
    case APUS_Q5_0: case APUS_Q5_1: case APUS_Q5_K: return 31;
    case APUS_Q6_K: return 63;
    default: return 15;
  }
}

// sums[m] (+)= levels of four columns · bytes of row m's activations, two columns in each 16 bits.
INLINE void add_bytes(const int mr, const __m256i *levels, const activation_block *x, const int g, const bool first, __m256i sums[TILE_ROWS][2]) {
  __m256i low = levels[2 * g], high = levels[2 * g + 1];
#pragma clang loop unroll(full)
  for (int m = 0; m < mr; m++) {
    __m256i quad = _mm256_set1_epi32(x[m].quads[g]);
    __m256i a = _mm256_maddubs_epi16(low, quad), b = _mm256_maddubs_epi16(high, quad);
    sums[m][0] = first ? a : _mm256_add_epi16(sums[m][0], a);
    sums[m][1] = first ? b : _mm256_add_epi16(sums[m][1], b);
  }
}

// dots[m] += groups first ..< end, as many as cannot overflow 16 bits.
INLINE void add_narrow(const int mr, const __m256i *levels, const activation_block *x, const int first, const int end, __m256i dots[TILE_ROWS][2]) {
  __m256i sums[TILE_ROWS][2];
  add_bytes(mr, levels, x, first, true, sums);
  if (mr <= UNROLLED_ROWS) {
#pragma clang loop unroll(full)
    for (int g = first + 1; g < end; g++) add_bytes(mr, levels, x, g, false, sums);
  } else {
#pragma clang loop unroll(disable)
    for (int g = first + 1; g < end; g++) add_bytes(mr, levels, x, g, false, sums);
  }
#pragma clang loop unroll(full)
  for (int m = 0; m < mr; m++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++) dots[m][i] = _mm256_add_epi32(dots[m][i], _mm256_madd_epi16(sums[m][i], _mm256_set1_epi16(1)));
  }
}

// dots[m] += levels of two columns, each in 16 bits, · row m's pair of activations.
INLINE void add_pair(const int mr, __m256i low, __m256i high, const int32_t *pair, __m256i dots[TILE_ROWS][2]) {
#pragma clang loop unroll(full)
  for (int m = 0; m < mr; m++, pair += sizeof(wide_activation_block) / 4) {
    __m256i x = _mm256_set1_epi32(*pair);
    dots[m][0] = _mm256_add_epi32(dots[m][0], _mm256_madd_epi16(low, x));
    dots[m][1] = _mm256_add_epi32(dots[m][1], _mm256_madd_epi16(high, x));
  }
}
// dots[m] += a group of four columns, the first and the third of which meet `quads`, the others `low`.
INLINE void add_words(const int mr, const __m256i *levels, const wide_activation_block *x, const int g, __m256i dots[TILE_ROWS][2]) {
  const __m256i even = _mm256_set1_epi16(255);
  add_pair(mr, _mm256_and_si256(levels[2 * g], even), _mm256_and_si256(levels[2 * g + 1], even), x->high.quads + g, dots);
  add_pair(mr, _mm256_srli_epi16(levels[2 * g], 8), _mm256_srli_epi16(levels[2 * g + 1], 8), x->low + g, dots);
}
INLINE void add_wide(const int mr, const __m256i *levels, const wide_activation_block *x, const int first, const int end, __m256i dots[TILE_ROWS][2]) {
  if (mr <= UNROLLED_ROWS) {
#pragma clang loop unroll(full)
    for (int g = first; g < end; g++) add_words(mr, levels, x, g, dots);
  } else {
#pragma clang loop unroll(disable)
    for (int g = first; g < end; g++) add_words(mr, levels, x, g, dots);
  }
}

INLINE void block_dots(const int dtype, const bool wide, const int mr, const weight_block *w, const void *x, i32x16 out[2][TILE_ROWS]) {
  const int halves = has_half_scales(dtype) ? 2 : 1, per_half = 8 / halves;
  const int fit = 32767 / (256 * greatest_level(dtype)), run = fit < per_half ? fit : per_half;  // a pair of products is at most 2 · 128 · level
  const __m256i *levels = (const __m256i *)w->level;
#pragma clang loop unroll(full)
  for (int h = 0; h < halves; h++) {
    __m256i dots[TILE_ROWS][2];
#pragma clang loop unroll(full)
    for (int m = 0; m < mr; m++) {
      dots[m][0] = dots[m][1] = _mm256_set1_epi32(apus_level_offset(dtype) ? apus_block_at(wide, x, m)->start[h] : 0);
    }
    if (wide) {
      add_wide(mr, levels, x, h * per_half, (h + 1) * per_half, dots);
    } else {
#pragma clang loop unroll(full)
      for (int g = h * per_half; g < (h + 1) * per_half; g += run) add_narrow(mr, levels, x, g, g + run, dots);
    }
#pragma clang loop unroll(full)
    for (int m = 0; m < mr; m++) memcpy(&out[h][m], dots[m], 64);
  }
}

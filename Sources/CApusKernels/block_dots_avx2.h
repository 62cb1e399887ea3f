// Dot products of a block of levels with activations where bytes can only be multiplied into sums of 16 bits (AVX2): as many
// products are added up in 16 bits as cannot overflow, then widened. See tiles.h for what block_dots gives.

// The greatest level, and how many groups fit 16 bits: a pair of products is at most 2 · 128 · level.
INLINE int greatest_level(int dtype) {
  switch (dtype) {
    case APUS_Q2_K: return 3;
    case APUS_Q3_K: return 7;
    case APUS_Q5_0: case APUS_Q5_1: case APUS_Q5_K: return 31;
    case APUS_Q6_K: return 63;
    default: return 15;  // Q8_0 is taken as two nibbles
  }
}

// Which bytes of activations: the only ones, or the high or low ones of fine blocks.
enum { COARSE, HIGH, LOW };

// dots[m] = start (or what they hold) + factor · Σ of groups first ..< end of the levels with bytes of the rows' activations.
INLINE void add_groups(const int dtype, const int mr, const __m256i *levels, const int bytes, const void *x, const int first, const int end,
                       const int factor, const bool from_start, const int half, __m256i dots[TILE_ROWS][2]) {
  __m256i sums[TILE_ROWS][2];
#pragma clang loop unroll(full)
  for (int g = first; g < end; g++) {
    __m256i low = levels[2 * g], high = levels[2 * g + 1];
#pragma clang loop unroll(full)
    for (int m = 0; m < mr; m++) {
      const activation_block *row = apus_block_at(bytes != COARSE, x, m);
      __m256i quad = _mm256_set1_epi32(bytes == LOW ? ((const fine_activation_block *)row)->low[g] : row->quads[g]);
      __m256i a = _mm256_maddubs_epi16(low, quad), b = _mm256_maddubs_epi16(high, quad);
      sums[m][0] = g == first ? a : _mm256_add_epi16(sums[m][0], a);
      sums[m][1] = g == first ? b : _mm256_add_epi16(sums[m][1], b);
    }
  }
  const __m256i factors = _mm256_set1_epi16((short)factor);
#pragma clang loop unroll(full)
  for (int m = 0; m < mr; m++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++) {
      int32_t start = from_start && apus_level_offset(dtype) ? apus_block_at(bytes != COARSE, x, m)->start[half] : 0;
      __m256i before = from_start ? _mm256_set1_epi32(start) : dots[m][i];
      dots[m][i] = _mm256_add_epi32(before, _mm256_madd_epi16(sums[m][i], factors));
    }
  }
}

INLINE void block_dots(const int dtype, const bool fine, const int mr, const weight_block *w, const void *x, i32x16 out[2][TILE_ROWS]) {
  const bool halves = has_half_scales(dtype);
  const int fit = 32767 / (256 * greatest_level(dtype)), per_half = halves ? 4 : 8, run = fit < per_half ? fit : per_half;
  __m256i levels[16];
  memcpy(levels, w->level, sizeof levels);
#pragma clang loop unroll(full)
  for (int h = 0; h < (halves ? 2 : 1); h++) {
    __m256i dots[TILE_ROWS][2];
    if (dtype == APUS_Q8_0) {
      const __m256i nibble = _mm256_set1_epi8(15);
      __m256i part[16];
      for (int i = 0; i < 16; i++) part[i] = _mm256_and_si256(levels[i], nibble);
      add_groups(dtype, mr, part, COARSE, x, 0, 8, 1, true, 0, dots);
      for (int i = 0; i < 16; i++) part[i] = _mm256_and_si256(_mm256_srli_epi16(levels[i], 4), nibble);
      add_groups(dtype, mr, part, COARSE, x, 0, 8, 16, false, 0, dots);
    } else {
#pragma clang loop unroll(full)
      for (int bytes = fine ? HIGH : COARSE; bytes <= (fine ? LOW : COARSE); bytes++) {
#pragma clang loop unroll(full)
        for (int g = h * per_half; g < (h + 1) * per_half; g += run) {
          add_groups(dtype, mr, levels, bytes, x, g, g + run, bytes == HIGH ? 256 : 1, bytes != LOW && g == h * per_half, h, dots);
        }
      }
    }
#pragma clang loop unroll(full)
    for (int m = 0; m < mr; m++) memcpy(&out[h][m], dots[m], 64);
  }
}

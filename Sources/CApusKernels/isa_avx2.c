// AVX2 with FMA and F16C.
#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET "avx2,fma,f16c"
#pragma clang attribute push(__attribute__((target(TARGET))), apply_to = function)
#define TILE_ROWS 6
#include "vector.h"

// Levels reach 255 and two products would overflow 16 bits, so the top bit is multiplied by itself.
INLINE __m256i dot4_half(__m256i sum, __m256i levels, __m256i bytes) {
  const __m256i ones = _mm256_set1_epi16(1), top = _mm256_set1_epi8((char)0x80);
  __m256i low = _mm256_maddubs_epi16(_mm256_andnot_si256(top, levels), bytes);
  __m256i high = _mm256_maddubs_epi16(_mm256_and_si256(top, levels), bytes);
  sum = _mm256_add_epi32(sum, _mm256_madd_epi16(low, ones));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(high, ones));
}

INLINE i32x16 dot4(i32x16 sum, u8x64 levels, int32_t quad) {
  __m256i s[2], l[2], bytes = _mm256_set1_epi32(quad);
  memcpy(s, &sum, 64);
  memcpy(l, &levels, 64);
  for (int i = 0; i < 2; i++) s[i] = dot4_half(s[i], l[i], bytes);
  memcpy(&sum, s, 64);
  return sum;
}
#include "tiles.h"
#include "products.h"
#include "attend.h"
#include "elementwise.h"
#pragma clang attribute pop

const apus_kernels apus_kernels_avx2 = {"avx2", TILE_ROWS, prepare, multiply, attend, rms_norm, gated, rotary, log_sum_exp, argmax};
#endif

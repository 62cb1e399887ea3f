// AVX2 with FMA and F16C.
#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET "avx2,fma,f16c"
#pragma clang attribute push(__attribute__((target(TARGET))), apply_to = function)
// 6 rows × 16 lanes: 12 of the 16 registers hold sums.
#define TILE_ROWS 6
#define TILE_PANELS 1
#define DENSE_COLUMNS 2048
#include "vector.h"

#define BLOCK_DOTS "block_dots_avx2.h"
// Of a panel, so that they stay in the second-level cache. Taking a block apart costs as much as the products of a row or two.
#define MOST_BLOCKS_APART 512
#include "tiles.h"
#include "prepare.h"
#include "products.h"

// acc[lane] += the lane's two words · the two words of `pair`.
INLINE i32x16 dot_words(i32x16 sum, i32x16 weights, int32_t pair) {
  __m256i s[2], w[2], x = _mm256_set1_epi32(pair);
  memcpy(s, &sum, 64);
  memcpy(w, &weights, 64);
  for (int i = 0; i < 2; i++) s[i] = _mm256_add_epi32(s[i], _mm256_madd_epi16(w[i], x));
  memcpy(&sum, s, 64);
  return sum;
}
#include "words.h"
#include "attend.h"
#include "elementwise.h"
#include "gemm.h"
#include "backward.h"
#include "optimize.h"
#include "attention_scores.h"
#include "attend_training.h"
#include "attend_backward.h"
#pragma clang attribute pop

const apus_kernels apus_kernels_avx2 = {"avx2", TILE_ROWS, prepare, multiply, attend, rms_norm, layer_norm, gated, plain, scale, soft_cap, rotary,
                                        log_sum_exp, argmax, {&gemm_f32, &gemm_bf16, &gemm_f16}, &backward_kernels, &update_kernels,
                                        {&attention_f32, &attention_bf16}, NULL, true, &words_unit};
#endif

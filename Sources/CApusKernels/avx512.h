// AVX-512 with VNNI: what isa_avx512.c and isa_avx512bf16.c share. The latter defines BF16_DOT.
#include <immintrin.h>

#define AVX512 "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"
#ifdef BF16_DOT
#pragma clang attribute push(__attribute__((target(AVX512 ",avx512bf16"))), apply_to = function)
#else
#pragma clang attribute push(__attribute__((target(AVX512))), apply_to = function)
#endif
// 12 rows × 32 lanes: 24 of the 32 registers hold sums.
#define TILE_ROWS 12
#define TILE_PANELS 2
#define DENSE_COLUMNS 2048
#include "vector.h"

// acc[lane] += Σ of the four products of the lane's unsigned levels with the four signed bytes of `quad`.
INLINE i32x16 dot4(i32x16 sum, u8x64 levels, int32_t quad) {
  return (i32x16)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)levels, _mm512_set1_epi32(quad));
}

// acc[lane] += the lane's two words · the two words of `pair`.
INLINE i32x16 dot_words(i32x16 sum, i32x16 weights, int32_t pair) {
  return (i32x16)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)weights, _mm512_set1_epi32(pair));
}

#ifdef BF16_DOT
// acc[lane] += the lane's two bf16 weights · the two bf16 activations of `pair`.
INLINE f32x16 dot2(f32x16 sum, u32x16 weights, uint32_t pair) {
  return (f32x16)_mm512_dpbf16_ps((__m512)sum, (__m512bh)weights, (__m512bh)_mm512_set1_epi32((int32_t)pair));
}
#endif
#include "tiles.h"
#include "prepare.h"
#include "products.h"
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

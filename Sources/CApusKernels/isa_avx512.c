// AVX-512 with VNNI. On a processor without it nothing here runs.
#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"
#pragma clang attribute push(__attribute__((target(TARGET))), apply_to = function)
#define TILE_ROWS 12
#include "vector.h"

// acc[lane] += Σ of the four products of the lane's unsigned levels with the four signed bytes of `quad`.
INLINE i32x16 dot4(i32x16 sum, u8x64 levels, int32_t quad) {
  return (i32x16)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)levels, _mm512_set1_epi32(quad));
}
#include "tiles.h"
#include "products.h"
#include "attend.h"
#include "elementwise.h"
#pragma clang attribute pop

const apus_kernels apus_kernels_avx512 = {"avx512", TILE_ROWS, prepare, multiply, attend, rms_norm, gated, rotary, log_sum_exp, argmax};
#endif

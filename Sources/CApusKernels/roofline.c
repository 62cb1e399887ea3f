// What a processor can do at most: chains of independent products that stay in registers, and memory read once.
#include <string.h>

#include "internal.h"

enum { CHAINS = 12 };

typedef uint64_t u64x8 __attribute__((vector_size(64)));

// Keeps the compiler from knowing what a register holds.
#if defined(__x86_64__)
#define HIDE(x) __asm__ volatile("" : "+v"(x))
#else
#define HIDE(x) __asm__ volatile("" : "+w"(x))
#endif

// Defines a function that runs `rounds` rounds of CHAINS products, sum = STEP(sum, a, b).
#define COMPUTE(name, attributes, vector, STEP)                             \
  static attributes void name(int64_t rounds) {                             \
    vector sums[CHAINS], a = {}, b = {};                                    \
    HIDE(a);                                                                \
    HIDE(b);                                                                \
    for (int i = 0; i < CHAINS; i++) sums[i] = a;                           \
    for (; rounds > 0; rounds--) {                                          \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < CHAINS; i++) { \
        sums[i] = STEP(sums[i], a, b);                                      \
        HIDE(sums[i]);                                                      \
      }                                                                     \
    }                                                                       \
  }

typedef float f32x4 __attribute__((vector_size(16)));

#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET(features) __attribute__((target(features)))

#define FMA512(s, a, b) _mm512_fmadd_ps(a, b, s)
#define PAIRS512(s, a, b) _mm512_dpbf16_ps(s, (__m512bh)(a), (__m512bh)(b))
#define BYTES512(s, a, b) _mm512_dpbusd_epi32(s, a, b)
#define FMA256(s, a, b) _mm256_fmadd_ps(a, b, s)
// Without VNNI bytes are multiplied into sums of two products of 16 bits. The sum takes part, so that each product is made.
#define BYTES256(s, a, b) _mm256_maddubs_epi16(s, b)
#define MULTIPLY_ADD(s, a, b) ((s) * (a) + (b))
COMPUTE(f32_avx512, TARGET("avx512f"), __m512, FMA512)
COMPUTE(bf16_avx512, TARGET("avx512f,avx512bw,avx512bf16"), __m512, PAIRS512)
COMPUTE(int8_avx512, TARGET("avx512f,avx512bw,avx512vnni"), __m512i, BYTES512)
COMPUTE(f32_avx2, TARGET("avx2,fma"), __m256, FMA256)
COMPUTE(int8_avx2, TARGET("avx2,fma"), __m256i, BYTES256)
COMPUTE(f32_plain, , f32x4, MULTIPLY_ADD)

// Products of tiles of 16 rows × 32 columns; four sums keep the matrix unit busy.
static TARGET("amx-tile,amx-bf16") void bf16_amx(int64_t rounds) {
  static const struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
  } __attribute__((aligned(64))) whole = {.palette = 1, .bytes = {64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16}};
  _tile_loadconfig(&whole);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  for (; rounds > 0; rounds--) {
    _Pragma("clang loop unroll(full)") for (int i = 0; i < CHAINS / 4; i++) {
      _tile_dpbf16ps(0, 4, 5);
      _tile_dpbf16ps(1, 4, 5);
      _tile_dpbf16ps(2, 4, 5);
      _tile_dpbf16ps(3, 4, 5);
    }
  }
  _tile_release();
}
#elif defined(__aarch64__)
#include <arm_neon.h>
#define FMA128(s, a, b) vfmaq_f32(s, a, b)
#define BYTES128(s, a, b) vmlal_s8(s, vget_low_s8(vreinterpretq_s8_s16(a)), vget_low_s8(vreinterpretq_s8_s16(b)))
COMPUTE(f32_plain, , float32x4_t, FMA128)
COMPUTE(int8_neon, , int16x8_t, BYTES128)
#endif

typedef struct {
  void (*run)(int64_t rounds);
  int products;  // of one step
} compute;

static compute choose(const apus_kernels *kernels, int kind) {
#if defined(__x86_64__)
  const bool tiles = kernels == &apus_kernels_amx;
  const bool wide = tiles || kernels == &apus_kernels_avx512 || kernels == &apus_kernels_avx512bf16;
  if (kind == APUS_ROOFLINE_BF16 && tiles) return (compute){bf16_amx, 16 * 16 * 32};
  if (kind == APUS_ROOFLINE_F32) {
    return wide ? (compute){f32_avx512, 16} : kernels == &apus_kernels_avx2 ? (compute){f32_avx2, 8} : (compute){f32_plain, 4};
  }
  if (kind == APUS_ROOFLINE_BF16 && wide && apus_kernels_for(APUS_ISA_AVX512BF16)) return (compute){bf16_avx512, 32};
  if (kind == APUS_ROOFLINE_INT8 && wide) return (compute){int8_avx512, 64};
  if (kind == APUS_ROOFLINE_INT8 && kernels == &apus_kernels_avx2) return (compute){int8_avx2, 32};
#elif defined(__aarch64__)
  if (kind == APUS_ROOFLINE_F32) return (compute){f32_plain, 4};
  if (kind == APUS_ROOFLINE_INT8 && kernels == &apus_kernels_neon) return (compute){int8_neon, 8};
#endif
  return (compute){NULL, 0};
}

double apus_roofline_compute(const apus_kernels *kernels, int kind, int64_t rounds) {
  compute chosen = choose(kernels, kind);
  if (!chosen.run) return 0;
  chosen.run(rounds);
  return 2.0 * (double)rounds * CHAINS * chosen.products;
}

uint64_t apus_roofline_read(const uint8_t *memory, size_t bytes) {
  u64x8 sums[4] = {};
  for (size_t i = 0; i + 256 <= bytes; i += 256) {
    for (int v = 0; v < 4; v++) {
      u64x8 part;
      memcpy(&part, memory + i + (size_t)v * 64, 64);
      sums[v] ^= part;
    }
  }
  uint64_t all = 0;
  for (int v = 0; v < 4; v++) {
    for (int lane = 0; lane < 8; lane++) all ^= sums[v][lane];
  }
  return all;
}

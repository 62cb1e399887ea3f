// NEON (AArch64's baseline).
#if defined(__aarch64__)
#include <arm_neon.h>

// 6 rows × 16 lanes: 24 of the 32 registers hold sums.
#define TILE_ROWS 6
#define TILE_PANELS 1
#define DENSE_COLUMNS 256
#include "vector.h"

INLINE i32x16 dot4(i32x16 sum, u8x64 levels, int32_t quad) {
  int8x8_t bytes = vreinterpret_s8_s32(vdup_n_s32(quad));
  int16x8_t wide = vmovl_s8(bytes);
  for (int i = 0; i < 4; i++) {
    uint8x16_t l;
    int32x4_t s;
    memcpy(&l, (const uint8_t *)&levels + i * 16, 16);
    memcpy(&s, (const int32_t *)&sum + i * 4, 16);
    int16x8_t a = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(l))), b = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(l)));
    int32x4_t a0 = vmull_s16(vget_low_s16(a), vget_low_s16(wide)), a1 = vmull_s16(vget_high_s16(a), vget_high_s16(wide));
    int32x4_t b0 = vmull_s16(vget_low_s16(b), vget_low_s16(wide)), b1 = vmull_s16(vget_high_s16(b), vget_high_s16(wide));
    s = vaddq_s32(s, vpaddq_s32(vpaddq_s32(a0, a1), vpaddq_s32(b0, b1)));
    memcpy((int32_t *)&sum + i * 4, &s, 16);
  }
  return sum;
}
#include "tiles.h"
#include "prepare.h"
#include "products.h"
#include "attend.h"
#include "elementwise.h"
#include "gemm.h"
#include "backward.h"
#include "optimize.h"
#include "attention_scores.h"
#include "attend_training.h"
#include "attend_backward.h"

const apus_kernels apus_kernels_neon = {"neon", TILE_ROWS, prepare, multiply, attend, rms_norm, layer_norm, gated, plain, scale, soft_cap, rotary,
                                        log_sum_exp, argmax, {&gemm_f32, &gemm_bf16, &gemm_f16}, &backward_kernels, &update_kernels,
                                        {&attention_f32, &attention_bf16}, NULL, false, NULL};
#endif

// AVX-512 with VNNI, and products of bf16 weights with activations rounded to bf16.
#if defined(__x86_64__)
#define BF16_DOT
#include "avx512.h"

const apus_kernels apus_kernels_avx512bf16 = {"avx512bf16", TILE_ROWS, prepare, multiply, attend, rms_norm, layer_norm, gated, plain, scale, soft_cap, rotary,
                                              log_sum_exp, argmax, {&gemm_f32, &gemm_bf16, &gemm_f16}, &backward_kernels, &update_kernels,
                                              {&attention_f32, &attention_bf16}, NULL, false, &words_unit};
#endif

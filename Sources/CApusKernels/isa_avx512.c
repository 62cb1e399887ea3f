// AVX-512 with VNNI. On a processor without it nothing here runs.
#if defined(__x86_64__)
#include "avx512.h"

#define TABLE(name, gemm_of_bf16, attention_of_bf16, unit)                                                                          \
  {name, TILE_ROWS, prepare, multiply, attend, rms_norm, layer_norm, gated, plain, scale, soft_cap, rotary, log_sum_exp, argmax,    \
   {&gemm_f32, gemm_of_bf16, &gemm_f16}, &backward_kernels, &update_kernels, {&attention_f32, attention_of_bf16}, unit, false, &words_unit}
const apus_kernels apus_kernels_avx512 = TABLE("avx512", &gemm_bf16, &attention_bf16, NULL);
// The same, but products of bf16 run on the matrix unit (gemm_amx.c, attention_amx.c, linear_amx.c).
const apus_kernels apus_kernels_amx = TABLE("amx", &apus_amx_gemm, &apus_amx_attention, &apus_amx_unit);
#endif

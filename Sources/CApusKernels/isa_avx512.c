// AVX-512 with VNNI. On a processor without it nothing here runs.
#if defined(__x86_64__)
#include "avx512.h"

const apus_kernels apus_kernels_avx512 = {"avx512", TILE_ROWS, prepare, multiply, attend, rms_norm, layer_norm, gated, plain, scale, soft_cap, rotary,
                                          log_sum_exp, argmax};
#endif

// What the quantisers share: one function a block type, false when a scale overflows f16.
#ifndef APUS_CODEC_QUANTIZE_H
#define APUS_CODEC_QUANTIZE_H

#include <math.h>

#include "blocks.h"
#include "codec_floats.h"

static inline int codec_f16_is_finite(uint16_t half) { return (half & 0x7c00) != 0x7c00; }

int to_q2_k(const float *x, block_q2_k *b);
int to_q3_k(const float *x, block_q3_k *b);
int to_q4_k(const float *x, block_q4_k *b);
int to_q5_k(const float *x, block_q5_k *b);
int to_q6_k(const float *x, block_q6_k *b);

#endif

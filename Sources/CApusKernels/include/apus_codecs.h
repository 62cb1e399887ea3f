// Element types and their codecs: GGUF's quantised blocks (layouts of ggml-common.h), f16 and bf16, to and from f32.
#ifndef APUS_CODECS_H
#define APUS_CODECS_H

#include <stddef.h>
#include <stdint.h>

// In the order of Swift's DType.
enum apus_dtype {
  APUS_F32, APUS_BF16, APUS_F16, APUS_I32, APUS_I64, APUS_U8,
  APUS_Q4_0, APUS_Q4_1, APUS_Q5_0, APUS_Q5_1, APUS_Q8_0,
  APUS_Q2_K, APUS_Q3_K, APUS_Q4_K, APUS_Q5_K, APUS_Q6_K,
};

size_t apus_dtype_block_size(int dtype);   // elements in a block
size_t apus_dtype_block_bytes(int dtype);  // bytes of a block

// `n` elements, whole blocks. 0, or -1 for a type that has no such conversion.
int apus_dequantize(int dtype, const void *source, float *out, size_t n);
// Rounds to nearest; the input must be finite for block types.
int apus_quantize(int dtype, const float *source, void *out, size_t n);

void apus_f16_to_f32(const uint16_t *source, float *out, size_t n);
void apus_f32_to_f16(const float *source, uint16_t *out, size_t n);    // to nearest even; overflow gives infinity
void apus_bf16_to_f32(const uint16_t *source, float *out, size_t n);
void apus_f32_to_bf16(const float *source, uint16_t *out, size_t n);   // to nearest even; NaN stays NaN

#endif

// Element types and their codecs: f16, bf16 and GGUF's blocks of quantised weights (ggml-common.h), to and from f32.
#ifndef APUS_CODECS_H
#define APUS_CODECS_H

#include <stddef.h>
#include <stdint.h>

// In the order of Swift's DType.
enum apus_dtype {
  APUS_F32, APUS_BF16, APUS_F16, APUS_I32, APUS_I64, APUS_U8,
  APUS_Q4_0, APUS_Q4_1, APUS_Q5_0, APUS_Q5_1, APUS_Q8_0,
  APUS_Q2_K, APUS_Q3_K, APUS_Q4_K, APUS_Q5_K, APUS_Q6_K,
  APUS_DTYPE_COUNT,
};

size_t apus_dtype_block_size(int dtype);   // elements in a block; 0 for no such type
size_t apus_dtype_block_bytes(int dtype);  // bytes of a block; 0 for no such type

// What the conversions below return.
enum { APUS_CODEC_OK = 0, APUS_CODEC_UNSUPPORTED = -1, APUS_CODEC_RANGE = -2 };

// `n` elements, a multiple of the block size. Plain numbers are aligned as such; blocks need no alignment.
// Floating-point and block types only: integers are UNSUPPORTED. Bit for bit the values that ggml's formulas give; a block
// whose f16 scale is infinite or NaN gives what the arithmetic gives.
int apus_dequantize(int dtype, const void *source, float *out, size_t n);

// The nearest representation of `n` elements, a multiple of the block size. f16, bf16: round to nearest even, overflow to
// infinity, NaN stays NaN. Block types: RANGE when a block holds a NaN, an infinity or a value whose scale overflows f16;
// `out` then holds whole blocks up to that one. Q4_0 … Q8_0 give the blocks of ggml's reference quantiser; the K types are a
// least-squares search of our own. Values whose scale underflows f16 become zero.
int apus_quantize(int dtype, const float *source, void *out, size_t n);

void apus_f16_to_f32(const uint16_t *source, float *out, size_t n);
void apus_f32_to_f16(const float *source, uint16_t *out, size_t n);   // to nearest even; overflow to infinity; NaN made quiet
void apus_bf16_to_f32(const uint16_t *source, float *out, size_t n);
void apus_f32_to_bf16(const float *source, uint16_t *out, size_t n);  // to nearest even; overflow to infinity; NaN made quiet

#endif

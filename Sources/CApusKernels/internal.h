// What the kernels share behind apus_kernels.h.
#ifndef APUS_INTERNAL_H
#define APUS_INTERNAL_H

#include "apus_kernels.h"
#include "attention_tasks.h"
#include "dropout_numbers.h"
#include "gemm_kernels.h"

// 32 activations of one row, quantised: value = scale · level, where a level is a byte of `quads`. Beside weights whose levels are offset to be
// unsigned, `start` undoes that: −offset · Σ of the levels (of each half where the weights have half-block scales, else of the whole in
// start[0]). Types without an offset have minima, for which `sum` is scale · Σ.
typedef struct {
  int32_t quads[8];
  float scale;
  union {
    int32_t start[2];
    float sum[2];
  };
} activation_block;

// The same with room for levels of 16 bits: a level is 256 · its byte of high.quads + its byte of `low`, both signed. Without products of bytes
// into 32 bits, high.quads[g] holds the first and the third level of group g, and low[g] the others.
typedef struct {
  activation_block high;
  int32_t low[8];
} wide_activation_block;

enum {
  COARSE_LEVELS = 127,
  FINE_LEVELS = 127 * 256,  // the greatest, so that its byte of high.quads is at most 127
  WORD_LEVELS = 8191,       // of both factors, so that 32 products fit 32 bits
};

static inline size_t apus_block_bytes(bool wide) { return wide ? sizeof(wide_activation_block) : sizeof(activation_block); }
static inline const activation_block *apus_block_at(bool wide, const void *blocks, int64_t index) {
  return (const activation_block *)((const uint8_t *)blocks + (size_t)index * apus_block_bytes(wide));
}

// Rows prepared for the tile kernels: whole tiles of `tile` rows, then one tile of the rows that are left.
// Pairs of bf16, where the instruction set multiplies them: [tile][K / 2 rounded up][rows of the tile]. Quantised: [tile][K / 32][rows of the
// tile] of blocks, wide ones if so. f32 is not prepared, but read where it lies.
typedef struct {
  const float *input;
  size_t input_stride;
  int64_t rows, columns;
  int dtype;  // of the weights
  bool fine;  // in levels of 16 bits
  bool wide;  // in blocks with room for them
  void *out;
} apus_prepare;

// One product over rows, prepared ones if they need it.
typedef struct {
  const apus_product *product;
  const float *input;
  size_t input_stride;
  const void *prepared;
  int64_t rows;
  bool wide;
} apus_multiply;

// Products of rows in a form of their own: on a matrix unit, or in whole numbers of 14 bits (words.h). Room for prepared rows is whole tiles.
typedef struct {
  int rows;  // of a tile
  size_t (*row_bytes)(int64_t columns);  // of a prepared row
  void (*prepare)(const apus_prepare *, int64_t tile, int part, int parts);
  void (*multiply)(const apus_multiply *, int64_t first, int64_t count, float *scratch);
} apus_unit_kernels;

// One row of a norm and its gradients; those of weight and bias are added to, unless NULL.
typedef struct {
  const void *x;
  int dtype;
  const float *weight;
  float epsilon;
  const float *dy;
  int64_t columns;
  bool add;
  float *dx, *weight_gradient, *bias_gradient;
} apus_norm_row;

// Of a row, but for add_rows: out[column] += Σ over the rows.
typedef struct {
  void (*save)(const float *x, int64_t columns, int dtype, void *out);
  void (*load)(const void *x, int64_t columns, int dtype, float *out);
  void (*rms_norm)(const apus_norm_row *);
  void (*layer_norm)(const apus_norm_row *);
  void (*gated)(int activation, const void *gate, int gate_dtype, const void *up, int up_dtype, const float *dy, int64_t columns,
                float *gate_gradient, float *up_gradient);
  void (*plain)(int activation, const void *x, int dtype, const float *dy, int64_t columns, float *dx);
  void (*soft_cap)(const void *out, int dtype, float cap, const float *dy, int64_t columns, float *dx);
  void (*drop)(const apus_dropout *, int64_t position, int64_t columns, float *x);
  void (*add_rows)(const float *x, size_t stride, int64_t rows, int64_t columns, float *out);
  void (*cross_entropy)(const apus_cross_entropy *, int64_t row);
} apus_backward_kernels;

// What an apus_update comes to, worked out in double precision.
typedef struct {
  float gradient_scale;
  float rate;          // of the step; AdamW's is divided by 1 - β₁^step
  float keep, decay;   // 1 - learning rate · weight decay, and the decay itself
  float beta1, rest1, beta2, rest2;  // a rest is 1 - β
  float second_scale;  // 1 / sqrt(1 - β₂^step)
  float epsilon;
  bool nesterov;
} apus_step;

typedef struct {
  double (*squares)(const float *x, int64_t count);
  void (*adamw)(const apus_step *, float *weights, const float *gradients, float *first, float *second, int64_t count);
  void (*lion)(const apus_step *, float *weights, const float *gradients, float *momentum, int64_t count);
  void (*sgd)(const apus_step *, float *weights, const float *gradients, float *momentum, int64_t count);
  void (*apply_update)(const apus_step *, float *weights, const float *update, int64_t count);
  // Of a row: Σ (scale · g)², and each square added to `sums`.
  float (*row_squares)(const float *g, float scale, int64_t columns, float *sums);
  // Of a row: g *= factor · factors; Σ g².
  float (*scale_row)(float factor, const float *factors, int64_t columns, float *g);
} apus_update_kernels;

struct apus_kernels {
  const char *name;
  int tile_rows;
  // One of `parts` parts of a tile of rows.
  void (*prepare)(const apus_prepare *, int64_t tile, int part, int parts);
  // Panels first ..< first + count of a product. Scratch: MULTIPLY_FLOATS.
  void (*multiply)(const apus_multiply *, int64_t first, int64_t count, float *scratch);
  // Rows first ..< first + count (row = token · group + head of the group) of a K/V head of a segment.
  void (*attend)(const apus_attention *, const apus_segment *, int kv_head, int64_t first, int64_t count, float *scratch);
  void (*rms_norm)(const float *x, const float *weight, float epsilon, int64_t columns, float *out);
  void (*layer_norm)(const float *x, const float *weight, const float *bias, float epsilon, int64_t columns, float *out);
  void (*gated)(int activation, const float *gate, const float *up, int64_t columns, float *out);
  void (*plain)(int activation, const float *x, int64_t columns, float *out);
  void (*scale)(const float *x, float factor, const float *y, int64_t columns, float *out);
  void (*soft_cap)(const float *x, float cap, int64_t columns, float *out);
  void (*rotary)(float *x, const float *cosines, const float *sines, int heads, int head_size, int pairs, bool interleaved);
  float (*log_sum_exp)(const float *x, int64_t count);
  int64_t (*argmax)(const float *x, int64_t count);
  const apus_gemm_kernels *gemm[3];  // of APUS_F32, APUS_BF16 and APUS_F16
  const apus_backward_kernels *backward;
  const apus_update_kernels *update;
  const apus_attention_kernels *attention[2];  // in training, of APUS_F32 and APUS_BF16
  const apus_unit_kernels *unit;  // of bf16 weights, and of quantised ones that meet coarse activations; NULL without a matrix unit
  bool widens_bytes;  // weights of 8 bits want activations in wide blocks
  const apus_unit_kernels *words;  // of f16 and bf16 weights that meet coarse activations, and of 8-bit ones in many rows; NULL where f32 is as fast
};

enum {
  KEY_TILE = 128,             // keys of an attention tile
  ROW_BLOCK = 96,             // query rows of an attention task
  MULTIPLY_FLOATS = 6 << 14,  // scratch of a product: panels of some columns widened to f32, or the blocks of a panel taken apart
};

extern const apus_kernels apus_kernels_scalar;
extern const apus_gemm_kernels apus_scalar_gemm[3];
extern const apus_backward_kernels apus_backward_scalar;
extern const apus_update_kernels apus_update_scalar;
extern const apus_attention_kernels apus_scalar_attention[2];
#if defined(__x86_64__)
extern const apus_kernels apus_kernels_avx2, apus_kernels_avx512, apus_kernels_avx512bf16, apus_kernels_amx;
extern const apus_gemm_kernels apus_amx_gemm;
extern const apus_unit_kernels apus_amx_unit;
extern const apus_attention_kernels apus_amx_attention;
#elif defined(__aarch64__)
extern const apus_kernels apus_kernels_neon;
#endif

static inline int64_t apus_round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
// Elements of a cached key: bf16 lies in pairs.
static inline size_t apus_key_width(int kv_dtype, int head_size) {
  return kv_dtype == APUS_BF16 ? (size_t)apus_round_up(head_size, 2) : (size_t)head_size;
}
// Where element `d` of the key or value at `position` of a head of `width` elements lies in the cache (see apus_segment).
static inline size_t apus_key_at(int kv_dtype, size_t width, size_t position, size_t d) {
  size_t panel = position / 16 * 16 * width, lane = position % 16;
  return kv_dtype == APUS_BF16 ? panel + d / 2 * 32 + lane * 2 + d % 2 : panel + d * 16 + lane;
}
static inline size_t apus_value_at(int kv_dtype, size_t width, size_t position, size_t d) {
  return kv_dtype == APUS_BF16 ? position / 2 * 2 * width + d * 2 + position % 2 : position * width + d;
}
// Floats that `attend` needs as scratch.
static inline size_t apus_attend_scratch(int head_size) {
  size_t padded = (size_t)apus_round_up(head_size, 16);
  return (size_t)ROW_BLOCK * ((size_t)head_size + KEY_TILE + padded + 2 + 16) + 2 * KEY_TILE * padded + 64;
}

#endif

// What training needs beside the operations of a decoder: products of any two matrices, gradients, and the updates of weights.
// Letters as in apus_kernels.h: M rows (tokens), N output features, K input features, D head size.
#ifndef APUS_TRAINING_H
#define APUS_TRAINING_H

#include "apus_kernels.h"

// ---- Products (gemm.c) ---------------------------------------------------------------------------------------------

// A matrix of APUS_F32, APUS_BF16 or APUS_F16: element (i, k) lies at data[i · row_stride + k · column_stride]; one stride is 1.
typedef struct {
  const void *data;
  int dtype;
  size_t row_stride, column_stride;
} apus_operand;

// out[M, N] = a[M, K] · b[N, K]ᵀ (+ bias[N]), or added to what out holds. Elements are rounded to `compute` (APUS_F32, APUS_BF16 or
// APUS_F16) before they are multiplied; sums are f32, each in one order whatever M, N or the threads.
void apus_gemm(const apus_kernels *, apus_pool *, int compute, int64_t m, int64_t n, int64_t k, apus_operand a, apus_operand b,
               const float *bias, float *out, size_t out_stride, bool add);

// ---- Dropout (Srivastava et al. 2014) ---------------------------------------------------------------------------------

// What is left out of a sequence: a function of this and of the element's place alone, so that neither layout, threads nor a second run
// change it.
typedef struct {
  uint32_t threshold;  // elements are left out with a chance of threshold / 65536, below 1; 0: none is
  uint32_t site;       // where in the model
  uint64_t key;        // of the sequence
} apus_dropout;

// x = x / (1 - chance), or 0 where it is left out: rows of one sequence, from its beginning on.
void apus_drop_rows(const apus_kernels *, apus_pool *, const apus_dropout *, float *x, size_t x_stride, int64_t rows, int64_t columns);

// ---- Attention of whole sequences (attention_training.c) -------------------------------------------------------------

// One sequence of an attention call, whose query i stands at position i. Strides are elements between tokens.
typedef struct {
  const void *queries, *keys, *values;  // [T, H, D], [S, K, D], [S, K, D] of `dtype`: APUS_F32, APUS_BF16 or APUS_F16
  int dtype;
  size_t query_stride, key_stride, value_stride;
  float *out;                  // [T, H, D]
  size_t out_stride;
  float *log_sums;             // [T, H]: log of the sum of exponentials of a query's scores
  int64_t queries_count;       // T
  int64_t keys_count;          // S: T, unless across
  int64_t prefix;              // keys that every query sees: S across
  apus_dropout dropout;        // of the weights that scores become
} apus_sequence;

// apus_attend without a cache: products in `compute` (APUS_F32 or APUS_BF16). Of `shape` all but kv_dtype and segments count.
void apus_attend_training(const apus_kernels *, apus_pool *, int compute, const apus_attention *shape, const apus_sequence *sequences,
                          int sequence_count);

// ---- Gradients of attention (attention_backward.c) -----------------------------------------------------------------

// One sequence of an attention call. Queries, keys, values and outputs are kept in `dtype`, with strides in elements between tokens.
typedef struct {
  const void *queries, *keys, *values, *out;  // [T, H, D], [T, K, D], [T, K, D], [T, H, D]
  int dtype;
  size_t query_stride, key_stride, value_stride, out_stride;
  const float *log_sums;       // [T, H]: log of the sum of exponentials that apus_attend left
  const float *out_gradient;   // [T, H, D]
  size_t out_gradient_stride;
  float *query_gradient, *key_gradient, *value_gradient;  // written
  size_t query_gradient_stride, key_gradient_stride, value_gradient_stride;
  int64_t queries_count;       // T of queries; keys are as many, unless across
  int64_t keys_count;
  int64_t prefix;              // keys that every query sees
  apus_dropout dropout;        // as it was in apus_attend_training
} apus_attended;

// Gradients of apus_attend, products in `compute` (APUS_F32 or APUS_BF16). Of `shape` all but its segments count. With
// `distance_gradient` [heads][apus_distance_width] the gradient of shape->distances is added to it, in the places of the numbers themselves, not
// of those that repeat them. No matrix of scores is made (Dao 2023): memory for at most three gradients of the queries, in the pool.
void apus_attend_backward(const apus_kernels *, apus_pool *, int compute, const apus_attention *shape, const apus_attended *segments,
                          int segment_count, float *distance_gradient);

// ---- Gradients of what goes row by row (backward.c) ------------------------------------------------------------------

// Rows kept from the forward pass, in APUS_F32, APUS_BF16 or APUS_F16.
typedef struct {
  const void *data;
  int dtype;
  size_t stride;
} apus_saved;

// Rows of f32 rounded to `dtype`, and back.
void apus_save_rows(const apus_kernels *, apus_pool *, const float *x, size_t x_stride, int64_t rows, int64_t columns, int dtype, void *out,
                    size_t out_stride);
void apus_load_rows(const apus_kernels *, apus_pool *, apus_saved x, int64_t rows, int64_t columns, float *out, size_t out_stride);

// Gradients dx (written, or added if `add`) and, added to what they hold, those of the weight and bias (each may be NULL).
void apus_rms_norm_backward(const apus_kernels *, apus_pool *, apus_saved x, const float *weight, float epsilon, const float *dy,
                            size_t dy_stride, int64_t rows, int64_t columns, float *dx, size_t dx_stride, bool add, float *weight_gradient);
void apus_layer_norm_backward(const apus_kernels *, apus_pool *, apus_saved x, const float *weight, float epsilon, const float *dy,
                              size_t dy_stride, int64_t rows, int64_t columns, float *dx, size_t dx_stride, bool add,
                              float *weight_gradient, float *bias_gradient);
// Of activation(gate) · up; dy may be one of the results.
void apus_gated_backward(const apus_kernels *, apus_pool *, int activation, apus_saved gate, apus_saved up, const float *dy,
                         size_t dy_stride, int64_t rows, int64_t columns, float *gate_gradient, size_t gate_gradient_stride,
                         float *up_gradient, size_t up_gradient_stride);
void apus_plain_backward(const apus_kernels *, apus_pool *, int activation, apus_saved x, const float *dy, size_t dy_stride, int64_t rows,
                         int64_t columns, float *dx, size_t dx_stride);
// Of cap · tanh(x / cap), from its results.
void apus_soft_cap_backward(const apus_kernels *, apus_pool *, apus_saved out, float cap, const float *dy, size_t dy_stride, int64_t rows,
                            int64_t columns, float *dx, size_t dx_stride);
// out[column] += Σ over the rows.
void apus_add_column_sums(const apus_kernels *, apus_pool *, const float *x, size_t x_stride, int64_t rows, int64_t columns, float *out);
// Row ids[i] of `gradient` [V, columns] += row i, in the order of the rows. An id below 0 does not count.
void apus_embed_backward(const apus_kernels *, apus_pool *, const int32_t *ids, const float *dy, size_t dy_stride, int64_t rows,
                         int64_t columns, float *gradient);

// Cross-entropy of rows of logits [rows, V], which become their own gradients. A target below 0 does not count: its row becomes 0.
typedef struct {
  float *logits;
  size_t stride;
  int64_t rows, vocabulary;
  const int32_t *targets;
  float soft_cap;         // 0: none
  float label_smoothing;  // ε: targets are (1 - ε) · one-hot + ε / V (Szegedy et al. 2016)
  float z_loss;           // factor of log²Z (Chowdhery et al. 2022), added to each row's loss
  float gradient_scale;   // of the gradients: 1 / tokens that count, times the loss scale
  float *losses;          // [rows]: z-loss not counted in; 0 where the target does not count
  float *log_sums;        // [rows], likewise; or NULL
} apus_cross_entropy;
void apus_cross_entropy_rows(const apus_kernels *, apus_pool *, const apus_cross_entropy *);

// ---- Updates of weights (optimize.c), one pass over memory each ------------------------------------------------------

// Σ x², in double precision and one order; NaN or infinity where there is one.
double apus_sum_of_squares(const apus_kernels *, apus_pool *, const float *x, int64_t count);

typedef struct {
  double learning_rate, beta1, beta2, epsilon, weight_decay;  // in f32, 1 - 0.999 would be off by 1e-5
  double gradient_scale;  // of the gradients as they lie: unscaling and clipping in one
  int64_t step;           // from 1
} apus_update;
// AdamW (Loshchilov & Hutter 2019). Moments and momentum are 0 before the first step.
void apus_adamw(const apus_kernels *, apus_pool *, apus_update, float *weights, const float *gradients, float *first, float *second, int64_t count);
// Lion (Chen et al. 2023).
void apus_lion(const apus_kernels *, apus_pool *, apus_update, float *weights, const float *gradients, float *momentum, int64_t count);
// SGD with momentum beta1 (Nesterov's if so) as PyTorch's; without momentum `momentum` may be NULL.
void apus_sgd(const apus_kernels *, apus_pool *, apus_update, bool nesterov, float *weights, const float *gradients, float *momentum, int64_t count);
// Adafactor's second moments (Shazeer & Stern 2018) of a matrix of gradients: means of (scale · g)² over each row and each column.
void apus_mean_squares(const apus_kernels *, apus_pool *, const float *gradients, float scale, int64_t rows, int64_t columns, float *row_means,
                       float *column_means);
// gradients[i, j] *= row_factors[i] · column_factors[j]; the sum of the squares of what comes out, as in apus_sum_of_squares.
double apus_scale_by_factors(const apus_kernels *, apus_pool *, const float *row_factors, const float *column_factors, int64_t rows,
                             int64_t columns, float *gradients);
// weights -= learning_rate · (gradient_scale · update + weight_decay · weights): for Adafactor and Muon, whose updates are made before.
void apus_apply_update(const apus_kernels *, apus_pool *, apus_update, float *weights, const float *update, int64_t count);

#endif

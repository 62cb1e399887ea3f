// The kernels of Apus on a CPU: worker threads, packed weight matrices, and the operations of a decoder.
// Every operation runs its sums in one order, whatever the number of rows, chunks or threads.
// Letters: M rows (tokens), N output features, K input features, D head size, S key positions.
#ifndef APUS_KERNELS_H
#define APUS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apus_codecs.h"

// ---- Worker threads (pool.c) ---------------------------------------------------------------------------------------

typedef struct apus_pool apus_pool;
typedef void (*apus_task)(void *context, int64_t task, int thread);

// A pool of `threads` threads, the caller's included; NULL when threads cannot be started. Workers spin briefly, then sleep.
apus_pool *apus_pool_create(int threads);
void apus_pool_destroy(apus_pool *pool);
int apus_pool_threads(const apus_pool *pool);
// Runs `task` for 0 ..< tasks, spread over the threads, and returns when all are done. One caller at a time.
void apus_pool_run(apus_pool *pool, int64_t tasks, apus_task task, void *context);
// Scratch memory of one thread (or, for thread == threads, of the caller between runs), at least `bytes`, 64-byte aligned, kept until the
// pool ends. Only that thread may use it.
void *apus_pool_scratch(apus_pool *pool, int thread, size_t bytes);

// ---- Instruction sets (dispatch.c) ---------------------------------------------------------------------------------

typedef struct apus_kernels apus_kernels;
enum apus_isa { APUS_ISA_SCALAR, APUS_ISA_AVX2, APUS_ISA_AVX512, APUS_ISA_AVX512BF16, APUS_ISA_NEON, APUS_ISA_AMX, APUS_ISA_COUNT };
// The kernels of an instruction set, or NULL when this processor or build lacks it.
const apus_kernels *apus_kernels_for(int isa);
const apus_kernels *apus_kernels_best(void);
// Whether vectors multiply bf16 as bf16 (with activations rounded to it), at twice the speed of f32: in attention over a cache of it, and in
// products where no matrix unit makes them.
bool apus_kernels_multiply_bf16(const apus_kernels *kernels);
// Whether a matrix unit multiplies bf16 weights, and quantised ones, rounded to bf16, that meet coarse activations.
bool apus_kernels_have_unit(const apus_kernels *kernels);
// Whether weights of this type are rounded to whole numbers of 14 bits, as the coarse activations that they meet are.
bool apus_kernels_multiply_words(const apus_kernels *kernels, int dtype);
const char *apus_kernels_name(const apus_kernels *kernels);

// ---- What a processor can do at most (roofline.c) ------------------------------------------------------------------

enum apus_roofline_kind { APUS_ROOFLINE_F32, APUS_ROOFLINE_BF16, APUS_ROOFLINE_INT8 };
// Runs `rounds` rounds of products in registers, with the widest instructions of the kernels, and returns the operations: a multiplication
// and an addition are two. 0 where products of that kind are not made as such.
double apus_roofline_compute(const apus_kernels *, int kind, int64_t rounds);
// Reads memory once; the result only keeps the compiler from leaving that out.
uint64_t apus_roofline_read(const uint8_t *memory, size_t bytes);

// ---- Packed matrices (pack.c, panels.h) ----------------------------------------------------------------------------

enum { APUS_PANEL = 16 };  // rows in a panel: they lie interleaved, one vector lane each

typedef struct {
  int dtype;           // enum apus_dtype: what the elements are
  int64_t rows, columns;  // N, K
  const uint8_t *panels;
} apus_matrix;

// Bytes of one panel of `columns` elements a row, or 0 when the type cannot be packed or the columns do not fill blocks.
size_t apus_panel_bytes(int dtype, int64_t columns);
// Packs 16 rows of blocks into one panel; rows[i] == NULL stands for a row of zeros.
void apus_pack_panel(int dtype, int64_t columns, const uint8_t *const rows[APUS_PANEL], uint8_t *panel);
// The values of row `row`, in f32.
void apus_unpack_row(const apus_matrix *matrix, int64_t row, float *out);

// ---- Operations ----------------------------------------------------------------------------------------------------
// All matrices of activations are f32, row-major, with a stride in elements between rows.

typedef struct {
  const apus_matrix *weights;
  const float *bias;  // [N] or NULL
  float *out;         // [M, N]
  size_t out_stride;
  bool add;           // out += instead of out =
} apus_product;

// out = input · weightsᵀ (+ bias) for each product; the products share the input [M, K], which no output overlaps. Quantised weights are
// multiplied with activations rounded to 8 bits a value, or 16 if `fine` and the weights have fewer than 8, a scale for 32 values; 16 bits
// take up to twice the time where memory does not limit. Unless `fine`, a matrix unit rounds both to bf16 instead, and where whole numbers are
// multiplied faster than f32, f16 weights (and bf16 ones, where nothing multiplies bf16) and their activations are rounded to 14 bits, a scale
// for 32 values. f32 weights always meet activations as they are.
void apus_linear(const apus_kernels *, apus_pool *, const float *input, size_t input_stride, int64_t rows, bool fine,
                 const apus_product *products, int product_count);

// out = x / sqrt(mean(x²) + epsilon) · weight, a row at a time.
void apus_rms_norm(const apus_kernels *, apus_pool *, const float *x, size_t x_stride, const float *weight, float epsilon,
                   int64_t rows, int64_t columns, float *out, size_t out_stride);

// out = (x - mean) / sqrt(mean((x - mean)²) + epsilon) · weight + bias, a row at a time; bias may be NULL.
void apus_layer_norm(const apus_kernels *, apus_pool *, const float *x, size_t x_stride, const float *weight, const float *bias,
                     float epsilon, int64_t rows, int64_t columns, float *out, size_t out_stride);

enum apus_activation { APUS_SILU, APUS_GELU_TANH, APUS_GELU_ERF, APUS_RELU };
// out = activation(gate) · up.
void apus_gated(const apus_kernels *, apus_pool *, int activation, const float *gate, size_t gate_stride, const float *up,
                size_t up_stride, int64_t rows, int64_t columns, float *out, size_t out_stride);

// out = activation(x).
void apus_plain(const apus_kernels *, apus_pool *, int activation, const float *x, size_t x_stride, int64_t rows, int64_t columns,
                float *out, size_t out_stride);
// out = factor · x (+ y, unless NULL).
void apus_scale(const apus_kernels *, apus_pool *, const float *x, size_t x_stride, float factor, const float *y, size_t y_stride,
                int64_t rows, int64_t columns, float *out, size_t out_stride);
// out = cap · tanh(x / cap).
void apus_soft_cap(const apus_kernels *, apus_pool *, const float *x, size_t x_stride, float cap, int64_t rows, int64_t columns,
                   float *out, size_t out_stride);

// Rotates, in place, the first 2·pairs elements of each of `heads` heads of D elements in each row. cosines and sines are
// [M, pairs]. Half-split: element i turns with i + pairs; interleaved: 2i with 2i + 1 (Su et al. 2021).
void apus_rotary(const apus_kernels *, apus_pool *, float *x, size_t x_stride, const float *cosines, const float *sines,
                 int64_t rows, int heads, int head_size, int pairs, bool interleaved);

// One sequence's new tokens in an attention call, and its cache of one layer: keys lie as panels of 16 positions
// [head][S / 16][D][16], values as rows [head][S][D rounded up to 16]. bf16 is in pairs: keys [head][S / 16][D / 2][16][2],
// values [head][S / 2][D rounded up to 16][2].
typedef struct {
  const float *queries;  // [T, H, D]
  size_t query_stride;
  float *out;            // [T, H, D]
  size_t out_stride;
  const float *new_keys, *new_values;  // [T, K, D]
  size_t new_key_stride, new_value_stride;
  void *keys, *values;
  int64_t capacity;      // S, a multiple of 64
  int64_t tokens;        // T
  int64_t position;      // of the first of them
  int64_t prefix;        // keys that every query sees, whatever its position; 0: none
  float *log_sums;       // [T, H]: log of the sum of exponentials of a query's scores; NULL: not wanted
} apus_segment;

// Numbers by distance, those of differences from -reach to reach for each head: [heads][apus_distance_width]. The outermost
// APUS_DISTANCE_MARGIN of a row on either side repeat those of -reach and reach, so that 16 side by side can be read from any.
enum { APUS_DISTANCE_MARGIN = 15 };
static inline int64_t apus_distance_width(int64_t reach) { return 2 * (reach + APUS_DISTANCE_MARGIN) + 1; }
// Where a head's number of a difference stands.
static inline int64_t apus_distance_place(int64_t reach, int64_t head, int64_t distance) {
  return head * apus_distance_width(reach) + APUS_DISTANCE_MARGIN + reach + distance;
}

typedef struct {
  int heads, kv_heads, head_size;
  int kv_dtype;          // APUS_F32, APUS_F16 or APUS_BF16
  float scale;           // of the scores
  int64_t window;        // keys a query may see, itself included; 0: all before it
  float soft_cap;        // c: scaled scores become c · tanh(score / c); 0: they stay
  const float *slopes;   // [heads] of ALiBi, added as slope · (key's position - query's); NULL: none
  bool slopes_in_bf16;   // instead slope · key's position, both and the product in bf16, is added before the scores are scaled
  const float *distances;  // numbers added to scaled scores by key's position - query's, held between -reach and reach; NULL: none
  int64_t reach;
  const apus_segment *segments;
  int segment_count;
} apus_attention;

size_t apus_kv_bytes(int kv_dtype, int kv_heads, int head_size, int64_t capacity, bool values);
// Stores the new keys and values of the segments at their positions.
void apus_kv_store(apus_pool *, const apus_attention *);
// Attention over the cache, causal behind the prefix (FlashAttention: tiles of keys at absolute positions, no matrix of scores).
void apus_attend(const apus_kernels *, apus_pool *, const apus_attention *);

// log(sum(exp(x))) of a row and the index of its greatest element (the first, when several are equal).
float apus_log_sum_exp(const apus_kernels *, const float *x, int64_t count);
int64_t apus_argmax(const apus_kernels *, const float *x, int64_t count);

#endif

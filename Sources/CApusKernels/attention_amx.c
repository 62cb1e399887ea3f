// Attention in training on the matrix unit: products of 16 × 16 sums, 32 elements deep.
#if defined(__x86_64__)
#include "amx.h"
#define MATRIX_UNIT
#include "attention_blocks.h"

enum { GROUP = 32 };  // keys whose scores are made together, and queries whose sums are

INLINE int depth_of(const int mode, int head_size, int lanes) {
  (void)head_size;
  return steps_of(mode, lanes);
}

// Tiles 0 … 3 are sums (two of rows × two of lanes), 4 and 5 of x, 6 and 7 of w.

// Whole blocks of 32 rows and 32 lanes, and of 16 steps.
INLINE void multiply_tiles(const block_product *j) {
  const size_t stride = j->out_stride * 4, x_stride = j->row_step * 4, w_stride = j->w_step * 4;
  for (int row = 0; row < j->rows; row += 32) {
    for (int lane = 0; lane < j->lanes; lane += 32) {
      float *out = j->out + (size_t)row * j->out_stride + lane, *below = out + 16 * j->out_stride;
      if (j->add) {
        _tile_loadd(0, out, stride);
        _tile_loadd(1, out + 16, stride);
        _tile_loadd(2, below, stride);
        _tile_loadd(3, below + 16, stride);
      } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
      }
      const float *x = j->x + (size_t)row * j->row_step, *w = j->w + lane;
      for (int step = 0; step < j->depth; step += 16, x += 16, w += 16 * j->w_step) {
        _tile_loadd(4, x, x_stride);
        _tile_loadd(6, w, w_stride);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, w + 16, w_stride);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, x + 16 * j->row_step, x_stride);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
      _tile_stored(0, out, stride);
      _tile_stored(1, out + 16, stride);
      _tile_stored(2, below, stride);
      _tile_stored(3, below + 16, stride);
    }
  }
}
INLINE void multiply_rows(const bool pairs, const block_product *j) {
  (void)pairs;
  multiply_tiles(j);
}
INLINE void multiply_weights(const bool pairs, const block_product *j) {
  block_product weights = *j;
  (void)pairs;
  weights.row_step = QUERY_BLOCK / 2;
  multiply_tiles(&weights);
}

// Sums of queries lie turned here, [lane][query], and so do the rows, [lane][step]: then the weights lie as the unit wants them.
INLINE void gather_keys(const bool pairs, const float *weights, const float *rows, int lanes, int query, int first, int steps, float *sums) {
  (void)pairs;
  block_product j = {.x = rows + first, .row_step = KEY_BLOCK / 2, .w = weights + first * QUERY_BLOCK + query, .w_step = QUERY_BLOCK,
                     .out = sums + query, .out_stride = QUERY_BLOCK, .rows = lanes, .lanes = GROUP, .depth = steps, .add = true};
  multiply_tiles(&j);
}
INLINE float *pack_gathered(const int mode, float *rows, int count, int lanes, float *out, float *spare) {
  (void)mode;
  pack_pairs(rows, count, lanes, spare);
  pack_columns(spare, count / 2, lanes, out);
  return out;
}
INLINE void shrink_sums(const float *numbers, int queries, int lanes, float *sums) {
  for (int d = 0; d < lanes; d++) {
    for (int q = 0; q < queries; q += 16) store16(sums + d * QUERY_BLOCK + q, load16(sums + d * QUERY_BLOCK + q) * load16(numbers + q));
  }
}
INLINE const float *sums_by_query(const float *sums, int lanes, float *spare) {
  pack_columns(sums, lanes, QUERY_BLOCK, spare);
  return spare;
}

#include "attention_scores.h"
#include "attend_training.h"
#include "attend_backward.h"

static void attend_tiles(const apus_attend_task *t, float *scratch) {
  _tile_loadconfig(&whole_tiles);
  attend_whole_bf16(t, scratch);
  _tile_release();
}
static void backward_tiles(const apus_gradient_task *t, float *scratch) {
  _tile_loadconfig(&whole_tiles);
  backward_bf16(t, scratch);
  _tile_release();
}
#pragma clang attribute pop

const apus_attention_kernels apus_amx_attention = {attend_tiles, backward_tiles};
#endif

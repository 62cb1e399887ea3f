// Blocks of queries and keys for attention in training: how they are packed, masked and multiplied. Scores lie with a key a row and
// queries side by side, so that all that is known of a query (its greatest score, its sum) is a lane.
//
// A step is 4 bytes: an element in f32, or in pairs two neighbouring ones in bf16. What a product sums over goes by steps:
//   natural: [row][step along D]      pairs: [step along the rows][D]      columns: [step along D][row]
// In f32 natural and pairs are one. D is filled up with zeros to whole vectors (`lanes`), rows to whole blocks.
#ifndef APUS_ATTENTION_BLOCKS_H
#define APUS_ATTENTION_BLOCKS_H

#include "attention_tasks.h"
#include "exponential.h"
#include "gemm_pack.h"
#include "internal.h"

// How operands are multiplied: as f32; rounded to bf16, as f32; rounded to bf16, as pairs of it.
enum { EXACT, ROUNDED, PAIRED };
#ifdef BF16_DOT
enum { BF16_MODE = PAIRED };
#else
enum { BF16_MODE = ROUNDED };
#endif

INLINE int lanes_of(const int mode, int head_size) { return (int)apus_round_up(head_size, mode == PAIRED ? 32 : 16); }
INLINE int steps_of(const int mode, int elements) { return mode == PAIRED ? elements / 2 : elements; }

static float *take(float **scratch, size_t floats) {
  float *taken = *scratch;
  *scratch += apus_round_up((int64_t)floats, 16);
  return taken;
}

// ---- Packing -----------------------------------------------------------------------------------------------------------

typedef struct {
  const void *data;  // of the first row
  int dtype, elements;
  size_t stride;
  int count;
} typed_rows;

INLINE typed_rows rows_at(const void *data, int dtype, size_t stride, int64_t first, size_t offset, int count, int elements) {
  size_t at = ((size_t)first * stride + offset) * (dtype == APUS_F32 ? 4 : 2);
  return (typed_rows){.data = (const uint8_t *)data + at, .dtype = dtype, .elements = elements, .stride = stride, .count = count};
}

INLINE void widen_as(const int dtype, const bool rounds, const typed_rows *r, int block, int lanes, float *out) {
  for (int row = 0; row < r->count; row++) {
    const uint8_t *from = (const uint8_t *)r->data + (size_t)row * r->stride * (dtype == APUS_F32 ? 4 : 2);
    for (int d = 0; d < lanes; d += 16) {
      f32x16 v = load_operand(dtype, from, (size_t)d, r->elements - d);
      store16(out + (size_t)row * (size_t)lanes + d, round_operand(dtype, rounds ? APUS_BF16 : APUS_F32, v));
    }
  }
  memset(out + (size_t)r->count * (size_t)lanes, 0, (size_t)(block - r->count) * (size_t)lanes * 4);
}
// The rows in f32, [block][lanes].
static __attribute__((noinline)) void widen_rows(const bool rounds, const typed_rows *r, int block, int lanes, float *out) {
  if (r->dtype == APUS_BF16) widen_as(APUS_BF16, false, r, block, lanes, out);
  else if (r->dtype == APUS_F16) widen_as(APUS_F16, rounds, r, block, lanes, out);
  else if (rounds) widen_as(APUS_F32, true, r, block, lanes, out);
  else widen_as(APUS_F32, false, r, block, lanes, out);
}

// [rows][columns] to [columns][rows], both multiples of 16.
static __attribute__((noinline)) void pack_columns(const float *from, int rows, int columns, float *out) {
  for (int r = 0; r < rows; r += 16) {
    for (int c = 0; c < columns; c += 16) {
      f32x16 block[16];
#pragma clang loop unroll(full)
      for (int i = 0; i < 16; i++) block[i] = load16(from + (size_t)(r + i) * (size_t)columns + c);
      transpose16(block);
#pragma clang loop unroll(full)
      for (int i = 0; i < 16; i++) store16(out + (size_t)(c + i) * (size_t)rows + r, block[i]);
    }
  }
}

#ifdef BF16_DOT
// Lanes of one row and the same of the next, side by side.
INLINE f32x16 paired_rows(f32x16 row, f32x16 next) {
  u16x32 both = (u16x32)bf16_pairs(row, next);
  return (f32x16)__builtin_shufflevector(both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
                                         13, 29, 14, 30, 15, 31);
}
static __attribute__((noinline)) void pack_pairs(const float *rows, int count, int lanes, float *out) {
  for (int row = 0; row < count; row += 2, rows += 2 * lanes, out += lanes) {
    for (int d = 0; d < lanes; d += 16) store16(out + d, paired_rows(load16(rows + d), load16(rows + lanes + d)));
  }
}
#endif

// Rows in f32 as natural ones, which fill `out` if they are pairs.
INLINE float *natural(const int mode, float *rows, int count, int lanes, float *out) {
#ifdef BF16_DOT
  for (size_t i = 0; mode == PAIRED && i < (size_t)count * (size_t)lanes; i += 32) {
    store16(out + i / 2, (f32x16)bf16_pairs(load16(rows + i), load16(rows + i + 16)));
  }
#endif
  (void)count, (void)lanes;
  return mode == PAIRED ? out : rows;
}

// ---- Products ----------------------------------------------------------------------------------------------------------

// out[row][lane] (+)= Σ over `depth` steps of x[row · row_step + step · column_step] · w[step · w_step + lane].
typedef struct {
  const float *x;
  size_t row_step;
  const float *w;
  size_t w_step;
  float *out;
  size_t out_stride;
  int rows, lanes, depth;  // whole tiles and panels
  bool add;
} block_product;

#ifndef MATRIX_UNIT
enum { GROUP = TILE_ROWS };  // keys whose scores are made together, and queries whose sums are

// Steps of a row that are not all zeros.
INLINE int depth_of(const int mode, int head_size, int lanes) {
  (void)lanes;
  return mode == PAIRED ? (head_size + 1) / 2 : head_size;
}

INLINE void block_tile(const bool pairs, const int panels, const size_t row_step, const size_t column_step, const block_product *j, int row, int lane) {
  f32x16 sum[TILE_PANELS][TILE_ROWS];
  float *out = j->out + (size_t)row * j->out_stride + lane;
  start_sums(TILE_ROWS, panels, NULL, panels * 16, sum);
  dense_tile(pairs ? APUS_BF16 : APUS_F32, TILE_ROWS, panels, (const uint8_t *)(j->w + lane), 64, j->w_step * 4, j->x + (size_t)row * row_step, row_step,
             column_step, pairs ? 2 * j->depth : j->depth, sum);
  store_sums(TILE_ROWS, panels, j->add, out, j->out_stride, panels * 16, sum);
}
INLINE void block_tiles(const bool pairs, const size_t row_step, const size_t column_step, const block_product *j) {
  for (int row = 0; row < j->rows; row += TILE_ROWS) {
    int lane = 0;
    for (; lane + TILE_PANELS * 16 <= j->lanes; lane += TILE_PANELS * 16) block_tile(pairs, TILE_PANELS, row_step, column_step, j, row, lane);
    for (; lane < j->lanes; lane += 16) block_tile(pairs, 1, row_step, column_step, j, row, lane);
  }
}
// x natural: its rows are apart.
INLINE void multiply_rows(const bool pairs, const block_product *j) { block_tiles(pairs, j->row_step, 1, j); }
// x a block of weights with a key a row.
INLINE void multiply_weights(const bool pairs, const block_product *j) { block_tiles(pairs, pairs ? QUERY_BLOCK / 2 : QUERY_BLOCK, 1, j); }

// sums[query][lane] += Σ of weights[step][query] · rows[step][lane] over keys from the step `first` on, for GROUP queries.
INLINE void gather_keys(const bool pairs, const float *weights, const float *rows, int lanes, int query, int first, int steps, float *sums) {
  block_product j = {.x = weights + first * QUERY_BLOCK + query, .w = rows + (size_t)first * (size_t)lanes, .w_step = (size_t)lanes,
                     .out = sums + (size_t)query * (size_t)lanes, .out_stride = (size_t)lanes, .rows = GROUP, .lanes = lanes, .depth = steps,
                     .add = true};
  block_tiles(pairs, 1, QUERY_BLOCK, &j);
}
// Rows as gather_keys takes them. `spare` has room for a block in f32.
INLINE float *pack_gathered(const int mode, float *rows, int count, int lanes, float *out, float *spare) {
  (void)spare;
  if (mode != PAIRED) return rows;
#ifdef BF16_DOT
  pack_pairs(rows, count, lanes, out);
#else
  (void)count, (void)lanes;
#endif
  return out;
}
// Each query's sums times its number.
INLINE void shrink_sums(const float *numbers, int queries, int lanes, float *sums) {
  for (int q = 0; q < queries; q++) {
    if (numbers[q] == 1) continue;
    for (int d = 0; d < lanes; d += 16) store16(sums + q * lanes + d, load16(sums + q * lanes + d) * numbers[q]);
  }
}
INLINE const float *sums_by_query(const float *sums, int lanes, float *spare) {
  (void)lanes, (void)spare;
  return sums;
}
#endif

#endif

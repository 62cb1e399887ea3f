// Products of packed blocks: what apus_gemm is made of, for any operation that multiplies inside a task of the pool.
//
//   const apus_gemm_kernels *g = kernels->gemm[compute];      // APUS_F32, APUS_BF16 or APUS_F16
//   g->pack_a(&(apus_pack){a, row, rows, column, columns, packed_a});
//   g->pack_b(&(apus_pack){b, …, packed_b});
//   g->multiply(&(apus_block){…});                                      // out = (add ? out : 0) + bias + a · bᵀ
//
// Packing rounds to `compute`. In memory a row is steps of 4 bytes: a column in f32, or two neighbouring columns in bf16 where `pairs`.
// Columns are rounded up to `column_multiple` and rows to whole tiles; zeros stand in what was added.
//   A: [tile of tile_rows rows][step][row], or, where the kernels multiply tiles of a matrix unit, [tile][16 steps][row][step]
//   B: [panel of 16 rows][step][row]
// So column k (a multiple of column_multiple) of a tile of T rows stands T · apus_steps(g, k) · 4 bytes behind its start. Packed memory is
// 64-byte aligned (apus_pool_scratch is).
#ifndef APUS_GEMM_KERNELS_H
#define APUS_GEMM_KERNELS_H

#include "apus_training.h"

// Rows row ..< row + rows and columns column ..< column + columns of an operand, and where they go.
typedef struct {
  apus_operand operand;
  int64_t row, rows, column, columns;
  void *out;
} apus_pack;

// out[m, n] = a[m, k] · b[n, k]ᵀ (+ bias[n]) (+ what out holds, added behind the sum, by AMX before it). Each sum takes the columns in order; a
// long product may be done some columns (a multiple of column_multiple) at a time. Fastest with k <= chunk_columns, and a or b in the
// second-level cache.
typedef struct {
  const void *a, *b;
  size_t tile_step, panel_step;  // bytes from one tile of A, and one panel of B, to the next
  int64_t m, n, k;
  const float *bias;             // [n] or NULL
  float *out;
  size_t out_stride;
  bool add;
} apus_block;

typedef struct apus_gemm_kernels {
  int tile_rows;        // of A
  int column_multiple;  // 1, 2 (pairs of bf16) or 32 (tiles of a matrix unit)
  bool pairs;
  int chunk_columns;    // columns between two visits of the output
  void (*pack_a)(const apus_pack *);
  void (*pack_b)(const apus_pack *);
  void (*multiply)(const apus_block *);
} apus_gemm_kernels;

static inline size_t apus_steps(const apus_gemm_kernels *g, int64_t columns) {
  int64_t multiple = g->column_multiple, whole = (columns + multiple - 1) / multiple * multiple;
  return (size_t)(g->pairs ? whole / 2 : whole);
}

#endif

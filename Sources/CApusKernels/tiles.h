// The inner kernels, one body for every instruction set: an ISA file sets its target, defines TILE_ROWS, TILE_PANELS, DENSE_COLUMNS
// (columns of a dense product between two visits of the output) and dot4, and includes this. A tile is up to TILE_ROWS rows of
// activations against up to TILE_PANELS panels of 16 weight rows. A sum always takes DENSE_COLUMNS columns in
// order and is then added to the output, so its result does not depend on the tile it was in.
#include "internal.h"
#include "weight_blocks.h"

// TILE(mr) for rows `done` ..< done + mr of `width`, as many together as the registers hold sums for.
#if TILE_ROWS >= 12
#define LARGE_TILES(TILE) \
  if (left >= 12) { TILE(12); done += 12; continue; } \
  if (left >= 8) { TILE(8); done += 8; continue; }
#else
#define LARGE_TILES(TILE)
#endif
#define IN_TILES(width, TILE)                            \
  for (int done = 0; done < (width);) {                  \
    const int left = (width) - done;                     \
    LARGE_TILES(TILE)                                    \
    if (left >= 6) { TILE(6); done += 6; continue; }     \
    if (left >= 4) { TILE(4); done += 4; continue; }     \
    if (left >= 3) { TILE(3); done += 3; continue; }     \
    if (left >= 2) { TILE(2); done += 2; continue; }     \
    TILE(1);                                             \
    done += 1;                                           \
  }

// What the sums start from: the bias, or NULL. Constant indices keep them in registers.
INLINE void start_sums(const int mr, const int panels, const float *bias, int columns, f32x16 sum[TILE_PANELS][TILE_ROWS]) {
  f32x16 first[TILE_PANELS] = {};
  for (int p = 0; bias && p < panels; p++) first[p] = load_part(bias + p * 16, columns - p * 16);
#pragma clang loop unroll(full)
  for (int m = 0; m < mr; m++) {
#pragma clang loop unroll(full)
    for (int p = 0; p < panels; p++) sum[p][m] = first[p];
  }
}

// Stores finished sums, or with `add` adds them to what `out` holds: that may be a residual a thousand times as large, whose last place each of
// the terms would lose.
INLINE void store_sums(const int mr, const int panels, bool add, float *out, size_t out_stride, int columns, f32x16 sum[TILE_PANELS][TILE_ROWS]) {
  if (columns == panels * 16) {
#pragma clang loop unroll(full)
    for (int m = 0; m < mr; m++) {
#pragma clang loop unroll(full)
      for (int p = 0; p < panels; p++) {
        float *at = out + (size_t)m * out_stride + p * 16;
        store16(at, add ? load16(at) + sum[p][m] : sum[p][m]);
      }
    }
    return;
  }
  f32x16 part[TILE_ROWS][TILE_PANELS];
#pragma clang loop unroll(full)
  for (int m = 0; m < mr; m++) {
#pragma clang loop unroll(full)
    for (int p = 0; p < panels; p++) part[m][p] = sum[p][m];
  }
  for (int m = 0; m < mr; m++) {
    for (int p = 0; p < panels; p++) {
      float *at = out + (size_t)m * out_stride + p * 16;
      int count = columns - p * 16;
      store_part(at, add ? load_part(at, count) + part[m][p] : part[m][p], count);
    }
  }
}

// ---- Quantised weights ------------------------------------------------------------------------------------------------

#ifdef BLOCK_DOTS
#include BLOCK_DOTS
#else
// dots[0][m] = start + Σ over the block of levels · activations of row m; with half-block scales each half for itself.
INLINE void block_dots(const int dtype, const bool wide, const int mr, const weight_block *w, const void *x, i32x16 dots[2][TILE_ROWS]) {
#pragma clang loop unroll(full)
  for (int m = 0; m < mr; m++) {
    const activation_block *row = apus_block_at(wide, x, m);
    const int halves = has_half_scales(dtype) ? 2 : 1;
    for (int h = 0; h < halves; h++) {
      const int end = halves == 2 ? h * 4 + 4 : 8;
      const int32_t start = apus_level_offset(dtype) ? row->start[h] : 0;
      i32x16 dot = (i32x16){} + (wide ? 0 : start);
      for (int g = h * 4; g < end; g++) dot = dot4(dot, w->level[g], row->quads[g]);
      if (wide) {
        dot = (dot << 8) + start;
        for (int g = h * 4; g < end; g++) dot = dot4(dot, w->level[g], ((const wide_activation_block *)row)->low[g]);
      }
      dots[h][m] = dot;
    }
  }
}
#endif

// `x` is the first of `mr` rows of a prepared tile of `width` rows (internal.h). The panel is packed or, if `apart`, weight_blocks. A sum starts
// from the panel's bias (or NULL) and, with `add`, is added to what `out` holds.
INLINE void quantized_tile(const int dtype, const bool wide, const int mr, const bool apart, const void *panel, bool prefetches, const uint8_t *x,
                           int width, int64_t blocks, const float *bias, bool add, float *out, size_t out_stride, int columns) {
  f32x16 sums[TILE_PANELS][TILE_ROWS], *sum = sums[0];
  start_sums(mr, 1, bias, columns, sums);
  for (int64_t b = 0; b < blocks; b++, x += (size_t)width * apus_block_bytes(wide)) {
    weight_block packed;
    const weight_block *w = apart ? (const weight_block *)panel + b : &packed;
    i32x16 dots[2][TILE_ROWS];
    if (prefetches && !apart) prefetch_block(dtype, panel, b);
    if (!apart) load_block(dtype, panel, b, &packed);
    block_dots(dtype, wide, mr, w, x, dots);
#pragma clang loop unroll(full)
    for (int m = 0; m < mr; m++) {
      const activation_block *row = apus_block_at(wide, x, m);
      f32x16 dot = to_float(dots[0][m]) * w->scale[0];
      if (has_half_scales(dtype)) dot = fma16(to_float(dots[1][m]), w->scale[1], dot);
      sum[m] = fma16(dot, splat(row->scale), sum[m]);
      if (has_minimum(dtype)) sum[m] = fma16(w->minimum[0], splat(row->sum[0]), sum[m]);
      if (has_minimum(dtype) && has_half_scales(dtype)) sum[m] = fma16(w->minimum[1], splat(row->sum[1]), sum[m]);
    }
  }
  store_sums(mr, 1, add, out, out_stride, columns, sums);
}

// ---- Dense weights ----------------------------------------------------------------------------------------------------

// 16 weights of column k of a panel, in f32. bf16 lies in pairs of columns: `odd` picks the second.
INLINE f32x16 load_dense(int dtype, const uint8_t *at, bool odd) {
  if (dtype == APUS_F32) return load16((const float *)at);
  if (dtype == APUS_F16) return load_half((const uint16_t *)at);
  u32x16 pair;
  memcpy(&pair, at, 64);
  return (f32x16)(odd ? pair & 0xffff0000u : pair << 16);
}

// sum[p][m] += x[m · row_step] · column of the panels at `w`, or with `odd` the second of a pair of columns.
INLINE void dense_column(const int dtype, bool odd, const int mr, const int panels, const uint8_t *w, size_t panel_step, const float *x,
                         const size_t row_step, f32x16 sum[TILE_PANELS][TILE_ROWS]) {
  f32x16 weights[TILE_PANELS];
#pragma clang loop unroll(full)
  for (int p = 0; p < panels; p++) weights[p] = load_dense(dtype, w + (size_t)p * panel_step, odd);
#pragma clang loop unroll(full)
  for (int m = 0; m < mr; m++) {
    f32x16 v = splat(x[(size_t)m * row_step]);
#pragma clang loop unroll(full)
    for (int p = 0; p < panels; p++) sum[p][m] = fma16(weights[p], v, sum[p][m]);
  }
}

// sum[p][m] += Σ_k x[m · row_step + k · column_step] · w[p][k][lane]. Panels lie `panel_step` bytes
// apart, columns (column pairs for bf16) `step` bytes. With BF16_DOT and bf16 weights an x is a pair of columns in bf16.
INLINE void dense_tile(const int dtype, const int mr, const int panels, const uint8_t *w, size_t panel_step, size_t step,
                       const float *x, const size_t row_step, const size_t column_step, int64_t k_count, f32x16 sum[TILE_PANELS][TILE_ROWS]) {
#ifdef BF16_DOT
  if (dtype == APUS_BF16) {
    for (int64_t k = 0; k < k_count; k += 2, x += column_step, w += step) {
      u32x16 pairs[TILE_PANELS];
#pragma clang loop unroll(full)
      for (int p = 0; p < panels; p++) pairs[p] = (u32x16)load64(w + (size_t)p * panel_step);
#pragma clang loop unroll(full)
      for (int m = 0; m < mr; m++) {
        uint32_t pair;
        memcpy(&pair, x + (size_t)m * row_step, 4);
#pragma clang loop unroll(full)
        for (int p = 0; p < panels; p++) sum[p][m] = dot2(sum[p][m], pairs[p], pair);
      }
    }
    return;
  }
#endif
  const int per = dtype == APUS_BF16 ? 2 : 1;
  int64_t k = 0;
  for (; k + per <= k_count; k += per, x += (size_t)per * column_step, w += step) {
    dense_column(dtype, false, mr, panels, w, panel_step, x, row_step, sum);
    if (per == 2) dense_column(dtype, true, mr, panels, w, panel_step, x + column_step, row_step, sum);
  }
  if (k < k_count) dense_column(dtype, false, mr, panels, w, panel_step, x, row_step, sum);
}

// Products of bf16 on the matrix unit.
#if defined(__x86_64__)
#include "amx.h"
#include "gemm_pack.h"
#include "internal.h"

PACK(pack_a, APUS_BF16, 16, true, true)
PACK(pack_b, APUS_BF16, 16, false, true)

enum {
  CHUNK_COLUMNS = 512,  // with these, two panels of B lie in the first-level cache
  BYTES_AHEAD = 4096,   // of the panel in work, for prefetching
};

// Tiles 0 … 3 are sums (rows 0 and 1 of A's tiles × panels 0 and 1 of B), 4 and 5 of A, 6 and 7 of B.
typedef struct {
  float sums[2][2][16][16];  // where the output has no whole tile
  float bias[32];
} amx_edge;

// One or two tiles of A against one or two panels of B. Sums start from `start` and end in `end`, whose rows lie `stride` bytes apart and
// tiles and panels so many floats; the sums start from zero if start is NULL.
typedef struct {
  const float *start;
  size_t start_stride, start_tile;
  float *end;
  size_t end_stride, end_tile, panel;
} amx_sums;

INLINE void amx_tile(const int tiles, const int panels, const apus_block *block, const uint8_t *a, const uint8_t *b, const amx_sums *s) {
  if (s->start) {
    _tile_loadd(0, s->start, s->start_stride);
    if (panels > 1) _tile_loadd(1, s->start + s->panel, s->start_stride);
    if (tiles > 1) _tile_loadd(2, s->start + s->start_tile, s->start_stride);
    if (tiles > 1 && panels > 1) _tile_loadd(3, s->start + s->start_tile + s->panel, s->start_stride);
  } else {
    _tile_zero(0);
    if (panels > 1) _tile_zero(1);
    if (tiles > 1) _tile_zero(2);
    if (tiles > 1 && panels > 1) _tile_zero(3);
  }
  for (int64_t k = 0; k < block->k; k += 32, a += 1024, b += 1024) {
    if (tiles == 1 && block->m <= 16) {  // few rows wait for memory alone
      for (int i = 0; i < 1024; i += 64) __builtin_prefetch(b + BYTES_AHEAD + i);
      for (int i = 0; i < 1024 && panels > 1; i += 64) __builtin_prefetch(b + block->panel_step + BYTES_AHEAD + i);
    }
    _tile_loadd(4, a, 64);
    _tile_loadd(6, b, 64);
    _tile_dpbf16ps(0, 4, 6);
    if (panels > 1) {
      _tile_loadd(7, b + block->panel_step, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if (tiles > 1) {
      _tile_loadd(5, a + block->tile_step, 64);
      _tile_dpbf16ps(2, 5, 6);
      if (panels > 1) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, s->end, s->end_stride);
  if (panels > 1) _tile_stored(1, s->end + s->panel, s->end_stride);
  if (tiles > 1) _tile_stored(2, s->end + s->end_tile, s->end_stride);
  if (tiles > 1 && panels > 1) _tile_stored(3, s->end + s->end_tile + s->panel, s->end_stride);
}

// Copies the sums of up to 32 × 32 outputs between the output and `edge`.
static void load_edge(const apus_block *block, const float *bias, const float *out, int rows, int columns, amx_edge *edge) {
  for (int m = 0; m < rows; m++) {
    for (int p = 0; p * 16 < columns; p++) {
      f32x16 sum = block->add ? load_part(out + (size_t)m * block->out_stride + p * 16, columns - p * 16) : splat(0);
      if (bias) sum += load_part(bias + p * 16, columns - p * 16);
      store16(edge->sums[m / 16][p][m % 16], sum);
    }
  }
}
static void store_edge(const apus_block *block, float *out, int rows, int columns, const amx_edge *edge) {
  for (int m = 0; m < rows; m++) {
    for (int p = 0; p * 16 < columns; p++) {
      store_part(out + (size_t)m * block->out_stride + p * 16, load16(edge->sums[m / 16][p][m % 16]), columns - p * 16);
    }
  }
}

INLINE void amx_outputs(const int tiles, const int panels, const apus_block *block, int64_t tile, int64_t panel, amx_edge *edge) {
  const uint8_t *a = (const uint8_t *)block->a + (size_t)tile * block->tile_step, *b = (const uint8_t *)block->b + (size_t)panel * block->panel_step;
  float *out = block->out + (size_t)tile * 16 * block->out_stride + panel * 16;
  const float *bias = block->bias ? block->bias + panel * 16 : NULL;
  int64_t m = block->m - tile * 16, n = block->n - panel * 16;
  int rows = m < tiles * 16 ? (int)m : tiles * 16, columns = n < panels * 16 ? (int)n : panels * 16;
  size_t stride = block->out_stride * 4, next = block->out_stride * 16;
  amx_sums s = {.start = block->add ? out : NULL, .start_stride = stride, .start_tile = next, .end = out, .end_stride = stride, .end_tile = next,
                .panel = 16};
  bool whole = rows == tiles * 16 && columns == panels * 16;
  if (whole && bias && !block->add) {  // each row starts from it
    s.start = bias;
    s.start_stride = s.start_tile = 0;
  } else if (!whole || bias) {
    float *sums = &edge->sums[0][0][0][0];
    bool starts = block->add || bias;
    if (starts) load_edge(block, bias, out, rows, columns, edge);
    s = (amx_sums){.start = starts ? sums : NULL, .start_stride = 64, .start_tile = 512, .end = sums, .end_stride = 64, .end_tile = 512,
                   .panel = 256};
  }
  // Where the next sums will go.
  if (panel + 2 < (block->n + 15) / 16) {
    for (int i = 0; i < rows; i++) {
      __builtin_prefetch(out + (size_t)i * block->out_stride + 32, 1);
      __builtin_prefetch(out + (size_t)i * block->out_stride + 48, 1);
    }
  }
  amx_tile(tiles, panels, block, a, b, &s);
  if (s.end != out) store_edge(block, out, rows, columns, edge);
}

static void multiply(const apus_block *block) {
  amx_edge edge = {};
  int64_t tiles = (block->m + 15) / 16, panels = (block->n + 15) / 16;
  configure_rows(block->m);
  for (int64_t t = 0; t < tiles; t += 2) {
    for (int64_t p = 0; p < panels; p += 2) {
      if (tiles - t > 1 && panels - p > 1) amx_outputs(2, 2, block, t, p, &edge);
      else if (tiles - t > 1) amx_outputs(2, 1, block, t, p, &edge);
      else if (panels - p > 1) amx_outputs(1, 2, block, t, p, &edge);
      else amx_outputs(1, 1, block, t, p, &edge);
    }
  }
  _tile_release();
}
#pragma clang attribute pop

const apus_gemm_kernels apus_amx_gemm = {.tile_rows = 16, .column_multiple = 32, .pairs = true, .chunk_columns = CHUNK_COLUMNS,
                                         .pack_a = pack_a, .pack_b = pack_b, .multiply = multiply};
#endif

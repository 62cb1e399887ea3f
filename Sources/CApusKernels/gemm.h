// Products of packed blocks (gemm_kernels.h): the body of one instruction set, after tiles.h.
#include "gemm_pack.h"

PACK(pack_a_f32, APUS_F32, TILE_ROWS, false, false)
PACK(pack_a_bf16, APUS_BF16, TILE_ROWS, false, false)
PACK(pack_a_f16, APUS_F16, TILE_ROWS, false, false)
PACK(pack_b_f32, APUS_F32, 16, false, false)
PACK(pack_b_bf16, APUS_BF16, 16, false, false)
PACK(pack_b_f16, APUS_F16, 16, false, false)

// `mr` rows of a tile from `done` on against one or two panels. Type F32: steps of a column; BF16: of a pair.
INLINE void gemm_tile_of(const int dtype, const int mr, const int panels, const apus_block *b, const float *a, const uint8_t *w, int64_t row,
                         int64_t column) {
  f32x16 sum[TILE_PANELS][TILE_ROWS];
  float *out = b->out + (size_t)row * b->out_stride + column;
  int columns = b->n - column < panels * 16 ? (int)(b->n - column) : panels * 16;
  start_sums(mr, panels, b->bias ? b->bias + column : NULL, columns, sum);
  dense_tile(dtype, mr, panels, w, b->panel_step, 64, a, 1, TILE_ROWS, b->k, sum);
  store_sums(mr, panels, b->add, out, b->out_stride, columns, sum);
}

INLINE void gemm_tile(const int dtype, const int panels, const apus_block *b, int64_t tile, int64_t panel) {
  const float *a = (const float *)((const uint8_t *)b->a + (size_t)tile * b->tile_step);
  const uint8_t *w = (const uint8_t *)b->b + (size_t)panel * b->panel_step;
  int64_t row = tile * TILE_ROWS, left = b->m - row;
#define TILE(mr) { gemm_tile_of(dtype, mr, panels, b, a, w, row, panel * 16); a += mr; row += mr; left -= mr; }
  if (left >= TILE_ROWS) {
    TILE(TILE_ROWS)
    return;
  }
#if TILE_ROWS > 8
  if (left >= 8) TILE(8)
#endif
  if (left >= 4) TILE(4)
  if (left >= 2) TILE(2)
  if (left >= 1) TILE(1)
#undef TILE
}

INLINE void multiply_packed(const int dtype, const apus_block *b) {
  int64_t tiles = (b->m + TILE_ROWS - 1) / TILE_ROWS, panels = (b->n + 15) / 16;
  for (int64_t t = 0; t < tiles; t++) {
    for (int64_t p = 0; p < panels; p += TILE_PANELS) {
      if (panels - p >= TILE_PANELS) gemm_tile(dtype, TILE_PANELS, b, t, p);
      else gemm_tile(dtype, 1, b, t, p);
    }
  }
}

static __attribute__((noinline)) void multiply_packed_f32(const apus_block *b) { multiply_packed(APUS_F32, b); }
#ifdef BF16_DOT
static __attribute__((noinline)) void multiply_packed_pairs(const apus_block *b) { multiply_packed(APUS_BF16, b); }
#endif

#define GEMM(type, multiplies, columns, are_pairs)                                                            \
  static const apus_gemm_kernels gemm_##type = {.tile_rows = TILE_ROWS, .column_multiple = columns, .pairs = are_pairs,   \
                                                .chunk_columns = DENSE_COLUMNS, .pack_a = pack_a_##type,      \
                                                .pack_b = pack_b_##type, .multiply = multiplies};
GEMM(f32, multiply_packed_f32, 1, false)
#ifdef BF16_DOT
GEMM(bf16, multiply_packed_pairs, 2, true)
#else
GEMM(bf16, multiply_packed_f32, 1, false)
#endif
GEMM(f16, multiply_packed_f32, 1, false)
#undef GEMM

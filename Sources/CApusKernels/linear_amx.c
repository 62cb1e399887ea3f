// Products of activations with packed weights on the matrix unit. Both are made tiles of bf16, which a single row needs as many rows do, so that
// its sums are the same: bf16 weights lie as such already, quantised ones are rounded to it.
#if defined(__x86_64__)
#include "amx.h"
#include "internal.h"
#include "weight_blocks.h"

enum {
  TILE_BYTES = 1024,
  GROUPS = 16,  // of 32 columns: with these, two panels lie in the first-level cache
};

// ---- Activations: [tile of 16 rows][32 columns][row][column] -----------------------------------------------------------

static size_t row_bytes(int64_t columns) { return (size_t)((columns + 31) / 32 * 64); }

// The rows of a tile, each thread some of their columns.
static void prepare_tiles(const apus_prepare *p, int64_t tile, int part, int parts) {
  int64_t row = tile * 16, count = p->rows - row < 16 ? p->rows - row : 16, groups = (p->columns + 31) / 32;
  uint8_t *out = (uint8_t *)p->out + (size_t)row * row_bytes(p->columns);
  for (int64_t m = 0; m < count; m++) {
    const float *x = p->input + (size_t)(row + m) * p->input_stride;
    for (int64_t g = groups * part / parts; g < groups * (part + 1) / parts; g++) {
      int left = (int)(p->columns - g * 32 < 32 ? p->columns - g * 32 : 32);
      u32x16 pairs = bf16_pairs(load_part(x + g * 32, left), load_part(x + g * 32 + 16, left - 16));
      memcpy(out + (size_t)g * TILE_BYTES + (size_t)m * 64, &pairs, 64);
    }
  }
}

// ---- Weights: [panel][32 columns][pair of columns][row] ----------------------------------------------------------------

INLINE void spread_quantized(const int dtype, const uint8_t *panel, int64_t first, int64_t groups, uint8_t *out) {
  for (int64_t g = 0; g < groups; g++) {
    weight_block w;
    load_block(dtype, panel, first + g, &w);
#pragma clang loop unroll(full)
    for (int four = 0; four < 8; four++, out += 128) {
      const int half = has_half_scales(dtype) && four >= 4;
      f32x16 scale = w.scale[half], start = has_minimum(dtype) ? w.minimum[half] : scale * -(float)apus_level_offset(dtype), column[4];
#pragma clang loop unroll(full)
      for (int i = 0; i < 4; i++) column[i] = fma16(to_float((i32x16)((u32x16)w.level[four] >> (8 * i) & 255)), scale, start);
      u32x16 pairs[2] = {bf16_columns(column[0], column[1]), bf16_columns(column[2], column[3])};
      memcpy(out, pairs, 128);
    }
  }
}

// The columns behind the last are zeros.
static void spread_pairs(const uint8_t *panel, int64_t first, int64_t groups, int64_t columns, uint8_t *out) {
  int64_t pairs = (columns + 1) / 2 - first * 16, all = groups * 16;
  memcpy(out, panel + first * TILE_BYTES, (size_t)(pairs < all ? pairs : all) * 64);
  if (pairs < all) memset(out + pairs * 64, 0, (size_t)(all - pairs) * 64);
}

static void spread(int dtype, const uint8_t *panel, int64_t first, int64_t groups, int64_t columns, uint8_t *out) {
  switch (dtype) {
    case APUS_BF16: spread_pairs(panel, first, groups, columns, out); return;
    case APUS_Q8_0: spread_quantized(APUS_Q8_0, panel, first, groups, out); return;
    case APUS_Q4_0: spread_quantized(APUS_Q4_0, panel, first, groups, out); return;
    case APUS_Q4_1: spread_quantized(APUS_Q4_1, panel, first, groups, out); return;
    case APUS_Q5_0: spread_quantized(APUS_Q5_0, panel, first, groups, out); return;
    case APUS_Q5_1: spread_quantized(APUS_Q5_1, panel, first, groups, out); return;
    case APUS_Q2_K: spread_quantized(APUS_Q2_K, panel, first, groups, out); return;
    case APUS_Q3_K: spread_quantized(APUS_Q3_K, panel, first, groups, out); return;
    case APUS_Q4_K: spread_quantized(APUS_Q4_K, panel, first, groups, out); return;
    case APUS_Q5_K: spread_quantized(APUS_Q5_K, panel, first, groups, out); return;
    default: spread_quantized(APUS_Q6_K, panel, first, groups, out); return;
  }
}

// ---- Products ----------------------------------------------------------------------------------------------------------

static void multiply_tiles(const apus_multiply *job, int64_t first, int64_t count, float *scratch) {
  const apus_product *p = job->product;
  const apus_matrix *w = p->weights;
  const size_t bytes = apus_panel_bytes(w->dtype, w->columns);
  const int64_t all = (w->columns + 31) / 32;
  for (int64_t i = first; i < first + count; i += 2) {
    int64_t panels = first + count - i < 2 ? 1 : 2, left = w->rows - i * 16;
    for (int64_t k = 0; k < all; k += GROUPS) {
      int64_t groups = all - k < GROUPS ? all - k : GROUPS;
      const uint8_t *panel = w->panels + (size_t)i * bytes;
      apus_block block = {.a = (const uint8_t *)job->prepared + (size_t)k * TILE_BYTES, .b = scratch,
                          .tile_step = (size_t)all * TILE_BYTES, .panel_step = GROUPS * TILE_BYTES, .m = job->rows,
                          .n = left < panels * 16 ? left : panels * 16, .k = groups * 32,
                          .bias = p->bias && k == 0 ? p->bias + i * 16 : NULL, .out = p->out + i * 16, .out_stride = p->out_stride,
                          .add = p->add || k > 0};
      if (w->dtype == APUS_BF16 && (k + groups) * 32 <= w->columns) {  // as they lie
        block.b = panel + (size_t)k * TILE_BYTES;
        block.panel_step = bytes;
      } else {
        for (int64_t n = 0; n < panels; n++) {
          spread(w->dtype, panel + (size_t)n * bytes, k, groups, w->columns, (uint8_t *)scratch + (size_t)n * block.panel_step);
        }
      }
      apus_amx_gemm.multiply(&block);
    }
  }
}
#pragma clang attribute pop

const apus_unit_kernels apus_amx_unit = {16, row_bytes, prepare_tiles, multiply_tiles};
#endif

// Products in words of 16 bits with many rows: the body of one instruction set, which defines dot_words. f16 and bf16 weights and activations become whole
// numbers of 14 bits with a scale for 32 columns, whose products an integer unit adds up exactly, twice as many at a time as f32 has. A number
// is off by at most 1/16382 of the greatest of its block: an eighth of the last place of an f16 of that size.
// Weights of 8 bits are whole as they are, and meet activations of 8 bits.
#include "internal.h"

// 32 columns of a row. In pairs[p] the low half is of column p, the high one of column p + 16.
typedef struct {
  int32_t pairs[16];
  float scale;
} word_activations;

// The same of the 16 rows of a panel.
typedef struct {
  u32x16 pairs[16];
  f32x16 scale;
} word_weights;

enum { WORD_BLOCKS = 128 };  // of a panel at a time, so that they stay in the second-level cache
_Static_assert(WORD_BLOCKS * sizeof(word_weights) <= MULTIPLY_FLOATS * sizeof(float), "the scratch of a product holds its blocks");

INLINE u32x16 join_words(u32x16 low, u32x16 high) { return (low & 0xffff) | high << 16; }
// Numbers rounded to nearest even, as they come to lie in the low bits of a float.
INLINE u32x16 round_words(f32x16 x) { return (u32x16)(x + 12582912); }  // 1.5 · 2²³
INLINE u32x16 word_pairs(f32x16 low, f32x16 high, f32x16 inverse) {
  low *= inverse;
  high *= inverse;
  return join_words(round_words(low), round_words(high));
}

static size_t word_row_bytes(int64_t columns) { return (size_t)((columns + 31) / 32) * sizeof(word_activations); }

// Some of the rows of a tile: [tile][32 columns][row of the tile].
static void prepare_words(const apus_prepare *p, int64_t tile, int part, int parts) {
  const float levels = apus_is_quantized(p->dtype) ? COARSE_LEVELS : WORD_LEVELS;
  int64_t row = tile * TILE_ROWS, count = p->rows - row < TILE_ROWS ? p->rows - row : TILE_ROWS, blocks = (p->columns + 31) / 32;
  word_activations *out = (word_activations *)p->out + row * blocks;
  for (int64_t m = count * part / parts; m < count * (part + 1) / parts; m++) {
    const float *x = p->input + (size_t)(row + m) * p->input_stride;
    for (int64_t b = 0; b < blocks; b++) {
      f32x16 low = load_part(x + b * 32, part_at(b * 32, p->columns)), high = load_part(x + b * 32 + 16, part_at(b * 32 + 16, p->columns));
      int32_t bits = __builtin_reduce_max(__builtin_elementwise_max((i32x16)low & 0x7fffffff, (i32x16)high & 0x7fffffff));
      float greatest;
      memcpy(&greatest, &bits, 4);
      word_activations *block = &out[b * count + m];
      u32x16 pairs = word_pairs(low, high, splat(greatest > 0 ? levels / greatest : 0));
      memcpy(block->pairs, &pairs, 64);
      block->scale = greatest < INFINITY ? greatest / levels : NAN;
    }
  }
}

// 16 weights of a column of a panel, zeros behind the last column.
INLINE f32x16 word_column(const int dtype, const uint8_t *panel, int64_t k, int64_t columns) {
  if (k >= columns) return splat(0);
  return dtype == APUS_F16 ? load_dense(APUS_F16, panel + k * 32, false) : load_dense(APUS_BF16, panel + k / 2 * 64, k % 2);
}
INLINE void round_block(const int dtype, const uint8_t *panel, int64_t b, int64_t columns, word_weights *out) {
  i32x16 bits = {};
  for (int k = 0; k < 32; k++) bits = __builtin_elementwise_max(bits, (i32x16)word_column(dtype, panel, b * 32 + k, columns) & 0x7fffffff);
  f32x16 greatest = (f32x16)bits, inverse = WORD_LEVELS / greatest;
  inverse = (f32x16)((i32x16)inverse & (bits > 0));
  for (int p = 0; p < 16; p++) {
    out->pairs[p] = word_pairs(word_column(dtype, panel, b * 32 + p, columns), word_column(dtype, panel, b * 32 + p + 16, columns), inverse);
  }
  out->scale = greatest * (1.0f / WORD_LEVELS);
  i32x16 finite = bits < 0x7f800000;
  out->scale = (f32x16)(((i32x16)out->scale & finite) | ~finite);
}

INLINE void widen_block(const panel_q8_0 *panel, word_weights *out) {
  out->scale = load_half(panel->d);
  for (int p = 0; p < 16; p++) {
    u32x16 low = (u32x16)load64(panel->levels[p / 4]) >> p % 4 * 8 & 255, high = (u32x16)load64(panel->levels[p / 4 + 4]) >> p % 4 * 8 & 255;
    out->pairs[p] = join_words(low - 128, high - 128);
  }
}

static void take_words(int dtype, const uint8_t *panel, int64_t b, int64_t columns, word_weights *out) {
  if (dtype == APUS_Q8_0) widen_block((const panel_q8_0 *)panel + b, out);
  else if (dtype == APUS_F16) round_block(APUS_F16, panel, b, columns, out);
  else round_block(APUS_BF16, panel, b, columns, out);
}

INLINE void words_tile(const int mr, const word_weights *w, const word_activations *x, int width, int64_t blocks, const float *bias, bool add,
                       float *out, size_t stride, int columns) {
  f32x16 sums[TILE_PANELS][TILE_ROWS], *sum = sums[0];
  start_sums(mr, 1, bias, columns, sums);
  for (int64_t b = 0; b < blocks; b++, w++, x += width) {
    i32x16 dots[TILE_ROWS];
#pragma clang loop unroll(full)
    for (int m = 0; m < mr; m++) dots[m] = (i32x16){};
#pragma clang loop unroll(disable)
    for (int p = 0; p < 16; p++) {
      i32x16 pairs = (i32x16)w->pairs[p];
#pragma clang loop unroll(full)
      for (int m = 0; m < mr; m++) dots[m] = dot_words(dots[m], pairs, x[m].pairs[p]);
    }
#pragma clang loop unroll(full)
    for (int m = 0; m < mr; m++) sum[m] = fma16(to_float(dots[m]) * w->scale, splat(x[m].scale), sum[m]);
  }
  store_sums(mr, 1, add, out, stride, columns, sums);
}

// All rows of a tile against one panel.
INLINE void words_rows(const word_weights *w, const word_activations *x, int width, int64_t blocks, const float *bias, bool add, float *out,
                       size_t stride, int columns) {
#define TILE(mr) words_tile(mr, w, x + done, width, blocks, bias, add, out + (size_t)done * stride, stride, columns)
  IN_TILES(width, TILE)
#undef TILE
}

static void multiply_words(const apus_multiply *job, int64_t first, int64_t count, float *scratch) {
  const apus_product *p = job->product;
  const apus_matrix *w = p->weights;
  word_weights *apart = (word_weights *)(void *)scratch;
  size_t bytes = apus_panel_bytes(w->dtype, w->columns);
  int64_t blocks = (w->columns + 31) / 32;
  for (int64_t i = first; i < first + count; i++) {
    int columns = part_at(i * 16, w->rows);
    const uint8_t *panel = w->panels + (size_t)i * bytes;
    for (int64_t b = 0; b < blocks; b += WORD_BLOCKS) {
      int64_t n = blocks - b < WORD_BLOCKS ? blocks - b : WORD_BLOCKS;
      for (int64_t k = 0; k < n; k++) take_words(w->dtype, panel, b + k, w->columns, apart + k);
      const word_activations *x = job->prepared;
      for (int64_t m = 0; m < job->rows; m += TILE_ROWS) {
        int width = part_at(m, job->rows) < TILE_ROWS ? part_at(m, job->rows) : TILE_ROWS;
        words_rows(apart, x + b * width, width, n, p->bias && b == 0 ? p->bias + i * 16 : NULL, p->add || b > 0,
                   p->out + (size_t)m * p->out_stride + i * 16, p->out_stride, columns);
        x += blocks * width;
      }
    }
  }
}

static const apus_unit_kernels words_unit = {TILE_ROWS, word_row_bytes, prepare_words, multiply_words};

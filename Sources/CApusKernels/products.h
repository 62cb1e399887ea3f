// Products of panels with prepared activations: the body of one instruction set (see tiles.h).

// ---- Quantised ---------------------------------------------------------------------------------------------------------

// All rows of a prepared tile of `width` rows against one panel.
INLINE void quantized_rows(const int dtype, const bool wide, const bool apart, const void *panel, bool prefetches, const uint8_t *x, int width,
                           int64_t blocks, const float *bias, bool add, float *out, size_t stride, int columns) {
#define TILE(mr)                                                                                                             \
  quantized_tile(dtype, wide, mr, apart, panel, prefetches && done == 0, x + (size_t)done * apus_block_bytes(wide), width, blocks, bias, add,                 \
                 out + (size_t)done * stride, stride, columns)
  IN_TILES(width, TILE)
#undef TILE
}

enum { FEW_ROWS = 32 };  // more use a panel so often that waiting for it matters little

// Whether the blocks of a panel are taken apart once, before its products with many rows.
#ifdef MOST_BLOCKS_APART
INLINE bool takes_apart(int dtype, int64_t rows, int64_t blocks) { return dtype != APUS_Q8_0 && rows > 2 * TILE_ROWS && blocks <= MOST_BLOCKS_APART; }
_Static_assert(MOST_BLOCKS_APART * sizeof(weight_block) <= MULTIPLY_FLOATS * sizeof(float), "the scratch of a product holds its blocks");
#else
INLINE bool takes_apart(int dtype, int64_t rows, int64_t blocks) { return (void)dtype, (void)rows, (void)blocks, false; }
#endif

INLINE void multiply_quantized(const int dtype, const bool wide, const apus_multiply *job, int64_t first, int64_t count, weight_block *apart) {
  const apus_product *p = job->product;
  const apus_matrix *w = p->weights;
  int64_t blocks = w->columns / 32;
  size_t bytes = apus_panel_bytes(dtype, w->columns);
  const bool few = job->rows <= FEW_ROWS, takes = takes_apart(dtype, job->rows, blocks);
  for (int64_t i = first; i < first + count; i++) {
    int columns = w->rows - i * 16 < 16 ? (int)(w->rows - i * 16) : 16;
    const uint8_t *x = job->prepared, *panel = w->panels + (size_t)i * bytes;
    const float *bias = p->bias ? p->bias + i * 16 : NULL;
    for (int64_t b = 0; takes && b < blocks; b++) {
      if (few) prefetch_block(dtype, panel, b);
      load_block(dtype, panel, b, apart + b);
    }
    for (int64_t m = 0; m < job->rows; m += TILE_ROWS) {
      int width = job->rows - m < TILE_ROWS ? (int)(job->rows - m) : TILE_ROWS;
      float *out = p->out + (size_t)m * p->out_stride + i * 16;
      if (takes) quantized_rows(dtype, wide, true, apart, false, x, width, blocks, bias, p->add, out, p->out_stride, columns);
      else quantized_rows(dtype, wide, false, panel, few, x, width, blocks, bias, p->add, out, p->out_stride, columns);
      x += (size_t)(width * blocks) * apus_block_bytes(wide);
    }
  }
}

// A function of each width of activations for each type, so that each is optimised by itself.
#define NARROW(name, dtype)                                                                                                  \
  static __attribute__((noinline)) void name##_narrow(const apus_multiply *job, int64_t f, int64_t c, weight_block *apart) { \
    multiply_quantized(dtype, false, job, f, c, apart);                                                                      \
  }
#define WIDE(name, dtype)                                                                                                    \
  static __attribute__((noinline)) void name##_wide(const apus_multiply *job, int64_t f, int64_t c, weight_block *apart) {   \
    multiply_quantized(dtype, true, job, f, c, apart);                                                                       \
  }
#define QUANTIZED(name, dtype)                                                                                               \
  NARROW(name, dtype)                                                                                                        \
  WIDE(name, dtype)                                                                                                          \
  static void name(const apus_multiply *job, int64_t f, int64_t c, weight_block *apart) {                                    \
    if (job->wide) name##_wide(job, f, c, apart);                                                                            \
    else name##_narrow(job, f, c, apart);                                                                                    \
  }
#ifdef BLOCK_DOTS
WIDE(multiply_q8_0, APUS_Q8_0)
#define multiply_q8_0 multiply_q8_0_wide
#else
NARROW(multiply_q8_0, APUS_Q8_0)
#define multiply_q8_0 multiply_q8_0_narrow
#endif
QUANTIZED(multiply_q4_0, APUS_Q4_0)
QUANTIZED(multiply_q4_1, APUS_Q4_1)
QUANTIZED(multiply_q5_0, APUS_Q5_0)
QUANTIZED(multiply_q5_1, APUS_Q5_1)
QUANTIZED(multiply_q2_k, APUS_Q2_K)
QUANTIZED(multiply_q3_k, APUS_Q3_K)
QUANTIZED(multiply_q4_k, APUS_Q4_K)
QUANTIZED(multiply_q5_k, APUS_Q5_K)
QUANTIZED(multiply_q6_k, APUS_Q6_K)
#undef QUANTIZED
#undef WIDE
#undef NARROW

// ---- Dense -------------------------------------------------------------------------------------------------------------

typedef struct {
  const uint8_t *w;
  size_t panel_step, step;
  int panels;
  const float *x;
  int width;        // rows
  size_t x_stride;  // of activations that are read where they lie; pairs of bf16 lie interleaved
  int64_t k_count;
  const float *bias;
  bool add;
  float *out;
  size_t out_stride;
  int columns;
} dense_job;

INLINE void dense_tile_of(const int dtype, const int mr, const int panels, const dense_job *j, int done) {
  f32x16 sum[TILE_PANELS][TILE_ROWS];
  float *out = j->out + (size_t)done * j->out_stride;
  start_sums(mr, panels, j->bias, j->columns, sum);
  if (in_pairs(dtype)) {
    dense_tile(dtype, mr, panels, j->w, j->panel_step, j->step, j->x + done, 1, (size_t)j->width, j->k_count, sum);
  } else {
    dense_tile(dtype, mr, panels, j->w, j->panel_step, j->step, j->x + (size_t)done * j->x_stride, j->x_stride, 1, j->k_count, sum);
  }
  store_sums(mr, panels, j->add, out, j->out_stride, j->columns, sum);
}

// All rows of a tile against one or two panels.
INLINE void dense_rows(const int dtype, const dense_job *j) {
#define TILE(mr)                                                                \
  if (j->panels == TILE_PANELS) dense_tile_of(dtype, mr, TILE_PANELS, j, done); \
  else dense_tile_of(dtype, mr, 1, j, done)
  IN_TILES(j->width, TILE)
#undef TILE
}

static __attribute__((noinline)) void dense_rows_f32(const dense_job *j) { dense_rows(APUS_F32, j); }
static __attribute__((noinline)) void dense_rows_f16(const dense_job *j) { dense_rows(APUS_F16, j); }
static __attribute__((noinline)) void dense_rows_bf16(const dense_job *j) { dense_rows(APUS_BF16, j); }

// Columns k ..< k + count of one or two panels as f32 panels.
static void widen(int dtype, const uint8_t *w, size_t panel_step, int panels, int64_t count, float *out) {
  for (int p = 0; p < panels; p++, w += panel_step, out += DENSE_COLUMNS * 16) {
    for (int64_t k = 0; k < count; k++) {
      if (dtype == APUS_F16) store16(out + k * 16, load_half((const uint16_t *)w + k * 16));
      else store16(out + k * 16, load_dense(APUS_BF16, w + k / 2 * 64, k % 2));
    }
  }
}

// The output is visited once per DENSE_COLUMNS columns, while of many rows f32 panels of these columns stay in the cache.
static void multiply_dense(const apus_multiply *job, int64_t first, int64_t count, float *scratch) {
  const apus_product *p = job->product;
  const apus_matrix *w = p->weights;
  const bool pairs = in_pairs(w->dtype);
  int64_t whole = pairs ? apus_round_up(w->columns, 2) : w->columns;
  size_t bytes = apus_panel_bytes(w->dtype, w->columns), one = w->dtype == APUS_F32 ? 64 : 32;
  bool few = job->rows <= 2 * TILE_ROWS;
  for (int64_t i = first; i < first + count; i += TILE_PANELS) {
    int panels = first + count - i < TILE_PANELS ? (int)(first + count - i) : TILE_PANELS;
    int64_t left = w->rows - i * 16;
    for (int64_t k = 0; k < whole; k += DENSE_COLUMNS) {
      int64_t k_count = whole - k < DENSE_COLUMNS ? whole - k : DENSE_COLUMNS;
      const uint8_t *at = w->panels + (size_t)i * bytes + (size_t)k * one;
      bool wide = !few && w->dtype != APUS_F32 && !pairs;
      if (wide) widen(w->dtype, at, bytes, panels, k_count, scratch);
      const float *prepared = job->prepared;
      for (int64_t m = 0; m < job->rows; m += TILE_ROWS) {
        int width = job->rows - m < TILE_ROWS ? (int)(job->rows - m) : TILE_ROWS;
        dense_job j = {.w = wide ? (const uint8_t *)scratch : at, .panel_step = wide ? DENSE_COLUMNS * 64 : bytes,
                       .step = wide || w->dtype != APUS_F16 ? 64 : 32, .panels = panels,
                       .x = pairs ? prepared + k / 2 * width : job->input + (size_t)m * job->input_stride + k, .width = width,
                       .x_stride = job->input_stride, .k_count = k_count,
                       .bias = p->bias && k == 0 ? p->bias + i * 16 : NULL, .add = p->add || k > 0,
                       .out = p->out + (size_t)m * p->out_stride + i * 16, .out_stride = p->out_stride,
                       .columns = left < panels * 16 ? (int)left : panels * 16};
        // The sums of the next tile would wait for what its output holds.
        for (int64_t r = m + TILE_ROWS; r < job->rows && r < m + 2 * TILE_ROWS; r++) {
          const float *next = p->out + (size_t)r * p->out_stride + i * 16;
          for (int n = 0; n < panels; n++) __builtin_prefetch(next + n * 16, 1);
        }
        if (wide || w->dtype == APUS_F32) dense_rows_f32(&j);
        else if (w->dtype == APUS_F16) dense_rows_f16(&j);
        else dense_rows_bf16(&j);
        if (pairs) prepared += width * prepared_count(w->dtype, w->columns);
      }
    }
  }
}

static void multiply(const apus_multiply *job, int64_t first, int64_t count, float *scratch) {
  weight_block *apart = (weight_block *)(void *)scratch;
  switch (job->product->weights->dtype) {
    case APUS_Q4_0: multiply_q4_0(job, first, count, apart); return;
    case APUS_Q4_1: multiply_q4_1(job, first, count, apart); return;
    case APUS_Q5_0: multiply_q5_0(job, first, count, apart); return;
    case APUS_Q5_1: multiply_q5_1(job, first, count, apart); return;
    case APUS_Q8_0: multiply_q8_0(job, first, count, apart); return;
    case APUS_Q2_K: multiply_q2_k(job, first, count, apart); return;
    case APUS_Q3_K: multiply_q3_k(job, first, count, apart); return;
    case APUS_Q4_K: multiply_q4_k(job, first, count, apart); return;
    case APUS_Q5_K: multiply_q5_k(job, first, count, apart); return;
    case APUS_Q6_K: multiply_q6_k(job, first, count, apart); return;
    default: multiply_dense(job, first, count, scratch);
  }
}

// Preparing activations, and products of panels with them: the body of one instruction set (see tiles.h).

INLINE int32_t byte_of(const int32_t *quads, int i) { return ((const int8_t *)quads)[i]; }

// Levels of four groups in a wide block.
INLINE void store_wide(i32x16 level, int group, wide_activation_block *out) {
#ifdef BLOCK_DOTS
  i32x16 pairs = (level & 0xffff) | __builtin_shufflevector(level, level, 2, 3, 2, 3, 6, 7, 6, 7, 10, 11, 10, 11, 14, 15, 14, 15) << 16;
  i32x4 first = __builtin_shufflevector(pairs, pairs, 0, 4, 8, 12), second = __builtin_shufflevector(pairs, pairs, 1, 5, 9, 13);
  memcpy(out->high.quads + group, &first, 16);
  memcpy(out->low + group, &second, 16);
#else
  i32x16 high = (level + 128) >> 8;
  i8x16 bytes = __builtin_convertvector(high, i8x16);
  memcpy(out->high.quads + group, &bytes, 16);
  bytes = __builtin_convertvector(level - (high << 8), i8x16);
  memcpy(out->low + group, &bytes, 16);
#endif
}

// Quantises 32 activations: the greatest gets the greatest level; rounded to nearest even. NaN or infinity gives a NaN scale.
INLINE void quantize_activations(const float *x, const bool wide, const float levels, int offset, bool halves, activation_block *out) {
  f32x16 v[2] = {load16(x), load16(x + 16)};
  i32x16 magnitude = __builtin_elementwise_max((i32x16)v[0] & 0x7fffffff, (i32x16)v[1] & 0x7fffffff);
  int32_t bits = __builtin_reduce_max(magnitude);
  float greatest;
  memcpy(&greatest, &bits, 4);
  float inverse = greatest > 0 ? levels / greatest : 0;
  i32x16 level[2];
  for (int i = 0; i < 2; i++) {
    level[i] = __builtin_convertvector(__builtin_elementwise_roundeven(v[i] * inverse), i32x16);
    if (wide) {
      store_wide(level[i], i * 4, (wide_activation_block *)out);
    } else {
      i8x16 bytes = __builtin_convertvector(level[i], i8x16);
      memcpy(out->quads + i * 4, &bytes, 16);
    }
  }
  out->scale = greatest < INFINITY ? greatest / levels : NAN;
  int32_t sum[2] = {__builtin_reduce_add(halves ? level[0] : level[0] + level[1]), halves ? __builtin_reduce_add(level[1]) : 0};
  for (int i = 0; i < 2; i++) {
    if (offset > 0) out->start[i] = -offset * sum[i];
    else out->sum[i] = out->scale * (float)sum[i];
  }
}

// Whether activations meet these weights as pairs of bf16, else as f32.
INLINE bool in_pairs(int dtype) {
#ifdef BF16_DOT
  return dtype == APUS_BF16;
#else
  (void)dtype;
  return false;
#endif
}
// Elements of an interleaved row.
INLINE int64_t prepared_count(int dtype, int64_t columns) { return (columns + 1) / 2 * (in_pairs(dtype) ? 1 : 2); }

// Elements k ..< k + 16 of a row of activations.
INLINE f32x16 load_activations(bool pairs, const float *row, int64_t k, int64_t columns) {
#ifdef BF16_DOT
  if (pairs) {
    int64_t left = columns - 2 * k;
    f32x16 low = load_part(row + 2 * k, (int)(left < 16 ? left : 16));
    return (f32x16)bf16_pairs(low, left > 16 ? load_part(row + 2 * k + 16, (int)(left < 32 ? left - 16 : 16)) : splat(0));
  }
#endif
  (void)pairs;
  return load_part(row + k, (int)(columns - k < 16 ? columns - k : 16));
}

// Elements first ..< end of the rows of a tile side by side: [element][row]; after the columns they are zeros.
INLINE void interleave(bool pairs, const float *const *rows, int count, int64_t columns, int64_t first, int64_t end, float *out) {
  int64_t all = end * count;
  for (int64_t k = first; k < end; k += 16) {
    int n = end - k < 16 ? (int)(end - k) : 16;
    if (count == 1) {
      store_part(out + k, load_activations(pairs, rows[0], k, columns), n);
      continue;
    }
    f32x16 lanes[16];
#pragma clang loop unroll(full)
    for (int m = 0; m < 16; m++) lanes[m] = m < TILE_ROWS && m < count ? load_activations(pairs, rows[m], k, columns) : splat(0);
    transpose16(lanes);
    // What a store writes beyond its rows the next one overwrites.
    for (int i = 0; i < n; i++) {
      int64_t at = (k + i) * count;
      store_part(out + at, lanes[i], all - at < 16 ? count : 16);
    }
  }
}
static __attribute__((noinline)) void interleave_rows(int dtype, const float *const *rows, int count, int64_t columns, int64_t first,
                                                      int64_t end, float *out) {
  if (in_pairs(dtype)) interleave(true, rows, count, columns, first, end, out);
  else interleave(false, rows, count, columns, first, end, out);
}

// Rows first ..< end of a tile of `count` rows.
INLINE void quantize_rows(const bool wide, const apus_prepare *p, int64_t tile, int64_t count, int64_t first, int64_t end) {
  const int offset = apus_level_offset(p->dtype);
  const bool halves = has_half_scales(p->dtype);
  const float levels = p->fine ? FINE_LEVELS : COARSE_LEVELS;
  int64_t blocks = p->columns / 32;
  uint8_t *out = (uint8_t *)p->out + (size_t)(tile * TILE_ROWS * blocks) * apus_block_bytes(wide);
  for (int64_t m = first; m < end; m++) {
    const float *row = p->input + (size_t)(tile * TILE_ROWS + m) * p->input_stride;
    for (int64_t b = 0; b < blocks; b++) {
      quantize_activations(row + b * 32, wide, levels, offset, halves, (activation_block *)(out + (size_t)(b * count + m) * apus_block_bytes(wide)));
    }
  }
}

static void prepare(const apus_prepare *p, int64_t tile, int part, int parts) {
  int64_t row = tile * TILE_ROWS, count = p->rows - row < TILE_ROWS ? p->rows - row : TILE_ROWS;
  if (apus_is_quantized(p->dtype)) {
    int64_t first = count * part / parts, end = count * (part + 1) / parts;
    if (p->wide) quantize_rows(true, p, tile, count, first, end);
    else quantize_rows(false, p, tile, count, first, end);
    return;
  }
  // In pairs of bf16.
  const float *rows[TILE_ROWS];
  for (int64_t m = 0; m < count; m++) rows[m] = p->input + (size_t)(row + m) * p->input_stride;
  int64_t elements = prepared_count(p->dtype, p->columns), groups = (elements + 15) / 16;
  int64_t first = groups * part / parts * 16, end = groups * (part + 1) / parts * 16;
  interleave_rows(p->dtype, rows, (int)count, p->columns, first, end < elements ? end : elements, (float *)p->out + row * elements);
}

// ---- Quantised ---------------------------------------------------------------------------------------------------------

// All rows of a prepared tile of `width` rows against one panel.
INLINE void quantized_rows(const int dtype, const bool wide, const uint8_t *panel, bool prefetches, const uint8_t *x, int width,
                           int64_t blocks, const float *bias, bool add, float *out, size_t stride, int columns) {
#define TILE(mr)                                                                                                             \
  quantized_tile(dtype, wide, mr, panel, prefetches && done == 0, x + (size_t)done * apus_block_bytes(wide), width, blocks, bias, add,                 \
                 out + (size_t)done * stride, stride, columns)
  for (int done = 0; done < width;) {
    int left = width - done;
#if TILE_ROWS >= 12
    if (left >= 12) { TILE(12); done += 12; continue; }
    if (left >= 8) { TILE(8); done += 8; continue; }
#endif
    if (left >= 6) { TILE(6); done += 6; continue; }
    if (left >= 4) { TILE(4); done += 4; continue; }
    if (left >= 3) { TILE(3); done += 3; continue; }
    if (left >= 2) { TILE(2); done += 2; continue; }
    TILE(1);
    done += 1;
  }
#undef TILE
}

enum { FEW_ROWS = 32 };

INLINE void multiply_quantized(const int dtype, const bool wide, const apus_multiply *job, int64_t first, int64_t count) {
  const apus_product *p = job->product;
  const apus_matrix *w = p->weights;
  int64_t blocks = w->columns / 32;
  size_t bytes = apus_panel_bytes(dtype, w->columns);
  bool few = job->rows <= FEW_ROWS;  // more use a panel so often that waiting for it matters little
  for (int64_t i = first; i < first + count; i++) {
    int columns = w->rows - i * 16 < 16 ? (int)(w->rows - i * 16) : 16;
    const uint8_t *x = job->prepared;
    for (int64_t m = 0; m < job->rows; m += TILE_ROWS) {
      int width = job->rows - m < TILE_ROWS ? (int)(job->rows - m) : TILE_ROWS;
      quantized_rows(dtype, wide, w->panels + (size_t)i * bytes, few, x, width, blocks, p->bias ? p->bias + i * 16 : NULL, p->add,
                     p->out + (size_t)m * p->out_stride + i * 16, p->out_stride, columns);
      x += (size_t)(width * blocks) * apus_block_bytes(wide);
    }
  }
}

// A function of each width of activations for each type, so that each is optimised by itself.
#define NARROW(name, dtype)                                                                             \
  static __attribute__((noinline)) void name##_narrow(const apus_multiply *job, int64_t f, int64_t c) { \
    multiply_quantized(dtype, false, job, f, c);                                                        \
  }
#define WIDE(name, dtype)                                                                               \
  static __attribute__((noinline)) void name##_wide(const apus_multiply *job, int64_t f, int64_t c) {   \
    multiply_quantized(dtype, true, job, f, c);                                                         \
  }
#define QUANTIZED(name, dtype)                                                                          \
  NARROW(name, dtype)                                                                                   \
  WIDE(name, dtype)                                                                                     \
  static void name(const apus_multiply *job, int64_t f, int64_t c) {                                    \
    if (job->wide) name##_wide(job, f, c);                                                              \
    else name##_narrow(job, f, c);                                                                      \
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
#define TILE(mr)                                         \
  do {                                                   \
    if (j->panels == TILE_PANELS) dense_tile_of(dtype, mr, TILE_PANELS, j, done); \
    else dense_tile_of(dtype, mr, 1, j, done);           \
    done += mr;                                          \
  } while (0)
  for (int done = 0; done < j->width;) {
    int left = j->width - done;
#if TILE_ROWS >= 12
    if (left >= 12) { TILE(12); continue; }
    if (left >= 8) { TILE(8); continue; }
#endif
    if (left >= 6) { TILE(6); continue; }
    if (left >= 4) { TILE(4); continue; }
    if (left >= 3) { TILE(3); continue; }
    if (left >= 2) { TILE(2); continue; }
    TILE(1);
  }
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
  switch (job->product->weights->dtype) {
    case APUS_Q4_0: multiply_q4_0(job, first, count); return;
    case APUS_Q4_1: multiply_q4_1(job, first, count); return;
    case APUS_Q5_0: multiply_q5_0(job, first, count); return;
    case APUS_Q5_1: multiply_q5_1(job, first, count); return;
    case APUS_Q8_0: multiply_q8_0(job, first, count); return;
    case APUS_Q2_K: multiply_q2_k(job, first, count); return;
    case APUS_Q3_K: multiply_q3_k(job, first, count); return;
    case APUS_Q4_K: multiply_q4_k(job, first, count); return;
    case APUS_Q5_K: multiply_q5_k(job, first, count); return;
    case APUS_Q6_K: multiply_q6_k(job, first, count); return;
    default: multiply_dense(job, first, count, scratch);
  }
}

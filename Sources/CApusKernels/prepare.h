// Activations as the tile kernels take them: the body of one instruction set (see tiles.h).

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

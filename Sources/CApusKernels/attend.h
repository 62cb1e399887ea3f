// Attention over a cache, tiled (Dao et al. 2022, FlashAttention): the body of one instruction set (see tiles.h).

INLINE f32x16 select16(i32x16 mask, f32x16 a, f32x16 b) { return (f32x16)(((i32x16)a & mask) | ((i32x16)b & ~mask)); }

// e^x to about 1 ulp by Cody-Waite reduction and a polynomial; 0 below -87.3.
INLINE f32x16 exp16(f32x16 x) {
  i32x16 tiny = x < -87.3f;
  x = __builtin_elementwise_min(__builtin_elementwise_max(x, splat(-87.3f)), splat(88.7f));
  f32x16 n = __builtin_elementwise_roundeven(x * 1.44269504f);
  f32x16 r = fma16(n, splat(-0.693359375f), x);
  r = fma16(n, splat(2.12194440e-4f), r);
  f32x16 y = splat(1.9875691500e-4f);
  y = fma16(y, r, splat(1.3981999507e-3f));
  y = fma16(y, r, splat(8.3334519073e-3f));
  y = fma16(y, r, splat(4.1665795894e-2f));
  y = fma16(y, r, splat(1.6666665459e-1f));
  y = fma16(y, r, splat(5.0000001201e-1f));
  y = fma16(y, r * r, r + 1.0f);
  i32x16 exponent = (__builtin_convertvector(n, i32x16) + 127) << 23;
  return select16(tiny, splat(0), y * (f32x16)exponent);
}

typedef struct {
  float *queries;  // [tile][D][rows of the tile], scaled
  float *scores;   // [row][KEY_TILE]
  float *out;      // [row][D rounded up]
  float *greatest, *sum;  // [row]
  float *keys, *values;   // a tile of the cache in f32
} attend_scratch;

// Rows of one (token, head of the group) task, and the positions each may see: from lowest() to highest().
typedef struct {
  const apus_attention *a;
  const apus_segment *s;
  int kv_head, group, padded;
  int64_t first, count;
} attend_rows;

INLINE int64_t position_of(const attend_rows *r, int64_t row) { return r->s->position + (r->first + row) / r->group; }
INLINE int64_t lowest(const attend_rows *r, int64_t row) {
  int64_t from = r->a->window > 0 ? position_of(r, row) - r->a->window + 1 : 0;
  return from > 0 ? from : 0;
}
INLINE size_t head_offset(const attend_rows *r, int64_t row) {
  return (size_t)(r->kv_head * r->group + (r->first + row) % r->group) * (size_t)r->a->head_size;
}

static void pack_queries(const attend_rows *r, float *out) {
  int d_count = r->a->head_size;
  for (int64_t done = 0; done < r->count; done += TILE_ROWS) {
    int64_t width = r->count - done < TILE_ROWS ? r->count - done : TILE_ROWS;
    for (int64_t m = 0; m < width; m++) {
      int64_t row = done + m;
      const float *q = r->s->queries + (size_t)((r->first + row) / r->group) * r->s->query_stride + head_offset(r, row);
      for (int d = 0; d < d_count; d++) out[d * width + m] = q[d] * r->a->scale;
    }
    out += width * d_count;
  }
}

typedef struct {
  const uint8_t *w;
  size_t panel_step, step;
  int panels;
  const float *x;
  size_t column_step;
  int64_t k_count;
  bool add;
  float *out;
  size_t out_stride;
} attend_job;

// Rows 0 ..< rows of out (+)= x · w. The rows of x lie KEY_TILE apart (scores) or side by side (queries).
INLINE void attend_tile(const int dtype, const int mr, const int panels, const bool scores, const attend_job *j, int done, int p) {
  f32x16 sum[2][TILE_ROWS];
  float *out = j->out + (size_t)done * j->out_stride + p * 16;
  start_sums(mr, panels, NULL, j->add, out, j->out_stride, panels * 16, sum);
  const size_t row_step = scores ? KEY_TILE : 1;
  dense_tile(dtype, mr, panels, j->w + (size_t)p * j->panel_step, j->panel_step, j->step, j->x + (size_t)done * row_step, row_step,
             scores ? 1 : j->column_step, j->k_count, sum);
  store_sums(mr, panels, out, j->out_stride, panels * 16, sum);
}

INLINE void attend_panels(const int dtype, const int mr, const bool scores, const attend_job *j, int done) {
  int p = 0;
  for (; p + 2 <= j->panels; p += 2) attend_tile(dtype, mr, 2, scores, j, done, p);
  if (p < j->panels) attend_tile(dtype, mr, 1, scores, j, done, p);
}

INLINE void attend_product(const int dtype, const bool scores, const attend_job *j, int rows) {
#define TILE(mr) { attend_panels(dtype, mr, scores, j, done); done += mr; continue; }
  for (int done = 0; done < rows;) {
    int left = rows - done;
#if TILE_ROWS >= 12
    if (left >= 12) TILE(12)
#endif
    if (left >= 6) TILE(6)
    if (left >= 3) TILE(3)
    TILE(1)
  }
#undef TILE
}

static __attribute__((noinline)) void score_f32(const attend_job *j, int rows) { attend_product(APUS_F32, false, j, rows); }
static __attribute__((noinline)) void score_f16(const attend_job *j, int rows) { attend_product(APUS_F16, false, j, rows); }
static __attribute__((noinline)) void gather_f32(const attend_job *j, int rows) { attend_product(APUS_F32, true, j, rows); }
static __attribute__((noinline)) void gather_f16(const attend_job *j, int rows) { attend_product(APUS_F16, true, j, rows); }

// Scores of a row become weights: exp(score - greatest so far); what was summed before shrinks to the new greatest.
static void soften(const attend_rows *r, const attend_scratch *t, int64_t row, int64_t start, int64_t n) {
  float *scores = t->scores + row * KEY_TILE;
  int64_t from = lowest(r, row) - start, to = position_of(r, row) + 1 - start;
  if (to <= 0 || from >= n) {
    memset(scores, 0, KEY_TILE * 4);
    return;
  }
  int vectors = (int)((n + 15) / 16);
  f32x16 v[KEY_TILE / 16], most = splat(-INFINITY);
  const i32x16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  for (int i = 0; i < vectors; i++) {
    v[i] = load16(scores + i * 16);
    if (from > i * 16 || to < i * 16 + 16) {
      int32_t low = from > 0 ? (int32_t)from : 0, high = to < KEY_TILE ? (int32_t)to : KEY_TILE;
      i32x16 seen = (lanes + i * 16 >= low) & (lanes + i * 16 < high);
      v[i] = select16(seen, v[i], splat(-INFINITY));
    }
    most = __builtin_elementwise_max(most, v[i]);
  }
  float before = t->greatest[row], now = __builtin_reduce_max(most);
  if (now < before) now = before;
  f32x16 total = splat(0);
  for (int i = 0; i < vectors; i++) {
    v[i] = exp16(v[i] - now);
    total += v[i];
    store16(scores + i * 16, v[i]);
  }
  float shrink = before == now ? 1 : exp16(splat(before - now))[0];
  t->greatest[row] = now;
  t->sum[row] = t->sum[row] * shrink + sum_lanes(total);
  if (shrink != 1) {
    float *out = t->out + row * r->padded;
    for (int d = 0; d < r->padded; d += 16) store16(out + d, load16(out + d) * shrink);
  }
}

static void attend_key_tile(const attend_rows *r, const attend_scratch *t, int64_t start, int64_t n) {
  const apus_attention *a = r->a;
  int d = a->head_size, rows = (int)r->count, panels = (int)((n + 15) / 16);
  bool half = a->kv_dtype == APUS_F16, widened = half && rows > TILE_ROWS;
  size_t size = half ? 2 : 4;
  const uint8_t *keys = (const uint8_t *)r->s->keys + ((size_t)r->kv_head * (size_t)r->s->capacity + (size_t)start) * (size_t)d * size;
  const uint8_t *values =
      (const uint8_t *)r->s->values + ((size_t)r->kv_head * (size_t)r->s->capacity + (size_t)start) * (size_t)r->padded * size;
  if (widened) {
    for (int i = 0; i < panels * d; i++) store16(t->keys + i * 16, load_half((const uint16_t *)keys + i * 16));
    for (int i = 0; i < n * r->padded / 16; i++) store16(t->values + i * 16, load_half((const uint16_t *)values + i * 16));
    keys = (const uint8_t *)t->keys;
    values = (const uint8_t *)t->values;
    half = false;
    size = 4;
  }
  const float *q = t->queries;
  for (int done = 0; done < rows; done += TILE_ROWS) {
    int width = rows - done < TILE_ROWS ? rows - done : TILE_ROWS;
    attend_job j = {.w = keys, .panel_step = (size_t)d * 16 * size, .step = 16 * size, .panels = panels, .x = q,
                    .column_step = (size_t)width, .k_count = d, .out = t->scores + done * KEY_TILE, .out_stride = KEY_TILE};
    if (half) score_f16(&j, width); else score_f32(&j, width);
    q += width * d;
  }
  for (int row = 0; row < rows; row++) soften(r, t, row, start, n);
  attend_job j = {.w = values, .panel_step = 16 * size, .step = (size_t)r->padded * size, .panels = r->padded / 16, .x = t->scores,
                  .k_count = n, .add = true, .out = t->out, .out_stride = (size_t)r->padded};
  if (half) gather_f16(&j, rows); else gather_f32(&j, rows);
}

static void attend(const apus_attention *a, const apus_segment *s, int kv_head, int64_t first, int64_t count, float *scratch) {
  attend_rows r = {.a = a, .s = s, .kv_head = kv_head, .group = a->heads / a->kv_heads,
                   .padded = (int)apus_round_up(a->head_size, 16), .first = first, .count = count};
  attend_scratch t = {.keys = scratch};
  t.values = t.keys + KEY_TILE * r.padded;
  t.scores = t.values + KEY_TILE * r.padded;
  t.out = t.scores + ROW_BLOCK * KEY_TILE;
  t.queries = t.out + ROW_BLOCK * r.padded;
  t.greatest = t.queries + ROW_BLOCK * a->head_size;
  t.sum = t.greatest + ROW_BLOCK;
  pack_queries(&r, t.queries);
  memset(t.out, 0, (size_t)count * (size_t)r.padded * 4);
  for (int64_t i = 0; i < count; i++) {
    t.greatest[i] = -INFINITY;
    t.sum[i] = 0;
  }
  int64_t end = position_of(&r, count - 1) + 1;
  for (int64_t start = lowest(&r, 0) / KEY_TILE * KEY_TILE; start < end; start += KEY_TILE) {
    attend_key_tile(&r, &t, start, end - start < KEY_TILE ? end - start : KEY_TILE);
  }
  for (int64_t i = 0; i < count; i++) {
    float *out = s->out + (size_t)((first + i) / r.group) * s->out_stride + head_offset(&r, i);
    for (int d = 0; d < a->head_size; d++) out[d] = t.out[i * r.padded + d] / t.sum[i];
  }
}

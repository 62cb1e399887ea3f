// Attention over a cache, tiled (Dao et al. 2022, FlashAttention): the body of one instruction set (see tiles.h).

#include "exponential.h"

typedef struct {
  float *queries;  // [tile][D][rows of the tile], or D / 2 pairs of bf16
  float *scores;   // [row][KEY_TILE], in the end weights, or KEY_TILE / 2 pairs of them
  float *out;      // [row][D rounded up]
  float *greatest, *sum;  // [row]
  float *keys, *values;   // a tile of the cache in f32
} attend_scratch;

// Rows of one (token, head of the group) task, and the positions each may see: from lowest() on, and before end_of().
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
INLINE int64_t end_of(const attend_rows *r, int64_t row) {
  int64_t end = position_of(r, row) + 1;
  return end > r->s->prefix ? end : r->s->prefix;
}
INLINE size_t head_of(const attend_rows *r, int64_t row) { return (size_t)(r->kv_head * r->group + (r->first + row) % r->group); }
INLINE size_t head_offset(const attend_rows *r, int64_t row) { return head_of(r, row) * (size_t)r->a->head_size; }

static void pack_queries(const attend_rows *r, float *out) {
  int d_count = r->a->head_size;
  int64_t elements = prepared_count(r->a->kv_dtype, d_count);
  for (int64_t done = 0; done < r->count; done += TILE_ROWS) {
    int width = r->count - done < TILE_ROWS ? (int)(r->count - done) : TILE_ROWS;
    const float *rows[TILE_ROWS];
    for (int m = 0; m < width; m++) {
      rows[m] = r->s->queries + (size_t)((r->first + done + m) / r->group) * r->s->query_stride + head_offset(r, done + m);
    }
    interleave_rows(r->a->kv_dtype, rows, width, d_count, 0, prepared_count(r->a->kv_dtype, d_count), out);
    out += width * elements;
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
  f32x16 sum[TILE_PANELS][TILE_ROWS];
  float *out = j->out + (size_t)done * j->out_stride + p * 16;
  start_sums(mr, panels, NULL, panels * 16, sum);
  const size_t row_step = scores ? KEY_TILE : 1;
  dense_tile(dtype, mr, panels, j->w + (size_t)p * j->panel_step, j->panel_step, j->step, j->x + (size_t)done * row_step, row_step,
             scores ? 1 : j->column_step, j->k_count, sum);
  store_sums(mr, panels, j->add, out, j->out_stride, panels * 16, sum);
}

INLINE void attend_panels(const int dtype, const int mr, const bool scores, const attend_job *j, int done) {
  int p = 0;
  for (; p + TILE_PANELS <= j->panels; p += TILE_PANELS) attend_tile(dtype, mr, TILE_PANELS, scores, j, done, p);
  for (; p < j->panels; p++) attend_tile(dtype, mr, 1, scores, j, done, p);
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
static __attribute__((noinline)) void score_bf16(const attend_job *j, int rows) { attend_product(APUS_BF16, false, j, rows); }
static __attribute__((noinline)) void gather_f32(const attend_job *j, int rows) { attend_product(APUS_F32, true, j, rows); }
static __attribute__((noinline)) void gather_f16(const attend_job *j, int rows) { attend_product(APUS_F16, true, j, rows); }
static __attribute__((noinline)) void gather_bf16(const attend_job *j, int rows) { attend_product(APUS_BF16, true, j, rows); }

static void score(int dtype, const attend_job *j, int rows) {
  if (dtype == APUS_F32) score_f32(j, rows);
  else if (dtype == APUS_F16) score_f16(j, rows);
  else score_bf16(j, rows);
}
static void gather(int dtype, const attend_job *j, int rows) {
  if (dtype == APUS_F32) gather_f32(j, rows);
  else if (dtype == APUS_F16) gather_f16(j, rows);
  else gather_bf16(j, rows);
}

INLINE void store_weights(int dtype, const f32x16 v[KEY_TILE / 16], float *out) {
#ifdef BF16_DOT
  if (in_pairs(dtype)) {
    for (int i = 0; i < KEY_TILE / 32; i++) store16(out + i * 16, (f32x16)bf16_pairs(v[2 * i], v[2 * i + 1]));
    return;
  }
#endif
  (void)dtype;
  for (int i = 0; i < KEY_TILE / 16; i++) store16(out + i * 16, v[i]);
}

// The soft cap of a row's scaled scores, and what slopes and distances add to them. `start` is the position of the first key.
INLINE void bias_scores(const attend_rows *r, int64_t row, int64_t start, f32x16 v[KEY_TILE / 16]) {
  const apus_attention *a = r->a;
  const f32x16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#pragma clang loop unroll(full)
  for (int i = 0; i < KEY_TILE / 16; i++) {
    if (a->soft_cap > 0) v[i] = a->soft_cap * tanh16(v[i] / a->soft_cap);
    if (a->distances) {
      // Of the first lane; 16 lie side by side, and beyond the reach all are one.
      int64_t distance = start + i * 16 - position_of(r, row), least = -a->reach - APUS_DISTANCE_MARGIN;
      distance = distance < least ? least : distance > a->reach ? a->reach : distance;
      v[i] += load16(a->distances + apus_distance_place(a->reach, head_of(r, row), distance));
    }
    if (!a->slopes) continue;
    float slope = a->slopes[head_of(r, row)];
    if (a->slopes_in_bf16) {
      v[i] += round_bf16(round_bf16(lanes + (float)(start + i * 16)) * slope) * a->scale;
    } else {
      v[i] = fma16(lanes + (float)(start + i * 16 - position_of(r, row)), splat(slope), v[i]);
    }
  }
}

// Scores of a row become weights: exp(score - greatest so far), 0 for keys it may not see; what was summed before shrinks to
// the new greatest.
static void soften(const attend_rows *r, const attend_scratch *t, int64_t row, int64_t start) {
  float *scores = t->scores + row * KEY_TILE;
  int64_t from = lowest(r, row) - start, to = end_of(r, row) - start;
  if (to <= 0 || from >= KEY_TILE) {
    memset(scores, 0, KEY_TILE * 4);
    return;
  }
  f32x16 v[KEY_TILE / 16], most = splat(-INFINITY), total = splat(0);
#pragma clang loop unroll(full)
  for (int i = 0; i < KEY_TILE / 16; i++) v[i] = load16(scores + i * 16) * r->a->scale;
  if (r->a->soft_cap > 0 || r->a->slopes || r->a->distances) bias_scores(r, row, start, v);
  if (from > 0 || to < KEY_TILE) {
    const i32x16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    int32_t low = from > 0 ? (int32_t)from : 0, high = to < KEY_TILE ? (int32_t)to : KEY_TILE;
#pragma clang loop unroll(full)
    for (int i = 0; i < KEY_TILE / 16; i++) v[i] = select16((lanes >= low - i * 16) & (lanes < high - i * 16), v[i], splat(-INFINITY));
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < KEY_TILE / 16; i++) most = max16(v[i], most);
  float before = t->greatest[row], now = max_lanes(most);
  if (now < before) now = before;
#pragma clang loop unroll(full)
  for (int i = 0; i < KEY_TILE / 16; i++) {
    v[i] = exp_bounded(v[i] - now);
    total += v[i];
  }
  store_weights(r->a->kv_dtype, v, scores);
  float sum = sum_lanes(total);
  t->greatest[row] = now;
  if (before == now || before == -INFINITY) {
    t->sum[row] += sum;
    return;
  }
  float shrink = exp16(splat(before - now))[0], *out = t->out + row * r->padded;
  t->sum[row] = t->sum[row] * shrink + sum;
  for (int d = 0; d < r->padded; d += 16) store16(out + d, load16(out + d) * shrink);
}

// Keys of a tile that some row of first ..< first + count sees: all before this number.
INLINE int64_t visible(const attend_rows *r, int64_t first, int64_t count, int64_t start) {
  int64_t n = end_of(r, first + count - 1) - start;
  return n < 0 ? 0 : n < KEY_TILE ? n : KEY_TILE;
}

static void attend_key_tile(const attend_rows *r, const attend_scratch *t, int64_t start, int64_t n) {
  const apus_attention *a = r->a;
  int rows = (int)r->count, dtype = a->kv_dtype;
  size_t size = dtype == APUS_F32 ? 4 : 2, width = apus_key_width(dtype, a->head_size), padded = (size_t)r->padded;
  size_t first = (size_t)r->kv_head * (size_t)r->s->capacity + (size_t)start;
  const uint8_t *keys = (const uint8_t *)r->s->keys + first * width * size, *values = (const uint8_t *)r->s->values + first * padded * size;
  if (dtype == APUS_F16 && rows > TILE_ROWS) {
    for (size_t i = 0; i < (size_t)apus_round_up(n, 16) * width; i += 16) store16(t->keys + i, load_half((const uint16_t *)keys + i));
    for (size_t i = 0; i < (size_t)n * padded; i += 16) store16(t->values + i, load_half((const uint16_t *)values + i));
    keys = (const uint8_t *)t->keys;
    values = (const uint8_t *)t->values;
    dtype = APUS_F32;
    size = 4;
  }
  // A step along K takes one element of 16 keys, or of a value, and of bf16 two.
  const size_t per = dtype == APUS_BF16 ? 2 : 1;
  const float *q = t->queries;
  for (int done = 0; done < rows; done += TILE_ROWS) {
    int count = rows - done < TILE_ROWS ? rows - done : TILE_ROWS;
    int64_t seen = visible(r, done, count, start);
    attend_job scores = {.w = keys, .panel_step = width * 16 * size, .step = per * 16 * size, .panels = (int)(seen + 15) / 16, .x = q,
                         .column_step = (size_t)count, .k_count = a->head_size, .out = t->scores + done * KEY_TILE, .out_stride = KEY_TILE};
    q += count * prepared_count(dtype, a->head_size);
    if (!seen) continue;
    score(dtype, &scores, count);
    for (int row = done; row < done + count; row++) soften(r, t, row, start);
    attend_job sums = {.w = values, .panel_step = per * 16 * size, .step = per * padded * size, .panels = r->padded / 16,
                       .x = t->scores + done * KEY_TILE, .k_count = seen, .add = true, .out = t->out + (size_t)done * padded,
                       .out_stride = padded};
    gather(dtype, &sums, count);
  }
}

static void attend(const apus_attention *a, const apus_segment *s, int kv_head, int64_t first, int64_t count, float *scratch) {
  attend_rows r = {.a = a, .s = s, .kv_head = kv_head, .group = a->heads / a->kv_heads,
                   .padded = (int)apus_round_up(a->head_size, 16), .first = first, .count = count};
  attend_scratch t = {.keys = scratch};
  t.values = t.keys + KEY_TILE * r.padded;
  t.scores = t.values + KEY_TILE * r.padded;
  t.out = t.scores + ROW_BLOCK * KEY_TILE;
  t.queries = t.out + ROW_BLOCK * r.padded;
  t.greatest = t.queries + ROW_BLOCK * apus_round_up(a->head_size, 2);
  t.sum = t.greatest + ROW_BLOCK;
  pack_queries(&r, t.queries);
  memset(t.out, 0, (size_t)count * (size_t)r.padded * 4);
  for (int64_t i = 0; i < count; i++) {
    t.greatest[i] = -INFINITY;
    t.sum[i] = 0;
  }
  int64_t end = end_of(&r, count - 1);
  for (int64_t start = lowest(&r, 0) / KEY_TILE * KEY_TILE; start < end; start += KEY_TILE) {
    attend_key_tile(&r, &t, start, end - start < KEY_TILE ? end - start : KEY_TILE);
  }
  for (int64_t i = 0; i < count; i++) {
    float *out = s->out + (size_t)((first + i) / r.group) * s->out_stride + head_offset(&r, i);
    for (int d = 0; d < a->head_size; d++) out[d] = t.out[i * r.padded + d] / t.sum[i];
    if (s->log_sums) s->log_sums[(size_t)((first + i) / r.group) * (size_t)a->heads + head_of(&r, i)] = t.greatest[i] + logf(t.sum[i]);
  }
}

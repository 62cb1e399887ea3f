// Gradients of attention (Dao 2023, FlashAttention-2): the body of one instruction set, after attention_scores.h. A task has some keys and
// goes over all queries that see them; scores are made again from the log-sums, P = exp(score - log-sum), and with D the row sums of
// dO ∘ O: dV = Pᵀ dO, dS = P ∘ (dO Vᵀ - D), dK = dSᵀ Q · scale, dQ = dS K · scale.

typedef struct {
  const apus_gradient_task *t;
  apus_visible visible;
  int head, lanes, steps, depth;  // steps of a row, and those that are not all zeros
  // Of each block of keys in work: K and V natural, K as gather_keys takes it, and the sums of both gradients.
  float *keys[CHUNK_BLOCKS], *gathered[CHUNK_BLOCKS], *values[CHUNK_BLOCKS], *key_sums[CHUNK_BLOCKS], *value_sums[CHUNK_BLOCKS];
  // A block of queries and the gradients of its outputs: columns and pairs.
  int64_t query;
  int queries;
  float *query_columns, *query_pairs, *out_columns, *out_pairs;
  float *log_sums, *delta, *query_sums;
  // Of a group of keys: scores, then P; dP, then dS, each a key a row. Of a block of keys: dS for gather_keys.
  float *scores, *weights, *products, *slopes, *gathered_slopes;
  float *rows, *spare;  // a block in f32
  int8_t *keep_mask;        // which weights dropout keeps; NULL: all
} gradient_work;

static void take_gradient_work(const int mode, gradient_work *w, float *scratch) {
  size_t block = (size_t)QUERY_BLOCK * (size_t)w->lanes, scores = QUERY_BLOCK * KEY_BLOCK;
  for (int i = 0; i < CHUNK_BLOCKS; i++) {
    w->keys[i] = take(&scratch, block);
    w->gathered[i] = mode == PAIRED ? take(&scratch, block) : w->keys[i];
    w->values[i] = take(&scratch, block);
    w->key_sums[i] = take(&scratch, block);
    w->value_sums[i] = take(&scratch, block);
  }
  w->rows = take(&scratch, block);
  w->spare = take(&scratch, block);
  w->query_columns = take(&scratch, block);
  w->query_pairs = take(&scratch, block);
  w->out_columns = take(&scratch, block);
  w->out_pairs = take(&scratch, block);
  w->query_sums = take(&scratch, block);
  w->log_sums = take(&scratch, QUERY_BLOCK);
  w->delta = take(&scratch, QUERY_BLOCK);
  w->scores = take(&scratch, scores);
  w->products = take(&scratch, scores);
  w->weights = mode == PAIRED ? take(&scratch, scores / 2) : w->scores;
  w->slopes = mode == PAIRED ? take(&scratch, scores / 2) : w->products;
  w->gathered_slopes = mode == PAIRED ? take(&scratch, scores / 2) : w->products;
  w->keep_mask = w->t->sequence->dropout.threshold ? (int8_t *)take(&scratch, KEEP_MASK_FLOATS) : NULL;
}

static void pack_keys(const int mode, gradient_work *w, int64_t first, int count, int i) {
  const apus_attended *s = w->t->sequence;
  int head_size = w->t->shape->head_size;
  size_t offset = (size_t)w->t->kv_head * (size_t)head_size;
  typed_rows keys = rows_at(s->keys, s->dtype, s->key_stride, first, offset, count, head_size);
  typed_rows values = rows_at(s->values, s->dtype, s->value_stride, first, offset, count, head_size);
  float *rows = mode == PAIRED ? w->rows : w->keys[i];
  widen_rows(mode != EXACT, &keys, KEY_BLOCK, w->lanes, rows);
  natural(mode, rows, KEY_BLOCK, w->lanes, w->keys[i]);
  pack_gathered(mode, rows, KEY_BLOCK, w->lanes, w->gathered[i], w->spare);
  rows = mode == PAIRED ? w->rows : w->values[i];
  widen_rows(mode != EXACT, &values, KEY_BLOCK, w->lanes, rows);
  natural(mode, rows, KEY_BLOCK, w->lanes, w->values[i]);
  memset(w->key_sums[i], 0, (size_t)KEY_BLOCK * (size_t)w->lanes * 4);
  memset(w->value_sums[i], 0, (size_t)KEY_BLOCK * (size_t)w->lanes * 4);
}

// Columns and pairs of a block of rows in f32, which are the pairs unless those are of bf16.
INLINE void pack_both(const int mode, const gradient_work *w, float *rows, float *columns, float *pairs) {
  pack_columns(natural(mode, rows, QUERY_BLOCK, w->lanes, pairs), QUERY_BLOCK, w->steps, columns);
#ifdef BF16_DOT
  if (mode == PAIRED) pack_pairs(rows, QUERY_BLOCK, w->lanes, pairs);
#endif
  (void)pairs;
}

static void load_queries(const int mode, gradient_work *w, int64_t first, int count) {
  const apus_attended *s = w->t->sequence;
  const apus_attention *a = w->t->shape;
  size_t offset = (size_t)w->head * (size_t)a->head_size, lanes = (size_t)w->lanes;
  w->query = first;
  w->queries = count;
  typed_rows queries = rows_at(s->queries, s->dtype, s->query_stride, first, offset, count, a->head_size);
  float *rows = mode == PAIRED ? w->rows : w->query_pairs;
  widen_rows(mode != EXACT, &queries, QUERY_BLOCK, w->lanes, rows);
  pack_both(mode, w, rows, w->query_columns, w->query_pairs);
  typed_rows gradients = rows_at(s->out_gradient, APUS_F32, s->out_gradient_stride, first, offset, count, a->head_size);
  typed_rows outs = rows_at(s->out, s->dtype, s->out_stride, first, offset, count, a->head_size);
  rows = mode == PAIRED ? w->rows : w->out_pairs;
  widen_rows(mode != EXACT, &gradients, QUERY_BLOCK, w->lanes, rows);
  widen_rows(false, &outs, QUERY_BLOCK, w->lanes, w->spare);
  for (int q = 0; q < QUERY_BLOCK; q++) {
    f32x16 sum = splat(0);
    for (size_t d = 0; d < lanes; d += 16) sum = fma16(load16(rows + (size_t)q * lanes + d), load16(w->spare + (size_t)q * lanes + d), sum);
    w->delta[q] = sum_lanes(sum);
    w->log_sums[q] = q < count ? s->log_sums[(size_t)(first + q) * (size_t)a->heads + (size_t)w->head] : 0;
  }
  pack_both(mode, w, rows, w->out_columns, w->out_pairs);
  memset(w->query_sums, 0, QUERY_BLOCK * lanes * 4);
}

// P and dS of a key, number `row` of its block, and 16 queries from `lane` on, from Q · K and dP. What is left out has no part in dP, nor P in dV.
INLINE void slope16(const bool plain, const gradient_work *w, int64_t key, int row, int lane, number_range seen_by, f32x16 *score, f32x16 *product) {
  const apus_attention *a = w->t->shape;
  const bool biased = !plain && has_bias(a);
  f32x16 p, inner = splat(1);
  if (biased) p = exp_bounded(bias_score(a, w->head, key, w->query + lane, *score * a->scale, &inner) - load16(w->log_sums + lane));
  else p = exp_bounded(fma16(*score, splat(a->scale), -load16(w->log_sums + lane)));
  if (seen_by.from > lane || seen_by.to < lane + 16) p = where_seen(seen_by, lane, p, 0);
  if (!plain && w->keep_mask) *product = where_kept(w->keep_mask, row, lane, *product * apus_dropout_factor(&w->t->sequence->dropout));
  f32x16 slope = p * (*product - load16(w->delta + lane));
  if (!plain && w->t->distance_gradient) {
    float *at = w->t->distance_gradient + distance_place(a, w->head, key, w->query + lane);
    store16(at, load16(at) + reverse16(slope));
  }
  *score = !plain && w->keep_mask ? where_kept(w->keep_mask, row, lane, p) : p;
  *product = biased ? slope * inner : slope;
}

// Scores of keys group ..< group + GROUP of a block become P, and dP becomes dS, zero for queries that see none of them.
INLINE void make_slopes(const int mode, const bool plain, const gradient_work *w, int64_t key, int group, number_range all) {
  const size_t width = QUERY_BLOCK;
  float *products = w->products + (mode == PAIRED ? 0 : (size_t)group * width);
  for (int g = 0; g < GROUP; g += 2) {
    number_range by[2] = {seeing(&w->visible, key + g, 1, w->query, w->queries), seeing(&w->visible, key + g + 1, 1, w->query, w->queries)};
    float *scores = w->scores + (size_t)g * width, *dots = products + (size_t)g * width;
    float *gathered = w->gathered_slopes + (size_t)(group + g) / 2 * width;
    for (int lane = all.from; lane < all.to; lane += 32) {
      f32x16 p[2][2], slope[2][2];
#pragma clang loop unroll(full)
      for (int i = 0; i < 4; i++) {
        size_t at = (size_t)(i / 2) * width + (size_t)(lane + i % 2 * 16);
        p[i / 2][i % 2] = load16(scores + at);
        slope[i / 2][i % 2] = load16(dots + at);
        slope16(plain, w, key + g + i / 2, group + g + i / 2, lane + i % 2 * 16, by[i / 2], &p[i / 2][i % 2], &slope[i / 2][i % 2]);
        if (mode == PAIRED) continue;
        store16(scores + at, mode == ROUNDED ? round_bf16(p[i / 2][i % 2]) : p[i / 2][i % 2]);
        store16(dots + at, mode == ROUNDED ? round_bf16(slope[i / 2][i % 2]) : slope[i / 2][i % 2]);
      }
#ifdef BF16_DOT
      for (int i = 0; mode == PAIRED && i < 2; i++) {
        size_t at = (size_t)(g + i) * width / 2 + (size_t)lane / 2;
        store16(w->weights + at, (f32x16)bf16_pairs(p[i][0], p[i][1]));
        store16(w->slopes + at, (f32x16)bf16_pairs(slope[i][0], slope[i][1]));
        store16(gathered + lane + i * 16, paired_rows(slope[0][i], slope[1][i]));
      }
#endif
    }
    for (int i = 0; i < (mode == PAIRED ? 1 : 2); i++) {
      float *row = mode == PAIRED ? gathered : dots + (size_t)i * width;
      memset(row, 0, (size_t)all.from * 4);
      memset(row + all.to, 0, (width - (size_t)all.to) * 4);
    }
  }
}

INLINE void meet_group(const int mode, const gradient_work *w, int block, int64_t key, int group, number_range all) {
  const bool pairs = mode == PAIRED;
  size_t lanes = (size_t)w->lanes, steps = (size_t)w->steps, row = (size_t)group * steps, in_block = pairs ? 0 : (size_t)group * QUERY_BLOCK;
  block_product j = {.x = w->keys[block] + row, .row_step = steps, .w = w->query_columns + all.from, .w_step = QUERY_BLOCK,
                     .out = w->scores + all.from, .out_stride = QUERY_BLOCK, .rows = GROUP, .lanes = all.to - all.from, .depth = w->depth};
  multiply_rows(pairs, &j);
  j.x = w->values[block] + row;
  j.w = w->out_columns + all.from;
  j.out = w->products + in_block + all.from;
  multiply_rows(pairs, &j);
  if (has_bias(w->t->shape) || w->keep_mask) make_slopes(mode, false, w, key + group, group, all);
  else make_slopes(mode, true, w, key + group, group, all);
  size_t first = (size_t)steps_of(mode, all.from);
  j = (block_product){.x = w->weights + first, .w = w->out_pairs + first * lanes, .w_step = lanes, .out = w->value_sums[block] + (size_t)group * lanes,
                      .out_stride = lanes, .rows = GROUP, .lanes = w->lanes, .depth = steps_of(mode, all.to - all.from), .add = true};
  multiply_weights(pairs, &j);
  j.x = w->slopes + in_block + first;
  j.w = w->query_pairs + first * lanes;
  j.out = w->key_sums[block] + (size_t)group * lanes;
  multiply_weights(pairs, &j);
}

// The block of queries meets a block of keys.
INLINE void meet_block(const int mode, const gradient_work *w, int block, int64_t key, int keys) {
  number_range met = seeing(&w->visible, key, keys, w->query, w->queries);
  if (met.from >= met.to) return;
  if (w->keep_mask) draw_keep_mask(&w->t->sequence->dropout, w->head, w->query, w->queries, key, keys, w->keep_mask);
  for (int group = 0; group < keys; group += GROUP) {
    int count = keys - group < GROUP ? keys - group : GROUP;
    number_range all = seeing(&w->visible, key + group, count, w->query, w->queries);
    if (all.from >= all.to) continue;
    all = (number_range){all.from / 32 * 32, (all.to + 31) / 32 * 32};
    meet_group(mode, w, block, key, group, all);
  }
  gather_seen(mode, &w->visible, w->query, w->queries, key, keys, w->gathered_slopes, w->gathered[block], w->lanes, w->query_sums);
}

static void add_query_gradient(const gradient_work *w) {
  const apus_gradient_task *t = w->t;
  int head_size = t->shape->head_size;
  const float *sums = sums_by_query(w->query_sums, w->lanes, w->spare);
  for (int q = 0; q < w->queries; q++, sums += w->lanes) {
    float *out = t->query_gradient + (size_t)(w->query + q) * t->query_gradient_stride + (size_t)w->head * (size_t)head_size;
    for (int d = 0; d < head_size; d += 16) {
      f32x16 sum = fma16(load16(sums + d), splat(t->shape->scale), load_part(out + d, head_size - d));
      store_part(out + d, sum, head_size - d);
    }
  }
}

static void store_key_gradient(const gradient_work *w, int64_t first, int count, const float *sums, float factor, float *out, size_t stride) {
  int head_size = w->t->shape->head_size;
  out += (size_t)first * stride + (size_t)w->t->kv_head * (size_t)head_size;
  for (int k = 0; k < count; k++, out += stride, sums += w->lanes) {
    for (int d = 0; d < head_size; d += 16) store_part(out + d, load16(sums + d) * factor, head_size - d);
  }
}

// Keys first ..< first + count, at most CHUNK_BLOCKS blocks of them.
INLINE void backward_chunk(const int mode, gradient_work *w, int64_t first, int64_t count) {
  const apus_attended *s = w->t->sequence;
  int group = w->t->shape->heads / w->t->shape->kv_heads;
  for (int64_t k = 0; k < count; k += KEY_BLOCK) pack_keys(mode, w, first + k, within(count - k, KEY_BLOCK), (int)(k / KEY_BLOCK));
  int64_t from = apus_first_query(&w->visible, first) / QUERY_BLOCK * QUERY_BLOCK, to = apus_end_query(&w->visible, first + count - 1);
  for (w->head = w->t->kv_head * group; w->head < (w->t->kv_head + 1) * group; w->head++) {
    for (int64_t q = from; q < to; q += QUERY_BLOCK) {
      load_queries(mode, w, q, within(s->queries_count - q, QUERY_BLOCK));
      for (int64_t k = 0; k < count; k += KEY_BLOCK) meet_block(mode, w, (int)(k / KEY_BLOCK), first + k, within(count - k, KEY_BLOCK));
      add_query_gradient(w);
    }
  }
  for (int64_t k = 0; k < count; k += KEY_BLOCK) {
    int block = (int)(k / KEY_BLOCK), n = within(count - k, KEY_BLOCK);
    store_key_gradient(w, first + k, n, w->key_sums[block], w->t->shape->scale, s->key_gradient, s->key_gradient_stride);
    store_key_gradient(w, first + k, n, w->value_sums[block], apus_dropout_factor(&s->dropout), s->value_gradient, s->value_gradient_stride);
  }
}

INLINE void backward(const int mode, const apus_gradient_task *t, float *scratch) {
  const apus_attended *s = t->sequence;
  gradient_work w = {.t = t, .lanes = lanes_of(mode, t->shape->head_size),
                     .visible = {.window = t->shape->window, .prefix = s->prefix, .queries = s->queries_count, .keys = s->keys_count}};
  w.steps = steps_of(mode, w.lanes);
  w.depth = depth_of(mode, t->shape->head_size, w.lanes);
  take_gradient_work(mode, &w, scratch);
  for (int64_t k = 0; k < t->count; k += CHUNK_BLOCKS * KEY_BLOCK) {
    backward_chunk(mode, &w, t->first + k, t->count - k < CHUNK_BLOCKS * KEY_BLOCK ? t->count - k : CHUNK_BLOCKS * KEY_BLOCK);
  }
}

static void backward_bf16(const apus_gradient_task *t, float *scratch) { backward(BF16_MODE, t, scratch); }
#ifndef MATRIX_UNIT
static void backward_f32(const apus_gradient_task *t, float *scratch) { backward(EXACT, t, scratch); }

static const apus_attention_kernels attention_f32 = {attend_whole_f32, backward_f32}, attention_bf16 = {attend_whole_bf16, backward_bf16};
#endif

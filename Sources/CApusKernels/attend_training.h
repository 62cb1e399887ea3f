// Attention of whole sequences (Dao et al. 2022, FlashAttention): the body of one instruction set, after attention_scores.h. A task has some
// blocks of queries and takes the keys a block at a time, with a running greatest score and sum of each query.

typedef struct {
  int queries;                // of the block
  float *columns;             // Q
  float *sums;                // of P V
  float *greatest, *totals;   // of each query: greatest score so far, sum of its exponentials
} attend_block;

typedef struct {
  const apus_attend_task *t;
  apus_visible visible;
  int kv_head, lanes, steps, depth;  // steps of a row, and those that are not all zeros
  attend_block blocks[CHUNK_BLOCKS];
  float *keys, *values;      // a block: K natural, V as gather_keys takes it
  float *scores, *weights;   // of a block of keys and one of queries
  float *shrink;             // [query]
  float *rows, *spare;       // a block in f32
  int8_t *keep_mask;             // which weights dropout keeps; NULL: all
} attend_work;

static void take_attend_work(const int mode, attend_work *w, float *scratch) {
  size_t block = (size_t)QUERY_BLOCK * (size_t)w->lanes, scores = QUERY_BLOCK * KEY_BLOCK;
  for (int i = 0; i < CHUNK_BLOCKS; i++) {
    w->blocks[i].columns = take(&scratch, block);
    w->blocks[i].sums = take(&scratch, block);
    w->blocks[i].greatest = take(&scratch, QUERY_BLOCK);
    w->blocks[i].totals = take(&scratch, QUERY_BLOCK);
  }
  w->shrink = take(&scratch, QUERY_BLOCK);
  w->keys = take(&scratch, block);
  w->rows = take(&scratch, block);
  w->values = mode == PAIRED ? take(&scratch, block) : w->rows;
  w->spare = take(&scratch, block);
  w->scores = take(&scratch, scores);
  w->weights = mode == PAIRED ? take(&scratch, scores / 2) : w->scores;
  w->keep_mask = w->t->sequence->dropout.threshold ? (int8_t *)take(&scratch, KEEP_MASK_FLOATS) : NULL;
}

static void start_block(const int mode, const attend_work *w, attend_block *b, int64_t first, int count) {
  const apus_sequence *s = w->t->sequence;
  int head_size = w->t->shape->head_size;
  typed_rows queries = rows_at(s->queries, s->dtype, s->query_stride, first, (size_t)w->t->head * (size_t)head_size, count, head_size);
  widen_rows(mode != EXACT, &queries, QUERY_BLOCK, w->lanes, w->rows);
  pack_columns(natural(mode, w->rows, QUERY_BLOCK, w->lanes, w->spare), QUERY_BLOCK, w->steps, b->columns);
  b->queries = count;
  memset(b->sums, 0, (size_t)QUERY_BLOCK * (size_t)w->lanes * 4);
  for (int q = 0; q < QUERY_BLOCK; q += 16) {
    store16(b->greatest + q, splat(-INFINITY));
    store16(b->totals + q, splat(0));
  }
}

static void load_keys(const int mode, attend_work *w, int64_t first, int count) {
  const apus_sequence *s = w->t->sequence;
  int head_size = w->t->shape->head_size;
  size_t offset = (size_t)w->kv_head * (size_t)head_size;
  typed_rows keys = rows_at(s->keys, s->dtype, s->key_stride, first, offset, count, head_size);
  typed_rows values = rows_at(s->values, s->dtype, s->value_stride, first, offset, count, head_size);
  widen_rows(mode != EXACT, &keys, KEY_BLOCK, w->lanes, mode == PAIRED ? w->rows : w->keys);
  natural(mode, w->rows, KEY_BLOCK, w->lanes, w->keys);
  widen_rows(mode != EXACT, &values, KEY_BLOCK, w->lanes, w->rows);
  pack_gathered(mode, w->rows, KEY_BLOCK, w->lanes, w->values, w->spare);
}

// Scores of 32 queries from `lane` on become weights, exp(score - greatest so far), 0 for the keys among rows.from ..< rows.to that are not
// seen or are left out. Returns whether a greatest score has grown. `plain`: scores are only scaled, and nothing is left out.
INLINE bool soften32(const int mode, const bool plain, const attend_work *w, attend_block *b, int64_t query, int lane, int64_t key, number_range rows) {
  const apus_attention *a = w->t->shape;
  const bool biased = !plain && has_bias(a);
  const size_t width = QUERY_BLOCK;
  f32x16 most[2], total[2] = {splat(0), splat(0)};
  for (int i = 0; i < 2; i++) most[i] = load16(b->greatest + lane + i * 16);
  number_range range = seen(&w->visible, query + lane, b->queries - lane < 32 ? b->queries - lane : 32, key, rows.to);
  bool kept = biased || !all_seen(&w->visible, query + lane, 32, key + range.from, key + range.to);
  for (int k = range.from; k < range.to; k++) {
    number_range by = seeing(&w->visible, key + k, 1, query, b->queries);
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++) {
      float *at = w->scores + (size_t)k * width + lane + i * 16;
      f32x16 v = load16(at) * a->scale, inner;
      if (biased) v = bias_score(a, w->t->head, key + k, query + lane + i * 16, v, &inner);
      if (kept) store16(at, v = where_seen(by, lane + i * 16, v, -INFINITY));
      most[i] = max16(v, most[i]);
    }
  }
  bool grown = false;
  f32x16 base[2];
  for (int i = 0; i < 2; i++) {
    f32x16 before = load16(b->greatest + lane + i * 16);
    base[i] = select16(most[i] == -INFINITY, splat(0), most[i]);
    f32x16 shrink = exp_bounded(before - base[i]);
    shrink = select16(before == most[i], splat(1), shrink);
    store16(w->shrink + lane + i * 16, shrink);
    store16(b->greatest + lane + i * 16, most[i]);
    store16(b->totals + lane + i * 16, load16(b->totals + lane + i * 16) * shrink);
    grown = grown || __builtin_reduce_or(before != most[i]);
  }
  for (int k = rows.from; k < rows.to; k += 2) {
    f32x16 p[2][2];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
      int row = k + i / 2, half = i % 2;
      float *at = w->scores + (size_t)row * width + lane + half * 16;
      if (row < range.from || row >= range.to) p[i / 2][half] = splat(0);
      else if (kept) p[i / 2][half] = exp_bounded(load16(at) - base[half]);
      else p[i / 2][half] = exp_bounded(fma16(load16(at), splat(a->scale), -base[half]));
      total[half] += p[i / 2][half];
      if (!plain && w->keep_mask) p[i / 2][half] = where_kept(w->keep_mask, row, lane + half * 16, p[i / 2][half]);
      if (mode != PAIRED) store16(at, mode == ROUNDED ? round_bf16(p[i / 2][half]) : p[i / 2][half]);
    }
#ifdef BF16_DOT
    for (int i = 0; mode == PAIRED && i < 2; i++) store16(w->weights + (size_t)k / 2 * width + lane + i * 16, paired_rows(p[0][i], p[1][i]));
#endif
  }
  for (int i = 0; i < 2; i++) store16(b->totals + lane + i * 16, load16(b->totals + lane + i * 16) + total[i]);
  return grown;
}

INLINE void attend_keys(const int mode, const attend_work *w, attend_block *b, int64_t query, int64_t key, int keys) {
  const bool pairs = mode == PAIRED, plain = !has_bias(w->t->shape) && !w->keep_mask;
  size_t steps = (size_t)w->steps;
  number_range rows = whole_groups(seen(&w->visible, query, b->queries, key, keys));
  if (rows.from >= rows.to) return;
  if (w->keep_mask) draw_keep_mask(&w->t->sequence->dropout, w->t->head, query, b->queries, key, keys, w->keep_mask);
  for (int group = 0; group < keys; group += GROUP) {
    number_range all = seeing(&w->visible, key + group, keys - group < GROUP ? keys - group : GROUP, query, b->queries);
    if (all.from >= all.to) continue;
    int from = all.from / 32 * 32, to = (all.to + 31) / 32 * 32;
    block_product j = {.x = w->keys + (size_t)group * steps, .row_step = steps, .w = b->columns + from, .w_step = QUERY_BLOCK,
                       .out = w->scores + (size_t)group * QUERY_BLOCK + from, .out_stride = QUERY_BLOCK, .rows = GROUP, .lanes = to - from,
                       .depth = w->depth};
    multiply_rows(pairs, &j);
  }
  bool grown = false;
  for (int lane = 0; lane < b->queries; lane += 32) {
    if (plain) grown |= soften32(mode, true, w, b, query, lane, key, rows);
    else grown |= soften32(mode, false, w, b, query, lane, key, rows);
  }
  if (grown) shrink_sums(w->shrink, (b->queries + 31) / 32 * 32, w->lanes, b->sums);
  gather_seen(mode, &w->visible, query, b->queries, key, keys, w->weights, w->values, w->lanes, b->sums);
}

static void finish_block(const attend_work *w, const attend_block *b, int64_t first) {
  const apus_sequence *s = w->t->sequence;
  int head_size = w->t->shape->head_size;
  const float *sums = sums_by_query(b->sums, w->lanes, w->spare);
  for (int q = 0; q < b->queries; q++, sums += w->lanes) {
    float *out = s->out + (size_t)(first + q) * s->out_stride + (size_t)w->t->head * (size_t)head_size;
    float inverse = apus_dropout_factor(&s->dropout) / b->totals[q];
    for (int d = 0; d < head_size; d += 16) store_part(out + d, load16(sums + d) * inverse, head_size - d);
    float *log_sum = s->log_sums + (size_t)(first + q) * (size_t)w->t->shape->heads + (size_t)w->t->head;
    *log_sum = b->greatest[q] + logf(b->totals[q]);
  }
}

INLINE void attend_whole(const int mode, const apus_attend_task *t, float *scratch) {
  const apus_sequence *s = t->sequence;
  attend_work w = {.t = t, .lanes = lanes_of(mode, t->shape->head_size), .kv_head = t->head / (t->shape->heads / t->shape->kv_heads),
                   .visible = {.window = t->shape->window, .prefix = s->prefix, .queries = s->queries_count, .keys = s->keys_count}};
  w.steps = steps_of(mode, w.lanes);
  w.depth = depth_of(mode, t->shape->head_size, w.lanes);
  take_attend_work(mode, &w, scratch);
  int blocks = (int)((t->count + QUERY_BLOCK - 1) / QUERY_BLOCK);
  for (int i = 0; i < blocks; i++) start_block(mode, &w, &w.blocks[i], t->first + i * QUERY_BLOCK, within(t->count - i * QUERY_BLOCK, QUERY_BLOCK));
  int64_t end = apus_end_key(&w.visible, t->first + t->count - 1);
  for (int64_t key = apus_first_key(&w.visible, t->first) / KEY_BLOCK * KEY_BLOCK; key < end; key += KEY_BLOCK) {
    int keys = within(end - key, KEY_BLOCK);
    load_keys(mode, &w, key, keys);
    for (int i = 0; i < blocks; i++) {
      int64_t query = t->first + i * QUERY_BLOCK;
      if (apus_end_key(&w.visible, query + w.blocks[i].queries - 1) > key) attend_keys(mode, &w, &w.blocks[i], query, key, keys);
    }
  }
  for (int i = 0; i < blocks; i++) finish_block(&w, &w.blocks[i], t->first + i * QUERY_BLOCK);
}

#ifndef MATRIX_UNIT
static void attend_whole_f32(const apus_attend_task *t, float *scratch) { attend_whole(EXACT, t, scratch); }
#endif
static void attend_whole_bf16(const apus_attend_task *t, float *scratch) { attend_whole(BF16_MODE, t, scratch); }

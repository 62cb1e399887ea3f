// What is added to scores, and which of them count: 16 queries of a key at a time.
#ifndef APUS_ATTENTION_SCORES_H
#define APUS_ATTENTION_SCORES_H

#include "attention_blocks.h"
#include "dropout.h"

INLINE f32x16 reverse16(f32x16 v) { return __builtin_shufflevector(v, v, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0); }

INLINE bool has_bias(const apus_attention *a) { return a->soft_cap > 0 || a->slopes || a->distances; }

// Where the number of the farthest of 16 queries from `query` on stands in a table of distances; those of the others follow.
INLINE int64_t distance_place(const apus_attention *a, int head, int64_t key, int64_t query) {
  int64_t distance = key - query - 15, least = -a->reach - APUS_DISTANCE_MARGIN;
  distance = distance < least ? least : distance > a->reach ? a->reach : distance;
  return apus_distance_place(a->reach, head, distance);
}

// The soft cap of scaled scores, and what slopes and distances add to them; `inner` is the slope of the cap.
INLINE f32x16 bias_score(const apus_attention *a, int head, int64_t key, int64_t query, f32x16 v, f32x16 *inner) {
  *inner = splat(1);
  if (a->soft_cap > 0) {
    f32x16 t = tanh16(v / a->soft_cap);
    v = a->soft_cap * t;
    *inner = 1.0f - t * t;
  }
  if (a->distances) v += reverse16(load16(a->distances + distance_place(a, head, key, query)));
  if (!a->slopes) return v;
  f32x16 slope = splat(a->slopes[head]);
  if (a->slopes_in_bf16) return v + round_bf16(round_bf16(splat((float)key)) * slope) * a->scale;
  return fma16(splat((float)(key - query)) - to_float(lane_numbers), slope, v);
}

// Numbers of queries, or of keys, in a block: from ..< to.
typedef struct {
  int from, to;
} number_range;

INLINE int within(int64_t n, int most) { return n < 0 ? 0 : n < most ? (int)n : most; }

// Of keys first ..< first + count (numbers in the sequence), the queries query ..< query + queries that see one of them.
INLINE number_range seeing(const apus_visible *v, int64_t first, int64_t count, int64_t query, int queries) {
  int64_t last = first + count < v->keys ? first + count - 1 : v->keys - 1;
  if (count <= 0 || first >= v->keys) return (number_range){0, 0};
  return (number_range){within(apus_first_query(v, first) - query, queries), within(apus_end_query(v, last) - query, queries)};
}
// Of the keys, those that one of these queries sees.
INLINE number_range seen(const apus_visible *v, int64_t query, int64_t count, int64_t key, int keys) {
  return (number_range){within(apus_first_key(v, query) - key, keys), within(apus_end_key(v, query + count - 1) - key, keys)};
}

// Whether all these queries see keys first ..< end.
INLINE bool all_seen(const apus_visible *v, int64_t query, int64_t count, int64_t first, int64_t end) {
  return query + count <= v->queries && apus_first_key(v, query + count - 1) <= first && apus_end_key(v, query) >= end;
}
INLINE number_range whole_groups(number_range r) { return (number_range){r.from / GROUP * GROUP, (r.to + GROUP - 1) / GROUP * GROUP}; }

// v where a lane is seen, else `other`; `lane` is the first query's number.
INLINE f32x16 where_seen(number_range r, int lane, f32x16 v, float other) {
  return select16((lane_numbers >= r.from - lane) & (lane_numbers < r.to - lane), v, splat(other));
}

// Which weights dropout keeps of a block of queries and one of keys, whose first is a multiple of 8: [key][query], a byte each, all ones or 0.
static __attribute__((noinline)) void draw_keep_mask(const apus_dropout *d, int head, int64_t query, int queries, int64_t key, int keys, int8_t *mask) {
  for (int q = 0; q < queries; q += 16) {
    for (int k = 0; k < keys; k += 8) {
      u32x16 words[4];
      count16(d, (key + k) / 8, 0, query + q, 1, head, words);
      philox16(d->key, words);
      for (int n = 0; n < 8; n++) {
        i8x16 bytes = __builtin_convertvector(keeps16(d, words, n), i8x16);
        memcpy(mask + (k + n) * QUERY_BLOCK + q, &bytes, 16);
      }
    }
  }
}
// v where a key's weights of 16 queries are kept, else 0.
INLINE f32x16 where_kept(const int8_t *mask, int key, int query, f32x16 v) {
  i8x16 bytes;
  memcpy(&bytes, mask + key * QUERY_BLOCK + query, 16);
  return select16(__builtin_convertvector(bytes, i32x16), v, splat(0));
}

// Adds to each query's sums its weights times the rows of the keys it sees.
INLINE void gather_seen(const int mode, const apus_visible *v, int64_t query, int queries, int64_t key, int keys, const float *weights, const float *rows,
                        int lanes, float *sums) {
  for (int q = 0; q < queries; q += GROUP) {
    number_range range = seen(v, query + q, queries - q < GROUP ? queries - q : GROUP, key, keys);
    if (range.from >= range.to) continue;
    range = whole_groups(range);
    gather_keys(mode == PAIRED, weights, rows, lanes, q, steps_of(mode, range.from), steps_of(mode, range.to - range.from), sums);
  }
}

#endif

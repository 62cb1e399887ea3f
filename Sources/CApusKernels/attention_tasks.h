// Attention in training: what the drivers (attention_training.c, attention_backward.c) hand to the kernels of an instruction set.
#ifndef APUS_ATTENTION_TASKS_H
#define APUS_ATTENTION_TASKS_H

#include "apus_training.h"

enum {
  QUERY_BLOCK = 96,  // queries and keys that meet at a time: whole tiles of every instruction set
  KEY_BLOCK = 96,
  CHUNK_BLOCKS = 6,  // blocks of queries (forward) or of keys (backward) in work together, at most
  KEEP_MASK_FLOATS = QUERY_BLOCK * KEY_BLOCK / 4,  // a byte for each weight
};

// Queries first ..< first + count of a head, at most CHUNK_BLOCKS blocks of them.
typedef struct {
  const apus_attention *shape;
  const apus_sequence *sequence;
  int head;
  int64_t first, count;
} apus_attend_task;

// Keys first ..< first + count of a K/V head: the gradients of the keys and values, and what they add to those of the queries.
typedef struct {
  const apus_attention *shape;
  const apus_attended *sequence;
  int kv_head;
  int64_t first, count;
  float *query_gradient;  // [T, H, D]
  size_t query_gradient_stride;
  float *distance_gradient;  // [heads][apus_distance_width] or NULL: added to, also in the repeated places
} apus_gradient_task;

// Scratch: apus_attend_task_floats, apus_gradient_task_floats.
typedef struct {
  void (*attend)(const apus_attend_task *, float *scratch);
  void (*backward)(const apus_gradient_task *, float *scratch);
} apus_attention_kernels;

// Which keys a query sees, and which queries see a key; query i stands at position i.
typedef struct {
  int64_t window, prefix, queries, keys;
} apus_visible;

static inline int64_t apus_first_key(const apus_visible *v, int64_t query) {
  return v->window > 0 && query >= v->window ? query - v->window + 1 : 0;
}
static inline int64_t apus_end_key(const apus_visible *v, int64_t query) {
  int64_t end = query + 1 > v->prefix ? query + 1 : v->prefix;
  return end < v->keys ? end : v->keys;
}
static inline int64_t apus_first_query(const apus_visible *v, int64_t key) { return key < v->prefix ? 0 : key; }
static inline int64_t apus_end_query(const apus_visible *v, int64_t key) {
  return v->window > 0 && key + v->window < v->queries ? key + v->window : v->queries;
}

// Floats of scratch that a task needs, for any instruction set.
static inline size_t apus_attend_task_floats(int head_size) {
  size_t lanes = ((size_t)head_size + 31) / 32 * 32;
  return CHUNK_BLOCKS * QUERY_BLOCK * (2 * lanes + 2) + QUERY_BLOCK * (lanes + 1) + 4 * KEY_BLOCK * lanes + 2 * QUERY_BLOCK * KEY_BLOCK +
         KEEP_MASK_FLOATS + 1024;
}
static inline size_t apus_gradient_task_floats(int head_size) {
  size_t lanes = ((size_t)head_size + 31) / 32 * 32;
  return CHUNK_BLOCKS * KEY_BLOCK * 6 * lanes + QUERY_BLOCK * (8 * lanes + 2) + 4 * QUERY_BLOCK * KEY_BLOCK + KEEP_MASK_FLOATS + 1024;
}

#endif

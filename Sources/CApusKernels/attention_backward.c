// Gradients of attention, spread over the worker threads. A task has some of the keys of a K/V head, whose gradients it makes alone; what
// the parts of the keys add to the gradients of the queries lies apart and is added up in their order, whatever the threads are.
#include <string.h>

#include "attention_tasks.h"
#include "internal.h"

enum {
  MOST_PARTS = 4,      // of a sequence: each but the first takes memory for gradients of the queries
  LEAST_PART = 192,    // keys
  ENOUGH_TASKS = 16,   // of a sequence: no more parts than make these
  ROWS_A_TASK = 64,    // of adding up
};

typedef struct {
  const apus_kernels *kernels;
  apus_pool *pool;
  const apus_attention *shape;
  const apus_attended *sequences;
  int count, compute;
  float *query_parts;      // of each sequence's parts but the first: [T, H, D]
  float *distance_parts;   // of each sequence's parts: [heads][apus_distance_width]; NULL: not wanted
  float *distance_gradient;
} backward_job;

// By the sequence alone, so that its sums run in the same order in any batch.
static int parts_of(const backward_job *job, const apus_attended *s) {
  int64_t parts = s->keys_count / LEAST_PART, enough = (ENOUGH_TASKS + job->shape->kv_heads - 1) / job->shape->kv_heads;
  if (parts > enough) parts = enough;
  return parts < 1 ? 1 : parts < MOST_PARTS ? (int)parts : MOST_PARTS;
}
static size_t query_floats(const backward_job *job, const apus_attended *s) {
  return (size_t)s->queries_count * (size_t)(job->shape->heads * job->shape->head_size);
}
static size_t distance_floats(const backward_job *job) { return (size_t)job->shape->heads * (size_t)apus_distance_width(job->shape->reach); }

static apus_visible visible_of(const backward_job *job, const apus_attended *s) {
  return (apus_visible){.window = job->shape->window, .prefix = s->prefix, .queries = s->queries_count, .keys = s->keys_count};
}
static int64_t queries_seeing(const apus_visible *v, int64_t key) {
  int64_t count = apus_end_query(v, key) - apus_first_query(v, key);
  return count > 0 ? count : 0;
}

// The first key of a part: whole blocks of keys, such that the parts see about as many queries.
static int64_t part_start(const backward_job *job, const apus_attended *s, int part) {
  int parts = parts_of(job, s);
  if (part == 0 || part == parts) return part == 0 ? 0 : s->keys_count;
  apus_visible v = visible_of(job, s);
  int64_t all = 0, before = 0, key = 0;
  for (int64_t k = 0; k < s->keys_count; k += KEY_BLOCK) all += queries_seeing(&v, k);
  for (; key < s->keys_count && before < all * part / parts; key += KEY_BLOCK) before += queries_seeing(&v, key);
  return key < s->keys_count ? key : s->keys_count;
}

// Where part `part` of sequence `i` adds up gradients of queries: the first in their own place.
static float *query_part(const backward_job *job, int i, int part, size_t *stride) {
  const apus_attended *s = &job->sequences[i];
  *stride = part == 0 ? s->query_gradient_stride : (size_t)(job->shape->heads * job->shape->head_size);
  if (part == 0) return s->query_gradient;
  float *at = job->query_parts;
  for (int before = 0; before < i; before++) at += query_floats(job, &job->sequences[before]) * (size_t)(parts_of(job, &job->sequences[before]) - 1);
  return at + query_floats(job, s) * (size_t)(part - 1);
}
static float *distance_part(const backward_job *job, int i, int part) {
  if (!job->distance_parts) return NULL;
  int before = 0;
  for (int n = 0; n < i; n++) before += parts_of(job, &job->sequences[n]);
  return job->distance_parts + distance_floats(job) * (size_t)(before + part);
}

static void backward_task(void *context, int64_t task, int thread) {
  const backward_job *job = context;
  const apus_attention *a = job->shape;
  int i = 0;
  while (task >= parts_of(job, &job->sequences[i]) * a->kv_heads) task -= parts_of(job, &job->sequences[i++]) * a->kv_heads;
  const apus_attended *s = &job->sequences[i];
  int part = (int)(task / a->kv_heads), head = (int)(task % a->kv_heads), group = a->heads / a->kv_heads;
  int64_t first = part_start(job, s, part);
  apus_gradient_task t = {.shape = a, .sequence = s, .kv_head = head, .first = first, .count = part_start(job, s, part + 1) - first,
                          .distance_gradient = distance_part(job, i, part)};
  t.query_gradient = query_part(job, i, part, &t.query_gradient_stride);
  size_t width = (size_t)(group * a->head_size), offset = (size_t)head * width;
  for (int64_t q = 0; q < s->queries_count; q++) memset(t.query_gradient + (size_t)q * t.query_gradient_stride + offset, 0, width * sizeof(float));
  float *scratch = apus_pool_scratch(job->pool, thread, apus_gradient_task_floats(a->head_size) * sizeof(float));
  job->kernels->attention[job->compute]->backward(&t, scratch);
}

static int64_t row_tasks(const apus_attended *s) { return (s->queries_count + ROWS_A_TASK - 1) / ROWS_A_TASK; }

static void add_parts_task(void *context, int64_t task, int thread) {
  (void)thread;
  const backward_job *job = context;
  int i = 0;
  while (task >= row_tasks(&job->sequences[i])) task -= row_tasks(&job->sequences[i++]);
  const apus_attended *s = &job->sequences[i];
  int64_t first = task * ROWS_A_TASK, end = first + ROWS_A_TASK < s->queries_count ? first + ROWS_A_TASK : s->queries_count;
  int64_t width = job->shape->heads * job->shape->head_size;
  for (int part = 1; part < parts_of(job, s); part++) {
    size_t stride;
    const float *from = query_part(job, i, part, &stride);
    for (int64_t q = first; q < end; q++) {
      float *to = s->query_gradient + (size_t)q * s->query_gradient_stride;
      job->kernels->scale(from + (size_t)q * stride, 1, to, width, to);
    }
  }
}

// Adds up the gradients of distances; those of repeated places belong to the number that is repeated.
static void add_distances(const backward_job *job, int parts) {
  int64_t width = apus_distance_width(job->shape->reach), first = APUS_DISTANCE_MARGIN, last = width - 1 - APUS_DISTANCE_MARGIN;
  for (int64_t head = 0; head < job->shape->heads; head++) {
    float *to = job->distance_gradient + head * width;
    for (int part = 0; part < parts; part++) {
      const float *from = job->distance_parts + distance_floats(job) * (size_t)part + head * width;
      for (int64_t i = 0; i < width; i++) to[i < first ? first : i < last ? i : last] += from[i];
    }
  }
}

void apus_attend_backward(const apus_kernels *kernels, apus_pool *pool, int compute, const apus_attention *shape, const apus_attended *segments,
                          int segment_count, float *distance_gradient) {
  backward_job job = {.kernels = kernels, .pool = pool, .shape = shape, .sequences = segments, .count = segment_count, .compute = compute,
                      .distance_gradient = distance_gradient};
  int64_t parts = 0, rows = 0;
  size_t floats = 0;
  for (int i = 0; i < segment_count; i++) {
    parts += parts_of(&job, &segments[i]);
    rows += row_tasks(&segments[i]);
    floats += query_floats(&job, &segments[i]) * (size_t)(parts_of(&job, &segments[i]) - 1);
  }
  bool wants_distances = distance_gradient && shape->distances;
  size_t distances = wants_distances ? distance_floats(&job) * (size_t)parts : 0;
  job.query_parts = apus_pool_scratch(pool, apus_pool_threads(pool), (floats + distances) * sizeof(float));
  if (wants_distances) job.distance_parts = memset(job.query_parts + floats, 0, distances * sizeof(float));
  apus_pool_run(pool, parts * shape->kv_heads, backward_task, &job);
  if (floats > 0) apus_pool_run(pool, rows, add_parts_task, &job);
  if (wants_distances) add_distances(&job, (int)parts);
}

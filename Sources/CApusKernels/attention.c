// Attention over the cache, spread over the worker threads: storing keys and values, and blocks of queries.
#include <string.h>

#include "internal.h"

enum { TOKENS_A_TASK = 16 };

size_t apus_kv_bytes(int kv_dtype, int kv_heads, int head_size, int64_t capacity, bool values) {
  size_t width = values ? (size_t)apus_round_up(head_size, 16) : apus_key_width(kv_dtype, head_size);
  return (size_t)kv_heads * (size_t)capacity * width * (kv_dtype == APUS_F32 ? 4 : 2);
}

// One head's key and value of one token.
static void store_head(const apus_attention *a, const apus_segment *s, int head, size_t position, const float *k, const float *v) {
  size_t count = (size_t)a->head_size, keys = apus_key_width(a->kv_dtype, a->head_size), values = (size_t)apus_round_up(a->head_size, 16);
  size_t key_base = (size_t)head * (size_t)s->capacity * keys, value_base = (size_t)head * (size_t)s->capacity * values;
  if (a->kv_dtype == APUS_F32) {
    for (size_t d = 0; d < count; d++) ((float *)s->keys)[key_base + apus_key_at(APUS_F32, keys, position, d)] = k[d];
    memcpy((float *)s->values + value_base + position * values, v, count * 4);
    return;
  }
  void (*narrow)(const float *, uint16_t *, size_t) = a->kv_dtype == APUS_F16 ? apus_f32_to_f16 : apus_f32_to_bf16;
  size_t per = a->kv_dtype == APUS_BF16 ? 2 : 1;
  uint16_t *to_keys = (uint16_t *)s->keys + key_base + apus_key_at(a->kv_dtype, keys, position, 0);
  uint16_t *to_values = (uint16_t *)s->values + value_base + apus_value_at(a->kv_dtype, values, position, 0), narrowed[2][256];
  for (size_t from = 0; from < count; from += 256) {
    size_t n = count - from < 256 ? count - from : 256;
    narrow(k + from, narrowed[0], n);
    narrow(v + from, narrowed[1], n);
    if (per == 1) for (size_t d = 0; d < n; d++) to_keys[(from + d) * 16] = narrowed[0][d];
    else for (size_t d = 0; d < n; d++) to_keys[(from + d) / 2 * 32 + d % 2] = narrowed[0][d];
    for (size_t d = 0; d < n; d++) to_values[(from + d) * per] = narrowed[1][d];
  }
}

static int64_t store_tasks(const apus_segment *s) { return (s->tokens + TOKENS_A_TASK - 1) / TOKENS_A_TASK; }

static void store_task(void *context, int64_t task, int thread) {
  (void)thread;
  const apus_attention *a = context;
  const apus_segment *s = a->segments;
  while (task >= store_tasks(s)) task -= store_tasks(s++);
  size_t size = (size_t)a->head_size;
  for (int64_t t = task * TOKENS_A_TASK; t < s->tokens && t < (task + 1) * TOKENS_A_TASK; t++) {
    for (int h = 0; h < a->kv_heads; h++) {
      store_head(a, s, h, (size_t)(s->position + t), s->new_keys + (size_t)t * s->new_key_stride + (size_t)h * size,
                 s->new_values + (size_t)t * s->new_value_stride + (size_t)h * size);
    }
  }
}

void apus_kv_store(apus_pool *pool, const apus_attention *a) {
  int64_t tasks = 0;
  for (int i = 0; i < a->segment_count; i++) tasks += store_tasks(&a->segments[i]);
  apus_pool_run(pool, tasks, store_task, (void *)a);
}

typedef struct {
  const apus_kernels *kernels;
  apus_pool *pool;
  const apus_attention *a;
  int64_t rows_a_task;
} attend_all;

static int64_t blocks_of(const attend_all *job, const apus_segment *s) {
  int64_t rows = s->tokens * (job->a->heads / job->a->kv_heads);
  return (rows + job->rows_a_task - 1) / job->rows_a_task;
}

static void attend_task(void *context, int64_t task, int thread) {
  attend_all *job = context;
  const apus_attention *a = job->a;
  const apus_segment *s = a->segments;
  while (task >= blocks_of(job, s) * a->kv_heads) task -= blocks_of(job, s++) * a->kv_heads;
  // The last blocks see the most keys: they go first, so that the threads end together.
  int64_t blocks = blocks_of(job, s), rows = s->tokens * (a->heads / a->kv_heads);
  int64_t first = (blocks - 1 - task / a->kv_heads) * job->rows_a_task;
  int64_t count = rows - first < job->rows_a_task ? rows - first : job->rows_a_task;
  float *scratch = apus_pool_scratch(job->pool, thread, apus_attend_scratch(a->head_size) * sizeof(float));
  job->kernels->attend(a, s, (int)(task % a->kv_heads), first, count, scratch);
}

void apus_attend(const apus_kernels *kernels, apus_pool *pool, const apus_attention *a) {
  attend_all job = {.kernels = kernels, .pool = pool, .a = a, .rows_a_task = ROW_BLOCK};
  int64_t tasks = 0;
  for (int i = 0; i < a->segment_count; i++) tasks += blocks_of(&job, &a->segments[i]) * a->kv_heads;
  apus_pool_run(pool, tasks, attend_task, &job);
}

// Operations spread over the worker threads: the same for every instruction set.
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "panels.h"

enum {
  ROWS_A_TASK = 16,
  LONG_TASK = 4 << 20,  // multiplications of a task that takes some 20 µs
  LONG_BLOCK = 4,       // tiles of rows that are worth a pass over the weights of their own
};

// ---- Products ----------------------------------------------------------------------------------------------------------

// Products that can share prepared activations: bf16 ones, other dense ones, or quantised ones with the same level offset and
// scale width.
static int preparation(int dtype) {
  if (!apus_is_quantized(dtype)) return dtype == APUS_BF16 ? -2 : -1;
  bool halves = dtype == APUS_Q2_K || dtype == APUS_Q3_K || dtype == APUS_Q6_K;
  return apus_level_offset(dtype) * 2 + halves;
}

typedef struct {
  const apus_kernels *kernels;
  apus_pool *pool;
  apus_prepare prepare;
  const apus_product *products;
  int64_t tasks_before[8];  // tasks of the products before each
  int count;
  int64_t panels_a_task;
  int64_t rows_a_block, tasks_a_block;  // tasks go block by block of rows
  size_t row_bytes;                     // of a prepared row
} linear_job;

static void prepare_task(void *context, int64_t task, int thread) {
  (void)thread;
  linear_job *job = context;
  job->kernels->prepare(&job->prepare, task);
}

static void multiply_task(void *context, int64_t task, int thread) {
  linear_job *job = context;
  int64_t row = task / job->tasks_a_block * job->rows_a_block, rows = job->prepare.rows - row;
  int i = 0;
  task %= job->tasks_a_block;
  while (i + 1 < job->count && task >= job->tasks_before[i + 1]) i++;
  apus_product product = job->products[i];
  int64_t panels = (product.weights->rows + 15) / 16, first = (task - job->tasks_before[i]) * job->panels_a_task;
  int64_t count = panels - first < job->panels_a_task ? panels - first : job->panels_a_task;
  float *scratch = apus_pool_scratch(job->pool, thread, WIDE_FLOATS * sizeof(float));
  product.out += (size_t)row * product.out_stride;
  apus_multiply multiply = {.product = &product, .prepared = (const uint8_t *)job->prepare.out + (size_t)row * job->row_bytes,
                            .rows = rows < job->rows_a_block ? rows : job->rows_a_block, .fine = job->prepare.fine};
  job->kernels->multiply(&multiply, first, count, scratch);
}

static size_t prepared_row_bytes(const apus_kernels *kernels, const apus_prepare *p) {
  if (apus_is_quantized(p->dtype)) return (size_t)(p->columns / 32) * apus_block_bytes(p->fine);
  return (size_t)apus_round_up(p->columns, 2) * (p->dtype == APUS_BF16 && apus_kernels_multiply_bf16(kernels) ? 2 : 4);
}

static void run_products(linear_job *job) {
  const apus_prepare *p = &job->prepare;
  int threads = apus_pool_threads(job->pool), tile = job->kernels->tile_rows;
  job->row_bytes = prepared_row_bytes(job->kernels, p);
  job->prepare.out = apus_pool_scratch(job->pool, threads, job->row_bytes * (size_t)p->rows);
  int64_t tiles = (p->rows + tile - 1) / tile, panels = 0;
  if (tiles == 1) job->kernels->prepare(p, 0);
  else apus_pool_run(job->pool, tiles, prepare_task, job);
  // Many rows: each thread keeps to a block of them, which it prepared and whose results it goes on with, so that they stay in its cache.
  int64_t blocks = tiles >= LONG_BLOCK * threads ? threads : 1;
  job->rows_a_block = (tiles + blocks - 1) / blocks * tile;
  blocks = (p->rows + job->rows_a_block - 1) / job->rows_a_block;
  for (int i = 0; i < job->count; i++) panels += (job->products[i].weights->rows + 15) / 16;
  // Pairs of panels: some tasks a thread, to even out, and more of them while each is long against its claiming.
  int64_t most = panels * blocks / (threads * 3), least = LONG_TASK / (job->rows_a_block * p->columns * APUS_PANEL);
  job->panels_a_task = (most < least ? most : least) / 2 * 2;
  if (job->panels_a_task < 2) job->panels_a_task = 2;
  job->tasks_a_block = 0;
  for (int i = 0; i < job->count; i++) {
    job->tasks_before[i] = job->tasks_a_block;
    job->tasks_a_block += ((job->products[i].weights->rows + 15) / 16 + job->panels_a_task - 1) / job->panels_a_task;
  }
  apus_pool_run(job->pool, blocks * job->tasks_a_block, multiply_task, job);
}

void apus_linear(const apus_kernels *kernels, apus_pool *pool, const float *input, size_t input_stride, int64_t rows, bool fine,
                 const apus_product *products, int product_count) {
  if (rows <= 0) return;
  for (int first = 0; first < product_count;) {
    int dtype = products[first].weights->dtype, last = first + 1;
    while (last < product_count && last - first < 8 && preparation(products[last].weights->dtype) == preparation(dtype)) last++;
    linear_job job = {.kernels = kernels, .pool = pool, .products = products + first, .count = last - first,
                      .prepare = {.input = input, .input_stride = input_stride, .rows = rows,
                                  .columns = products[first].weights->columns, .dtype = dtype, .fine = fine}};
    run_products(&job);
    first = last;
  }
}

// ---- Attention ---------------------------------------------------------------------------------------------------------

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

typedef struct {
  const apus_attention *a;
  const apus_segment *s;
  const float *keys, *values;
  size_t key_stride, value_stride;
} store_job;

static void store_task(void *context, int64_t task, int thread) {
  (void)thread;
  store_job *j = context;
  size_t size = (size_t)j->a->head_size;
  for (int64_t t = task * ROWS_A_TASK; t < j->s->tokens && t < (task + 1) * ROWS_A_TASK; t++) {
    for (int h = 0; h < j->a->kv_heads; h++) {
      store_head(j->a, j->s, h, (size_t)(j->s->position + t), j->keys + (size_t)t * j->key_stride + (size_t)h * size,
                 j->values + (size_t)t * j->value_stride + (size_t)h * size);
    }
  }
}

void apus_kv_store(apus_pool *pool, const apus_attention *a, const apus_segment *s, const float *keys, size_t key_stride,
                   const float *values, size_t value_stride) {
  store_job job = {.a = a, .s = s, .keys = keys, .values = values, .key_stride = key_stride, .value_stride = value_stride};
  apus_pool_run(pool, (s->tokens + ROWS_A_TASK - 1) / ROWS_A_TASK, store_task, &job);
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

// ---- Rows --------------------------------------------------------------------------------------------------------------

typedef struct {
  const apus_kernels *kernels;
  const float *x, *y;
  size_t x_stride, y_stride, out_stride;
  float *out;
  float epsilon;
  int64_t rows, columns;
  int activation, heads, head_size, pairs;
  bool interleaved;
} row_job;

static void run_rows(apus_pool *pool, row_job *job, apus_task task) {
  // A single row (decoding) is cheaper done here than handed out.
  apus_pool_run(pool, (job->rows + ROWS_A_TASK - 1) / ROWS_A_TASK, task, job);
}

#define EACH_ROW(job, task, m)                                                                                          \
  for (int64_t m = (task) * ROWS_A_TASK; m < (job)->rows && m < ((task) + 1) * ROWS_A_TASK; m++)

static void rms_norm_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) {
    j->kernels->rms_norm(j->x + (size_t)m * j->x_stride, j->y, j->epsilon, j->columns, j->out + (size_t)m * j->out_stride);
  }
}

void apus_rms_norm(const apus_kernels *kernels, apus_pool *pool, const float *x, size_t x_stride, const float *weight, float epsilon,
                   int64_t rows, int64_t columns, float *out, size_t out_stride) {
  row_job job = {.kernels = kernels, .x = x, .x_stride = x_stride, .y = weight, .epsilon = epsilon, .rows = rows,
                 .columns = columns, .out = out, .out_stride = out_stride};
  run_rows(pool, &job, rms_norm_task);
}

static void gated_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) {
    j->kernels->gated(j->activation, j->x + (size_t)m * j->x_stride, j->y + (size_t)m * j->y_stride, j->columns,
                      j->out + (size_t)m * j->out_stride);
  }
}

void apus_gated(const apus_kernels *kernels, apus_pool *pool, int activation, const float *gate, size_t gate_stride, const float *up,
                size_t up_stride, int64_t rows, int64_t columns, float *out, size_t out_stride) {
  row_job job = {.kernels = kernels, .x = gate, .x_stride = gate_stride, .y = up, .y_stride = up_stride, .rows = rows,
                 .columns = columns, .out = out, .out_stride = out_stride, .activation = activation};
  run_rows(pool, &job, gated_task);
}

static void rotary_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) {
    j->kernels->rotary(j->out + (size_t)m * j->out_stride, j->x + m * j->pairs, j->y + m * j->pairs, j->heads, j->head_size, j->pairs,
                       j->interleaved);
  }
}

void apus_rotary(const apus_kernels *kernels, apus_pool *pool, float *x, size_t x_stride, const float *cosines, const float *sines,
                 int64_t rows, int heads, int head_size, int pairs, bool interleaved) {
  row_job job = {.kernels = kernels, .x = cosines, .y = sines, .out = x, .out_stride = x_stride, .rows = rows, .heads = heads,
                 .head_size = head_size, .pairs = pairs, .interleaved = interleaved};
  run_rows(pool, &job, rotary_task);
}

float apus_log_sum_exp(const apus_kernels *kernels, const float *x, int64_t count) { return kernels->log_sum_exp(x, count); }
int64_t apus_argmax(const apus_kernels *kernels, const float *x, int64_t count) { return kernels->argmax(x, count); }

// Operations on rows, spread over the worker threads.
#include "internal.h"

enum { ELEMENTS_A_TASK = 2048 };  // about a microsecond; fewer are not worth handing out

typedef struct {
  const apus_kernels *kernels;
  const float *x, *y, *z;
  size_t x_stride, y_stride, out_stride;
  float *out;
  float number;
  int64_t rows, columns, rows_a_task;
  int activation, heads, head_size;
  bool interleaved;
} row_job;

#define EACH_ROW(job, task, m)                                                                                          \
  for (int64_t m = (task) * (job)->rows_a_task; m < (job)->rows && m < ((task) + 1) * (job)->rows_a_task; m++)
#define X(m) (j->x + (size_t)(m) * j->x_stride)
#define Y(m) (j->y ? j->y + (size_t)(m) * j->y_stride : NULL)
#define OUT(m) (j->out + (size_t)(m) * j->out_stride)

static void run_rows(apus_pool *pool, row_job *job, apus_task task) {
  job->rows_a_task = (ELEMENTS_A_TASK + job->columns - 1) / job->columns;
  apus_pool_run(pool, (job->rows + job->rows_a_task - 1) / job->rows_a_task, task, job);
}

static void rms_norm_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) j->kernels->rms_norm(X(m), j->y, j->number, j->columns, OUT(m));
}

void apus_rms_norm(const apus_kernels *kernels, apus_pool *pool, const float *x, size_t x_stride, const float *weight, float epsilon,
                   int64_t rows, int64_t columns, float *out, size_t out_stride) {
  row_job job = {.kernels = kernels, .x = x, .x_stride = x_stride, .y = weight, .number = epsilon, .rows = rows, .columns = columns,
                 .out = out, .out_stride = out_stride};
  run_rows(pool, &job, rms_norm_task);
}

static void layer_norm_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) j->kernels->layer_norm(X(m), j->y, j->z, j->number, j->columns, OUT(m));
}

void apus_layer_norm(const apus_kernels *kernels, apus_pool *pool, const float *x, size_t x_stride, const float *weight, const float *bias,
                     float epsilon, int64_t rows, int64_t columns, float *out, size_t out_stride) {
  row_job job = {.kernels = kernels, .x = x, .x_stride = x_stride, .y = weight, .z = bias, .number = epsilon, .rows = rows,
                 .columns = columns, .out = out, .out_stride = out_stride};
  run_rows(pool, &job, layer_norm_task);
}

static void plain_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) j->kernels->plain(j->activation, X(m), j->columns, OUT(m));
}

void apus_plain(const apus_kernels *kernels, apus_pool *pool, int activation, const float *x, size_t x_stride, int64_t rows, int64_t columns,
                float *out, size_t out_stride) {
  row_job job = {.kernels = kernels, .x = x, .x_stride = x_stride, .rows = rows, .columns = columns, .out = out, .out_stride = out_stride,
                 .activation = activation};
  run_rows(pool, &job, plain_task);
}

static void scale_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) j->kernels->scale(X(m), j->number, Y(m), j->columns, OUT(m));
}

void apus_scale(const apus_kernels *kernels, apus_pool *pool, const float *x, size_t x_stride, float factor, const float *y, size_t y_stride,
                int64_t rows, int64_t columns, float *out, size_t out_stride) {
  row_job job = {.kernels = kernels, .x = x, .x_stride = x_stride, .y = y, .y_stride = y_stride, .number = factor, .rows = rows,
                 .columns = columns, .out = out, .out_stride = out_stride};
  run_rows(pool, &job, scale_task);
}

static void soft_cap_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) j->kernels->soft_cap(X(m), j->number, j->columns, OUT(m));
}

void apus_soft_cap(const apus_kernels *kernels, apus_pool *pool, const float *x, size_t x_stride, float cap, int64_t rows, int64_t columns,
                   float *out, size_t out_stride) {
  row_job job = {.kernels = kernels, .x = x, .x_stride = x_stride, .number = cap, .rows = rows, .columns = columns, .out = out,
                 .out_stride = out_stride};
  run_rows(pool, &job, soft_cap_task);
}

static void gated_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) j->kernels->gated(j->activation, X(m), Y(m), j->columns, OUT(m));
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
  EACH_ROW(j, task, m) j->kernels->rotary(OUT(m), X(m), Y(m), j->heads, j->head_size, (int)j->x_stride, j->interleaved);
}

void apus_rotary(const apus_kernels *kernels, apus_pool *pool, float *x, size_t x_stride, const float *cosines, const float *sines,
                 int64_t rows, int heads, int head_size, int pairs, bool interleaved) {
  row_job job = {.kernels = kernels, .x = cosines, .x_stride = (size_t)pairs, .y = sines, .y_stride = (size_t)pairs, .out = x,
                 .out_stride = x_stride, .rows = rows, .columns = 2 * (int64_t)pairs * heads, .heads = heads, .head_size = head_size,
                 .interleaved = interleaved};
  run_rows(pool, &job, rotary_task);
}

float apus_log_sum_exp(const apus_kernels *kernels, const float *x, int64_t count) { return kernels->log_sum_exp(x, count); }
int64_t apus_argmax(const apus_kernels *kernels, const float *x, int64_t count) { return kernels->argmax(x, count); }

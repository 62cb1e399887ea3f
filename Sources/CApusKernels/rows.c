// Operations on rows, spread over the threads: layer norm, plain activations, scaling, soft cap.
#include "internal.h"

enum { ROWS_A_TASK = 16 };

typedef struct {
  const apus_kernels *kernels;
  const float *x, *y, *z;
  size_t x_stride, y_stride, out_stride;
  float *out;
  float number;
  int64_t rows, columns;
  int activation;
} row_job;

#define EACH_ROW(job, task, m)                                                                                          \
  for (int64_t m = (task) * ROWS_A_TASK; m < (job)->rows && m < ((task) + 1) * ROWS_A_TASK; m++)
#define X(m) (j->x + (size_t)(m) * j->x_stride)
#define Y(m) (j->y ? j->y + (size_t)(m) * j->y_stride : NULL)
#define OUT(m) (j->out + (size_t)(m) * j->out_stride)

static void run_rows(apus_pool *pool, row_job *job, apus_task task) {
  apus_pool_run(pool, (job->rows + ROWS_A_TASK - 1) / ROWS_A_TASK, task, job);
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

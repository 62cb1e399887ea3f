// Gradients of what goes row by row, spread over the worker threads. Sums over rows are taken in blocks of a fixed number of rows, then
// over the blocks in order, so that they do not depend on the threads.
#include <string.h>

#include "internal.h"

enum {
  ELEMENTS_A_TASK = 2048,  // as in rows.c
  SUMMED_ROWS = 32,        // a block of a sum over rows
  SUMMED_COLUMNS = 512,    // a task of the sum over blocks
  EMBEDDED_COLUMNS = 128,  // a task of apus_embed_backward
};

// ---- Rows that have nothing to do with one another -------------------------------------------------------------------

typedef struct {
  const apus_backward_kernels *kernels;
  apus_saved x, up;
  const float *dy;
  size_t dy_stride;
  int64_t rows, columns, rows_a_task;
  void *out;
  float *second;
  size_t out_stride, second_stride;
  int dtype, activation;
  float cap;
  const apus_dropout *dropout;
} row_job;

static const void *saved_row(apus_saved x, int64_t row) {
  return (const uint8_t *)x.data + (size_t)row * x.stride * (x.dtype == APUS_F32 ? 4 : 2);
}

#define EACH_ROW(job, task, m)                                                                                          \
  for (int64_t m = (task) * (job)->rows_a_task; m < (job)->rows && m < ((task) + 1) * (job)->rows_a_task; m++)
#define DY(m) (j->dy + (size_t)(m) * j->dy_stride)
#define OUT(m) ((float *)j->out + (size_t)(m) * j->out_stride)

static void run_rows(apus_pool *pool, row_job *job, apus_task task) {
  job->rows_a_task = (ELEMENTS_A_TASK + job->columns - 1) / job->columns;
  apus_pool_run(pool, (job->rows + job->rows_a_task - 1) / job->rows_a_task, task, job);
}

static void save_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  size_t bytes = j->dtype == APUS_F32 ? 4 : 2;
  EACH_ROW(j, task, m) j->kernels->save(DY(m), j->columns, j->dtype, (uint8_t *)j->out + (size_t)m * j->out_stride * bytes);
}

void apus_save_rows(const apus_kernels *kernels, apus_pool *pool, const float *x, size_t x_stride, int64_t rows, int64_t columns, int dtype,
                    void *out, size_t out_stride) {
  row_job job = {.kernels = kernels->backward, .dy = x, .dy_stride = x_stride, .rows = rows, .columns = columns, .dtype = dtype, .out = out,
                 .out_stride = out_stride};
  run_rows(pool, &job, save_task);
}

static void load_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) j->kernels->load(saved_row(j->x, m), j->columns, j->x.dtype, OUT(m));
}

void apus_load_rows(const apus_kernels *kernels, apus_pool *pool, apus_saved x, int64_t rows, int64_t columns, float *out, size_t out_stride) {
  row_job job = {.kernels = kernels->backward, .x = x, .rows = rows, .columns = columns, .out = out, .out_stride = out_stride};
  run_rows(pool, &job, load_task);
}

static void gated_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) {
    j->kernels->gated(j->activation, saved_row(j->x, m), j->x.dtype, saved_row(j->up, m), j->up.dtype, DY(m), j->columns, OUT(m),
                      j->second + (size_t)m * j->second_stride);
  }
}

void apus_gated_backward(const apus_kernels *kernels, apus_pool *pool, int activation, apus_saved gate, apus_saved up, const float *dy,
                         size_t dy_stride, int64_t rows, int64_t columns, float *gate_gradient, size_t gate_gradient_stride,
                         float *up_gradient, size_t up_gradient_stride) {
  row_job job = {.kernels = kernels->backward, .activation = activation, .x = gate, .up = up, .dy = dy, .dy_stride = dy_stride, .rows = rows,
                 .columns = columns, .out = gate_gradient, .out_stride = gate_gradient_stride, .second = up_gradient,
                 .second_stride = up_gradient_stride};
  run_rows(pool, &job, gated_task);
}

static void plain_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) j->kernels->plain(j->activation, saved_row(j->x, m), j->x.dtype, DY(m), j->columns, OUT(m));
}

void apus_plain_backward(const apus_kernels *kernels, apus_pool *pool, int activation, apus_saved x, const float *dy, size_t dy_stride,
                         int64_t rows, int64_t columns, float *dx, size_t dx_stride) {
  row_job job = {.kernels = kernels->backward, .activation = activation, .x = x, .dy = dy, .dy_stride = dy_stride, .rows = rows,
                 .columns = columns, .out = dx, .out_stride = dx_stride};
  run_rows(pool, &job, plain_task);
}

static void soft_cap_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) j->kernels->soft_cap(saved_row(j->x, m), j->x.dtype, j->cap, DY(m), j->columns, OUT(m));
}

void apus_soft_cap_backward(const apus_kernels *kernels, apus_pool *pool, apus_saved out, float cap, const float *dy, size_t dy_stride,
                            int64_t rows, int64_t columns, float *dx, size_t dx_stride) {
  row_job job = {.kernels = kernels->backward, .x = out, .cap = cap, .dy = dy, .dy_stride = dy_stride, .rows = rows, .columns = columns,
                 .out = dx, .out_stride = dx_stride};
  run_rows(pool, &job, soft_cap_task);
}

static void drop_task(void *context, int64_t task, int thread) {
  (void)thread;
  row_job *j = context;
  EACH_ROW(j, task, m) j->kernels->drop(j->dropout, m, j->columns, OUT(m));
}

void apus_drop_rows(const apus_kernels *kernels, apus_pool *pool, const apus_dropout *dropout, float *x, size_t x_stride, int64_t rows,
                    int64_t columns) {
  row_job job = {.kernels = kernels->backward, .dropout = dropout, .rows = rows, .columns = columns, .out = x, .out_stride = x_stride};
  run_rows(pool, &job, drop_task);
}

// ---- Sums over rows ----------------------------------------------------------------------------------------------------

typedef struct {
  const apus_backward_kernels *kernels;
  apus_norm_row row;  // what its rows have in common
  void (*norm)(const apus_norm_row *);
  apus_saved x;
  const float *dy;
  float *dx, *weight_gradient, *bias_gradient;
  size_t dy_stride, dx_stride;
  int64_t rows, columns, blocks;
  float *sums;  // [blocks][columns] of the weight, then of the bias
} sum_job;

static float *sums_at(const sum_job *j, bool bias, int64_t block) { return j->sums + (size_t)((bias ? j->blocks : 0) + block) * (size_t)j->columns; }

static void total_task(void *context, int64_t task, int thread) {
  (void)thread;
  sum_job *j = context;
  int64_t from = task * SUMMED_COLUMNS, columns = j->columns - from < SUMMED_COLUMNS ? j->columns - from : SUMMED_COLUMNS;
  if (j->weight_gradient) j->kernels->add_rows(sums_at(j, false, 0) + from, (size_t)j->columns, j->blocks, columns, j->weight_gradient + from);
  if (j->bias_gradient) j->kernels->add_rows(sums_at(j, true, 0) + from, (size_t)j->columns, j->blocks, columns, j->bias_gradient + from);
}

static void run_sums(apus_pool *pool, sum_job *job, apus_task block) {
  job->blocks = (job->rows + SUMMED_ROWS - 1) / SUMMED_ROWS;
  job->sums = apus_pool_scratch(pool, apus_pool_threads(pool), 2 * (size_t)job->blocks * (size_t)job->columns * sizeof(float));
  apus_pool_run(pool, job->blocks, block, job);
  apus_pool_run(pool, (job->columns + SUMMED_COLUMNS - 1) / SUMMED_COLUMNS, total_task, job);
}

static int64_t rows_of_block(const sum_job *j, int64_t block) {
  int64_t left = j->rows - block * SUMMED_ROWS;
  return left < SUMMED_ROWS ? left : SUMMED_ROWS;
}

static void norm_task(void *context, int64_t task, int thread) {
  (void)thread;
  sum_job *j = context;
  apus_norm_row row = j->row;
  size_t bytes = (size_t)j->columns * sizeof(float);
  if (j->weight_gradient) row.weight_gradient = memset(sums_at(j, false, task), 0, bytes);
  if (j->bias_gradient) row.bias_gradient = memset(sums_at(j, true, task), 0, bytes);
  for (int64_t m = task * SUMMED_ROWS; m < task * SUMMED_ROWS + rows_of_block(j, task); m++) {
    row.x = saved_row(j->x, m);
    row.dy = j->dy + (size_t)m * j->dy_stride;
    row.dx = j->dx + (size_t)m * j->dx_stride;
    j->norm(&row);
  }
}

void apus_rms_norm_backward(const apus_kernels *kernels, apus_pool *pool, apus_saved x, const float *weight, float epsilon, const float *dy,
                            size_t dy_stride, int64_t rows, int64_t columns, float *dx, size_t dx_stride, bool add, float *weight_gradient) {
  sum_job job = {.kernels = kernels->backward, .norm = kernels->backward->rms_norm, .x = x, .dy = dy, .dy_stride = dy_stride, .dx = dx,
                 .dx_stride = dx_stride, .rows = rows, .columns = columns, .weight_gradient = weight_gradient,
                 .row = {.dtype = x.dtype, .weight = weight, .epsilon = epsilon, .columns = columns, .add = add}};
  run_sums(pool, &job, norm_task);
}

void apus_layer_norm_backward(const apus_kernels *kernels, apus_pool *pool, apus_saved x, const float *weight, float epsilon, const float *dy,
                              size_t dy_stride, int64_t rows, int64_t columns, float *dx, size_t dx_stride, bool add,
                              float *weight_gradient, float *bias_gradient) {
  sum_job job = {.kernels = kernels->backward, .norm = kernels->backward->layer_norm, .x = x, .dy = dy, .dy_stride = dy_stride, .dx = dx,
                 .dx_stride = dx_stride, .rows = rows, .columns = columns, .weight_gradient = weight_gradient, .bias_gradient = bias_gradient,
                 .row = {.dtype = x.dtype, .weight = weight, .epsilon = epsilon, .columns = columns, .add = add}};
  run_sums(pool, &job, norm_task);
}

static void column_task(void *context, int64_t task, int thread) {
  (void)thread;
  sum_job *j = context;
  float *sums = memset(sums_at(j, false, task), 0, (size_t)j->columns * sizeof(float));
  j->kernels->add_rows(j->dy + (size_t)(task * SUMMED_ROWS) * j->dy_stride, j->dy_stride, rows_of_block(j, task), j->columns, sums);
}

void apus_add_column_sums(const apus_kernels *kernels, apus_pool *pool, const float *x, size_t x_stride, int64_t rows, int64_t columns,
                          float *out) {
  sum_job job = {.kernels = kernels->backward, .dy = x, .dy_stride = x_stride, .rows = rows, .columns = columns, .weight_gradient = out};
  run_sums(pool, &job, column_task);
}

// ---- Embedding and loss ------------------------------------------------------------------------------------------------

typedef struct {
  const apus_backward_kernels *kernels;
  const int32_t *ids;
  const float *dy;
  size_t dy_stride;
  int64_t rows, columns;
  float *gradient;
} embed_job;

// Every task goes over all rows and owns some of the columns.
static void embed_task(void *context, int64_t task, int thread) {
  (void)thread;
  embed_job *j = context;
  int64_t from = task * EMBEDDED_COLUMNS, columns = j->columns - from < EMBEDDED_COLUMNS ? j->columns - from : EMBEDDED_COLUMNS;
  for (int64_t m = 0; m < j->rows; m++) {
    if (j->ids[m] < 0) continue;
    j->kernels->add_rows(j->dy + (size_t)m * j->dy_stride + from, 0, 1, columns, j->gradient + (size_t)j->ids[m] * (size_t)j->columns + from);
  }
}

void apus_embed_backward(const apus_kernels *kernels, apus_pool *pool, const int32_t *ids, const float *dy, size_t dy_stride, int64_t rows,
                         int64_t columns, float *gradient) {
  embed_job job = {.kernels = kernels->backward, .ids = ids, .dy = dy, .dy_stride = dy_stride, .rows = rows, .columns = columns,
                   .gradient = gradient};
  apus_pool_run(pool, (columns + EMBEDDED_COLUMNS - 1) / EMBEDDED_COLUMNS, embed_task, &job);
}

typedef struct {
  const apus_backward_kernels *kernels;
  const apus_cross_entropy *rows;
} loss_job;

static void loss_task(void *context, int64_t task, int thread) {
  (void)thread;
  loss_job *j = context;
  j->kernels->cross_entropy(j->rows, task);
}

void apus_cross_entropy_rows(const apus_kernels *kernels, apus_pool *pool, const apus_cross_entropy *c) {
  loss_job job = {.kernels = kernels->backward, .rows = c};
  apus_pool_run(pool, c->rows, loss_task, &job);
}

// Updates of weights, spread over the worker threads by ranges.
#include <math.h>
#include <string.h>

#include "internal.h"

enum {
  ELEMENTS_A_TASK = 1 << 14,
  SUMMED_ROWS = 32,  // a task of a matrix; sums over rows are taken in such blocks, then over the blocks in order
};

typedef struct {
  const apus_update_kernels *kernels;
  apus_step step;
  float *weights, *first, *second;
  const float *gradients;
  double *sums;
  int64_t count;
} update_job;

static int64_t tasks_of(int64_t count) { return (count + ELEMENTS_A_TASK - 1) / ELEMENTS_A_TASK; }

// Where a task's range starts, and how long it is.
static int64_t range(const update_job *j, int64_t task, int64_t *count) {
  int64_t from = task * ELEMENTS_A_TASK;
  *count = j->count - from < ELEMENTS_A_TASK ? j->count - from : ELEMENTS_A_TASK;
  return from;
}

static apus_step step_of(apus_update u) {
  return (apus_step){.gradient_scale = (float)u.gradient_scale, .rate = (float)u.learning_rate, .decay = (float)u.weight_decay,
                     .keep = (float)(1 - u.learning_rate * u.weight_decay), .beta1 = (float)u.beta1, .rest1 = (float)(1 - u.beta1),
                     .beta2 = (float)u.beta2, .rest2 = (float)(1 - u.beta2), .epsilon = (float)u.epsilon};
}

static void squares_task(void *context, int64_t task, int thread) {
  (void)thread;
  update_job *j = context;
  int64_t count, from = range(j, task, &count);
  j->sums[task] = j->kernels->squares(j->gradients + from, count);
}

double apus_sum_of_squares(const apus_kernels *kernels, apus_pool *pool, const float *x, int64_t count) {
  int64_t tasks = tasks_of(count);
  update_job job = {.kernels = kernels->update, .gradients = x, .count = count,
                    .sums = apus_pool_scratch(pool, apus_pool_threads(pool), (size_t)tasks * sizeof(double))};
  apus_pool_run(pool, tasks, squares_task, &job);
  double sum = 0;
  for (int64_t i = 0; i < tasks; i++) sum += job.sums[i];
  return sum;
}

static void adamw_task(void *context, int64_t task, int thread) {
  (void)thread;
  update_job *j = context;
  int64_t count, from = range(j, task, &count);
  j->kernels->adamw(&j->step, j->weights + from, j->gradients + from, j->first + from, j->second + from, count);
}

void apus_adamw(const apus_kernels *kernels, apus_pool *pool, apus_update u, float *weights, const float *gradients, float *first,
                float *second, int64_t count) {
  update_job job = {.kernels = kernels->update, .step = step_of(u), .weights = weights, .gradients = gradients, .first = first,
                    .second = second, .count = count};
  job.step.rate = (float)(u.learning_rate / (1 - pow(u.beta1, (double)u.step)));
  job.step.second_scale = (float)(1 / sqrt(1 - pow(u.beta2, (double)u.step)));
  apus_pool_run(pool, tasks_of(count), adamw_task, &job);
}

static void lion_task(void *context, int64_t task, int thread) {
  (void)thread;
  update_job *j = context;
  int64_t count, from = range(j, task, &count);
  j->kernels->lion(&j->step, j->weights + from, j->gradients + from, j->first + from, count);
}

void apus_lion(const apus_kernels *kernels, apus_pool *pool, apus_update u, float *weights, const float *gradients, float *momentum,
               int64_t count) {
  update_job job = {.kernels = kernels->update, .step = step_of(u), .weights = weights, .gradients = gradients, .first = momentum,
                    .count = count};
  apus_pool_run(pool, tasks_of(count), lion_task, &job);
}

static void sgd_task(void *context, int64_t task, int thread) {
  (void)thread;
  update_job *j = context;
  int64_t count, from = range(j, task, &count);
  j->kernels->sgd(&j->step, j->weights + from, j->gradients + from, j->first ? j->first + from : NULL, count);
}

void apus_sgd(const apus_kernels *kernels, apus_pool *pool, apus_update u, bool nesterov, float *weights, const float *gradients,
              float *momentum, int64_t count) {
  update_job job = {.kernels = kernels->update, .step = step_of(u), .weights = weights, .gradients = gradients, .first = momentum,
                    .count = count};
  job.step.nesterov = nesterov;
  apus_pool_run(pool, tasks_of(count), sgd_task, &job);
}

static void apply_task(void *context, int64_t task, int thread) {
  (void)thread;
  update_job *j = context;
  int64_t count, from = range(j, task, &count);
  j->kernels->apply_update(&j->step, j->weights + from, j->gradients + from, count);
}

void apus_apply_update(const apus_kernels *kernels, apus_pool *pool, apus_update u, float *weights, const float *update, int64_t count) {
  update_job job = {.kernels = kernels->update, .step = step_of(u), .weights = weights, .gradients = update, .count = count};
  apus_pool_run(pool, tasks_of(count), apply_task, &job);
}

// ---- Factored second moments -------------------------------------------------------------------------------------------

typedef struct {
  const apus_update_kernels *kernels;
  const float *read;  // gradients
  float *gradients, scale, *row_means, *column_sums;  // column_sums: [task][columns]
  const float *row_factors, *column_factors;
  double *squares;  // [task]
  int64_t rows, columns;
} matrix_job;

#define EACH_ROW(job, task, m) for (int64_t m = (task) * SUMMED_ROWS; m < (job)->rows && m < ((task) + 1) * SUMMED_ROWS; m++)

static void mean_squares_task(void *context, int64_t task, int thread) {
  (void)thread;
  matrix_job *j = context;
  size_t columns = (size_t)j->columns;
  float *sums = memset(j->column_sums + (size_t)task * columns, 0, columns * sizeof(float));
  EACH_ROW(j, task, m) {
    j->row_means[m] = j->kernels->row_squares(j->read + (size_t)m * columns, j->scale, j->columns, sums) / (float)j->columns;
  }
}

void apus_mean_squares(const apus_kernels *kernels, apus_pool *pool, const float *gradients, float scale, int64_t rows, int64_t columns,
                       float *row_means, float *column_means) {
  int64_t tasks = (rows + SUMMED_ROWS - 1) / SUMMED_ROWS;
  matrix_job job = {.kernels = kernels->update, .read = gradients, .scale = scale, .row_means = row_means, .rows = rows,
                    .columns = columns};
  job.column_sums = apus_pool_scratch(pool, apus_pool_threads(pool), (size_t)tasks * (size_t)columns * sizeof(float));
  apus_pool_run(pool, tasks, mean_squares_task, &job);
  memset(column_means, 0, (size_t)columns * sizeof(float));
  kernels->backward->add_rows(job.column_sums, (size_t)columns, tasks, columns, column_means);
  for (int64_t i = 0; i < columns; i++) column_means[i] /= (float)rows;
}

static void scale_task(void *context, int64_t task, int thread) {
  (void)thread;
  matrix_job *j = context;
  j->squares[task] = 0;
  EACH_ROW(j, task, m) {
    j->squares[task] += j->kernels->scale_row(j->row_factors[m], j->column_factors, j->columns, j->gradients + (size_t)(m * j->columns));
  }
}

double apus_scale_by_factors(const apus_kernels *kernels, apus_pool *pool, const float *row_factors, const float *column_factors, int64_t rows,
                             int64_t columns, float *gradients) {
  int64_t tasks = (rows + SUMMED_ROWS - 1) / SUMMED_ROWS;
  matrix_job job = {.kernels = kernels->update, .gradients = gradients, .row_factors = row_factors, .column_factors = column_factors,
                    .squares = apus_pool_scratch(pool, apus_pool_threads(pool), (size_t)tasks * sizeof(double)), .rows = rows, .columns = columns};
  apus_pool_run(pool, tasks, scale_task, &job);
  double sum = 0;
  for (int64_t i = 0; i < tasks; i++) sum += job.squares[i];
  return sum;
}

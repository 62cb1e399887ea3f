// Updates of weights, spread over the worker threads by ranges.
#include <math.h>

#include "internal.h"

enum { ELEMENTS_A_TASK = 1 << 14 };

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

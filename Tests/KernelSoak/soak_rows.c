// Gradients of what goes row by row, and updates of weights: against the scalar kernels, and one thread against two, bit for bit.
#include <stdlib.h>
#include <string.h>

#include "soak.h"

static const int types[] = {APUS_F32, APUS_F16, APUS_BF16};
static int64_t rows, columns;
static size_t stride, count;

// Random rows as the forward pass keeps them; nothing stands behind the last.
static apus_saved saved(float size) {
  int dtype = pick(types, 3);
  float *x = numbers(count, size);
  void *rounded = allocate(count * (dtype == APUS_F32 ? 4 : 2));
  apus_save_rows(tested, pool, x, stride, rows, columns, dtype, rounded, stride);
  float *expected = copy(x, count), *actual = copy(x, count);
  apus_saved of_tested = {rounded, dtype, stride};
  apus_load_rows(tested, pool, of_tested, rows, columns, actual, stride);
  void *twin = allocate(count * (dtype == APUS_F32 ? 4 : 2));
  apus_saved of_scalar = {twin, dtype, stride};
  apus_save_rows(scalar, pool, x, stride, rows, columns, dtype, twin, stride);
  apus_load_rows(scalar, pool, of_scalar, rows, columns, expected, stride);
  compare("kept rows", expected, actual, count, 0);
  free(x), free(twin), free(expected), free(actual);
  return of_tested;
}

typedef struct {
  float *dx, *weight, *bias;
} results;

static results copies(results of) { return (results){copy(of.dx, count), copy(of.weight, (size_t)columns), copy(of.bias, (size_t)columns)}; }
static void release(results r) { free(r.dx), free(r.weight), free(r.bias); }

static void norms(apus_saved x, const float *dy) {
  float *weight = numbers((size_t)columns, 1);
  bool add = between(0, 1), sums = between(0, 3);
  results before = {numbers(count, 1), numbers((size_t)columns, 1), numbers((size_t)columns, 1)};
  for (int layer = 0; layer < 2; layer++) {
    const apus_kernels *kernels[] = {scalar, tested, tested};
    apus_pool *pools[] = {pool, pool, alone};
    results r[3];
    for (int i = 0; i < 3; i++) {
      r[i] = copies(before);
      float *weight_gradient = sums ? r[i].weight : NULL, *bias_gradient = sums ? r[i].bias : NULL;
      if (layer) {
        apus_layer_norm_backward(kernels[i], pools[i], x, weight, 1e-3f, dy, stride, rows, columns, r[i].dx, stride, add, weight_gradient,
                                 bias_gradient);
      } else {
        apus_rms_norm_backward(kernels[i], pools[i], x, weight, 1e-3f, dy, stride, rows, columns, r[i].dx, stride, add, weight_gradient);
      }
    }
    compare(layer ? "gradient of layer norm" : "gradient of norm", r[0].dx, r[1].dx, count, 2e-5f);
    compare("gradient of a norm's weight", r[0].weight, r[1].weight, (size_t)columns, 2e-5f);
    compare("gradient of a norm's bias", r[0].bias, r[1].bias, (size_t)columns, 2e-5f);
    equal("gradient of a norm's weight", r[1].weight, r[2].weight, (size_t)columns);
    for (int i = 0; i < 3; i++) release(r[i]);
  }
  release(before), free(weight);
}

static void activations(apus_saved x, apus_saved up, const float *dy) {
  static const char *const names[] = {"gradient of silu", "gradient of gelu with tanh", "gradient of gelu", "gradient of relu"};
  for (int activation = APUS_SILU; activation <= APUS_RELU; activation++) {
    float *expected = copy(dy, count), *actual = copy(dy, count), *gate[] = {copy(dy, count), copy(dy, count)};
    apus_gated_backward(scalar, pool, activation, x, up, expected, stride, rows, columns, gate[0], stride, expected, stride);
    apus_gated_backward(tested, pool, activation, x, up, actual, stride, rows, columns, gate[1], stride, actual, stride);
    compare(names[activation], expected, actual, count, 4e-6f);
    compare(names[activation], gate[0], gate[1], count, 4e-6f);
    apus_plain_backward(scalar, pool, activation, x, dy, stride, rows, columns, expected, stride);
    apus_plain_backward(tested, pool, activation, x, dy, stride, rows, columns, actual, stride);
    compare(names[activation], expected, actual, count, 4e-6f);
    free(expected), free(actual), free(gate[0]), free(gate[1]);
  }
  float *expected = copy(dy, count), *actual = copy(dy, count);
  apus_soft_cap_backward(scalar, pool, x, 11, expected, stride, rows, columns, expected, stride);
  apus_soft_cap_backward(tested, pool, x, 11, actual, stride, rows, columns, actual, stride);
  compare("gradient of soft cap", expected, actual, count, 1e-6f);
  free(expected), free(actual);
}

static void dropout(const float *x) {
  apus_dropout d = {(uint32_t)between(0, 65535), (uint32_t)between(0, 999), (uint64_t)between(0, 1 << 30) << 30 | (uint64_t)between(0, 1 << 30)};
  float *expected = copy(x, count), *actual = copy(x, count), *single = copy(x, count);
  apus_drop_rows(scalar, pool, &d, expected, stride, rows, columns);
  apus_drop_rows(tested, pool, &d, actual, stride, rows, columns);
  apus_drop_rows(tested, alone, &d, single, stride, rows, columns);
  equal("dropout", expected, actual, count);
  equal("dropout", actual, single, count);
  free(expected), free(actual), free(single);
}

static void embedding(const float *dy) {
  enum { VOCABULARY = 7 };
  int32_t *ids = allocate((size_t)rows * sizeof *ids);
  for (int64_t m = 0; m < rows; m++) ids[m] = between(-1, VOCABULARY - 1);
  float *expected = numbers(VOCABULARY * (size_t)columns, 1), *actual = copy(expected, VOCABULARY * (size_t)columns);
  apus_embed_backward(scalar, alone, ids, dy, stride, rows, columns, expected);
  apus_embed_backward(tested, pool, ids, dy, stride, rows, columns, actual);
  compare("gradient of embedding", expected, actual, VOCABULARY * (size_t)columns, 1e-6f);
  free(expected), free(actual), free(ids);
  float *sums = numbers((size_t)columns, 1), *fast = copy(sums, (size_t)columns), *single = copy(sums, (size_t)columns);
  apus_add_column_sums(scalar, pool, dy, stride, rows, columns, sums);
  apus_add_column_sums(tested, pool, dy, stride, rows, columns, fast);
  apus_add_column_sums(tested, alone, dy, stride, rows, columns, single);
  compare("column sums", sums, fast, (size_t)columns, 1e-5f);
  equal("column sums", fast, single, (size_t)columns);
  free(sums), free(fast), free(single);
}

static void cross_entropy(void) {
  int32_t *targets = allocate((size_t)rows * sizeof *targets);
  for (int64_t m = 0; m < rows; m++) targets[m] = between(-1, (int)columns - 1);
  float *logits[2], *losses[2], *log_sums[2], *start = numbers(count, 20);
  apus_cross_entropy c = {.stride = stride, .rows = rows, .vocabulary = columns, .targets = targets, .soft_cap = between(0, 1) ? 9 : 0,
                          .label_smoothing = between(0, 1) ? 0.1f : 0, .z_loss = between(0, 1) ? 1e-2f : 0, .gradient_scale = 3};
  for (int i = 0; i < 2; i++) {
    c.logits = logits[i] = copy(start, count);
    c.losses = losses[i] = numbers((size_t)rows, 1);
    log_sums[i] = numbers((size_t)rows, 1);
    c.log_sums = log_sums[i];
    apus_cross_entropy_rows(i ? tested : scalar, pool, &c);
  }
  compare("cross-entropy", losses[0], losses[1], (size_t)rows, 1e-6f);
  compare("log-sums of cross-entropy", log_sums[0], log_sums[1], (size_t)rows, 1e-6f);
  compare("gradient of cross-entropy", logits[0], logits[1], count, 4e-6f);
  for (int i = 0; i < 2; i++) free(logits[i]), free(losses[i]), free(log_sums[i]);
  free(targets), free(start);
}

void gradients(void) {
  // Of fewer columns a normalised row holds next to nothing that could change.
  rows = between(1, 100), columns = between(0, 3) ? between(4, 300) : between(4000, 9000);
  stride = (size_t)columns + (size_t)between(0, 3), count = span(rows, (size_t)columns, stride);
  float *dy = numbers(count, 1);
  apus_saved x = saved(10), up = saved(1);
  norms(x, dy);
  activations(x, up, dy);
  dropout(dy);
  embedding(dy);
  cross_entropy();
  free((void *)(uintptr_t)x.data), free((void *)(uintptr_t)up.data), free(dy);
}


static void factored(void) {
  int64_t m = between(1, 100), n = between(1, 300);
  size_t size = (size_t)(m * n);
  float *start = numbers(size, 1), *by_row = numbers((size_t)m, 1), *by_column = numbers((size_t)n, 1);
  float *gradients[3], *row_means[3], *column_means[3], sums[3];
  for (int i = 0; i < 3; i++) {
    const apus_kernels *kernels = i ? tested : scalar;
    apus_pool *threads = i == 2 ? alone : pool;
    gradients[i] = copy(start, size), row_means[i] = numbers((size_t)m, 1), column_means[i] = numbers((size_t)n, 1);
    apus_mean_squares(kernels, threads, gradients[i], 0.7f, m, n, row_means[i], column_means[i]);
    sums[i] = (float)apus_scale_by_factors(kernels, threads, by_row, by_column, m, n, gradients[i]);
  }
  compare("means over rows", row_means[0], row_means[1], (size_t)m, 1e-6f);
  compare("means over columns", column_means[0], column_means[1], (size_t)n, 1e-6f), equal("means over columns", column_means[1], column_means[2], (size_t)n);
  compare("factored update", gradients[0], gradients[1], size, 1e-6f);
  compare("its squares", sums, sums + 1, 1, 1e-6f), equal("its squares", sums + 1, sums + 2, 1);
  for (int i = 0; i < 3; i++) free(gradients[i]), free(row_means[i]), free(column_means[i]);
  free(start), free(by_row), free(by_column);
}

void updates(void) {
  factored();
  size_t n = (size_t)(between(0, 1) ? between(1, 100) : between(1, 60000));
  float *gradients = numbers(n, 1), *start[3] = {numbers(n, 1), numbers(n, 1), numbers(n, 1)};
  for (size_t i = 0; i < n; i++) start[2][i] *= start[2][i];
  bool nesterov = between(0, 1), momentum = between(0, 1);
  apus_update u = {.learning_rate = 0.01, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-6, .weight_decay = 0.1, .gradient_scale = 0.5,
                   .step = between(1, 50)};
  static const char *const names[] = {"AdamW", "Lion", "SGD", "update"};
  for (int kind = 0; kind < 4; kind++) {
    float *x[3][3];
    for (int i = 0; i < 3; i++) {
      const apus_kernels *kernels = i ? tested : scalar;
      apus_pool *threads = i == 2 ? alone : pool;
      for (int a = 0; a < 3; a++) x[i][a] = copy(start[a], n);
      if (kind == 0) apus_adamw(kernels, threads, u, x[i][0], gradients, x[i][1], x[i][2], (int64_t)n);
      if (kind == 1) apus_lion(kernels, threads, u, x[i][0], gradients, x[i][1], (int64_t)n);
      if (kind == 2) apus_sgd(kernels, threads, u, nesterov, x[i][0], gradients, momentum ? x[i][1] : NULL, (int64_t)n);
      if (kind == 3) apus_apply_update(kernels, threads, u, x[i][0], gradients, (int64_t)n);
    }
    for (int a = 0; a < 3; a++) compare(names[kind], x[0][a], x[1][a], n, 1e-6f), equal(names[kind], x[1][a], x[2][a], n);
    for (int i = 0; i < 9; i++) free(x[i / 3][i % 3]);
  }
  double sums[] = {apus_sum_of_squares(scalar, pool, gradients, (int64_t)n), apus_sum_of_squares(tested, pool, gradients, (int64_t)n),
                   apus_sum_of_squares(tested, alone, gradients, (int64_t)n)};
  float relative[] = {1, (float)(sums[1] / sums[0])};
  compare("sum of squares", relative, relative + 1, 1, 1e-7f);
  if (sums[1] != sums[2]) compare("sum of squares of one thread", (float[]){1}, (float[]){0}, 1, 0);
  free(gradients);
  for (int a = 0; a < 3; a++) free(start[a]);
}

// The plain twins of backward.h.
#include <math.h>
#include <string.h>

#include "internal.h"

static float saved(const void *x, int dtype, int64_t i) {
  if (dtype == APUS_F32) return ((const float *)x)[i];
  float value;
  if (dtype == APUS_BF16) apus_bf16_to_f32((const uint16_t *)x + i, &value, 1);
  else apus_f16_to_f32((const uint16_t *)x + i, &value, 1);
  return value;
}

static void save(const float *x, int64_t columns, int dtype, void *out) {
  if (dtype == APUS_F32) memcpy(out, x, (size_t)columns * sizeof(float));
  else if (dtype == APUS_BF16) apus_f32_to_bf16(x, out, (size_t)columns);
  else apus_f32_to_f16(x, out, (size_t)columns);
}

static void load(const void *x, int64_t columns, int dtype, float *out) {
  for (int64_t i = 0; i < columns; i++) out[i] = saved(x, dtype, i);
}

static void norm(const apus_norm_row *r, bool centred) {
  double columns = (double)r->columns, mean = 0, squares = 0, mean_gradient = 0, mean_product = 0;
  for (int64_t i = 0; centred && i < r->columns; i++) {
    mean += saved(r->x, r->dtype, i) / columns;
    mean_gradient += (double)r->dy[i] * r->weight[i] / columns;
  }
  for (int64_t i = 0; i < r->columns; i++) {
    double x = saved(r->x, r->dtype, i) - mean;
    squares += x * x;
    mean_product += x * r->dy[i] * r->weight[i] / columns;
  }
  double scale = 1 / sqrt(squares / columns + r->epsilon);
  mean_product *= scale;
  for (int64_t i = 0; i < r->columns; i++) {
    double n = (saved(r->x, r->dtype, i) - mean) * scale, dy = r->dy[i];
    r->dx[i] = (float)(scale * (dy * r->weight[i] - mean_gradient - n * mean_product) + (r->add ? r->dx[i] : 0));
    if (r->weight_gradient) r->weight_gradient[i] += (float)(n * dy);
    if (r->bias_gradient) r->bias_gradient[i] += (float)dy;
  }
}

static void rms_norm(const apus_norm_row *r) { norm(r, false); }
static void layer_norm(const apus_norm_row *r) { norm(r, true); }

// The value of an activation, and its slope.
static double activate(int activation, double x, double *slope) {
  switch (activation) {
    case APUS_SILU: {
      double s = 1 / (1 + exp(-x));
      *slope = s * (1 + x * (1 - s));
      return x * s;
    }
    case APUS_GELU_TANH: {
      double t = tanh(0.7978845608028654 * (x + 0.044715 * x * x * x));
      *slope = 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * 0.7978845608028654 * (1 + 3 * 0.044715 * x * x);
      return 0.5 * x * (1 + t);
    }
    case APUS_GELU_ERF: {
      double below = 0.5 * erfc(-0.7071067811865476 * x);
      *slope = below + x * 0.3989422804014327 * exp(-0.5 * x * x);
      return x * below;
    }
    default: *slope = x > 0; return x > 0 ? x : 0;
  }
}

static void gated(int activation, const void *gate, int gate_dtype, const void *up, int up_dtype, const float *dy, int64_t columns,
                  float *gate_gradient, float *up_gradient) {
  for (int64_t i = 0; i < columns; i++) {
    double slope, d = dy[i], value = activate(activation, saved(gate, gate_dtype, i), &slope);
    gate_gradient[i] = (float)(d * saved(up, up_dtype, i) * slope);
    up_gradient[i] = (float)(d * value);
  }
}

static void plain(int activation, const void *x, int dtype, const float *dy, int64_t columns, float *dx) {
  for (int64_t i = 0; i < columns; i++) {
    double slope;
    activate(activation, saved(x, dtype, i), &slope);
    dx[i] = (float)(dy[i] * slope);
  }
}

static void soft_cap(const void *out, int dtype, float cap, const float *dy, int64_t columns, float *dx) {
  for (int64_t i = 0; i < columns; i++) {
    float t = saved(out, dtype, i) / cap;
    dx[i] = dy[i] * (1 - t * t);
  }
}

static void drop(const apus_dropout *d, int64_t position, int64_t columns, float *x) {
  for (int64_t i = 0; i < columns; i++) {
    int64_t group = i / 128 * 128, lane = (i - group) % 16;
    x[i] = apus_keeps(d, group / 8 + lane, position, 0, (i - group) / 16) ? x[i] * apus_dropout_factor(d) : 0;
  }
}

static void add_rows(const float *x, size_t stride, int64_t rows, int64_t columns, float *out) {
  for (int64_t m = 0; m < rows; m++) {
    for (int64_t i = 0; i < columns; i++) out[i] += x[(size_t)m * stride + (size_t)i];
  }
}

static void cross_entropy(const apus_cross_entropy *c, int64_t row) {
  float *x = c->logits + (size_t)row * c->stride;
  int64_t columns = c->vocabulary, target = c->targets[row];
  double greatest = -INFINITY, total = 0, mean = 0, smoothing = c->label_smoothing, cap = c->soft_cap;
  if (c->log_sums) c->log_sums[row] = 0;
  c->losses[row] = 0;
  for (int64_t i = 0; target < 0 && i < columns; i++) x[i] = 0;
  if (target < 0) return;
  for (int64_t i = 0; i < columns; i++) {
    if (cap > 0) x[i] = (float)(cap * tanh(x[i] / cap));
    if (x[i] > greatest) greatest = x[i];
  }
  for (int64_t i = 0; i < columns; i++) {
    total += exp(x[i] - greatest);
    mean += x[i] / (double)columns;
  }
  double log_sum = greatest + log(total);
  c->losses[row] = (float)((1 - smoothing) * (log_sum - x[target]) + (smoothing > 0 ? smoothing * (log_sum - mean) : 0));
  if (c->log_sums) c->log_sums[row] = (float)log_sum;
  for (int64_t i = 0; i < columns; i++) {
    double wanted = smoothing / (double)columns + (i == target ? 1 - smoothing : 0);
    double gradient = (1 + 2 * c->z_loss * log_sum) * exp(x[i] - log_sum) - wanted;
    x[i] = (float)(gradient * c->gradient_scale * (cap > 0 ? 1 - x[i] / cap * (x[i] / cap) : 1));
  }
}

const apus_backward_kernels apus_backward_scalar = {save, load, rms_norm, layer_norm, gated, plain, soft_cap, drop, add_rows, cross_entropy};

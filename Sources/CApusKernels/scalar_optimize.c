// The plain twins of optimize.h.
#include <math.h>

#include "internal.h"

static double squares(const float *x, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += (double)x[i] * x[i];
  return sum;
}

static void adamw(const apus_step *s, float *weights, const float *gradients, float *first, float *second, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    float g = gradients[i] * s->gradient_scale;
    first[i] = s->beta1 * first[i] + s->rest1 * g;
    second[i] = s->beta2 * second[i] + s->rest2 * g * g;
    weights[i] = weights[i] * s->keep - s->rate * first[i] / (sqrtf(second[i]) * s->second_scale + s->epsilon);
  }
}

static void lion(const apus_step *s, float *weights, const float *gradients, float *momentum, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    float g = gradients[i] * s->gradient_scale, c = fmaf(g - momentum[i], s->rest1, momentum[i]);
    weights[i] = weights[i] * s->keep - s->rate * (c > 0 ? 1 : c < 0 ? -1 : c);
    momentum[i] = s->beta2 * momentum[i] + s->rest2 * g;
  }
}

static void sgd(const apus_step *s, float *weights, const float *gradients, float *momentum, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    float g = gradients[i] * s->gradient_scale + s->decay * weights[i];
    if (momentum) {
      momentum[i] = s->beta1 * momentum[i] + g;
      g = s->nesterov ? g + s->beta1 * momentum[i] : momentum[i];
    }
    weights[i] -= s->rate * g;
  }
}

static void apply_update(const apus_step *s, float *weights, const float *update, int64_t count) {
  for (int64_t i = 0; i < count; i++) weights[i] = weights[i] * s->keep - s->rate * s->gradient_scale * update[i];
}

static float row_squares(const float *g, float scale, int64_t columns, float *sums) {
  double total = 0;
  for (int64_t i = 0; i < columns; i++) {
    float square = g[i] * scale * (g[i] * scale);
    sums[i] += square;
    total += square;
  }
  return (float)total;
}

static float scale_row(float factor, const float *factors, int64_t columns, float *g) {
  double total = 0;
  for (int64_t i = 0; i < columns; i++) {
    g[i] *= factor * factors[i];
    total += (double)g[i] * g[i];
  }
  return (float)total;
}

const apus_update_kernels apus_update_scalar = {squares, adamw, lion, sgd, apply_update, row_squares, scale_row};

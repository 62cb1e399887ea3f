// Updates of weights: the body of one instruction set (see tiles.h). Each array is read, and written, once.

typedef double f64x16 __attribute__((vector_size(128)));

static double squares(const float *x, int64_t count) {
  f64x16 sum = {};
  for (int64_t i = 0; i < count; i += 16) {
    f64x16 v = __builtin_convertvector(load_part(x + i, part_at(i, count)), f64x16);
    sum = __builtin_elementwise_fma(v, v, sum);
  }
  double total = 0;
  for (int lane = 0; lane < 16; lane++) total += sum[lane];
  return total;
}

INLINE void adamw_part(const apus_step *s, float *weights, const float *gradients, float *first, float *second, int part) {
  f32x16 g = load_part(gradients, part) * s->gradient_scale, m = load_part(first, part), v = load_part(second, part);
  m = fma16(g - m, splat(s->rest1), m);
  v = fma16(g * g, splat(s->rest2), v * s->beta2);
  f32x16 size = __builtin_elementwise_sqrt(v) * s->second_scale + s->epsilon;
  store_part(weights, fma16(m / size, splat(-s->rate), load_part(weights, part) * s->keep), part);
  store_part(first, m, part);
  store_part(second, v, part);
}

static void adamw(const apus_step *s, float *weights, const float *gradients, float *first, float *second, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) adamw_part(s, weights + i, gradients + i, first + i, second + i, part_at(i, count));
}

INLINE void lion_part(const apus_step *s, float *weights, const float *gradients, float *momentum, int part) {
  f32x16 g = load_part(gradients, part) * s->gradient_scale, m = load_part(momentum, part);
  f32x16 c = fma16(g - m, splat(s->rest1), m);
  c = select16(c > 0.0f, splat(1), select16(c < 0.0f, splat(-1), c));  // NaN stays
  store_part(weights, fma16(c, splat(-s->rate), load_part(weights, part) * s->keep), part);
  store_part(momentum, fma16(g - m, splat(s->rest2), m), part);
}

static void lion(const apus_step *s, float *weights, const float *gradients, float *momentum, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) lion_part(s, weights + i, gradients + i, momentum + i, part_at(i, count));
}

INLINE void sgd_part(const apus_step *s, float *weights, const float *gradients, float *momentum, int part) {
  f32x16 w = load_part(weights, part), g = fma16(w, splat(s->decay), load_part(gradients, part) * s->gradient_scale);
  if (momentum) {
    f32x16 m = fma16(load_part(momentum, part), splat(s->beta1), g);
    store_part(momentum, m, part);
    g = s->nesterov ? fma16(m, splat(s->beta1), g) : m;
  }
  store_part(weights, fma16(g, splat(-s->rate), w), part);
}

static void sgd(const apus_step *s, float *weights, const float *gradients, float *momentum, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) sgd_part(s, weights + i, gradients + i, momentum ? momentum + i : NULL, part_at(i, count));
}

static void apply_update(const apus_step *s, float *weights, const float *update, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) {
    int part = part_at(i, count);
    f32x16 w = load_part(weights + i, part) * s->keep;
    store_part(weights + i, fma16(load_part(update + i, part), splat(-s->rate * s->gradient_scale), w), part);
  }
}

static float row_squares(const float *g, float scale, int64_t columns, float *sums) {
  f32x16 total = splat(0);
  for (int64_t i = 0; i < columns; i += 16) {
    int part = part_at(i, columns);
    f32x16 v = load_part(g + i, part) * scale;
    store_part(sums + i, fma16(v, v, load_part(sums + i, part)), part);
    total = fma16(v, v, total);
  }
  return sum_lanes(total);
}

static float scale_row(float factor, const float *factors, int64_t columns, float *g) {
  f32x16 total = splat(0);
  for (int64_t i = 0; i < columns; i += 16) {
    int part = part_at(i, columns);
    f32x16 v = load_part(g + i, part) * (load_part(factors + i, part) * factor);
    store_part(g + i, v, part);
    total = fma16(v, v, total);
  }
  return sum_lanes(total);
}

static const apus_update_kernels update_kernels = {squares, adamw, lion, sgd, apply_update, row_squares, scale_row};

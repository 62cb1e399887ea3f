// Gradients of norms, activations, caps and losses: the body of one instruction set (see tiles.h).

#include "dropout.h"

// Columns i ..< i + part of a row kept in `dtype`; the other lanes are 0.
INLINE f32x16 load_saved(const void *x, int dtype, int64_t i, int part) {
  if (dtype == APUS_F32) return load_part((const float *)x + i, part);
  uint16_t halves[16] = {};
  const uint16_t *from = (const uint16_t *)x + i;
  if (part < 16) from = memcpy(halves, from, (size_t)part * 2);
  if (dtype == APUS_F16) return load_half(from);
  u16x16 v;
  memcpy(&v, from, 32);
  return (f32x16)(__builtin_convertvector(v, u32x16) << 16);
}

static void save(const float *x, int64_t columns, int dtype, void *out) {
  for (int64_t i = 0; i < columns; i += 16) {
    int part = part_at(i, columns);
    f32x16 v = load_part(x + i, part);
    if (dtype == APUS_F32) {
      store_part((float *)out + i, v, part);
      continue;
    }
    f16x16 halves;
    if (dtype == APUS_F16) {
      halves = __builtin_convertvector(v, f16x16);
    } else {
      f32x16 quiet = (f32x16)((u32x16)v | 0x400000);
      u32x16 rounded = (u32x16)select16(v == v, round_bf16(v), quiet) >> 16;
      halves = (f16x16)__builtin_convertvector(rounded, u16x16);
    }
    if (part == 16) memcpy((uint16_t *)out + i, &halves, 32);
    else memcpy((uint16_t *)out + i, &halves, (size_t)part * 2);
  }
}

static void load(const void *x, int64_t columns, int dtype, float *out) {
  for (int64_t i = 0; i < columns; i += 16) store_part(out + i, load_saved(x, dtype, i, part_at(i, columns)), part_at(i, columns));
}

// With s = 1 / sqrt(mean(x²) + ε) and g = dy · weight: dx = s · g - x · s³ · mean(g · x).
static void rms_norm_backward(const apus_norm_row *row) {
  const apus_norm_row copy = *row, *r = &copy;  // which no store can change
  f32x16 squares = splat(0), products = splat(0);
  for (int64_t i = 0; i < r->columns; i += 16) {
    int part = part_at(i, r->columns);
    f32x16 x = load_saved(r->x, r->dtype, i, part), g = load_part(r->dy + i, part) * load_part(r->weight + i, part);
    squares = fma16(x, x, squares);
    products = fma16(g, x, products);
  }
  float scale = 1.0f / sqrtf(sum_lanes(squares) / (float)r->columns + r->epsilon);
  float shrink = scale * sum_lanes(products) / (float)r->columns * scale * scale;
  for (int64_t i = 0; i < r->columns; i += 16) {
    int part = part_at(i, r->columns);
    f32x16 x = load_saved(r->x, r->dtype, i, part), dy = load_part(r->dy + i, part);
    f32x16 dx = fma16(x, splat(-shrink), dy * load_part(r->weight + i, part) * scale);
    if (r->add) dx += load_part(r->dx + i, part);
    store_part(r->dx + i, dx, part);
    if (r->weight_gradient) store_part(r->weight_gradient + i, fma16(x * scale, dy, load_part(r->weight_gradient + i, part)), part);
  }
}

// With n = (x - mean) · s and g = dy · weight: dx = s · (g - mean(g) - n · mean(g · n)).
static void layer_norm_backward(const apus_norm_row *row) {
  const apus_norm_row copy = *row, *r = &copy;
  const i32x16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  float columns = (float)r->columns;
  f32x16 total = splat(0), gradients = splat(0), squares = splat(0), products = splat(0);
  for (int64_t i = 0; i < r->columns; i += 16) {
    int part = part_at(i, r->columns);
    total += load_saved(r->x, r->dtype, i, part);
    gradients = fma16(load_part(r->dy + i, part), load_part(r->weight + i, part), gradients);
  }
  float mean = sum_lanes(total) / columns, mean_gradient = sum_lanes(gradients) / columns;
  for (int64_t i = 0; i < r->columns; i += 16) {
    int part = part_at(i, r->columns);
    f32x16 x = select16(lanes < part, load_saved(r->x, r->dtype, i, part) - mean, splat(0));
    squares = fma16(x, x, squares);
    products = fma16(load_part(r->dy + i, part) * load_part(r->weight + i, part), x, products);
  }
  float scale = 1.0f / sqrtf(sum_lanes(squares) / columns + r->epsilon), mean_product = scale * sum_lanes(products) / columns;
  for (int64_t i = 0; i < r->columns; i += 16) {
    int part = part_at(i, r->columns);
    f32x16 n = (load_saved(r->x, r->dtype, i, part) - mean) * scale, dy = load_part(r->dy + i, part);
    f32x16 dx = fma16(n, splat(-mean_product), fma16(dy, load_part(r->weight + i, part), splat(-mean_gradient))) * scale;
    if (r->add) dx += load_part(r->dx + i, part);
    store_part(r->dx + i, dx, part);
    if (r->weight_gradient) store_part(r->weight_gradient + i, fma16(n, dy, load_part(r->weight_gradient + i, part)), part);
    if (r->bias_gradient) store_part(r->bias_gradient + i, dy + load_part(r->bias_gradient + i, part), part);
  }
}

typedef struct {
  f32x16 value, slope;
} activated;

// An activation and its derivative.
INLINE activated activate_both(int activation, f32x16 x) {
  if (activation == APUS_SILU) {
    f32x16 s = 1.0f / (exp16(-x) + 1.0f);
    return (activated){x * s, s * fma16(x, 1.0f - s, splat(1))};
  }
  if (activation == APUS_GELU_ERF) {
    f32x16 z = __builtin_elementwise_abs(x) * 0.7071067812f, below = normal16(x), density = 0.3989422804f * exp16(-z * z);
    return (activated){x * below, fma16(x, density, below)};
  }
  if (activation == APUS_RELU) return (activated){max16(x, splat(0)), select16(x > 0.0f, splat(1), splat(0))};
  // With tanh(y) = 1 - 2h the slope of tanh is 4h(1 - h). Beyond 9 the slope is 0 or 1, and numbers may get too small.
  f32x16 z = -max16(splat(-9), -max16(splat(-9), x)), square = z * z;
  f32x16 y = 0.7978845608f * z * fma16(square, splat(0.044715f), splat(1)), h = 1.0f / (exp16(2.0f * y) + 1.0f);
  f32x16 steepness = 1.5957691216f * fma16(square, splat(3 * 0.044715f), splat(1));
  return (activated){x * (1.0f - h), (1.0f - h) * fma16(z * h, steepness, splat(1))};
}

static void gated_backward(int activation, const void *gate, int gate_dtype, const void *up, int up_dtype, const float *dy, int64_t columns,
                           float *gate_gradient, float *up_gradient) {
  for (int64_t i = 0; i < columns; i += 16) {
    int part = part_at(i, columns);
    activated a = activate_both(activation, load_saved(gate, gate_dtype, i, part));
    f32x16 d = load_part(dy + i, part), u = load_saved(up, up_dtype, i, part);
    store_part(gate_gradient + i, d * u * a.slope, part);
    store_part(up_gradient + i, d * a.value, part);
  }
}

static void plain_backward(int activation, const void *x, int dtype, const float *dy, int64_t columns, float *dx) {
  for (int64_t i = 0; i < columns; i += 16) {
    int part = part_at(i, columns);
    store_part(dx + i, load_part(dy + i, part) * activate_both(activation, load_saved(x, dtype, i, part)).slope, part);
  }
}

// Factor of the gradient of cap · tanh(x / cap), by its result.
INLINE f32x16 cap_slope(f32x16 out, float cap) {
  f32x16 t = out / cap;
  return fma16(-t, t, splat(1));
}

static void soft_cap_backward(const void *out, int dtype, float cap, const float *dy, int64_t columns, float *dx) {
  for (int64_t i = 0; i < columns; i += 16) {
    int part = part_at(i, columns);
    store_part(dx + i, load_part(dy + i, part) * cap_slope(load_saved(out, dtype, i, part), cap), part);
  }
}

// Strips of columns, whose sums stay in registers while the rows go by.
static void add_rows(const float *x, size_t stride, int64_t rows, int64_t columns, float *out) {
  enum { STRIP = 8 };
  int64_t i = 0;
  for (; i + STRIP * 16 <= columns; i += STRIP * 16) {
    f32x16 sum[STRIP];
    for (int s = 0; s < STRIP; s++) sum[s] = load16(out + i + s * 16);
    for (int64_t m = 0; m < rows; m++) {
      for (int s = 0; s < STRIP; s++) sum[s] += load16(x + (size_t)m * stride + i + s * 16);
    }
    for (int s = 0; s < STRIP; s++) store16(out + i + s * 16, sum[s]);
  }
  for (; i < columns; i += 16) {
    int part = part_at(i, columns);
    f32x16 sum = load_part(out + i, part);
    for (int64_t m = 0; m < rows; m++) sum += load_part(x + (size_t)m * stride + i, part);
    store_part(out + i, sum, part);
  }
}

// Columns i ..< i + part of logits; the other lanes are -infinity.
INLINE f32x16 load_logits(const float *x, int part) {
  const i32x16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return part == 16 ? load16(x) : select16(lanes < part, load_part(x, part), splat(-INFINITY));
}

// Σ e^(x - greatest) and Σ x, f32 in blocks and double precision beyond. With `keep` the exponentials take the place of the logits.
static double sum_logits(float *x, int64_t columns, float greatest, bool keep, double *plain) {
  double total = 0;
  *plain = 0;
  for (int64_t block = 0; block < columns; block += 4096) {
    int64_t end = block + 4096 < columns ? block + 4096 : columns;
    f32x16 sum = splat(0), logits = splat(0);
    for (int64_t i = block; i < end; i += 16) {
      int part = part_at(i, columns);
      f32x16 v = exp16(load_logits(x + i, part) - greatest);
      sum += v;
      logits += load_part(x + i, part);
      if (keep) store_part(x + i, v, part);
    }
    total += sum_lanes(sum);
    *plain += sum_lanes(logits);
  }
  return total;
}

static void cross_entropy(const apus_cross_entropy *c, int64_t row) {
  float *x = c->logits + (size_t)row * c->stride, cap = c->soft_cap, smoothing = c->label_smoothing;
  int64_t columns = c->vocabulary, target = c->targets[row];
  if (c->log_sums) c->log_sums[row] = 0;
  c->losses[row] = 0;
  if (target < 0) {
    memset(x, 0, (size_t)columns * sizeof(float));
    return;
  }
  if (cap > 0) soft_cap(x, cap, columns, x);
  f32x16 most = splat(-INFINITY);
  for (int64_t i = 0; i < columns; i += 16) most = max16(load_logits(x + i, part_at(i, columns)), most);
  float greatest = max_lanes(most), of_target = x[target];
  bool kept = !(cap > 0);
  double plain, total = sum_logits(x, columns, greatest, kept, &plain), log_total = log(total);
  double loss = (1 - (double)smoothing) * ((double)greatest - of_target + log_total);
  if (smoothing > 0) loss += smoothing * ((double)greatest - plain / (double)columns + log_total);
  c->losses[row] = (float)loss;
  if (c->log_sums) c->log_sums[row] = (float)(greatest + log_total);

  // (1 + 2z · log Z) · e^x / Z, less the targets.
  double pull = 1 + 2 * (double)c->z_loss * (greatest + log_total);
  f32x16 factor = splat((float)(c->gradient_scale * pull / total)), least = splat(-c->gradient_scale * smoothing / (float)columns);
  for (int64_t i = 0; i < columns; i += 16) {
    int part = part_at(i, columns);
    f32x16 v = load_part(x + i, part);
    store_part(x + i, kept ? fma16(v, factor, least) : fma16(exp16(v - greatest), factor, least) * cap_slope(v, cap), part);
  }
  float slope = kept ? 1 : 1 - of_target / cap * (of_target / cap);
  x[target] -= c->gradient_scale * (1 - smoothing) * slope;
}

static const apus_backward_kernels backward_kernels = {save, load, rms_norm_backward, layer_norm_backward, gated_backward, plain_backward,
                                                       soft_cap_backward, drop_row, add_rows, cross_entropy};

// Norms, activations, rotary positions and reductions: the body of one instruction set (see tiles.h).

static void rms_norm(const float *x, const float *weight, float epsilon, int64_t columns, float *out) {
  f32x16 squares = splat(0);
  for (int64_t i = 0; i < columns; i += 16) {
    f32x16 v = load_part(x + i, (int)(columns - i < 16 ? columns - i : 16));
    squares = fma16(v, v, squares);
  }
  float scale = 1.0f / sqrtf(sum_lanes(squares) / (float)columns + epsilon);
  for (int64_t i = 0; i < columns; i += 16) {
    int part = (int)(columns - i < 16 ? columns - i : 16);
    store_part(out + i, load_part(x + i, part) * scale * load_part(weight + i, part), part);
  }
}

static void layer_norm(const float *x, const float *weight, const float *bias, float epsilon, int64_t columns, float *out) {
  f32x16 total = splat(0), squares = splat(0);
  for (int64_t i = 0; i < columns; i += 16) total += load_part(x + i, (int)(columns - i < 16 ? columns - i : 16));
  float mean = sum_lanes(total) / (float)columns;
  for (int64_t i = 0; i < columns; i += 16) {
    int part = (int)(columns - i < 16 ? columns - i : 16);
    f32x16 v = load_part(x + i, part) - mean;
    const i32x16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    v = select16(lanes < part, v, splat(0));
    squares = fma16(v, v, squares);
  }
  float scale = 1.0f / sqrtf(sum_lanes(squares) / (float)columns + epsilon);
  for (int64_t i = 0; i < columns; i += 16) {
    int part = (int)(columns - i < 16 ? columns - i : 16);
    f32x16 v = (load_part(x + i, part) - mean) * scale, shift = bias ? load_part(bias + i, part) : splat(0);
    store_part(out + i, fma16(v, load_part(weight + i, part), shift), part);
  }
}

// The standard normal distribution function: erfc(z) = e^-z² t p(t), t = 1 / (1 + z / 2), with p fitted for z from 0 to 9.4 to a
// relative error of 5e-8.
INLINE f32x16 normal16(f32x16 x) {
  f32x16 z = __builtin_elementwise_abs(x) * 0.7071067812f, t = 1.0f / fma16(z, splat(0.5f), splat(1.0f));
  f32x16 p = splat(-0.059898097f);
  p = fma16(p, t, splat(0.28843954f));
  p = fma16(p, t, splat(-0.49479252f));
  p = fma16(p, t, splat(0.28624287f));
  p = fma16(p, t, splat(-0.031876624f));
  p = fma16(p, t, splat(0.20473552f));
  p = fma16(p, t, splat(0.24263227f));
  p = fma16(p, t, splat(0.28243354f));
  p = fma16(p, t, splat(0.28208348f));
  f32x16 tail = 0.5f * exp16(-z * z) * t * p;
  return select16(x < 0.0f, tail, 1.0f - tail);
}

INLINE f32x16 activate(int activation, f32x16 x) {
  if (activation == APUS_SILU) return x / (exp16(-x) + 1.0f);
  if (activation == APUS_GELU_ERF) return x * normal16(x);
  if (activation == APUS_RELU) return max16(x, splat(0));
  f32x16 inner = 0.7978845608f * fma16(x * x * x, splat(0.044715f), x);  // tanh(y) = 1 - 2 / (e^2y + 1)
  return x * (1.0f - 1.0f / (exp16(2.0f * inner) + 1.0f));
}

static void gated(int activation, const float *gate, const float *up, int64_t columns, float *out) {
  for (int64_t i = 0; i < columns; i += 16) {
    int part = (int)(columns - i < 16 ? columns - i : 16);
    store_part(out + i, activate(activation, load_part(gate + i, part)) * load_part(up + i, part), part);
  }
}

static void plain(int activation, const float *x, int64_t columns, float *out) {
  for (int64_t i = 0; i < columns; i += 16) {
    int part = (int)(columns - i < 16 ? columns - i : 16);
    store_part(out + i, activate(activation, load_part(x + i, part)), part);
  }
}

static void scale(const float *x, float factor, const float *y, int64_t columns, float *out) {
  for (int64_t i = 0; i < columns; i += 16) {
    int part = (int)(columns - i < 16 ? columns - i : 16);
    store_part(out + i, fma16(load_part(x + i, part), splat(factor), y ? load_part(y + i, part) : splat(0)), part);
  }
}

static void soft_cap(const float *x, float cap, int64_t columns, float *out) {
  for (int64_t i = 0; i < columns; i += 16) {
    int part = (int)(columns - i < 16 ? columns - i : 16);
    store_part(out + i, cap * tanh16(load_part(x + i, part) / cap), part);
  }
}

// Lanes 0, 2, 4 … of two vectors, or 1, 3, 5 …
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)

INLINE void turn(f32x16 *u, f32x16 *v, f32x16 cosine, f32x16 sine) {
  f32x16 x = *u, y = *v;
  *u = fma16(x, cosine, -(y * sine));
  *v = fma16(y, cosine, x * sine);
}

static void rotary(float *x, const float *cosines, const float *sines, int heads, int head_size, int pairs, bool interleaved) {
  for (int i = 0; i < pairs; i += 16) {
    int n = pairs - i < 16 ? pairs - i : 16;
    f32x16 cosine = load_part(cosines + i, n), sine = load_part(sines + i, n);
    for (int h = 0; h < heads; h++) {
      float *head = x + (size_t)h * (size_t)head_size;
      if (interleaved) {
        float *at = head + 2 * i;
        f32x16 a = load_part(at, 2 * n), b = load_part(at + 16, 2 * n - 16), u = EVEN(a, b), v = ODD(a, b);
        turn(&u, &v, cosine, sine);
        store_part(at, __builtin_shufflevector(u, v, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), 2 * n);
        store_part(at + 16, __builtin_shufflevector(u, v, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 2 * n - 16);
      } else {
        f32x16 u = load_part(head + i, n), v = load_part(head + pairs + i, n);
        turn(&u, &v, cosine, sine);
        store_part(head + i, u, n);
        store_part(head + pairs + i, v, n);
      }
    }
  }
}

static float log_sum_exp(const float *x, int64_t count) {
  f32x16 most = splat(-INFINITY);
  int64_t whole = count / 16 * 16;
  for (int64_t i = 0; i < whole; i += 16) most = max16(load16(x + i), most);
  float greatest = max_lanes(most);
  for (int64_t i = whole; i < count; i++) greatest = x[i] > greatest ? x[i] : greatest;
  if (greatest == -INFINITY) return greatest;
  double total = 0;
  for (int64_t block = 0; block < whole; block += 4096) {
    f32x16 sum = splat(0);
    for (int64_t i = block; i < whole && i < block + 4096; i += 16) sum += exp16(load16(x + i) - greatest);
    total += sum_lanes(sum);
  }
  for (int64_t i = whole; i < count; i++) total += expf(x[i] - greatest);
  return greatest + (float)log(total);
}

static int64_t argmax(const float *x, int64_t count) {
  f32x16 most = splat(-INFINITY);
  int64_t whole = count / 16 * 16;
  for (int64_t i = 0; i < whole; i += 16) most = max16(load16(x + i), most);
  float greatest = max_lanes(most);
  for (int64_t i = whole; i < count; i++) greatest = x[i] > greatest ? x[i] : greatest;
  for (int64_t i = 0; i < count; i++) {
    if (x[i] == greatest) return i;
  }
  return 0;
}

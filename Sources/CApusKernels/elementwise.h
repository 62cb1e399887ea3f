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

INLINE f32x16 activate(int activation, f32x16 x) {
  if (activation == APUS_SILU) return x / (exp16(-x) + 1.0f);
  f32x16 inner = 0.7978845608f * fma16(x * x * x, splat(0.044715f), x);  // tanh(y) = 1 - 2 / (e^2y + 1)
  return x * (1.0f - 1.0f / (exp16(2.0f * inner) + 1.0f));
}

static void gated(int activation, const float *gate, const float *up, int64_t columns, float *out) {
  for (int64_t i = 0; i < columns; i += 16) {
    int part = (int)(columns - i < 16 ? columns - i : 16);
    store_part(out + i, activate(activation, load_part(gate + i, part)) * load_part(up + i, part), part);
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

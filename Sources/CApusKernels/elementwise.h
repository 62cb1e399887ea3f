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

static void rotary(float *x, const float *cosines, const float *sines, int heads, int head_size, int pairs, bool interleaved) {
  for (int h = 0; h < heads; h++, x += head_size) {
    for (int i = 0; i < pairs; i++) {
      float *a = interleaved ? x + 2 * i : x + i, *b = interleaved ? a + 1 : a + pairs;
      float u = *a, v = *b;
      *a = u * cosines[i] - v * sines[i];
      *b = v * cosines[i] + u * sines[i];
    }
  }
}

static float log_sum_exp(const float *x, int64_t count) {
  f32x16 most = splat(-INFINITY);
  int64_t whole = count / 16 * 16;
  for (int64_t i = 0; i < whole; i += 16) most = __builtin_elementwise_max(most, load16(x + i));
  float greatest = __builtin_reduce_max(most);
  for (int64_t i = whole; i < count; i++) greatest = x[i] > greatest ? x[i] : greatest;
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
  for (int64_t i = 0; i < whole; i += 16) most = __builtin_elementwise_max(most, load16(x + i));
  float greatest = __builtin_reduce_max(most);
  for (int64_t i = whole; i < count; i++) greatest = x[i] > greatest ? x[i] : greatest;
  for (int64_t i = 0; i < count; i++) {
    if (x[i] == greatest) return i;
  }
  return 0;
}

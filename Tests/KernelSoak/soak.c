// Every instruction set that this processor has against the scalar kernels, on random shapes. Buffers have exactly the size
// that a kernel may touch, so that AddressSanitizer sees a step beyond.   usage: soak ROUNDS [SEED]
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "soak.h"

static uint64_t state;
static uint32_t next(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 32);
}
int between(int low, int high) { return low + (int)(next() % (uint32_t)(high - low + 1)); }
int pick(const int *list, int count) { return list[next() % (uint32_t)count]; }
float number(void) {
  float x = (float)(int32_t)next() / 2147483648.0f;
  uint32_t bits;
  memcpy(&bits, &x, 4);
  bits &= 0xffff0000u;
  memcpy(&x, &bits, 4);
  return x;
}

void *allocate(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) abort();
  return memory;
}
float *numbers(size_t count, float size) {
  float *x = allocate(count * sizeof(float));
  for (size_t i = 0; i < count; i++) x[i] = number() * size;
  return x;
}
float *copy(const float *x, size_t count) { return memcpy(allocate(count * sizeof(float)), x, count * sizeof(float)); }
size_t span(int64_t rows, size_t width, size_t stride) { return (size_t)(rows - 1) * stride + width; }

const apus_kernels *scalar, *tested;
apus_pool *pool, *alone;
static int failures;

void compare(const char *what, const float *expected, const float *actual, size_t count, float tolerance) {
  float size = 1e-30f, error = 0;
  bool is_nan = false;
  for (size_t i = 0; i < count; i++) {
    size = fmaxf(size, fabsf(expected[i]));
    error = fmaxf(error, fabsf(expected[i] - actual[i]));
    is_nan = is_nan || isnan(expected[i]) || isnan(actual[i]);
  }
  if (error <= tolerance * size && !is_nan) return;
  printf("%s: %s: error %g of %g%s\n", apus_kernels_name(tested), what, (double)error, (double)size, is_nan ? ", not a number" : "");
  failures++;
}
void equal(const char *what, const float *whole, const float *part, size_t count) {
  if (memcmp(whole, part, count * sizeof(float)) == 0) return;
  printf("%s: %s: a row alone differs from the row among others\n", apus_kernels_name(tested), what);
  failures++;
}

// ---- Products ----------------------------------------------------------------------------------------------------------

static apus_matrix matrix(int dtype, int64_t rows, int64_t columns) {
  size_t row_bytes = (size_t)columns / apus_dtype_block_size(dtype) * apus_dtype_block_bytes(dtype);
  size_t panel_bytes = apus_panel_bytes(dtype, columns);
  int64_t panels = (rows + APUS_PANEL - 1) / APUS_PANEL;
  uint8_t *blocks = allocate((size_t)rows * row_bytes), *packed = allocate((size_t)panels * panel_bytes);
  for (int64_t row = 0; row < rows; row++) {
    float *values = numbers((size_t)columns, 1);
    if (apus_quantize(dtype, values, blocks + (size_t)row * row_bytes, (size_t)columns) != APUS_CODEC_OK) abort();
    free(values);
  }
  for (int64_t panel = 0; panel < panels; panel++) {
    const uint8_t *list[APUS_PANEL];
    for (int64_t i = 0; i < APUS_PANEL; i++) {
      int64_t row = panel * APUS_PANEL + i;
      list[i] = row < rows ? blocks + (size_t)row * row_bytes : NULL;
    }
    apus_pack_panel(dtype, columns, list, packed + (size_t)panel * panel_bytes);
  }
  free(blocks);
  return (apus_matrix){.dtype = dtype, .rows = rows, .columns = columns, .panels = packed};
}

static void product(int dtype) {
  size_t block = apus_dtype_block_size(dtype);
  int64_t rows = between(1, 30), outputs = between(1, 70), columns = block > 1 ? (int64_t)block * between(1, 3) : between(1, 2400);
  size_t in_stride = (size_t)columns + (size_t)between(0, 3), out_stride = (size_t)outputs + (size_t)between(0, 3);
  size_t out_count = span(rows, (size_t)outputs, out_stride);
  apus_matrix weights = matrix(dtype, rows ? outputs : 0, columns);
  float *input = numbers(span(rows, (size_t)columns, in_stride), 1), *bias = between(0, 1) ? numbers((size_t)outputs, 1) : NULL;
  float *expected = numbers(out_count, 1), *actual = copy(expected, out_count), *single = copy(expected, out_count);
  apus_product p = {.weights = &weights, .bias = bias, .out = expected, .out_stride = out_stride, .add = between(0, 1)};
  bool fine = between(0, 1);
  // A matrix unit rounds weights and activations to bf16 where others round activations to 8 bits.
  bool tiles = apus_kernels_have_unit(tested) && !fine && block > 1, whole = block == 1 && !apus_kernels_multiply_words(tested, dtype);
  apus_linear(scalar, pool, input, in_stride, rows, fine || tiles || whole, &p, 1);
  p.out = actual;
  apus_linear(tested, pool, input, in_stride, rows, fine, &p, 1);
  char what[80];
  snprintf(what, sizeof what, "product, type %d%s, %d x %d x %d", dtype, fine ? " (fine)" : "", (int)rows, (int)outputs, (int)columns);
  compare(what, expected, actual, out_count, tiles ? 1e-2f : 3e-5f);
  size_t row = (size_t)between(0, (int)rows - 1);
  p.out = single + row * out_stride;
  apus_linear(tested, alone, input + row * in_stride, in_stride, 1, fine, &p, 1);
  equal(what, actual + row * out_stride, p.out, (size_t)outputs);
  free((void *)(uintptr_t)weights.panels);
  free(input), free(bias), free(expected), free(actual), free(single);
}

// ---- Attention ---------------------------------------------------------------------------------------------------------

typedef struct {
  float *queries, *out, *log_sums, *keys, *values;  // out and log-sums of all tokens; the others [position + tokens, …]
  void *cache[2];
  int64_t before, tokens, prefix;
  bool across;  // the new tokens see all keys, wherever they stand
} sequence;

// The outputs of the new tokens of all sequences, after those before them are in the caches.
static void attend(const apus_kernels *kernels, apus_pool *on, apus_attention a, sequence *list, int64_t skip) {
  size_t q = (size_t)(a.heads * a.head_size), kv = (size_t)(a.kv_heads * a.head_size);
  apus_segment segments[3];
  for (int i = 0; i < a.segment_count; i++) {
    sequence *s = &list[i];
    int64_t all = s->before + s->tokens, capacity = (all + 63) / 64 * 64;
    apus_segment whole = {.new_keys = s->keys, .new_values = s->values, .new_key_stride = kv, .new_value_stride = kv,
                          .keys = s->cache[0], .values = s->cache[1], .capacity = capacity, .tokens = all};
    apus_attention store = a;
    store.segments = &whole;
    store.segment_count = 1;
    apus_kv_store(on, &store);
    int64_t first = skip < s->tokens ? skip : s->tokens - 1;
    segments[i] = (apus_segment){.queries = s->queries + (size_t)first * q, .query_stride = q, .out = s->out + (size_t)first * q,
                                 .out_stride = q, .keys = s->cache[0], .values = s->cache[1], .capacity = capacity,
                                 .tokens = s->tokens - first, .position = s->across ? first - s->tokens : s->before + first,
                                 .prefix = s->prefix, .log_sums = s->log_sums ? s->log_sums + first * a.heads : NULL};
  }
  a.segments = segments;
  apus_attend(kernels, on, &a);
}

static void attention(int dtype) {
  static const int groups[] = {1, 2, 3, 5, 8}, windows[] = {0, 0, 1, 30, 64, 100};
  apus_attention a = {.kv_heads = between(1, 3), .head_size = between(1, 140), .kv_dtype = dtype, .window = pick(windows, 6), .segment_count = between(1, 3)};
  a.heads = a.kv_heads * pick(groups, 5);
  a.scale = 1 / sqrtf((float)a.head_size);
  float *slopes = numbers((size_t)a.heads, 1);
  if (between(0, 2) == 0) a.slopes = slopes;
  a.slopes_in_bf16 = between(0, 1);
  a.reach = between(0, 90);
  size_t width = (size_t)apus_distance_width(a.reach);
  float *distances = numbers((size_t)a.heads * width, 3);
  for (size_t i = 0; i < (size_t)a.heads * width; i++) {
    size_t place = i % width, least = APUS_DISTANCE_MARGIN, most = width - 1 - APUS_DISTANCE_MARGIN;
    distances[i] = distances[i - place + (place < least ? least : place > most ? most : place)];
  }
  if (!a.slopes && between(0, 1)) a.distances = distances;
  if (between(0, 2) == 0) a.soft_cap = (float)between(1, 30);
  size_t q = (size_t)(a.heads * a.head_size), kv = (size_t)(a.kv_heads * a.head_size);
  sequence list[3];
  for (int i = 0; i < a.segment_count; i++) {
    sequence *s = &list[i];
    s->before = between(0, 1) ? between(0, 150) : 0;
    s->tokens = between(0, 1) ? between(1, 70) : 1;
    s->prefix = between(0, 2) ? 0 : between(0, (int)(s->before + s->tokens));
    s->across = !a.window && between(0, 4) == 0;
    if (s->across) s->prefix = s->before + s->tokens;
    size_t all = (size_t)(s->before + s->tokens);
    s->queries = numbers((size_t)s->tokens * q, 3);
    s->keys = numbers(all * kv, 3);
    s->values = numbers(all * kv, 1);
    for (int v = 0; v < 2; v++) {
      size_t bytes = apus_kv_bytes(dtype, a.kv_heads, a.head_size, (int64_t)(all + 63) / 64 * 64, v);
      s->cache[v] = memset(allocate(bytes), 0x47, bytes);  // finite in each type
    }
  }
  for (int i = 0; i < a.segment_count; i++) {
    list[i].out = numbers((size_t)list[i].tokens * q, 0);
    list[i].log_sums = numbers((size_t)(list[i].tokens * a.heads), 0);
  }
  attend(scalar, pool, a, list, 0);
  sequence expected[3];
  memcpy(expected, list, sizeof list);
  for (int i = 0; i < a.segment_count; i++) {
    list[i].out = numbers((size_t)list[i].tokens * q, 0);
    list[i].log_sums = between(0, 1) ? numbers((size_t)(list[i].tokens * a.heads), 0) : NULL;
  }
  attend(tested, pool, a, list, 0);
  char what[200];
  bool rounds = dtype == APUS_BF16 && apus_kernels_multiply_bf16(tested);
  for (int i = 0; i < a.segment_count; i++) {
    sequence *s = &list[i];
    snprintf(what, sizeof what, "attention, type %d, %d/%d heads of %d, window %d, prefix %d%s, cap %g, %s, %d + %d tokens", dtype, a.heads,
             a.kv_heads, a.head_size, (int)a.window, (int)s->prefix, s->across ? " across" : "", (double)a.soft_cap,
             a.slopes ? "slopes" : a.distances ? "distances" : "no bias", (int)s->before, (int)s->tokens);
    compare(what, expected[i].out, s->out, (size_t)s->tokens * q, rounds ? 0.03f : 3e-5f);
    if (s->log_sums) compare(what, expected[i].log_sums, s->log_sums, (size_t)(s->tokens * a.heads), rounds ? 0.03f : 3e-5f);
    free(s->log_sums), free(expected[i].log_sums);
    s->log_sums = NULL;
    float *among = s->out;
    s->out = numbers((size_t)s->tokens * q, 0);
    apus_attention one = a;
    one.segment_count = 1;
    attend(tested, alone, one, s, s->tokens - 1);
    equal(what, among + (size_t)(s->tokens - 1) * q, s->out + (size_t)(s->tokens - 1) * q, q);
    free(among), free(expected[i].out), free(s->out), free(s->queries), free(s->keys), free(s->values), free(s->cache[0]), free(s->cache[1]);
  }
  free(slopes), free(distances);
}

// ---- Rows --------------------------------------------------------------------------------------------------------------

static void row_operations(void) {
  int64_t rows = between(1, 40), columns = between(1, 300);
  size_t stride = (size_t)columns + (size_t)between(0, 3), count = span(rows, (size_t)columns, stride);
  float *x = numbers(count, 10), *y = numbers(count, 1), *weight = numbers((size_t)columns, 1);
  float *expected = numbers(count, 1), *actual = copy(expected, count);
  apus_rms_norm(scalar, pool, x, stride, weight, 1e-5f, rows, columns, expected, stride);
  apus_rms_norm(tested, pool, x, stride, weight, 1e-5f, rows, columns, actual, stride);
  compare("norm", expected, actual, count, 1e-6f);
  const float *bias = between(0, 1) ? weight : NULL;
  apus_layer_norm(scalar, pool, x, stride, weight, bias, 1e-5f, rows, columns, expected, stride);
  apus_layer_norm(tested, pool, x, stride, weight, bias, 1e-5f, rows, columns, actual, stride);
  compare("layer norm", expected, actual, count, 1e-5f);
  static const char *const names[] = {"silu", "gelu with tanh", "gelu", "relu"};
  for (int activation = APUS_SILU; activation <= APUS_RELU; activation++) {
    apus_gated(scalar, pool, activation, x, stride, y, stride, rows, columns, expected, stride);
    apus_gated(tested, pool, activation, x, stride, y, stride, rows, columns, actual, stride);
    compare(names[activation], expected, actual, count, 1e-6f);
    apus_plain(scalar, pool, activation, x, stride, rows, columns, expected, stride);
    apus_plain(tested, pool, activation, x, stride, rows, columns, actual, stride);
    compare(names[activation], expected, actual, count, 1e-6f);
  }
  const float *added = between(0, 1) ? y : NULL;
  apus_scale(scalar, pool, x, stride, 2.5f, added, stride, rows, columns, expected, stride);
  apus_scale(tested, pool, x, stride, 2.5f, added, stride, rows, columns, actual, stride);
  compare("scale", expected, actual, count, 1e-6f);
  apus_soft_cap(scalar, pool, x, stride, 7, rows, columns, expected, stride);
  apus_soft_cap(tested, pool, x, stride, 7, rows, columns, actual, stride);
  compare("soft cap", expected, actual, count, 1e-6f);
  free(x), free(y), free(weight), free(expected), free(actual);
}

static void rotary(void) {
  int64_t rows = between(1, 20);
  int heads = between(1, 4), pairs = between(1, 70), head_size = 2 * pairs + between(0, 9);
  size_t width = (size_t)(heads * head_size), stride = width + (size_t)between(0, 3), count = span(rows, width, stride);
  float *cosines = numbers((size_t)rows * (size_t)pairs, 1), *sines = numbers((size_t)rows * (size_t)pairs, 1), *x = numbers(count, 1);
  for (int interleaved = 0; interleaved < 2; interleaved++) {
    float *expected = copy(x, count), *actual = copy(x, count);
    apus_rotary(scalar, pool, expected, stride, cosines, sines, rows, heads, head_size, pairs, interleaved);
    apus_rotary(tested, pool, actual, stride, cosines, sines, rows, heads, head_size, pairs, interleaved);
    compare(interleaved ? "interleaved rotary" : "rotary", expected, actual, count, 1e-6f);
    free(expected), free(actual);
  }
  free(cosines), free(sines), free(x);
}

static void reductions(void) {
  int64_t count = between(0, 1) ? between(1, 70) : between(1, 9000);
  float *x = numbers((size_t)count, 20);
  if (count > 2) x[between(0, (int)count - 1)] = -INFINITY;
  float sums[] = {apus_log_sum_exp(scalar, x, count), apus_log_sum_exp(tested, x, count)};
  compare("log-sum-exp", sums, sums + 1, 1, 1e-6f);
  float places[] = {(float)apus_argmax(scalar, x, count), (float)apus_argmax(tested, x, count)};
  compare("argmax", places, places + 1, 1, 0);
  free(x);
}

int main(int argc, char **argv) {
  static const int types[] = {APUS_F32, APUS_F16, APUS_BF16, APUS_Q4_0, APUS_Q4_1, APUS_Q5_0, APUS_Q5_1,
                              APUS_Q8_0, APUS_Q2_K, APUS_Q3_K, APUS_Q4_K, APUS_Q5_K, APUS_Q6_K};
  int rounds = argc > 1 ? atoi(argv[1]) : 10;
  state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  scalar = apus_kernels_for(APUS_ISA_SCALAR);
  pool = apus_pool_create(2);
  alone = apus_pool_create(1);
  if (!scalar || !pool || !alone) abort();
  for (int isa = 1; isa < APUS_ISA_COUNT; isa++) {
    tested = apus_kernels_for(isa);
    if (!tested) continue;
    for (int round = 0; round < rounds; round++) {
      for (int i = 0; i < 13; i++) product(types[i]);
      for (int i = 0; i < 3; i++) {
        attention(types[i]);
        attention_in_training(APUS_F32, types[i]);
        attention_in_training(APUS_BF16, types[i]);
      }
      row_operations();
      rotary();
      reductions();
      for (int i = 0; i < 3; i++) products(types[i]);
      for (int i = 0; i < 3; i++) overflowing_products(types[i]);
      gradients();
      updates();
    }
    printf("%s: %d rounds\n", apus_kernels_name(tested), rounds);
  }
  apus_pool_destroy(pool);
  apus_pool_destroy(alone);
  if (failures) printf("%d failures\n", failures);
  return failures ? 1 : 0;
}

// Attention of whole sequences and its gradients: an instruction set against the scalar kernels, and against itself alone on one thread.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "soak.h"

// One sequence; inputs in `type`, everything of exactly its size.
typedef struct {
  void *queries, *keys, *values;
  float *out_gradient;
  size_t query_stride, key_stride, value_stride, gradient_stride;
  int64_t tokens, positions, prefix;
  apus_dropout dropout;
} whole_sequence;

// What a call writes: out, log-sums, and the gradients of queries, keys and values.
typedef struct {
  float *results[5];
  size_t strides[5], counts[5];
} written;

static void *typed_numbers(int type, size_t count, float size) {
  float *x = numbers(count, size);
  if (type == APUS_F32) return x;
  uint16_t *halves = allocate(count * 2);
  if (type == APUS_BF16) apus_f32_to_bf16(x, halves, count);
  else apus_f32_to_f16(x, halves, count);
  free(x);
  return halves;
}

static whole_sequence sequence(const apus_attention *a, int type) {
  whole_sequence s = {.tokens = between(0, 3) ? between(1, 130) : between(300, 420)};
  size_t q = (size_t)(a->heads * a->head_size), kv = (size_t)(a->kv_heads * a->head_size);
  bool across = !a->window && between(0, 4) == 0;
  s.positions = across ? between(1, 230) : s.tokens;
  s.prefix = across ? s.positions : between(0, 2) ? 0 : between(0, (int)s.tokens);
  if (between(0, 2) == 0) s.dropout = (apus_dropout){(uint32_t)between(1, 50000), (uint32_t)between(0, 99), (uint64_t)between(0, 1 << 30) << 25};
  s.query_stride = q + (size_t)between(0, 3);
  s.key_stride = kv + (size_t)between(0, 3);
  s.value_stride = kv + (size_t)between(0, 3);
  s.gradient_stride = q + (size_t)between(0, 3);
  s.queries = typed_numbers(type, span(s.tokens, q, s.query_stride), 3);
  s.keys = typed_numbers(type, span(s.positions, kv, s.key_stride), 3);
  s.values = typed_numbers(type, span(s.positions, kv, s.value_stride), 1);
  s.out_gradient = numbers(span(s.tokens, q, s.gradient_stride), 1);
  return s;
}

static written room(const apus_attention *a, const whole_sequence *s, size_t gap) {
  size_t q = (size_t)(a->heads * a->head_size), kv = (size_t)(a->kv_heads * a->head_size);
  const size_t widths[] = {q, (size_t)a->heads, q, kv, kv};
  written w;
  for (int i = 0; i < 5; i++) {
    w.strides[i] = widths[i] + (i == 1 ? 0 : gap);
    w.counts[i] = span(i < 3 ? s->tokens : s->positions, widths[i], w.strides[i]);
    w.results[i] = memset(allocate(w.counts[i] * sizeof(float)), 0, w.counts[i] * sizeof(float));
    for (size_t at = 0; at < w.counts[i]; at++) w.results[i][at] = at % w.strides[i] < widths[i] ? 9 : 0;  // gaps stay as they are
  }
  return w;
}

// `out` and `log_sums` are what the gradients start from: a's own unless another's, so that only gradients are compared.
static void run(const apus_kernels *kernels, apus_pool *on, int compute, int type, const apus_attention *a, const whole_sequence *list, int count,
                written *w, const written *from, float *distance_gradient) {
  apus_sequence sequences[3];
  apus_attended attended[3];
  void *outs[3];
  for (int i = 0; i < count; i++) {
    const whole_sequence *s = &list[i];
    sequences[i] = (apus_sequence){.queries = s->queries, .keys = s->keys, .values = s->values, .dtype = type, .query_stride = s->query_stride,
                                   .key_stride = s->key_stride, .value_stride = s->value_stride, .out = w[i].results[0],
                                   .out_stride = w[i].strides[0], .log_sums = w[i].results[1], .queries_count = s->tokens,
                                   .keys_count = s->positions, .prefix = s->prefix, .dropout = s->dropout};
  }
  apus_attend_training(kernels, on, compute, a, sequences, count);
  for (int i = 0; i < count; i++) {
    const whole_sequence *s = &list[i];
    size_t outputs = from[i].counts[0];
    outs[i] = copy(from[i].results[0], outputs);
    if (type != APUS_F32) {
      uint16_t *halves = allocate(outputs * 2);
      if (type == APUS_BF16) apus_f32_to_bf16(outs[i], halves, outputs);
      else apus_f32_to_f16(outs[i], halves, outputs);
      free(outs[i]);
      outs[i] = halves;
    }
    attended[i] = (apus_attended){.queries = s->queries, .keys = s->keys, .values = s->values, .out = outs[i], .dtype = type,
                                  .query_stride = s->query_stride, .key_stride = s->key_stride, .value_stride = s->value_stride,
                                  .out_stride = from[i].strides[0], .log_sums = from[i].results[1], .out_gradient = s->out_gradient,
                                  .out_gradient_stride = s->gradient_stride, .query_gradient = w[i].results[2], .key_gradient = w[i].results[3],
                                  .value_gradient = w[i].results[4], .query_gradient_stride = w[i].strides[2],
                                  .key_gradient_stride = w[i].strides[3], .value_gradient_stride = w[i].strides[4], .queries_count = s->tokens,
                                  .keys_count = s->positions, .prefix = s->prefix, .dropout = s->dropout};
  }
  apus_attend_backward(kernels, on, compute, a, attended, count, distance_gradient);
  for (int i = 0; i < count; i++) free(outs[i]);
}

static void release(written *w) {
  for (int i = 0; i < 5; i++) free(w->results[i]);
}

// Numbers of a table of distances, the outermost repeated.
static float *distance_numbers(const apus_attention *a) {
  size_t width = (size_t)apus_distance_width(a->reach), count = (size_t)a->heads * width;
  float *distances = numbers(count, 3);
  for (size_t i = 0; i < count; i++) {
    size_t place = i % width, least = APUS_DISTANCE_MARGIN, most = width - 1 - APUS_DISTANCE_MARGIN;
    distances[i] = distances[i - place + (place < least ? least : place > most ? most : place)];
  }
  return distances;
}

void attention_in_training(int compute, int type) {
  static const int groups[] = {1, 2, 3, 5}, windows[] = {0, 0, 1, 30, 64, 200};
  apus_attention a = {.kv_heads = between(1, 3), .head_size = between(1, 140), .window = pick(windows, 6)};
  a.heads = a.kv_heads * pick(groups, 4);
  a.scale = 1 / sqrtf((float)a.head_size);
  float *slopes = numbers((size_t)a.heads, 1);
  if (between(0, 2) == 0) a.slopes = slopes;
  a.slopes_in_bf16 = between(0, 1);
  a.reach = between(0, 90);
  size_t distance_count = (size_t)a.heads * (size_t)apus_distance_width(a.reach);
  float *distances = distance_numbers(&a);
  if (!a.slopes && between(0, 1)) a.distances = distances;
  if (between(0, 2) == 0) a.soft_cap = (float)between(1, 30);
  int count = between(1, 3);
  whole_sequence list[3];
  written expected[3], actual[3];
  for (int i = 0; i < count; i++) {
    list[i] = sequence(&a, type);
    expected[i] = room(&a, &list[i], (size_t)between(0, 3));
    actual[i] = room(&a, &list[i], (expected[i].strides[0] - (size_t)(a.heads * a.head_size)));
  }
  // The last number is not written; the size of the others may be that of rounding.
  float *sums[] = {numbers(distance_count + 1, 0), numbers(distance_count + 1, 0), numbers(distance_count, 0)};
  sums[0][distance_count] = sums[1][distance_count] = 1;
  run(scalar, pool, compute, type, &a, list, count, expected, expected, a.distances ? sums[0] : NULL);
  run(tested, pool, compute, type, &a, list, count, actual, expected, a.distances ? sums[1] : NULL);
  char what[200];
  static const char *const names[] = {"out", "log-sums", "gradient of queries", "gradient of keys", "gradient of values"};
  float tolerance = compute == APUS_F32 ? 1e-4f : 0.03f;
  for (int i = 0; i < count; i++) {
    snprintf(what, sizeof what,
             "attention in training, %d from %d, %d/%d heads of %d, window %d, prefix %d, cap %g, %s, %d x %d tokens, %d left out", compute, type,
             a.heads, a.kv_heads, a.head_size, (int)a.window, (int)list[i].prefix, (double)a.soft_cap,
             a.slopes ? "slopes" : a.distances ? "distances" : "no bias", (int)list[i].tokens, (int)list[i].positions,
             (int)list[i].dropout.threshold);
    // Where one key takes all the weight of a query, gradients are but rounding: the size of all together counts.
    float *all[2];
    size_t gradients = actual[i].counts[2] + actual[i].counts[3] + actual[i].counts[4], at = 0;
    for (int side = 0; side < 2; side++) {
      all[side] = allocate(gradients * sizeof(float));
      const written *w = side ? &actual[i] : &expected[i];
      at = 0;
      for (int r = 2; r < 5; at += w->counts[r++]) memcpy(all[side] + at, w->results[r], w->counts[r] * sizeof(float));
      for (int r = 0; side && r < 2; r++) {
        char which[240];
        snprintf(which, sizeof which, "%s, %s", what, names[r]);
        compare(which, expected[i].results[r], actual[i].results[r], actual[i].counts[r], tolerance);
      }
    }
    compare(what, all[0], all[1], gradients, tolerance);
    free(all[0]), free(all[1]);
  }
  if (a.distances) compare(what, sums[0], sums[1], distance_count + 1, tolerance);
  for (int i = 0; i < count; i++) {
    written one = room(&a, &list[i], actual[i].strides[0] - (size_t)(a.heads * a.head_size));
    run(tested, alone, compute, type, &a, &list[i], 1, &one, &expected[i], a.distances ? sums[2] : NULL);
    for (int r = 0; r < 5; r++) equal(names[r], actual[i].results[r], one.results[r], one.counts[r]);
    release(&one), release(&expected[i]), release(&actual[i]);
    free(list[i].queries), free(list[i].keys), free(list[i].values), free(list[i].out_gradient);
  }
  free(slopes), free(distances), free(sums[0]), free(sums[1]), free(sums[2]);
}

// The obvious attention of whole sequences and its gradients: plain loops that the fast kernels are tested against.
#include <math.h>
#include <stdlib.h>

#include "internal.h"

// One query of a head, with what its keys give.
typedef struct {
  const apus_attention *shape;
  const void *queries, *keys, *values;
  int dtype, compute, head;
  size_t query_stride, key_stride, value_stride;
  apus_visible visible;
  const apus_dropout *dropout;
  int64_t query;
} scalar_query;

static float rounded(int compute, float x) {
  uint16_t half;
  if (compute == APUS_F32) return x;
  apus_f32_to_bf16(&x, &half, 1);
  apus_bf16_to_f32(&half, &x, 1);
  return x;
}

static float element(const void *data, int dtype, size_t at) {
  float value;
  if (dtype == APUS_F32) return ((const float *)data)[at];
  if (dtype == APUS_BF16) apus_bf16_to_f32((const uint16_t *)data + at, &value, 1);
  else apus_f16_to_f32((const uint16_t *)data + at, &value, 1);
  return value;
}

static size_t kv_offset(const scalar_query *q) {
  return (size_t)(q->head / (q->shape->heads / q->shape->kv_heads)) * (size_t)q->shape->head_size;
}
static float query_at(const scalar_query *q, int d) {
  return rounded(q->compute, element(q->queries, q->dtype, (size_t)q->query * q->query_stride + (size_t)(q->head * q->shape->head_size + d)));
}
static float key_at(const scalar_query *q, int64_t k, int d) {
  return rounded(q->compute, element(q->keys, q->dtype, (size_t)k * q->key_stride + kv_offset(q) + (size_t)d));
}
static float value_at(const scalar_query *q, int64_t k, int d) {
  return rounded(q->compute, element(q->values, q->dtype, (size_t)k * q->value_stride + kv_offset(q) + (size_t)d));
}

static int64_t distance_at(const scalar_query *q, int64_t k) {
  int64_t reach = q->shape->reach, distance = k - q->query;
  distance = distance < -reach ? -reach : distance > reach ? reach : distance;
  return apus_distance_place(reach, q->head, distance);
}

// The score of a key; `inner` is the slope of the soft cap there.
static float score_of(const scalar_query *q, int64_t k, float *inner) {
  const apus_attention *a = q->shape;
  double dot = 0;
  for (int d = 0; d < a->head_size; d++) dot += query_at(q, d) * key_at(q, k, d);
  float score = (float)dot * a->scale;
  *inner = 1;
  if (a->soft_cap > 0) {
    float t = tanhf(score / a->soft_cap);
    score = a->soft_cap * t;
    *inner = 1 - t * t;
  }
  if (a->distances) score += a->distances[distance_at(q, k)];
  if (!a->slopes) return score;
  if (!a->slopes_in_bf16) return score + a->slopes[q->head] * (float)(k - q->query);
  return score + rounded(APUS_BF16, rounded(APUS_BF16, (float)k) * a->slopes[q->head]) * a->scale;
}

// What the weight of a key is multiplied by: 0 if it is left out.
static float kept_factor(const scalar_query *q, int64_t k) {
  if (!q->dropout->threshold) return 1;
  return apus_keeps(q->dropout, k / 8, q->query, q->head, k % 8) ? apus_dropout_factor(q->dropout) : 0;
}

static void attend_query(const scalar_query *q, float *out, float *log_sum) {
  int64_t from = apus_first_key(&q->visible, q->query), end = apus_end_key(&q->visible, q->query);
  float *weights = malloc((size_t)(end > 0 ? end : 1) * sizeof(float)), greatest = -INFINITY, inner;
  if (!weights) abort();
  double sum = 0;
  for (int64_t k = from; k < end; k++) {
    weights[k] = score_of(q, k, &inner);
    if (weights[k] > greatest) greatest = weights[k];
  }
  for (int64_t k = from; k < end; k++) sum += weights[k] = expf(weights[k] - greatest);
  for (int64_t k = from; k < end; k++) weights[k] = rounded(q->compute, weights[k]) * kept_factor(q, k);
  for (int d = 0; d < q->shape->head_size; d++) {
    double total = 0;
    for (int64_t k = from; k < end; k++) total += weights[k] * value_at(q, k, d);
    out[d] = (float)(total / sum);
  }
  *log_sum = greatest + (float)log(sum);
  free(weights);
}

static void attend(int compute, const apus_attend_task *t) {
  const apus_sequence *s = t->sequence;
  scalar_query q = {.shape = t->shape, .queries = s->queries, .keys = s->keys, .values = s->values, .dtype = s->dtype, .compute = compute,
                    .head = t->head, .query_stride = s->query_stride, .key_stride = s->key_stride, .value_stride = s->value_stride,
                    .visible = {t->shape->window, s->prefix, s->queries_count, s->keys_count}, .dropout = &s->dropout};
  for (q.query = t->first; q.query < t->first + t->count; q.query++) {
    attend_query(&q, s->out + (size_t)q.query * s->out_stride + (size_t)(t->head * t->shape->head_size),
                 s->log_sums + q.query * t->shape->heads + t->head);
  }
}

static float out_gradient_at(const scalar_query *q, const apus_attended *s, int d) {
  return rounded(q->compute, s->out_gradient[(size_t)q->query * s->out_gradient_stride + (size_t)(q->head * q->shape->head_size + d)]);
}

// What the weight of one key gives to the gradients of its query, key and value.
static void backward_key(const scalar_query *q, const apus_gradient_task *t, int64_t k, float delta) {
  const apus_attended *s = t->sequence;
  int head_size = q->shape->head_size;
  float inner, p = expf(score_of(q, k, &inner) - s->log_sums[q->query * q->shape->heads + q->head]), *out = t->query_gradient;
  double product = 0;
  for (int d = 0; d < head_size; d++) product += out_gradient_at(q, s, d) * value_at(q, k, d);
  float kept = kept_factor(q, k), slope = p * ((float)product * kept - delta), scale = q->shape->scale;
  if (t->distance_gradient) t->distance_gradient[distance_at(q, k)] += slope;
  slope = rounded(q->compute, slope * inner);
  out += (size_t)q->query * t->query_gradient_stride + (size_t)(q->head * head_size);
  float *keys = s->key_gradient + (size_t)k * s->key_gradient_stride + kv_offset(q);
  float *values = s->value_gradient + (size_t)k * s->value_gradient_stride + kv_offset(q);
  for (int d = 0; d < head_size; d++) {
    out[d] += slope * scale * key_at(q, k, d);
    keys[d] += slope * scale * query_at(q, d);
    values[d] += rounded(q->compute, p) * kept * out_gradient_at(q, s, d);
  }
}

static void backward(int compute, const apus_gradient_task *t) {
  const apus_attended *s = t->sequence;
  int group = t->shape->heads / t->shape->kv_heads, head_size = t->shape->head_size;
  scalar_query q = {.shape = t->shape, .queries = s->queries, .keys = s->keys, .values = s->values, .dtype = s->dtype, .compute = compute,
                    .query_stride = s->query_stride, .key_stride = s->key_stride, .value_stride = s->value_stride,
                    .visible = {t->shape->window, s->prefix, s->queries_count, s->keys_count}, .dropout = &s->dropout};
  for (int64_t k = t->first; k < t->first + t->count; k++) {
    for (int d = 0; d < head_size; d++) {
      s->key_gradient[(size_t)k * s->key_gradient_stride + (size_t)(t->kv_head * head_size + d)] = 0;
      s->value_gradient[(size_t)k * s->value_gradient_stride + (size_t)(t->kv_head * head_size + d)] = 0;
    }
  }
  for (q.head = t->kv_head * group; q.head < (t->kv_head + 1) * group; q.head++) {
    for (q.query = 0; q.query < s->queries_count; q.query++) {
      double delta = 0;
      for (int d = 0; d < head_size; d++) {
        delta += out_gradient_at(&q, s, d) * element(s->out, s->dtype, (size_t)q.query * s->out_stride + (size_t)(q.head * head_size + d));
      }
      int64_t from = apus_first_key(&q.visible, q.query), end = apus_end_key(&q.visible, q.query);
      for (int64_t k = from > t->first ? from : t->first; k < end && k < t->first + t->count; k++) backward_key(&q, t, k, (float)delta);
    }
  }
}

static void attend_f32(const apus_attend_task *t, float *scratch) { (void)scratch, attend(APUS_F32, t); }
static void attend_bf16(const apus_attend_task *t, float *scratch) { (void)scratch, attend(APUS_BF16, t); }
static void backward_f32(const apus_gradient_task *t, float *scratch) { (void)scratch, backward(APUS_F32, t); }
static void backward_bf16(const apus_gradient_task *t, float *scratch) { (void)scratch, backward(APUS_BF16, t); }

const apus_attention_kernels apus_scalar_attention[2] = {{attend_f32, backward_f32}, {attend_bf16, backward_bf16}};

// The obvious kernels: plain loops that the fast ones are tested against, and that run where no vector unit is known.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "panels.h"

// Products here take the weights back to f32 and the activations through the same
// rounding as the fast kernels, so that what is compared is the arithmetic, not the rounding.
static void prepare(const apus_prepare *p, int64_t tile, int part, int parts) {
  if (part > 0) return;
  (void)parts;
  const float *row = p->input + (size_t)tile * p->input_stride;
  uint8_t *out = (uint8_t *)p->out + (size_t)(tile * (p->columns / 32)) * apus_block_bytes(p->wide);
  float levels = p->fine ? FINE_LEVELS : COARSE_LEVELS;
  for (int64_t b = 0; b < p->columns / 32; b++, out += apus_block_bytes(p->wide)) {
    activation_block *block = (activation_block *)out;
    float greatest = 0;
    bool finite = true;
    for (int i = 0; i < 32; i++) {
      float size = fabsf(row[b * 32 + i]);
      finite = finite && size <= 3.4028235e38f;
      if (size > greatest) greatest = size;
    }
    float inverse = greatest > 0 ? levels / greatest : 0;
    for (int i = 0; i < 32; i++) {
      int level = finite ? (int)nearbyintf(row[b * 32 + i] * inverse) : 0, high = (level + 128) >> 8;
      ((int8_t *)block->quads)[i] = (int8_t)(p->fine ? high : level);
      if (p->fine) ((int8_t *)((wide_activation_block *)block)->low)[i] = (int8_t)(level - high * 256);
    }
    block->scale = finite ? greatest / levels : NAN;
  }
}

static float activation(bool wide, const activation_block *block, int64_t i) {
  int level = ((const int8_t *)block->quads)[i];
  if (wide) level = level * 256 + ((const int8_t *)((const wide_activation_block *)block)->low)[i];
  return block->scale * (float)level;
}

// Numbers as whole numbers of 14 bits times their scale (words.h).
static void round_words(const float *x, int64_t columns, float *out) {
  for (int64_t k = 0; k < columns; k += 32) {
    int64_t end = k + 32 < columns ? k + 32 : columns;
    float greatest = 0;
    bool finite = true;
    for (int64_t i = k; i < end; i++) {
      finite = finite && fabsf(x[i]) <= 3.4028235e38f;
      greatest = fmaxf(greatest, fabsf(x[i]));
    }
    float inverse = greatest > 0 ? WORD_LEVELS / greatest : 0;
    if (inverse > 3.4028235e38f) inverse = 0;
    for (int64_t i = k; i < end; i++) out[i] = finite ? nearbyintf(x[i] * inverse) * (greatest / WORD_LEVELS) : NAN;
  }
}

static void multiply_rows(const apus_multiply *job, int64_t first, int64_t count, bool words) {
  const apus_product *p = job->product;
  const apus_matrix *w = p->weights;
  float *weights = malloc((size_t)w->columns * 4);
  if (!weights) abort();
  int64_t last = (first + count) * 16 < w->rows ? (first + count) * 16 : w->rows;
  for (int64_t n = first * 16; n < last; n++) {
    apus_unpack_row(w, n, weights);
    if (words) round_words(weights, w->columns, weights);
    for (int64_t m = 0; m < job->rows; m++) {
      float *out = p->out + (size_t)m * p->out_stride + n;
      float sum = p->bias ? p->bias[n] : 0;
      if (apus_is_quantized(w->dtype)) {
        int64_t before = m * (w->columns / 32);
        for (int64_t k = 0; k < w->columns; k++) {
          sum += weights[k] * activation(job->wide, apus_block_at(job->wide, job->prepared, before + k / 32), k % 32);
        }
      } else {
        const float *x = words ? (const float *)job->prepared + m * w->columns : job->input + (size_t)m * job->input_stride;
        for (int64_t k = 0; k < w->columns; k++) sum += weights[k] * x[k];
      }
      *out = p->add ? *out + sum : sum;
    }
  }
  free(weights);
}

static void multiply(const apus_multiply *job, int64_t first, int64_t count, float *scratch) {
  (void)scratch;
  multiply_rows(job, first, count, false);
}

static size_t word_row_bytes(int64_t columns) { return (size_t)columns * sizeof(float); }

static void prepare_words(const apus_prepare *p, int64_t tile, int part, int parts) {
  (void)parts;
  if (part == 0) round_words(p->input + (size_t)tile * p->input_stride, p->columns, (float *)p->out + tile * p->columns);
}

static void multiply_words(const apus_multiply *job, int64_t first, int64_t count, float *scratch) {
  (void)scratch;
  multiply_rows(job, first, count, true);
}

static const apus_unit_kernels words = {1, word_row_bytes, prepare_words, multiply_words};

static float cached(const void *cache, int kv_dtype, size_t at) {
  if (kv_dtype == APUS_F32) return ((const float *)cache)[at];
  float value;
  if (kv_dtype == APUS_BF16) apus_bf16_to_f32((const uint16_t *)cache + at, &value, 1);
  else apus_f16_to_f32((const uint16_t *)cache + at, &value, 1);
  return value;
}

static float rounded(float x) {
  uint16_t half;
  apus_f32_to_bf16(&x, &half, 1);
  apus_bf16_to_f32(&half, &x, 1);
  return x;
}

static void attend(const apus_attention *a, const apus_segment *s, int kv_head, int64_t first, int64_t count, float *scratch) {
  (void)scratch;
  int group = a->heads / a->kv_heads;
  size_t d_count = (size_t)a->head_size, padded = (size_t)apus_round_up(a->head_size, 16), width = apus_key_width(a->kv_dtype, a->head_size);
  size_t keys = (size_t)kv_head * (size_t)s->capacity * width, values = (size_t)kv_head * (size_t)s->capacity * padded;
  int64_t most = s->position + s->tokens > s->prefix ? s->position + s->tokens : s->prefix;
  float *weights = malloc((size_t)most * 4);
  if (!weights) abort();
  for (int64_t row = first; row < first + count; row++) {
    int64_t position = s->position + row / group, from = a->window > 0 ? position - a->window + 1 : 0;
    if (from < 0) from = 0;
    int64_t last = position > s->prefix - 1 ? position : s->prefix - 1;
    size_t head_number = (size_t)(kv_head * group + row % group), head = head_number * d_count;
    float slope = a->slopes ? a->slopes[head_number] : 0;
    const float *q = s->queries + (size_t)(row / group) * s->query_stride + head;
    float *out = s->out + (size_t)(row / group) * s->out_stride + head, greatest = -INFINITY, sum = 0;
    for (int64_t k = from; k <= last; k++) {
      weights[k] = 0;
      for (size_t d = 0; d < d_count; d++) weights[k] += q[d] * a->scale * cached(s->keys, a->kv_dtype, keys + apus_key_at(a->kv_dtype, width, (size_t)k, d));
      if (a->soft_cap > 0) weights[k] = a->soft_cap * tanhf(weights[k] / a->soft_cap);
      if (a->slopes) weights[k] += a->slopes_in_bf16 ? rounded(rounded((float)k) * slope) * a->scale : slope * (float)(k - position);
      if (a->distances) {
        int64_t distance = k - position < -a->reach ? -a->reach : k - position > a->reach ? a->reach : k - position;
        weights[k] += a->distances[apus_distance_place(a->reach, (int64_t)head_number, distance)];
      }
      if (weights[k] > greatest) greatest = weights[k];
    }
    for (int64_t k = from; k <= last; k++) sum += weights[k] = expf(weights[k] - greatest);
    if (s->log_sums) s->log_sums[(size_t)(row / group) * (size_t)a->heads + head_number] = greatest + logf(sum);
    for (size_t d = 0; d < d_count; d++) {
      float total = 0;
      for (int64_t k = from; k <= last; k++) {
        total += weights[k] * cached(s->values, a->kv_dtype, values + apus_value_at(a->kv_dtype, padded, (size_t)k, d));
      }
      out[d] = total / sum;
    }
  }
  free(weights);
}

static void rms_norm(const float *x, const float *weight, float epsilon, int64_t columns, float *out) {
  float squares = 0;
  for (int64_t i = 0; i < columns; i++) squares += x[i] * x[i];
  float scale = 1.0f / sqrtf(squares / (float)columns + epsilon);
  for (int64_t i = 0; i < columns; i++) out[i] = x[i] * scale * weight[i];
}

static void layer_norm(const float *x, const float *weight, const float *bias, float epsilon, int64_t columns, float *out) {
  double sum = 0, squares = 0;  // one f32 after the other would lose the last bits of a wide row
  for (int64_t i = 0; i < columns; i++) sum += x[i];
  double mean = sum / (double)columns;
  for (int64_t i = 0; i < columns; i++) squares += (x[i] - mean) * (x[i] - mean);
  double scale = 1 / sqrt(squares / (double)columns + epsilon);
  for (int64_t i = 0; i < columns; i++) out[i] = (float)((x[i] - mean) * scale * weight[i] + (bias ? bias[i] : 0));
}

static float activate(int activation, float x) {
  switch (activation) {
    case APUS_SILU: return x / (1.0f + expf(-x));
    case APUS_GELU_TANH: return 0.5f * x * (1.0f + tanhf(0.7978845608f * (x + 0.044715f * x * x * x)));
    case APUS_GELU_ERF: return 0.5f * x * erfcf(-0.7071067812f * x);
    default: return x > 0 ? x : 0;
  }
}

static void gated(int activation, const float *gate, const float *up, int64_t columns, float *out) {
  for (int64_t i = 0; i < columns; i++) out[i] = activate(activation, gate[i]) * up[i];
}

static void plain(int activation, const float *x, int64_t columns, float *out) {
  for (int64_t i = 0; i < columns; i++) out[i] = activate(activation, x[i]);
}

static void scale(const float *x, float factor, const float *y, int64_t columns, float *out) {
  for (int64_t i = 0; i < columns; i++) out[i] = factor * x[i] + (y ? y[i] : 0);
}

static void soft_cap(const float *x, float cap, int64_t columns, float *out) {
  for (int64_t i = 0; i < columns; i++) out[i] = cap * tanhf(x[i] / cap);
}

static void rotary(float *x, const float *cosines, const float *sines, int heads, int head_size, int pairs, bool interleaved) {
  for (int h = 0; h < heads; h++) {
    for (int i = 0; i < pairs; i++) {
      int a = h * head_size + (interleaved ? 2 * i : i), b = interleaved ? a + 1 : a + pairs;
      float u = x[a], v = x[b];
      x[a] = u * cosines[i] - v * sines[i];
      x[b] = v * cosines[i] + u * sines[i];
    }
  }
}

static float log_sum_exp(const float *x, int64_t count) {
  float greatest = -INFINITY;
  double sum = 0;
  for (int64_t i = 0; i < count; i++) greatest = x[i] > greatest ? x[i] : greatest;
  if (greatest == -INFINITY) return greatest;
  for (int64_t i = 0; i < count; i++) sum += exp((double)(x[i] - greatest));
  return greatest + (float)log(sum);
}

static int64_t argmax(const float *x, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; i++) {
    if (x[i] > x[best]) best = i;
  }
  return best;
}

const apus_kernels apus_kernels_scalar = {"scalar", 1, prepare, multiply, attend, rms_norm, layer_norm, gated, plain, scale, soft_cap, rotary,
                                          log_sum_exp, argmax, {&apus_scalar_gemm[APUS_F32], &apus_scalar_gemm[APUS_BF16], &apus_scalar_gemm[APUS_F16]},
                                          &apus_backward_scalar, &apus_update_scalar,
                                          {&apus_scalar_attention[APUS_F32], &apus_scalar_attention[APUS_BF16]}, NULL, false, &words};

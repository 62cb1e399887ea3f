// Products of any two matrices against the scalar kernels; one thread against two, and a row alone against the row among others, bit for bit.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "soak.h"

static const int types[] = {APUS_F32, APUS_F16, APUS_BF16};

// A random matrix of a random type, its rows or columns contiguous; nothing stands behind the last.
static apus_operand operand(int64_t rows, int64_t columns, float size) {
  bool row_major = between(0, 1);
  size_t width = (size_t)(row_major ? columns : rows), stride = width + (size_t)between(0, 3);
  size_t count = span(row_major ? rows : columns, width, stride);
  float *values = numbers(count, size);
  apus_operand o = {.data = values, .dtype = pick(types, 3), .row_stride = row_major ? stride : 1, .column_stride = row_major ? 1 : stride};
  if (o.dtype == APUS_F32) return o;
  uint16_t *halves = allocate(count * 2);
  if (o.dtype == APUS_F16) apus_f32_to_f16(values, halves, count);
  else apus_f32_to_bf16(values, halves, count);
  free(values);
  o.data = halves;
  return o;
}
static void release(apus_operand o) { free((void *)(uintptr_t)o.data); }
static apus_operand row_of(apus_operand o, int64_t row) {
  o.data = (const uint8_t *)o.data + (size_t)row * o.row_stride * (o.dtype == APUS_F32 ? 4 : 2);
  return o;
}

static int64_t extent(int most) { return between(0, 2) ? between(1, 40) : between(1, most); }

void products(int compute) {
  int64_t m = extent(200), n = extent(300), k = between(0, 3) ? between(1, 130) : between(1, 2500);
  apus_operand a = operand(m, k, 1), b = operand(n, k, 1);
  float *bias = between(0, 1) ? numbers((size_t)n, 1) : NULL;
  size_t stride = (size_t)n + (size_t)between(0, 3), count = span(m, (size_t)n, stride);
  float *expected = numbers(count, 1), *actual = copy(expected, count), *by_one = copy(expected, count), *single = copy(expected, count);
  bool add = between(0, 1);
  apus_gemm(scalar, pool, compute, m, n, k, a, b, bias, expected, stride, add);
  apus_gemm(tested, pool, compute, m, n, k, a, b, bias, actual, stride, add);
  apus_gemm(tested, alone, compute, m, n, k, a, b, bias, by_one, stride, add);
  char what[160];
  snprintf(what, sizeof what, "product in type %d of types %d and %d, %d x %d x %d%s%s", compute, a.dtype, b.dtype, (int)m, (int)n, (int)k,
           bias ? ", bias" : "", add ? ", added" : "");
  compare(what, expected, actual, count, 2e-5f);
  equal(what, actual, by_one, count);
  int64_t row = between(0, (int)m - 1);
  float *out = single + (size_t)row * stride;
  apus_gemm(tested, pool, compute, 1, n, k, row_of(a, row), b, bias, out, stride, add);
  equal(what, actual + (size_t)row * stride, out, (size_t)n);
  release(a), release(b);
  free(bias), free(expected), free(actual), free(by_one), free(single);
}

// Products of single numbers that f16, or bf16, rounds to infinity.
void overflowing_products(int compute) {
  int64_t m = extent(40), n = extent(40);
  apus_operand a = {.dtype = APUS_F32, .row_stride = 1, .column_stride = 1}, b = a;
  float *x = numbers((size_t)m, 1), *y = numbers((size_t)n, 1);
  for (int64_t i = 0; i < m; i++) x[i] = copysignf(between(0, 1) ? 70000 : 3.4e38f, x[i]);
  for (int64_t i = 0; i < n; i++) y[i] = copysignf(1 + fabsf(y[i]), y[i]);
  a.data = x, b.data = y;
  size_t count = (size_t)(m * n);
  float *expected = numbers(count, 0), *actual = numbers(count, 0);
  apus_gemm(scalar, pool, compute, m, n, 1, a, b, NULL, expected, (size_t)n, false);
  apus_gemm(tested, pool, compute, m, n, 1, a, b, NULL, actual, (size_t)n, false);
  if (memcmp(expected, actual, count * sizeof(float))) {
    char what[80];
    snprintf(what, sizeof what, "overflow in type %d, %d x %d", compute, (int)m, (int)n);
    compare(what, expected, actual, count, 0);
  }
  free(x), free(y), free(expected), free(actual);
}

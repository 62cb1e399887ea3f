// What the soak's files have in common: random shapes and numbers, and comparisons.
#ifndef SOAK_H
#define SOAK_H

#include "apus_kernels.h"
#include "apus_training.h"

extern const apus_kernels *scalar, *tested;
extern apus_pool *pool, *alone;  // of two threads and of one

int between(int low, int high);
int pick(const int *list, int count);
// In -1 ..< 1, and a number that bf16 holds, for kernels that round activations to it.
float number(void);
void *allocate(size_t bytes);
float *numbers(size_t count, float size);
float *copy(const float *x, size_t count);
// Elements of `rows` rows that lie `stride` apart; nothing stands behind the last.
size_t span(int64_t rows, size_t width, size_t stride);
// Failures unless actual is within tolerance · the greatest expected, or has the same bits.
void compare(const char *what, const float *expected, const float *actual, size_t count, float tolerance);
void equal(const char *what, const float *whole, const float *part, size_t count);

// soak_attention.c: products in `compute`, inputs of `type`.
void attention_in_training(int compute, int type);
// soak_gemm.c: products in `compute`.
void products(int compute);
void overflowing_products(int compute);
// soak_rows.c
void gradients(void);
void updates(void);

#endif

// The obvious products of packed blocks: the twin of gemm.h.
#include "gemm_kernels.h"
#include "internal.h"

static float element(const apus_operand *o, int64_t row, int64_t column, int compute) {
  size_t at = (size_t)row * o->row_stride + (size_t)column * o->column_stride;
  float x;
  uint16_t half;
  if (o->dtype == APUS_F32) x = ((const float *)o->data)[at];
  else if (o->dtype == APUS_BF16) apus_bf16_to_f32((const uint16_t *)o->data + at, &x, 1);
  else apus_f16_to_f32((const uint16_t *)o->data + at, &x, 1);
  if (compute == APUS_BF16) {
    apus_f32_to_bf16(&x, &half, 1);
    apus_bf16_to_f32(&half, &x, 1);
  } else if (compute == APUS_F16) {
    apus_f32_to_f16(&x, &half, 1);
    apus_f16_to_f32(&half, &x, 1);
  }
  return x;
}

static void pack(const apus_pack *p, int64_t tile, int compute) {
  float *out = p->out;
  for (int64_t first = 0; first < p->rows; first += tile) {
    for (int64_t k = 0; k < p->columns; k++) {
      for (int64_t row = first; row < first + tile; row++) {
        *out++ = row < p->rows ? element(&p->operand, p->row + row, p->column + k, compute) : 0;
      }
    }
  }
}
static void pack_a_f32(const apus_pack *p) { pack(p, 1, APUS_F32); }
static void pack_a_bf16(const apus_pack *p) { pack(p, 1, APUS_BF16); }
static void pack_a_f16(const apus_pack *p) { pack(p, 1, APUS_F16); }
static void pack_b_f32(const apus_pack *p) { pack(p, APUS_PANEL, APUS_F32); }
static void pack_b_bf16(const apus_pack *p) { pack(p, APUS_PANEL, APUS_BF16); }
static void pack_b_f16(const apus_pack *p) { pack(p, APUS_PANEL, APUS_F16); }

static void multiply(const apus_block *block) {
  for (int64_t m = 0; m < block->m; m++) {
    const float *a = (const float *)((const uint8_t *)block->a + (size_t)m * block->tile_step);
    for (int64_t n = 0; n < block->n; n++) {
      const float *b = (const float *)((const uint8_t *)block->b + (size_t)(n / APUS_PANEL) * block->panel_step) + n % APUS_PANEL;
      float *out = block->out + (size_t)m * block->out_stride + n, sum = block->bias ? block->bias[n] : 0;
      for (int64_t k = 0; k < block->k; k++) sum += a[k] * b[k * APUS_PANEL];
      *out = block->add ? *out + sum : sum;
    }
  }
}

const apus_gemm_kernels apus_scalar_gemm[3] = {
    [APUS_F32] = {.tile_rows = 1, .column_multiple = 1, .chunk_columns = 256, .pack_a = pack_a_f32, .pack_b = pack_b_f32, .multiply = multiply},
    [APUS_BF16] = {.tile_rows = 1, .column_multiple = 1, .chunk_columns = 256, .pack_a = pack_a_bf16, .pack_b = pack_b_bf16, .multiply = multiply},
    [APUS_F16] = {.tile_rows = 1, .column_multiple = 1, .chunk_columns = 256, .pack_a = pack_a_f16, .pack_b = pack_b_f16, .multiply = multiply},
};

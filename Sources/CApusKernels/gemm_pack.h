// Packing of operands (formats: gemm_kernels.h): the body of one instruction set. Blocks of 16 rows × 16 steps are loaded as they lie in
// memory, a vector a row or a vector a step, and transposed when the packed form is the other one.
#ifndef APUS_GEMM_PACK_H
#define APUS_GEMM_PACK_H

#include "gemm_kernels.h"
#include "lanes.h"

// The first `count` of 16 elements, as f32.
INLINE f32x16 load_operand(const int dtype, const void *data, size_t at, int64_t count) {
  if (dtype == APUS_F32) return load_part((const float *)data + at, (int)(count < 16 ? count : 16));
  const uint16_t *p = (const uint16_t *)data + at;
  u16x16 halves = {};
  if (count >= 16) memcpy(&halves, p, 32);
  else if (count > 0) memcpy(&halves, p, (size_t)count * 2);
  if (dtype == APUS_BF16) return (f32x16)(__builtin_convertvector(halves, u32x16) << 16);
  return __builtin_convertvector((f16x16)halves, f32x16);
}

// To nearest even, as codec_floats.c does it.
INLINE f32x16 round_operand(const int dtype, const int compute, f32x16 x) {
  if (compute == APUS_F32 || compute == dtype) return x;
  if (compute == APUS_F16) return __builtin_convertvector(__builtin_convertvector(x, f16x16), f32x16);
  u32x16 bits = (u32x16)x, rounded = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
  u32x16 number = (u32x16)((i32x16)(bits & 0x7fffffff) <= 0x7f800000);
  return (f32x16)((rounded & number) | ((bits | 0x400000) & ~number));
}

INLINE bool packs_pairs(const int compute) {
#ifdef BF16_DOT
  return compute == APUS_BF16;
#else
  (void)compute;
  return false;
#endif
}

// A vector a row: 16 steps from `column` on, `left` columns of which exist.
INLINE f32x16 load_steps(const int dtype, const int compute, const apus_operand *o, int64_t row, int64_t column, int64_t left) {
  size_t at = (size_t)row * o->row_stride + (size_t)column;
#ifdef BF16_DOT
  if (packs_pairs(compute)) {
    if (dtype == APUS_BF16 && left >= 32) return load_pairs((const uint16_t *)o->data + at);
    return (f32x16)bf16_pairs(load_operand(dtype, o->data, at, left), load_operand(dtype, o->data, at + 16, left - 16));
  }
#endif
  return round_operand(dtype, compute, load_operand(dtype, o->data, at, left));
}

// A vector a step: `count` rows at one column, or a pair of them.
INLINE f32x16 load_step(const int dtype, const int compute, const apus_operand *o, int64_t row, int64_t count, int64_t column, int64_t left) {
  size_t at = (size_t)column * o->column_stride + (size_t)row;
  if (left <= 0) return splat(0);
#ifdef BF16_DOT
  if (packs_pairs(compute)) {
    f32x16 low = load_operand(dtype, o->data, at, count), high = left > 1 ? load_operand(dtype, o->data, at + o->column_stride, count) : splat(0);
    return (f32x16)bf16_columns(low, high);
  }
#endif
  return round_operand(dtype, compute, load_operand(dtype, o->data, at, count));
}

typedef struct {
  int64_t row, count;    // of the tile
  int64_t column, left;  // of the block
  int steps;             // that the packed form has from there on
  float *out;
} pack_block;

// One block of a tile of `tile` rows; `row_major`: the source's rows are contiguous; `tiled`: so are the packed ones.
INLINE void pack_one(const int dtype, const int compute, const int tile, const bool row_major, const bool tiled, const apus_operand *o,
                     const pack_block *b) {
  f32x16 lanes[16];
  const int per = packs_pairs(compute) ? 2 : 1;
  if (row_major) {
#pragma clang loop unroll(full)
    for (int r = 0; r < 16; r++) lanes[r] = r < b->count ? load_steps(dtype, compute, o, b->row + r, b->column, b->left) : splat(0);
  } else {
#pragma clang loop unroll(full)
    for (int s = 0; s < 16; s++) lanes[s] = load_step(dtype, compute, o, b->row, b->count, b->column + s * per, b->left - s * per);
  }
  if (row_major != tiled) transpose16(lanes);
  if (tile == 16 || (b->steps - 15) * tile >= 16) {
    // What a store of a narrow tile writes beyond its rows, the next steps overwrite.
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) {
      if (i < b->steps) store16(b->out + i * tile, lanes[i]);
    }
  } else {
    for (int i = 0; i < b->steps && i < 16; i++) memcpy(b->out + i * tile, &lanes[i], (size_t)tile * 4);
  }
}

// Rows of tiles of 16 that need no transposing: one after the other, as they lie.
INLINE void pack_rows_of_tiles(const int dtype, const int compute, int64_t blocks, const apus_pack *p) {
  const int64_t width = packs_pairs(compute) ? 32 : 16;
  float *out = p->out;
  for (int64_t row = 0; row < p->rows; row++) {
    float *at = out + (size_t)(row / 16 * blocks * 256 + row % 16 * 16);
    for (int64_t s = 0; s < blocks; s++) {
      store16(at + s * 256, load_steps(dtype, compute, &p->operand, p->row + row, p->column + s * width, p->columns - s * width));
    }
  }
  for (int64_t row = p->rows; row % 16; row++) {
    for (int64_t s = 0; s < blocks; s++) store16(out + (size_t)((row / 16 * blocks + s) * 256 + row % 16 * 16), splat(0));
  }
}

// `whole`: the packed columns are rounded up to whole blocks.
INLINE void pack_as(const int dtype, const int compute, const int tile, const bool row_major, const bool tiled, const bool whole, const apus_pack *p) {
  const int per = packs_pairs(compute) ? 2 : 1;
  const int64_t width = 16 * per, tiles = (p->rows + tile - 1) / tile, blocks = (p->columns + width - 1) / width;
  const int64_t steps = whole ? blocks * 16 : (p->columns + per - 1) / per;
  // Sixteen rows are read of a narrow tile too, where they exist: a vector a step is then loaded whole.
  const int64_t most = row_major ? tile : 16;
  if (row_major && tiled) {
    pack_rows_of_tiles(dtype, compute, blocks, p);
    return;
  }
  // Along the contiguous side of the source.
  for (int64_t i = 0; i < tiles * blocks; i++) {
    int64_t t = row_major ? i / blocks : i % tiles, s = row_major ? i % blocks : i / tiles;
    pack_block b = {.row = p->row + t * tile, .count = p->rows - t * tile < most ? p->rows - t * tile : most,
                    .column = p->column + s * width, .left = p->columns - s * width, .steps = (int)(steps - s * 16),
                    .out = (float *)p->out + (size_t)(t * steps + s * 16) * (size_t)tile};
    pack_one(dtype, compute, tile, row_major, tiled, &p->operand, &b);
  }
}

#define PACK(name, compute, tile, tiled, whole)                                                                                   \
  static __attribute__((noinline)) void name##_f32_rows(const apus_pack *p) { pack_as(APUS_F32, compute, tile, true, tiled, whole, p); }    \
  static __attribute__((noinline)) void name##_f32_steps(const apus_pack *p) { pack_as(APUS_F32, compute, tile, false, tiled, whole, p); }  \
  static __attribute__((noinline)) void name##_bf16_rows(const apus_pack *p) { pack_as(APUS_BF16, compute, tile, true, tiled, whole, p); }   \
  static __attribute__((noinline)) void name##_bf16_steps(const apus_pack *p) { pack_as(APUS_BF16, compute, tile, false, tiled, whole, p); } \
  static __attribute__((noinline)) void name##_f16_rows(const apus_pack *p) { pack_as(APUS_F16, compute, tile, true, tiled, whole, p); }    \
  static __attribute__((noinline)) void name##_f16_steps(const apus_pack *p) { pack_as(APUS_F16, compute, tile, false, tiled, whole, p); }  \
  static void name(const apus_pack *p) {                                                                                   \
    bool rows = p->operand.column_stride == 1;                                                                             \
    if (p->operand.dtype == APUS_F32) rows ? name##_f32_rows(p) : name##_f32_steps(p);                                     \
    else if (p->operand.dtype == APUS_BF16) rows ? name##_bf16_rows(p) : name##_bf16_steps(p);                             \
    else rows ? name##_f16_rows(p) : name##_f16_steps(p);                                                                  \
  }

#endif

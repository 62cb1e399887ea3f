// Intel's matrix unit, AMX: what its files share. On a processor without it nothing here runs. Products are of tiles of 16 rows × 32 columns of
// bf16; behind the sum of two products the unit rounds to nearest, and takes subnormal numbers as zeros.
#include <immintrin.h>

#define AMX "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16,avx2,fma,f16c,amx-tile,amx-bf16"
#pragma clang attribute push(__attribute__((target(AMX))), apply_to = function)
#define BF16_DOT
#include "vector.h"

typedef struct {
  uint8_t palette, start, reserved[14];
  uint16_t bytes[16];
  uint8_t rows[16];
} __attribute__((aligned(64))) tile_shapes;

// All eight tiles are whole: 16 rows of 64 bytes.
static const tile_shapes whole_tiles = {
    .palette = 1, .bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

// Tiles 0 … 5 have `rows` rows, where those are all: the unit takes a cycle for each row of a product.
INLINE void configure_rows(int64_t rows) {
  tile_shapes shapes = whole_tiles;
  for (int i = 0; i < 6 && rows < 16; i++) shapes.rows[i] = (uint8_t)rows;
  _tile_loadconfig(&shapes);
}

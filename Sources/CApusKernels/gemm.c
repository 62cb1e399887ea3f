// Products of two matrices of any size. The smaller operand is packed whole, by all threads; the larger one group by group inside
// the tasks, into memory of the thread that stays in its second-level cache. Long sums are done some columns at a time.
#include "internal.h"

enum {
  LONG_SUM = 1024,         // columns packed at a time
  GROUP_BYTES = 256 << 10,  // of a packed group
  SHORT_GROUP_BYTES = 64 << 10,  // of one that is met once, if short groups cost nothing to read
  BLOCK_BYTES = 512 << 10,  // of the shared operand that a group meets before its next columns
  GROUPS_A_THREAD = 4,
};

typedef struct {
  const apus_gemm_kernels *kernels;
  apus_pool *pool;
  apus_operand a, b;
  int64_t m, n;
  const float *bias;
  float *out;
  size_t out_stride;
  bool add;
  bool shares_a;            // A is packed whole, B in groups; else the other way round
  int64_t column, columns;  // of this pass
  uint8_t *shared;
  int64_t pack_rows;        // of the shared operand a task packs
  int64_t group, groups;    // rows of a group
  int64_t part, block;      // rows of the shared operand that a task and a block have
} gemm_job;

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

// Of the operand that is packed in tiles (A) or panels (B).
static int64_t rows_of(const gemm_job *j, bool a) { return a ? j->m : j->n; }
static int64_t tile_of(const gemm_job *j, bool a) { return a ? j->kernels->tile_rows : APUS_PANEL; }
static size_t row_bytes(const gemm_job *j) { return apus_steps(j->kernels, j->columns) * 4; }

static void pack(const gemm_job *j, bool a, int64_t row, int64_t rows, void *out) {
  apus_pack p = {.operand = a ? j->a : j->b, .row = row, .rows = rows, .column = j->column, .columns = j->columns, .out = out};
  if (a) j->kernels->pack_a(&p);
  else j->kernels->pack_b(&p);
}

static void pack_task(void *context, int64_t task, int thread) {
  (void)thread;
  const gemm_job *j = context;
  int64_t row = task * j->pack_rows;
  pack(j, j->shares_a, row, smaller(j->pack_rows, rows_of(j, j->shares_a) - row), j->shared + (size_t)row * row_bytes(j));
}

// Rows `row` on of A, `rows` of them, against `columns` rows of B from `column` on, a chunk after the other.
static void multiply(const gemm_job *j, const uint8_t *a, const uint8_t *b, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  const apus_gemm_kernels *g = j->kernels;
  int64_t chunks = (j->columns + g->chunk_columns - 1) / g->chunk_columns;
  int64_t width = apus_round_up((j->columns + chunks - 1) / chunks, g->column_multiple);
  apus_block block = {.tile_step = row_bytes(j) * (size_t)g->tile_rows, .panel_step = row_bytes(j) * APUS_PANEL, .m = rows, .n = columns,
                      .out = j->out + (size_t)row * j->out_stride + column, .out_stride = j->out_stride};
  for (int64_t k = 0; k < j->columns; k += width) {
    bool first = j->column == 0 && k == 0;
    size_t step = apus_steps(g, k) * 4;
    block.a = a + step * (size_t)g->tile_rows;
    block.b = b + step * APUS_PANEL;
    block.k = smaller(width, j->columns - k);
    block.bias = first && j->bias ? j->bias + column : NULL;
    block.add = j->add || !first;
    g->multiply(&block);
  }
}

static void multiply_task(void *context, int64_t task, int thread) {
  const gemm_job *j = context;
  int64_t row = task % j->groups * j->group, rows = smaller(j->group, rows_of(j, !j->shares_a) - row);
  int64_t first = task / j->groups * j->part, end = smaller(first + j->part, rows_of(j, j->shares_a));
  uint8_t *packed = apus_pool_scratch(j->pool, thread, (size_t)apus_round_up(j->group, tile_of(j, !j->shares_a)) * row_bytes(j));
  pack(j, !j->shares_a, row, rows, packed);
  for (int64_t at = first; at < end; at += j->block) {
    const uint8_t *shared = j->shared + (size_t)at * row_bytes(j);
    int64_t count = smaller(j->block, end - at);
    if (j->shares_a) multiply(j, shared, packed, at, count, row, rows);
    else multiply(j, packed, shared, row, rows, at, count);
  }
}

// How a pass is split: groups that fit the cache and are enough for all threads, or else parts of the shared operand as well.
static void split(gemm_job *j, int threads) {
  int64_t mine = rows_of(j, !j->shares_a), shared = rows_of(j, j->shares_a), unit = greater(2 * tile_of(j, !j->shares_a), 24);
  // A tile of A meets all of B while it lies in the first-level cache; a panel of B waits for each tile of A. A few columns of memory
  // that is row-major the other way round would be a few bytes of each page.
  int64_t bytes = !j->shares_a && j->a.column_stride == 1 ? SHORT_GROUP_BYTES : GROUP_BYTES;
  int64_t most = greater(bytes / (int64_t)row_bytes(j), unit), wanted = GROUPS_A_THREAD * threads;
  if (threads == 1) wanted = 1;
  int64_t groups = greater((mine + most - 1) / most, smaller(wanted, (mine + unit - 1) / unit));
  j->group = apus_round_up((mine + groups - 1) / groups, unit);
  j->groups = (mine + j->group - 1) / j->group;
  int64_t tile = 2 * tile_of(j, j->shares_a), parts = j->groups >= threads ? 1 : (2 * threads + j->groups - 1) / j->groups;
  j->part = apus_round_up((shared + parts - 1) / parts, tile);
  j->block = greater(BLOCK_BYTES / (int64_t)row_bytes(j) / tile, 1) * tile;
  j->pack_rows = apus_round_up((shared + 4 * threads - 1) / (4 * threads), tile);
}

void apus_gemm(const apus_kernels *kernels, apus_pool *pool, int compute, int64_t m, int64_t n, int64_t k, apus_operand a, apus_operand b,
               const float *bias, float *out, size_t out_stride, bool add) {
  if (m <= 0 || n <= 0) return;
  gemm_job j = {.kernels = kernels->gemm[compute], .pool = pool, .a = a, .b = b, .m = m, .n = n, .bias = bias, .out = out,
                .out_stride = out_stride, .add = add, .shares_a = m <= n};
  int threads = apus_pool_threads(pool);
  int64_t passes = greater((k + LONG_SUM - 1) / LONG_SUM, 1), width = apus_round_up((k + passes - 1) / passes, j.kernels->column_multiple);
  j.columns = width;
  int64_t whole = apus_round_up(rows_of(&j, j.shares_a), tile_of(&j, j.shares_a));
  j.shared = apus_pool_scratch(pool, threads, (size_t)whole * row_bytes(&j));
  do {
    j.columns = smaller(width, k - j.column);
    split(&j, threads);
    apus_pool_run(pool, (rows_of(&j, j.shares_a) + j.pack_rows - 1) / j.pack_rows, pack_task, &j);
    apus_pool_run(pool, j.groups * ((rows_of(&j, j.shares_a) + j.part - 1) / j.part), multiply_task, &j);
    j.column += j.columns;
  } while (j.column < k);
}

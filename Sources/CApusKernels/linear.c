// Products of activations with matrices, spread over the worker threads.
#include "internal.h"
#include "panels.h"

enum {
  LONG_TASK = 4 << 20,  // multiplications of a task that takes some 20 µs
  MANY_ROWS = 24,       // are worth making words of bytes; the sums are the same
  LONG_BLOCK = 4,       // tiles of rows that are worth a pass over the weights of their own
};

// Products that can share prepared activations: dense ones of a type, or quantised ones with the same level offset and scale width.
static int preparation(int dtype) {
  if (!apus_is_quantized(dtype)) return -1 - dtype;
  bool halves = dtype == APUS_Q2_K || dtype == APUS_Q3_K || dtype == APUS_Q6_K;
  return apus_level_offset(dtype) * 2 + halves;
}

typedef struct {
  const apus_kernels *kernels;
  const apus_unit_kernels *unit;  // that does it; NULL: the kernels' own prepare and multiply
  apus_pool *pool;
  apus_prepare prepare;
  const apus_product *products;
  int64_t tasks_before[8];  // tasks of the products before each
  int count;
  int parts;  // of a tile of rows, each a task of preparing
  int64_t panels_a_task;
  int64_t rows_a_block, tasks_a_block;  // tasks go block by block of rows
  size_t row_bytes;                     // of a prepared row
} linear_job;

static void prepare_task(void *context, int64_t task, int thread) {
  (void)thread;
  linear_job *job = context;
  void (*prepare)(const apus_prepare *, int64_t, int, int) = job->unit ? job->unit->prepare : job->kernels->prepare;
  prepare(&job->prepare, task / job->parts, (int)(task % job->parts), job->parts);
}

static void multiply_task(void *context, int64_t task, int thread) {
  linear_job *job = context;
  int64_t row = task / job->tasks_a_block * job->rows_a_block, rows = job->prepare.rows - row;
  int i = 0;
  task %= job->tasks_a_block;
  while (i + 1 < job->count && task >= job->tasks_before[i + 1]) i++;
  apus_product product = job->products[i];
  int64_t panels = (product.weights->rows + 15) / 16, first = (task - job->tasks_before[i]) * job->panels_a_task;
  int64_t count = panels - first < job->panels_a_task ? panels - first : job->panels_a_task;
  float *scratch = apus_pool_scratch(job->pool, thread, MULTIPLY_FLOATS * sizeof(float));
  product.out += (size_t)row * product.out_stride;
  const apus_prepare *p = &job->prepare;
  apus_multiply multiply = {.product = &product, .input = p->input + (size_t)row * p->input_stride, .input_stride = p->input_stride,
                            .prepared = (const uint8_t *)p->out + (size_t)row * job->row_bytes,
                            .rows = rows < job->rows_a_block ? rows : job->rows_a_block, .wide = p->wide};
  (job->unit ? job->unit->multiply : job->kernels->multiply)(&multiply, first, count, scratch);
}

// 0 where rows are read as they lie.
static size_t prepared_row_bytes(const linear_job *job) {
  const apus_prepare *p = &job->prepare;
  if (job->unit) return job->unit->row_bytes(p->columns);
  if (apus_is_quantized(p->dtype)) return (size_t)(p->columns / 32) * apus_block_bytes(p->wide);
  return p->dtype == APUS_BF16 && apus_kernels_multiply_bf16(job->kernels) ? (size_t)apus_round_up(p->columns, 2) * 2 : 0;
}

static void run_products(linear_job *job) {
  const apus_prepare *p = &job->prepare;
  int threads = apus_pool_threads(job->pool), tile = job->unit ? job->unit->rows : job->kernels->tile_rows;
  job->row_bytes = prepared_row_bytes(job);
  int64_t tiles = (p->rows + tile - 1) / tile, panels = 0;
  // Few tiles are parted, so that every thread has some of them; a single row is not worth it.
  job->parts = p->rows > 2 && tiles < 4 * threads ? threads : 1;
  if (job->row_bytes > 0) {
    job->prepare.out = apus_pool_scratch(job->pool, threads, job->row_bytes * (size_t)apus_round_up(p->rows, job->unit ? tile : 1));
    apus_pool_run(job->pool, tiles * job->parts, prepare_task, job);
  }
  // Many rows: each thread keeps to a block of them, which it prepared and whose results it goes on with, so that they stay in its cache.
  int64_t blocks = tiles >= LONG_BLOCK * threads ? threads : 1;
  job->rows_a_block = (tiles + blocks - 1) / blocks * tile;
  blocks = (p->rows + job->rows_a_block - 1) / job->rows_a_block;
  for (int i = 0; i < job->count; i++) panels += (job->products[i].weights->rows + 15) / 16;
  // Pairs of panels: some tasks a thread, to even out, and more of them while each is long against its claiming.
  int64_t most = panels * blocks / (threads * 3), least = LONG_TASK / (job->rows_a_block * p->columns * APUS_PANEL);
  job->panels_a_task = (most < least ? most : least) / 2 * 2;
  if (job->panels_a_task < 2) job->panels_a_task = 2;
  job->tasks_a_block = 0;
  for (int i = 0; i < job->count; i++) {
    job->tasks_before[i] = job->tasks_a_block;
    job->tasks_a_block += ((job->products[i].weights->rows + 15) / 16 + job->panels_a_task - 1) / job->panels_a_task;
  }
  apus_pool_run(job->pool, blocks * job->tasks_a_block, multiply_task, job);
}

static const apus_unit_kernels *unit_for(const apus_kernels *kernels, int dtype, bool fine, int64_t rows) {
  if (dtype == APUS_Q8_0 && kernels->widens_bytes && rows >= MANY_ROWS) return kernels->words;
  if (apus_is_quantized(dtype)) return fine ? NULL : kernels->unit;
  if (!fine && apus_kernels_multiply_words(kernels, dtype)) return kernels->words;
  return dtype == APUS_BF16 ? kernels->unit : NULL;
}

void apus_linear(const apus_kernels *kernels, apus_pool *pool, const float *input, size_t input_stride, int64_t rows, bool fine,
                 const apus_product *products, int product_count) {
  if (rows <= 0) return;
  for (int first = 0; first < product_count;) {
    int dtype = products[first].weights->dtype, last = first + 1;
    while (last < product_count && last - first < 8 && preparation(products[last].weights->dtype) == preparation(dtype)) last++;
    const bool is_fine = fine && apus_deserves_fine(dtype);
    linear_job job = {.kernels = kernels, .unit = unit_for(kernels, dtype, fine, rows), .pool = pool, .products = products + first, .count = last - first,
                      .prepare = {.input = input, .input_stride = input_stride, .rows = rows,
                                  .columns = products[first].weights->columns, .dtype = dtype, .fine = is_fine,
                                  .wide = is_fine || (dtype == APUS_Q8_0 && kernels->widens_bytes)}};
    run_products(&job);
    first = last;
  }
}

// Attention of whole sequences, spread over the worker threads: some blocks of queries of a head a task.
#include "attention_tasks.h"
#include "internal.h"

enum { SHORT = 2048 };  // queries of a sequence whose keys and values are in the cache whenever a chunk comes back to them

typedef struct {
  const apus_kernels *kernels;
  apus_pool *pool;
  const apus_attention *shape;
  const apus_sequence *sequences;
  int compute;
} attend_job;

// Queries of a task. More of them read keys and values less often; fewer make more tasks.
static int64_t chunk_of(const apus_sequence *s) { return (s->queries_count < SHORT ? 4 : CHUNK_BLOCKS) * QUERY_BLOCK; }
static int64_t chunks_of(const apus_sequence *s) { return (s->queries_count + chunk_of(s) - 1) / chunk_of(s); }

static void attend_task(void *context, int64_t task, int thread) {
  const attend_job *job = context;
  const apus_attention *a = job->shape;
  const apus_sequence *s = job->sequences;
  while (task >= chunks_of(s) * a->heads) task -= chunks_of(s++) * a->heads;
  // The last chunks see the most keys: they go first, so that the threads end together.
  int64_t chunk = chunk_of(s), first = (chunks_of(s) - 1 - task / a->heads) * chunk, left = s->queries_count - first;
  apus_attend_task t = {.shape = a, .sequence = s, .head = (int)(task % a->heads), .first = first, .count = left < chunk ? left : chunk};
  float *scratch = apus_pool_scratch(job->pool, thread, apus_attend_task_floats(a->head_size) * sizeof(float));
  job->kernels->attention[job->compute]->attend(&t, scratch);
}

void apus_attend_training(const apus_kernels *kernels, apus_pool *pool, int compute, const apus_attention *shape, const apus_sequence *sequences,
                          int sequence_count) {
  attend_job job = {.kernels = kernels, .pool = pool, .shape = shape, .sequences = sequences, .compute = compute};
  int64_t tasks = 0;
  for (int i = 0; i < sequence_count; i++) tasks += chunks_of(&sequences[i]) * shape->heads;
  apus_pool_run(pool, tasks, attend_task, &job);
}

// Worker threads: a job is published by a generation number. Each thread has its share of the tasks, always the same part of them, so
// that it meets the rows again that lie in its cache; when done it helps the others. Tasks are claimed from atomic counters.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

#include "apus_kernels.h"

enum { SPINS = 20000, MAX_THREADS = 256 };

typedef struct {
  void *memory;
  size_t bytes;
} scratch;

typedef struct {
  apus_pool *pool;
  int index;
  pthread_t thread;
} worker;

typedef struct {
  _Alignas(64) atomic_llong next;       // the next task to claim
  int64_t end;
} share;

struct apus_pool {
  _Alignas(64) atomic_uint generation;  // rises when a job is published
  atomic_uint sleepers;
  atomic_bool stopping;
  _Alignas(64) atomic_int running;      // workers that have not finished the job
  _Alignas(64) apus_task task;
  void *context;
  int threads;
  bool crowded;                         // more threads than processors: waiting yields
  worker *workers;
  scratch *scratches;
  share *shares;                        // one a thread
};

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void wait_for_change(apus_pool *pool, unsigned seen) {
  for (int i = 0; i < SPINS; i++) {
    if (atomic_load_explicit(&pool->generation, memory_order_acquire) != seen) return;
    if (pool->crowded) sched_yield(); else relax();
  }
  atomic_fetch_add(&pool->sleepers, 1);
  while (atomic_load(&pool->generation) == seen) {
#if defined(__linux__)
    syscall(SYS_futex, &pool->generation, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
#else
    usleep(50);
#endif
  }
  atomic_fetch_sub(&pool->sleepers, 1);
}

static void work(apus_pool *pool, int thread) {
  for (int i = 0; i < pool->threads; i++) {
    share *s = &pool->shares[(thread + i) % pool->threads];
    for (;;) {
      int64_t task = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
      if (task >= s->end) break;
      pool->task(pool->context, task, thread);
    }
  }
}

static void *run_worker(void *argument) {
  worker *self = argument;
  apus_pool *pool = self->pool;
  unsigned seen = 0;
  for (;;) {
    wait_for_change(pool, seen);
    seen++;
    if (atomic_load_explicit(&pool->stopping, memory_order_acquire)) return NULL;
    work(pool, self->index);
    atomic_fetch_sub_explicit(&pool->running, 1, memory_order_release);
  }
}

static void publish(apus_pool *pool) {
  atomic_fetch_add(&pool->generation, 1);
#if defined(__linux__)
  if (atomic_load(&pool->sleepers)) syscall(SYS_futex, &pool->generation, FUTEX_WAKE_PRIVATE, MAX_THREADS, NULL, NULL, 0);
#endif
}

apus_pool *apus_pool_create(int threads) {
  if (threads < 1 || threads > MAX_THREADS) return NULL;
  apus_pool *pool = aligned_alloc(64, (sizeof *pool + 63) & ~(size_t)63);
  if (!pool) return NULL;
  *pool = (apus_pool){.threads = threads, .crowded = threads > sysconf(_SC_NPROCESSORS_ONLN)};
  pool->workers = calloc((size_t)threads, sizeof *pool->workers);
  pool->scratches = calloc((size_t)threads + 1, sizeof *pool->scratches);
  pool->shares = aligned_alloc(64, (size_t)threads * sizeof *pool->shares);
  if (!pool->workers || !pool->scratches || !pool->shares) {
    pool->threads = 1;
    apus_pool_destroy(pool);
    return NULL;
  }
  for (int i = 1; i < threads; i++) {
    pool->workers[i] = (worker){.pool = pool, .index = i};
    if (pthread_create(&pool->workers[i].thread, NULL, run_worker, &pool->workers[i])) {
      pool->threads = i;
      apus_pool_destroy(pool);
      return NULL;
    }
  }
  return pool;
}

void apus_pool_destroy(apus_pool *pool) {
  atomic_store(&pool->stopping, true);
  publish(pool);
  for (int i = 1; i < pool->threads; i++) pthread_join(pool->workers[i].thread, NULL);
  for (int i = 0; pool->scratches && i <= pool->threads; i++) free(pool->scratches[i].memory);
  free(pool->workers);
  free(pool->scratches);
  free(pool->shares);
  free(pool);
}

int apus_pool_threads(const apus_pool *pool) { return pool->threads; }

void apus_pool_run(apus_pool *pool, int64_t tasks, apus_task task, void *context) {
  if (pool->threads == 1 || tasks <= 1) {
    for (int64_t i = 0; i < tasks; i++) task(context, i, 0);
    return;
  }
  pool->task = task;
  pool->context = context;
  for (int i = 0; i < pool->threads; i++) {
    atomic_store_explicit(&pool->shares[i].next, tasks * i / pool->threads, memory_order_relaxed);
    pool->shares[i].end = tasks * (i + 1) / pool->threads;
  }
  atomic_store_explicit(&pool->running, pool->threads - 1, memory_order_relaxed);
  publish(pool);
  work(pool, 0);
  for (int spins = 0; atomic_load_explicit(&pool->running, memory_order_acquire) > 0; spins++) {
    if (pool->crowded || spins > SPINS) sched_yield(); else relax();
  }
}

void *apus_pool_scratch(apus_pool *pool, int thread, size_t bytes) {
  scratch *s = &pool->scratches[thread];
  if (s->bytes < bytes) {
    free(s->memory);
    size_t rounded = (bytes + 4095) & ~(size_t)4095;
    s->memory = aligned_alloc(4096, rounded);
    s->bytes = rounded;
    if (!s->memory) abort();
  }
  return s->memory;
}

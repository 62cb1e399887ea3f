// What this machine can do at most, as one JSON object: bytes read a second, and floating-point (f32 FMA) and 8-bit integer operations a
// second, each by THREADS threads at once. A multiplication and an addition count as two operations.
//   cc -O3 -march=native -pthread Benchmarks/roofline.c -o roofline && ./roofline 2
#define _GNU_SOURCE
#include <immintrin.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { REGISTERS = 12, ROUNDS = 20000000 };
static const size_t bytes = (size_t)512 << 20;
static int threads;
static pthread_barrier_t barrier;
static uint8_t *memory;

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#if defined(__AVX512F__)
typedef __m512 floats;
typedef __m512i integers;
#define FMA(s, a, b) _mm512_fmadd_ps(a, b, s)
#define FLOATS(x) _mm512_set1_ps(x)
#define INTEGERS(x) _mm512_set1_epi8(x)
#if defined(__AVX512VNNI__)
#define DOT(s, a, b) _mm512_dpbusd_epi32(s, a, b)
#else
#define DOT(s, a, b) _mm512_maddubs_epi16(s, b)
#endif
#else
typedef __m256 floats;
typedef __m256i integers;
#define FMA(s, a, b) _mm256_fmadd_ps(a, b, s)
#define FLOATS(x) _mm256_set1_ps(x)
#define INTEGERS(x) _mm256_set1_epi8(x)
// Without VNNI: products of bytes, summed in pairs.
#define DOT(s, a, b) _mm256_maddubs_epi16(s, b)
#endif
// Keeps the compiler from knowing what a register holds.
#define HIDE(x) __asm__ volatile("" : "+x"(x))

static void float_work(int thread) {
  (void)thread;
  floats sums[REGISTERS], a = FLOATS(0.5f), b = FLOATS(1.0f);
  for (int i = 0; i < REGISTERS; i++) sums[i] = FLOATS((float)i);
  for (int round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 12
    for (int i = 0; i < REGISTERS; i++) sums[i] = FMA(sums[i], a, b);
  }
  for (int i = 0; i < REGISTERS; i++) HIDE(sums[i]);
}

static void integer_work(int thread) {
  (void)thread;
  integers sums[REGISTERS], a = INTEGERS(1), b = INTEGERS(1);
  (void)a;
  for (int i = 0; i < REGISTERS; i++) sums[i] = INTEGERS(0);
  for (int round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 12
    for (int i = 0; i < REGISTERS; i++) sums[i] = DOT(sums[i], a, b);
  }
  for (int i = 0; i < REGISTERS; i++) HIDE(sums[i]);
}

static void read_work(int thread) {
  size_t part = bytes / (size_t)threads;
  const uint8_t *p = memory + part * (size_t)thread, *end = p + part;
  __m256i sums[8] = {};
  for (; p < end; p += 256) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) sums[i] = _mm256_xor_si256(sums[i], _mm256_loadu_si256((const __m256i *)(p + i * 32)));
  }
  for (int i = 0; i < 8; i++) HIDE(sums[i]);
}

typedef struct {
  void (*work)(int);
  int thread;
} job;

static void *start(void *argument) {
  const job *j = argument;
  pthread_barrier_wait(&barrier);
  j->work(j->thread);
  pthread_barrier_wait(&barrier);
  return NULL;
}

// The best of five runs of `work` on all threads, in seconds.
static double best(void (*work)(int)) {
  double least = 1e9;
  for (int run = 0; run < 5; run++) {
    pthread_t handles[64];
    job jobs[64];
    for (int i = 0; i < threads; i++) {
      jobs[i] = (job){work, i};
      pthread_create(&handles[i], NULL, start, &jobs[i]);
    }
    pthread_barrier_wait(&barrier);
    double from = seconds();
    pthread_barrier_wait(&barrier);
    double took = seconds() - from;
    if (took < least) least = took;
    for (int i = 0; i < threads; i++) pthread_join(handles[i], NULL);
  }
  return least;
}

int main(int count, char **arguments) {
  threads = count > 1 ? atoi(arguments[1]) : 1;
  if (threads < 1 || threads > 64) {
    fprintf(stderr, "roofline: THREADS must be from 1 to 64\n");
    return 2;
  }
  pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
  memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    fprintf(stderr, "roofline: no memory for %zu bytes\n", bytes);
    return 1;
  }
  madvise(memory, bytes, MADV_HUGEPAGE);
  memset(memory, 1, bytes);
  double rounds = (double)ROUNDS * REGISTERS * threads;
  printf("{\"threads\": %d, \"read_bytes_per_second\": %.4g, \"f32_operations_per_second\": %.4g, \"int8_operations_per_second\": %.4g}\n", threads,
         (double)bytes / best(read_work), rounds * (double)(sizeof(floats) / 4) * 2 / best(float_work),
         rounds * (double)sizeof(integers) * 2 / best(integer_work));
  return 0;
}

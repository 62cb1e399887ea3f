// The choice of an instruction set at run time.
#include "internal.h"
#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>

// Linux lets a process use AMX's tiles once it has asked for them (arch_prctl(2)).
static bool may_use_tiles(void) {
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#endif

static bool supported(int isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (isa == APUS_ISA_AVX2) return avx2;
  if (isa == APUS_ISA_AVX512BF16) return supported(APUS_ISA_AVX512) && __builtin_cpu_supports("avx512bf16");
  if (isa == APUS_ISA_AMX) {
    return supported(APUS_ISA_AVX512BF16) && __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") && may_use_tiles();
  }
  if (isa == APUS_ISA_AVX512) {
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
  }
#elif defined(__aarch64__)
  if (isa == APUS_ISA_NEON) return true;
#endif
  return isa == APUS_ISA_SCALAR;
}

const apus_kernels *apus_kernels_for(int isa) {
  if (!supported(isa)) return NULL;
  switch (isa) {
#if defined(__x86_64__)
    case APUS_ISA_AVX2: return &apus_kernels_avx2;
    case APUS_ISA_AVX512: return &apus_kernels_avx512;
    case APUS_ISA_AVX512BF16: return &apus_kernels_avx512bf16;
    case APUS_ISA_AMX: return &apus_kernels_amx;
#elif defined(__aarch64__)
    case APUS_ISA_NEON: return &apus_kernels_neon;
#endif
    default: return &apus_kernels_scalar;
  }
}

const apus_kernels *apus_kernels_best(void) {
#if defined(__x86_64__)
  // AMD's bf16 dot product does twice the work of an f32 FMA; Intel's is issued at a quarter of the rate, so that widening wins.
  if (__builtin_cpu_is("amd") && supported(APUS_ISA_AVX512BF16)) return &apus_kernels_avx512bf16;
#endif
  const int order[] = {APUS_ISA_AMX, APUS_ISA_AVX512, APUS_ISA_AVX2, APUS_ISA_NEON};
  for (int i = 0; i < 4; i++) {
    const apus_kernels *kernels = apus_kernels_for(order[i]);
    if (kernels) return kernels;
  }
  return &apus_kernels_scalar;
}

bool apus_kernels_multiply_bf16(const apus_kernels *kernels) {
#if defined(__x86_64__)
  return kernels == &apus_kernels_avx512bf16;
#else
  (void)kernels;
  return false;
#endif
}
bool apus_kernels_multiply_words(const apus_kernels *kernels, int dtype) {
  if (dtype == APUS_BF16 && (kernels->unit || apus_kernels_multiply_bf16(kernels))) return false;
  return kernels->words && (dtype == APUS_BF16 || dtype == APUS_F16);
}
bool apus_kernels_have_unit(const apus_kernels *kernels) { return kernels->unit != NULL; }

const char *apus_kernels_name(const apus_kernels *kernels) { return kernels->name; }

#ifndef APUS_KERNELS_H
#define APUS_KERNELS_H
#endif

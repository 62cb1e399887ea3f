// Least-squares search of the scales of a super-block of 256 values (codec_fit.c).
#ifndef APUS_CODEC_FIT_H
#define APUS_CODEC_FIT_H

#include <stdint.h>

// x ≈ d · scales[j] · level − m · minima[j] for each run j of consecutive values.
typedef struct {
  int run;                // values that share a scale: 16 or 32
  int level_top;          // levels are 0 … level_top
  int scale_top;          // scales and minima are 0 … scale_top
  uint16_t d, m;          // f16
  uint8_t scales[16], minima[16];
  uint8_t levels[256];
} offset_fit;

// x ≈ d · scales[j] · (level − level_half), runs of 16.
typedef struct {
  int level_half;         // levels are 0 … 2 · level_half − 1
  int scale_half;         // scales are −scale_half … scale_half − 1
  uint16_t d;
  int8_t scales[16];
  uint8_t levels[256];
} signed_fit;

// Fill in all but the constants of the type. The values are finite; d and m may overflow f16.
void fit_with_offsets(const float *x, offset_fit *fit);
void fit_signed(const float *x, signed_fit *fit);

#endif

// The search behind the K quantisers. A run's own scale and minimum come from ordinary least squares over levels that are
// rounded with a range of trial steps, then alternately refined (levels from scales, scales from levels). The super-block's
// d and m quantise those; each run then takes the best of the neighbouring integer scales, and d and m are fitted once more
// to what was chosen, for as long as the squared error falls. All sums have eight lanes, so every machine finds the same bytes.
#include "codec_fit.h"

#include <math.h>

#include "codec_floats.h"

#pragma STDC FP_CONTRACT OFF

// Vectors are passed only between inlined functions.
#pragma clang diagnostic ignored "-Wpsabi"
#define INLINE static inline __attribute__((always_inline))

typedef float f32x8 __attribute__((ext_vector_type(8)));
typedef int32_t i32x8 __attribute__((ext_vector_type(8)));

enum { SUPER = 256, TRIALS = 19, ROUNDS = 4 };

INLINE f32x8 load8(const float *x) {
  f32x8 v;
  memcpy(&v, x, sizeof v);
  return v;
}

INLINE float sum8(f32x8 v) { return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])); }

// round(v), kept in 0 … top.
INLINE f32x8 level8(f32x8 v, float top) {
  f32x8 zero = {0};
  v = v > zero ? v : zero;
  f32x8 bound = zero + top;
  v = v < bound ? v : bound;
  return __builtin_convertvector(__builtin_convertvector(v + 0.5f, i32x8), f32x8);
}

static int clamp(float value, int least, int greatest) {
  return value > (float)greatest ? greatest : value > (float)least ? (int)floorf(value + 0.5f) : least;
}

// ---- Scale and minimum ---------------------------------------------------------------------------------------------

typedef struct { float step, low, error; } offset_run;  // x ≈ step · level − low, both ≥ 0

// The least-squares step and minimum for the levels that `step` and `low` round to; the error is theirs.
static offset_run refit_offset(const float *x, int n, float top, float step, float low) {
  float inverse = 1 / step;
  f32x8 levels[4], sq = {0}, sqq = {0}, sx = {0}, sxq = {0}, error = {0};
  for (int i = 0; i < n / 8; i++) {
    f32x8 v = load8(x + i * 8), q = level8((v + low) * inverse, top);
    levels[i] = q;
    sq += q, sqq += q * q, sx += v, sxq += v * q;
  }
  float count = (float)n, q = sum8(sq), qq = sum8(sqq), total = sum8(sx), xq = sum8(sxq);
  float determinant = count * qq - q * q;
  offset_run run = {0};
  if (determinant > 0) {
    run.step = (count * xq - total * q) / determinant;
    run.low = (q * xq - qq * total) / determinant;
  }
  if (determinant <= 0 || run.low < 0) {
    run.step = qq > 0 ? xq / qq : 0;
    run.low = 0;
  }
  for (int i = 0; i < n / 8; i++) {
    f32x8 rest = load8(x + i * 8) - (run.step * levels[i] - run.low);
    error += rest * rest;
  }
  run.error = sum8(error);
  return run;
}

static offset_run search_offset(const float *x, int n, float top) {
  float least = 0, greatest = x[0];
  for (int i = 0; i < n; i++) {
    least = x[i] < least ? x[i] : least;
    greatest = x[i] > greatest ? x[i] : greatest;
  }
  offset_run best = {(greatest - least) / top, -least, INFINITY};
  if (!(best.step > 0)) return best;  // all the same
  for (int trial = 0; trial < TRIALS; trial++) {
    float step = (greatest - least) / (top - 0.9f + 0.1f * (float)trial);
    offset_run run = refit_offset(x, n, top, step, -least);
    if (run.error < best.error && run.step > 0) best = run;
  }
  for (int round = 0; round < ROUNDS; round++) {
    offset_run run = refit_offset(x, n, top, best.step, best.low);
    if (!(run.error < best.error && run.step > 0)) break;
    best = run;
  }
  return best;
}

// The error of a run with the given step and minimum; writes its levels where they are wanted.
static float offset_error(const float *x, int n, float top, float step, float low, uint8_t *levels) {
  float inverse = step > 0 ? 1 / step : 0;
  f32x8 error = {0};
  for (int i = 0; i < n; i += 8) {
    f32x8 v = load8(x + i), q = level8((v + low) * inverse, top), rest = v - (step * q - low);
    error += rest * rest;
    for (int e = 0; levels && e < 8; e++) levels[i + e] = (uint8_t)q[e];
  }
  return sum8(error);
}

// Chooses each run's integer scales for the d and m in `fit`; the squared error of all.
static float choose_offsets(const float *x, const offset_run *ideal, offset_fit *fit) {
  float d = codec_from_f16(fit->d), m = codec_from_f16(fit->m), total = 0;
  for (int j = 0; j < SUPER / fit->run; j++) {
    int scale = d > 0 ? clamp(ideal[j].step / d, 0, fit->scale_top) : 0;
    int minimum = m > 0 ? clamp(ideal[j].low / m, 0, fit->scale_top) : 0;
    float best = INFINITY;
    for (int s = scale - 1; s <= scale + 1; s++) {
      for (int t = minimum - 1; t <= minimum + 1; t++) {
        if (s < 0 || s > fit->scale_top || t < 0 || t > fit->scale_top) continue;
        float error = offset_error(x + j * fit->run, fit->run, (float)fit->level_top, d * (float)s, m * (float)t, NULL);
        if (!(error < best)) continue;
        best = error;
        fit->scales[j] = (uint8_t)s;
        fit->minima[j] = (uint8_t)t;
      }
    }
    offset_error(x + j * fit->run, fit->run, (float)fit->level_top, d * (float)fit->scales[j], m * (float)fit->minima[j],
                 fit->levels + j * fit->run);
    total += best;
  }
  return total;
}

// d and m by least squares for the integers in `fit`; false when they do not determine a usable pair.
static int refit_super_offsets(const float *x, offset_fit *fit) {
  double uu = 0, uv = 0, vv = 0, xu = 0, xv = 0;
  for (int i = 0; i < SUPER; i++) {
    double u = fit->scales[i / fit->run] * fit->levels[i], v = fit->minima[i / fit->run];
    uu += u * u, uv += u * v, vv += v * v, xu += x[i] * u, xv += x[i] * v;
  }
  double determinant = uu * vv - uv * uv;
  double d = determinant > 0 ? (xu * vv - xv * uv) / determinant : uu > 0 ? xu / uu : 0;
  double m = determinant > 0 ? (xu * uv - xv * uu) / determinant : 0;
  if (!(d > 0 && m >= 0)) return 0;
  fit->d = codec_to_f16((float)d);
  fit->m = codec_to_f16((float)m);
  return 1;
}

void fit_with_offsets(const float *x, offset_fit *fit) {
  offset_run ideal[16];
  float step = 0, low = 0;
  for (int j = 0; j < SUPER / fit->run; j++) {
    ideal[j] = search_offset(x + j * fit->run, fit->run, (float)fit->level_top);
    step = ideal[j].step > step ? ideal[j].step : step;
    low = ideal[j].low > low ? ideal[j].low : low;
  }
  fit->d = codec_to_f16(step / (float)fit->scale_top);
  fit->m = codec_to_f16(low / (float)fit->scale_top);
  float error = choose_offsets(x, ideal, fit);
  for (int round = 0; round < ROUNDS; round++) {
    offset_fit next = *fit;
    if (!refit_super_offsets(x, &next)) return;
    float next_error = choose_offsets(x, ideal, &next);
    if (!(next_error < error)) return;
    error = next_error;
    *fit = next;
  }
}

// ---- Signed scale --------------------------------------------------------------------------------------------------

typedef struct { float step, gain; } signed_run;  // gain: by how much the squared error is less than that of zeros

// The least-squares step for the levels that `inverse` rounds to.
static signed_run refit_signed(const float *x, int n, int half, float inverse) {
  f32x8 sqq = {0}, sxq = {0};
  for (int i = 0; i < n; i += 8) {
    f32x8 v = load8(x + i), q = level8(v * inverse + (float)half, (float)(2 * half - 1)) - (float)half;
    sqq += q * q, sxq += v * q;
  }
  float qq = sum8(sqq), xq = sum8(sxq);
  return qq > 0 ? (signed_run){xq / qq, xq / qq * xq} : (signed_run){0, 0};
}

static signed_run search_signed(const float *x, int n, int half) {
  float extreme = x[0];
  for (int i = 1; i < n; i++) extreme = fabsf(x[i]) > fabsf(extreme) ? x[i] : extreme;
  signed_run best = {extreme / -(float)half, 0};
  if (!(fabsf(extreme) > 0)) return best;
  for (int trial = 0; trial < TRIALS; trial++) {
    float reach = 0.1f * (float)trial - 0.9f;  // the extreme goes to the last level on either side, or near it
    signed_run down = refit_signed(x, n, half, -((float)half + reach) / extreme);
    signed_run up = refit_signed(x, n, half, ((float)half - 1 + reach) / extreme);
    if (down.gain > best.gain) best = down;
    if (up.gain > best.gain) best = up;
  }
  for (int round = 0; round < ROUNDS && best.step != 0; round++) {
    signed_run run = refit_signed(x, n, half, 1 / best.step);
    if (!(run.gain > best.gain)) break;
    best = run;
  }
  return best;
}

static float signed_error(const float *x, int half, float step, uint8_t *levels) {
  float inverse = step != 0 ? 1 / step : 0;
  f32x8 error = {0};
  for (int i = 0; i < 16; i += 8) {
    f32x8 v = load8(x + i), q = level8(v * inverse + (float)half, (float)(2 * half - 1)), rest = v - step * (q - (float)half);
    error += rest * rest;
    for (int e = 0; levels && e < 8; e++) levels[i + e] = (uint8_t)q[e];
  }
  return sum8(error);
}

static float choose_signed(const float *x, const signed_run *ideal, signed_fit *fit) {
  float d = codec_from_f16(fit->d), total = 0;
  for (int j = 0; j < 16; j++) {
    int scale = d != 0 ? clamp(ideal[j].step / d, -fit->scale_half, fit->scale_half - 1) : 0;
    float best = INFINITY;
    for (int s = scale - 1; s <= scale + 1; s++) {
      if (s < -fit->scale_half || s >= fit->scale_half) continue;
      float error = signed_error(x + j * 16, fit->level_half, d * (float)s, NULL);
      if (!(error < best)) continue;
      best = error;
      fit->scales[j] = (int8_t)s;
    }
    signed_error(x + j * 16, fit->level_half, d * (float)fit->scales[j], fit->levels + j * 16);
    total += best;
  }
  return total;
}

static int refit_super_signed(const float *x, signed_fit *fit) {
  double uu = 0, xu = 0;
  for (int i = 0; i < SUPER; i++) {
    double u = fit->scales[i / 16] * (fit->levels[i] - fit->level_half);
    uu += u * u, xu += x[i] * u;
  }
  if (!(uu > 0)) return 0;
  fit->d = codec_to_f16((float)(xu / uu));
  return 1;
}

void fit_signed(const float *x, signed_fit *fit) {
  signed_run ideal[16];
  float extreme = 0;
  for (int j = 0; j < 16; j++) {
    ideal[j] = search_signed(x + j * 16, 16, fit->level_half);
    extreme = fabsf(ideal[j].step) > fabsf(extreme) ? ideal[j].step : extreme;
  }
  fit->d = codec_to_f16(extreme / -(float)fit->scale_half);
  float error = choose_signed(x, ideal, fit);
  for (int round = 0; round < ROUNDS; round++) {
    signed_fit next = *fit;
    if (!refit_super_signed(x, &next)) return;
    float next_error = choose_signed(x, ideal, &next);
    if (!(next_error < error)) return;
    error = next_error;
    *fit = next;
  }
}

// By how much rounding changes a low-rank update: whether its factors should be made anew before they are rounded.
#include "dispatch.h"

// Of 64 inputs 16 are looked at, and of 4 outputs one: of that part of B·A it is asked, which stands for all of it.
enum { probes = 16, run = 16, inputs_apart = 64, outputs_apart = 4 };

static inline uint32_t signs_of(int64_t column) { return (uint32_t)((uint64_t)(column + 1) * 0x9E3779B97F4A7C15u >> 40); }

static inline float flipped(float x, uint32_t sign) {
  union { float f; uint32_t i; } v = {x};
  v.i ^= sign << 31;
  return v.f;
}

// Sums[0]: ‖B·A‖² as the mean of ‖B·A·g‖² over vectors g of 1 and -1; sums[1]: Σ over B's rows of the largest square;
// sums[2]: ‖A‖².
MK_KERNEL(
  growth_sums,
  (const float *restrict a, const float *restrict b, int64_t inputs, int64_t outputs, int64_t rank, float *restrict inner,
   double *restrict sums),
  (a, b, inputs, outputs, rank, inner, sums)) {
#pragma clang fp contract(fast)
  sums[0] = sums[1] = sums[2] = 0;
  for (int64_t k = 0; k < rank; k++) {
    float sum[probes] = {0}, square = 0;
    for (int64_t first = 0; first < inputs; first += inputs_apart)
      for (int64_t j = first; j < first + run && j < inputs; j++) {
        float x = a[k * inputs + j];
        uint32_t signs = signs_of(j);
        for (int s = 0; s < probes; s++) sum[s] += flipped(x, signs >> s & 1);
        square += x * x;
      }
    memcpy(inner + k * probes, sum, sizeof sum);
    sums[2] += (double)square;
  }
  for (int64_t n = 0; n < outputs; n += outputs_apart) {
    float sum[probes] = {0}, largest = 0, squares = 0;
    for (int64_t k = 0; k < rank; k++) {
      float x = b[n * rank + k];
      for (int s = 0; s < probes; s++) sum[s] += x * inner[k * probes + s];
      largest = x * x > largest ? x * x : largest;
    }
    for (int s = 0; s < probes; s++) squares += sum[s] * sum[s];
    sums[0] += (double)squares / probes, sums[1] += (double)largest;
  }
}

float mk_factors_growth(const float *a, const float *b, int64_t inputs, int64_t outputs, int64_t rank) {
  double sums[3];
  growth_sums(a, b, inputs, outputs, rank, mk_scratch(1, (size_t)(rank * probes) * sizeof(float)), sums);
  return sums[1] * sums[2] > 0 ? (float)(sums[1] * sums[2] / sums[0]) : 0;
}

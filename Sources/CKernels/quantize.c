// 8-bit rows and columns for products u8·s8 with a scale for each row of x and each column of W.
#include "packed.h"

typedef struct {
  const float *weights;
  int64_t k, n, brs, bcs;
  const float *flatten;
  int8_t *q;
  float *scales;
  int32_t *sums;
} columns;

MK_KERNEL(quantize_column_range, (const columns *c, int64_t begin, int64_t end), (c, begin, end)) {
  for (int64_t j = begin; j < end; j++) {
    const float *w = c->weights + j * c->bcs;
    float highest = 0;
    for (int64_t i = 0; i < c->k; i++) {
      float size = fabsf(w[i * c->brs] / c->flatten[i]);
      highest = size > highest ? size : highest;
    }
    float scale = highest / 127, inverse = highest > 0 ? 127 / highest : 0;
    int32_t sum = 0;
    for (int64_t i = 0; i < c->k; i++) {
      int8_t q = (int8_t)__builtin_rintf(w[i * c->brs] / c->flatten[i] * inverse);
      c->q[j * c->k + i] = q;
      sum += q;
    }
    c->scales[j] = scale, c->sums[j] = sum;
  }
}

static void quantize_column_part(void *c, int64_t begin, int64_t end) { quantize_column_range(c, begin, end); }

// q is [n][k]: a column of W after another.
void mk_quantize_columns(
  const float *weights, int64_t k, int64_t n, int64_t brs, int64_t bcs, const float *flatten, int8_t *q,
  float *scales, int32_t *sums) {
  columns c = {weights, k, n, brs, bcs, flatten, q, scales, sums};
  mk_parallel_ranges(n, 8, quantize_column_part, &c);
}

MK_KERNEL(quantize_row, (const float *restrict x, int64_t k, uint8_t *restrict q, float *scale), (x, k, q, scale)) {
  // The highest size as an integer: sizes order as their bits do.
  uint32_t bits = 0;
  for (int64_t i = 0; i < k; i++) {
    union { float f; uint32_t i; } v = {x[i]};
    uint32_t size = v.i & 0x7FFFFFFF;
    bits = size > bits ? size : bits;
  }
  union { uint32_t i; float f; } highest = {bits};
  *scale = highest.f / 127;
  float inverse = highest.f > 0 ? 127 / highest.f : 0;
  for (int64_t i = 0; i < k; i++) q[i] = (uint8_t)((int32_t)__builtin_rintf(x[i] * inverse) + 128);
}

MK_KERNEL(
  flatten_row, (const void *x, bool is_narrow, int64_t k, const float *restrict flatten, float *restrict y),
  (x, is_narrow, k, flatten, y)) {
  const uint16_t *narrow = x;
  const float *wide = x;
  if (is_narrow)
    for (int64_t i = 0; i < k; i++) y[i] = flatten[i] * mk_widen(narrow[i]);
  else
    for (int64_t i = 0; i < k; i++) y[i] = flatten[i] * wide[i];
}

void mk_quantize_rows(
  const void *x, int x_type, int64_t rows, int64_t k, const float *flatten, uint8_t *q, float *scales) {
  float *flat = mk_scratch(4, (size_t)k * sizeof(float));
  int64_t size = x_type == MK_BF16 ? 2 : 4;
  for (int64_t i = 0; i < rows; i++) {
    flatten_row((const char *)x + i * k * size, x_type == MK_BF16, k, flatten, flat);
    quantize_row(flat, k, q + i * k, scales + i);
  }
}

MK_KERNEL(
  dequantize_row,
  (const int32_t *restrict products, float scale, const float *restrict scales, const int32_t *restrict sums,
   int64_t n, bool accumulate, float *restrict y),
  (products, scale, scales, sums, n, accumulate, y)) {
#pragma clang fp contract(fast)
  if (accumulate)
    for (int64_t j = 0; j < n; j++) y[j] += scale * scales[j] * (float)(products[j] - 128 * sums[j]);
  else
    for (int64_t j = 0; j < n; j++) y[j] = scale * scales[j] * (float)(products[j] - 128 * sums[j]);
}

void mk_dequantize(
  const int32_t *products, const float *row_scales, const float *column_scales, const int32_t *column_sums,
  int64_t rows, int64_t n, bool accumulate, float *y, int64_t stride) {
  for (int64_t i = 0; i < rows; i++)
    dequantize_row(products + i * n, row_scales[i], column_scales, column_sums, n, accumulate, y + i * stride);
}

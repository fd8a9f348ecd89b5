// What the faces of packed matrices share: 8-bit rows and columns, and turning a matrix round.
#pragma once

#include "dispatch.h"

// Weights of 8 bits with a scale for each column and one for each row: W[i][j] = scales[j]·flatten[i]·q[i][j], q
// within ±127. flatten[i] is what x[i] is multiplied by before it is brought to 8 bits, so that inputs that are often
// large leave room for the others (Xiao et al. 2022, arXiv 2211.10438, equation 3).
// `sums` are those of q by column: x is held as x + 128, and x·W is scale·(x' · q - 128·sums).
void mk_quantize_columns(
  const float *weights, int64_t k, int64_t n, int64_t brs, int64_t bcs, const float *flatten, int8_t *q,
  float *scales, int32_t *sums);

// Rows of x (f32 or bf16) as flatten·x/scale + 128, a scale for each row.
void mk_quantize_rows(
  const void *x, int x_type, int64_t rows, int64_t k, const float *flatten, uint8_t *q, float *scales);

// y[rows][n] (rows `stride` apart) = row scale · column scale · (sum - 128·column sum), or added to y.
void mk_dequantize(
  const int32_t *products, const float *row_scales, const float *column_scales, const int32_t *column_sums,
  int64_t rows, int64_t n, bool accumulate, float *y, int64_t stride);

// A packed layout of blocks of 64 columns by `group` rows: element (i, j) lies at
// (j/64)·column_stride + (i/(16·group))·row_stride + (i mod 16·group)/group·64·group + (j mod 64)·group + i mod group.
typedef struct {
  void *data;
  int64_t k, n, group, row_stride, column_stride;
} mk_blocks_of_64;

// Writes Bᵀ in bf16 for B of bf16 (group 2) or 8 bits (group 4, times the scales of columns and rows).
void mk_turn_blocks(
  const mk_blocks_of_64 *from, const float *scales, const float *flatten, const mk_blocks_of_64 *to);

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

// How a packed matrix in bf16 or 8 bits lies, with the scales of 8-bit ones, where this processor multiplies rows in bf16
// with such blocks best by its dot-product unit (strips.c); else false.
bool mk_packed_blocks(const mk_packed *matrix, mk_blocks_of_64 *blocks, const float **scales, const float **flatten);

// Writes Bᵀ in bf16 for B of bf16 (group 2) or 8 bits (group 4, times the scales of columns and rows).
void mk_turn_blocks(
  const mk_blocks_of_64 *from, const float *scales, const float *flatten, const mk_blocks_of_64 *to);

// A product with a slice of a matrix, in bf16, that a thread has just unpacked. The layout that oneDNN likes for B[k,n]:
// false where it is not of blocks of 64, or there is no oneDNN.
bool mk_slice_layout(int64_t k, int64_t n, mk_blocks_of_64 *slice);
// y[m, columns] (rows `stride` apart) = the first columns of x[m, k]·B, or added to y, on the calling thread alone; x in
// bf16. 0, or an error.
int mk_slice_multiply(
  const mk_blocks_of_64 *slice, const uint16_t *x, int64_t m, int64_t columns, float *y, int64_t stride,
  bool accumulate);

// The slice of Wᵀ, or of W, that mk_nf4_slice makes, in its place.
void mk_nf4_fill(
  const mk_nf4 *parts, int64_t count, bool is_back, int64_t first, const mk_blocks_of_64 *to, bool is_plain);

// y = w·x̂ + b, x̂ = (x - μ)·r, μ = mean(x), r = 1/sqrt(mean((x - μ)²) + ε)        (Ba et al. 2016, arXiv 1607.06450)
// dx = r·(g - mean(g) - x̂·mean(g·x̂)), g = w·dy;  dw = Σ dy·x̂ over rows; db is Σ dy, see mk_column_sums
#include "dispatch.h"

typedef struct {
  const float *x, *weight, *bias, *dy;
  const uint16_t *narrow_x;
  float epsilon, *y, *dx, *means, *inverse;
  uint16_t *narrow_y, *kept;
  int64_t rows, columns;
} norm;

// One value of the result.
MK_INLINE float normed(const norm *p, float x, float mean, float r, int64_t j, const bool has_bias) {
#pragma clang fp contract(fast)
  float scaled = (x - mean) * r * p->weight[j];
  return has_bias ? scaled + p->bias[j] : scaled;
}

MK_INLINE void write_row(const norm *p, int64_t row, float mean, float r, const bool has_bias) {
  int64_t n = p->columns;
  const float *restrict x = p->x + row * n;
  if (p->narrow_y) {
    uint16_t *restrict y = p->narrow_y + row * n;
    for (int64_t j = 0; j < n; j++) y[j] = mk_narrow(normed(p, x[j], mean, r, j, has_bias));
  } else {
    float *restrict y = p->y + row * n;
    for (int64_t j = 0; j < n; j++) y[j] = normed(p, x[j], mean, r, j, has_bias);
  }
}

MK_KERNEL(layer_norm_rows, (const norm *p, int64_t begin, int64_t end), (p, begin, end)) {
#pragma clang fp reassociate(on) contract(fast)
  int64_t n = p->columns;
  for (int64_t row = begin; row < end; row++) {
    const float *restrict x = p->x + row * n;
    float sum = 0, squares = 0;
    for (int64_t j = 0; j < n; j++) sum += x[j];
    float mean = sum / (float)n;
    for (int64_t j = 0; j < n; j++) squares += (x[j] - mean) * (x[j] - mean);
    float r = 1 / sqrtf(squares / (float)n + p->epsilon);
    p->means[row] = mean, p->inverse[row] = r;
    if (p->bias) write_row(p, row, mean, r, true);
    else write_row(p, row, mean, r, false);
    if (!p->kept) continue;
    uint16_t *restrict kept = p->kept + row * n;
    for (int64_t j = 0; j < n; j++) kept[j] = mk_narrow(x[j]);
  }
}

// x̂ of a row, from x in one of its formats.
MK_INLINE float normal(const norm *p, int64_t row, int64_t j, const bool is_narrow) {
  int64_t at = row * p->columns + j;
  return ((is_narrow ? mk_widen(p->narrow_x[at]) : p->x[at]) - p->means[row]) * p->inverse[row];
}

MK_INLINE void back_row(const norm *p, int64_t row, const bool is_narrow) {
#pragma clang fp reassociate(on) contract(fast)
  int64_t n = p->columns;
  const float *restrict dy = p->dy + row * n, *restrict weight = p->weight;
  float *restrict dx = p->dx + row * n;
  float sum = 0, product = 0;
  for (int64_t j = 0; j < n; j++) {
    float g = weight[j] * dy[j];
    sum += g;
    product += g * normal(p, row, j, is_narrow);
  }
  float mean = sum / (float)n, share = product / (float)n, r = p->inverse[row];
  for (int64_t j = 0; j < n; j++) dx[j] += r * (weight[j] * dy[j] - mean - normal(p, row, j, is_narrow) * share);
}

MK_KERNEL(layer_norm_rows_backward, (const norm *p, int64_t begin, int64_t end), (p, begin, end)) {
  for (int64_t row = begin; row < end; row++) {
    if (p->narrow_x) back_row(p, row, true);
    else back_row(p, row, false);
  }
}

// Panels of columns, each of them down all rows: no two threads meet.
MK_KERNEL(layer_norm_weights, (const norm *p, int64_t begin, int64_t end), (p, begin, end)) {
#pragma clang fp contract(fast)
  float *restrict dw = p->dx;
  for (int64_t row = 0; row < p->rows; row++) {
    const float *restrict dy = p->dy + row * p->columns;
    if (p->narrow_x)
      for (int64_t j = begin; j < end; j++) dw[j] += dy[j] * normal(p, row, j, true);
    else
      for (int64_t j = begin; j < end; j++) dw[j] += dy[j] * normal(p, row, j, false);
  }
}

static void forward(void *p, int64_t begin, int64_t end) { layer_norm_rows(p, begin, end); }
static void backward(void *p, int64_t begin, int64_t end) { layer_norm_rows_backward(p, begin, end); }
static void gradient(void *p, int64_t begin, int64_t end) { layer_norm_weights(p, begin, end); }

void mk_layer_norm(
  const float *x, const float *weight, const float *bias, float epsilon, float *y, uint16_t *narrow_y, uint16_t *kept,
  float *means, float *inverse, int64_t rows, int64_t columns) {
  norm p = {
    .x = x, .weight = weight, .bias = bias, .epsilon = epsilon, .y = y, .narrow_y = narrow_y, .kept = kept,
    .means = means, .inverse = inverse, .columns = columns};
  mk_parallel_ranges(rows, 8, forward, &p);
}

void mk_layer_norm_backward(
  const float *x, const uint16_t *narrow_x, const float *weight, const float *means, const float *inverse,
  const float *dy, float *dx, int64_t rows, int64_t columns) {
  norm p = {
    .x = x, .narrow_x = narrow_x, .weight = weight, .means = (float *)means, .inverse = (float *)inverse, .dy = dy,
    .dx = dx, .columns = columns};
  mk_parallel_ranges(rows, 8, backward, &p);
}

void mk_layer_norm_gradient(
  const float *x, const uint16_t *narrow_x, const float *means, const float *inverse, const float *dy, float *dw,
  int64_t rows, int64_t columns) {
  norm p = {
    .x = x, .narrow_x = narrow_x, .means = (float *)means, .inverse = (float *)inverse, .dy = dy, .dx = dw,
    .rows = rows, .columns = columns};
  mk_parallel_ranges(columns, 128, gradient, &p);
}

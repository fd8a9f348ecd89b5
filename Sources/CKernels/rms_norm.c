// y = w·x / sqrt(mean(x²) + ε)                                   (Zhang and Sennrich 2019, arXiv 1910.07467)
// dx = r·(w·dy) - x·r³/n·Σ(w·dy·x), r = 1/sqrt(mean(x²) + ε)
#include "rows.h"

typedef struct {
  const float *x, *weight, *dy;
  float epsilon, *y, *dx, *inverse_rms;
  int64_t columns;
  // In bf16: the result, x as kept for the way back, and x on the way back.
  uint16_t *narrow_y, *kept;
  const uint16_t *narrow_x;
} norm;

MK_KERNEL(norm_rows, (const norm *p, int64_t begin, int64_t end), (p, begin, end)) {
#pragma clang fp reassociate(on) contract(fast)
  int64_t n = p->columns;
  const float *restrict weight = p->weight;
  for (int64_t row = begin; row < end; row++) {
    const float *restrict x = p->x + row * n;
    float sum = 0;
    for (int64_t j = 0; j < n; j++) sum += x[j] * x[j];
    float r = 1 / sqrtf(sum / (float)n + p->epsilon);
    if (p->inverse_rms) p->inverse_rms[row] = r;
    if (p->y) {
      float *restrict y = p->y + row * n;
      for (int64_t j = 0; j < n; j++) y[j] = x[j] * r * weight[j];
      continue;
    }
    uint16_t *restrict y = p->narrow_y + row * n;
    for (int64_t j = 0; j < n; j++) y[j] = mk_narrow(x[j] * r * weight[j]);
    if (!p->kept) continue;
    uint16_t *restrict kept = p->kept + row * n;
    for (int64_t j = 0; j < n; j++) kept[j] = mk_narrow(x[j]);
  }
}

MK_KERNEL(norm_rows_backward, (const norm *p, int64_t begin, int64_t end), (p, begin, end)) {
#pragma clang fp reassociate(on) contract(fast)
  int64_t n = p->columns;
  const float *restrict weight = p->weight;
  for (int64_t row = begin; row < end; row++) {
    const float *restrict x = p->x + row * n, *restrict dy = p->dy + row * n;
    float *restrict dx = p->dx + row * n;
    float r = p->inverse_rms[row], sum = 0;
    for (int64_t j = 0; j < n; j++) sum += weight[j] * dy[j] * x[j];
    float share = sum * r * r * r / (float)n;
    for (int64_t j = 0; j < n; j++) dx[j] += r * weight[j] * dy[j] - share * x[j];
  }
}

MK_KERNEL(norm_rows_backward_bf16, (const norm *p, int64_t begin, int64_t end), (p, begin, end)) {
#pragma clang fp reassociate(on) contract(fast)
  int64_t n = p->columns;
  const float *restrict weight = p->weight;
  for (int64_t row = begin; row < end; row++) {
    const uint16_t *restrict x = p->narrow_x + row * n;
    const float *restrict dy = p->dy + row * n;
    float *restrict dx = p->dx + row * n;
    float r = p->inverse_rms[row], sum = 0;
    for (int64_t j = 0; j < n; j++) sum += weight[j] * dy[j] * mk_widen(x[j]);
    float share = sum * r * r * r / (float)n;
    for (int64_t j = 0; j < n; j++) dx[j] += r * weight[j] * dy[j] - share * mk_widen(x[j]);
  }
}

void rms_norm_rows(
  const float *x, const float *weight, float epsilon, uint16_t *y, int64_t rows, int64_t columns) {
  norm p = {.x = x, .weight = weight, .epsilon = epsilon, .narrow_y = y, .columns = columns};
  norm_rows(&p, 0, rows);
}

static void forward(void *p, int64_t begin, int64_t end) { norm_rows(p, begin, end); }
static void backward(void *p, int64_t begin, int64_t end) { norm_rows_backward(p, begin, end); }
static void backward_bf16(void *p, int64_t begin, int64_t end) { norm_rows_backward_bf16(p, begin, end); }

void mk_rms_norm(
  const float *x, const float *weight, float epsilon, float *y, float *inverse_rms, int64_t rows, int64_t columns) {
  norm p = {.x = x, .weight = weight, .epsilon = epsilon, .y = y, .inverse_rms = inverse_rms, .columns = columns};
  mk_parallel_ranges(rows, 8, forward, &p);
}

void mk_rms_norm_backward(
  const float *x, const float *weight, const float *inverse_rms, const float *dy, float *dx, int64_t rows,
  int64_t columns) {
  norm p = {
    .x = x, .weight = weight, .dy = dy, .dx = dx, .inverse_rms = (float *)inverse_rms, .columns = columns};
  mk_parallel_ranges(rows, 8, backward, &p);
}

void mk_rms_norm_bf16(
  const float *x, const float *weight, float epsilon, uint16_t *y, uint16_t *kept, float *inverse_rms, int64_t rows,
  int64_t columns) {
  norm p = {
    .x = x, .weight = weight, .epsilon = epsilon, .narrow_y = y, .kept = kept, .inverse_rms = inverse_rms,
    .columns = columns};
  mk_parallel_ranges(rows, 8, forward, &p);
}

void mk_rms_norm_backward_bf16(
  const uint16_t *x, const float *weight, const float *inverse_rms, const float *dy, float *dx, int64_t rows,
  int64_t columns) {
  norm p = {
    .narrow_x = x, .weight = weight, .dy = dy, .dx = dx, .inverse_rms = (float *)inverse_rms, .columns = columns};
  mk_parallel_ranges(rows, 8, backward_bf16, &p);
}

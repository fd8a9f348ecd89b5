// y = c ⊙ x + residual, dc += Σ_rows dy ⊙ x: one factor for each column.
#include "dispatch.h"

typedef struct {
  const float *x, *factors, *residual, *dy;
  const uint16_t *narrow_x;
  float *y;
  int64_t rows, columns;
} scaling;

MK_KERNEL(scale_rows, (const scaling *p, int64_t begin, int64_t end), (p, begin, end)) {
  int64_t n = p->columns;
  const float *restrict c = p->factors;
  for (int64_t row = begin; row < end; row++) {
    const float *restrict x = p->x + row * n;
    float *restrict y = p->y + row * n;
    if (p->residual) {
      const float *restrict residual = p->residual + row * n;
      for (int64_t j = 0; j < n; j++) y[j] = c[j] * x[j] + residual[j];
    } else {
      for (int64_t j = 0; j < n; j++) y[j] = c[j] * x[j];
    }
  }
}

// Panels of columns, each of them down all rows: no two threads meet.
MK_KERNEL(scale_gradient, (const scaling *p, int64_t begin, int64_t end), (p, begin, end)) {
  int64_t n = p->columns;
  float *restrict dc = p->y;
  for (int64_t row = 0; row < p->rows; row++) {
    const float *restrict dy = p->dy + row * n;
    if (p->narrow_x) {
      const uint16_t *restrict x = p->narrow_x + row * n;
      for (int64_t j = begin; j < end; j++) dc[j] += dy[j] * mk_widen(x[j]);
    } else {
      const float *restrict x = p->x + row * n;
      for (int64_t j = begin; j < end; j++) dc[j] += dy[j] * x[j];
    }
  }
}

static void forward(void *p, int64_t begin, int64_t end) { scale_rows(p, begin, end); }
static void gradient(void *p, int64_t begin, int64_t end) { scale_gradient(p, begin, end); }

void mk_scale_columns(
  const float *x, const float *factors, const float *residual, float *y, int64_t rows, int64_t columns) {
  scaling p = {.x = x, .factors = factors, .residual = residual, .y = y, .rows = rows, .columns = columns};
  mk_parallel_ranges(rows, 8, forward, &p);
}

void mk_scale_columns_gradient(
  const float *dy, const float *x, const uint16_t *narrow_x, float *dc, int64_t rows, int64_t columns) {
  scaling p = {.dy = dy, .x = x, .narrow_x = narrow_x, .y = dc, .rows = rows, .columns = columns};
  mk_parallel_ranges(columns, 128, gradient, &p);
}

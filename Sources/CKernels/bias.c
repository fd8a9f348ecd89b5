// y += b for each row; db = Σ dy over rows.
#include "rows.h"

typedef struct {
  const float *x;
  const uint16_t *narrow_x;
  float *y;
  int64_t rows, columns, stride;
} bias;

MK_KERNEL(add_rows, (const bias *p, int64_t begin, int64_t end), (p, begin, end)) {
  int64_t n = p->columns;
  const float *restrict b = p->x;
  for (int64_t row = begin; row < end; row++) {
    float *restrict y = p->y + row * n;
    for (int64_t j = 0; j < n; j++) y[j] += b[j];
  }
}

// Panels of columns, each of them down all rows: no two threads meet.
MK_KERNEL(sum_columns, (const bias *p, int64_t begin, int64_t end), (p, begin, end)) {
  float *restrict sums = p->y;
  for (int64_t row = 0; row < p->rows; row++) {
    if (p->narrow_x) {
      const uint16_t *restrict x = p->narrow_x + row * p->stride;
      for (int64_t j = begin; j < end; j++) sums[j] += mk_widen(x[j]);
    } else {
      const float *restrict x = p->x + row * p->stride;
      for (int64_t j = begin; j < end; j++) sums[j] += x[j];
    }
  }
}

void add_bias_rows(float *y, const float *b, int64_t rows, int64_t columns) {
  bias p = {.x = b, .y = y, .rows = rows, .columns = columns};
  add_rows(&p, 0, rows);
}

static void add(void *p, int64_t begin, int64_t end) { add_rows(p, begin, end); }
static void sum(void *p, int64_t begin, int64_t end) { sum_columns(p, begin, end); }

void mk_add_bias(float *y, const float *b, int64_t rows, int64_t columns) {
  bias p = {.x = b, .y = y, .rows = rows, .columns = columns};
  mk_parallel_ranges(rows, 8, add, &p);
}

void mk_column_sums(
  const float *x, const uint16_t *narrow_x, int64_t stride, float *sums, int64_t rows, int64_t columns) {
  bias p = {.x = x, .narrow_x = narrow_x, .y = sums, .rows = rows, .columns = columns, .stride = stride};
  mk_parallel_ranges(columns, 128, sum, &p);
}

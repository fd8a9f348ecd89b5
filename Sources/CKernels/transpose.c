// A matrix turned and brought to bf16, for products whose contraction runs over its rows.
#include "dispatch.h"

typedef struct {
  const float *wide;
  const uint16_t *narrow;
  int64_t rows, columns, depth;
  uint16_t *y;
} transposition;

enum { strip = 16 };

// Sixteen columns are a cache line of x in f32, and as many rows of y that are written from left to right.
MK_KERNEL(transpose_columns, (const transposition *t, int64_t begin, int64_t end), (t, begin, end)) {
  for (int64_t first = begin; first < end; first += strip) {
    int64_t width = end - first < strip ? end - first : strip;
    for (int64_t i = 0; i < t->rows; i++) {
      uint16_t values[strip];
      int64_t at = i * t->columns + first;
      if (t->narrow) memcpy(values, t->narrow + at, (size_t)width * sizeof *values);
      else
        for (int64_t j = 0; j < width; j++) values[j] = mk_narrow(t->wide[at + j]);
      for (int64_t j = 0; j < width; j++) t->y[(first + j) * t->depth + i] = values[j];
    }
    for (int64_t j = first; j < first + width; j++)
      memset(t->y + j * t->depth + t->rows, 0, (size_t)(t->depth - t->rows) * sizeof *t->y);
  }
}

static void columns_of(void *context, int64_t begin, int64_t end) { transpose_columns(context, begin, end); }

void mk_transpose_to_bf16(
  const void *x, int type, int64_t rows, int64_t columns, int64_t depth, uint16_t *y) {
  transposition t = {type == MK_F32 ? x : NULL, type == MK_BF16 ? x : NULL, rows, columns, depth, y};
  mk_parallel_ranges(columns, strip, columns_of, &t);
}

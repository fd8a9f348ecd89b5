// S = L·Lᵀ for a symmetric positive definite S, and R ← R·S⁻¹ by it, in f64.
// Blocked from the left upper corner: Golub and Van Loan, Matrix Computations, 4th edition, §4.2.6.
#include <math.h>

#include "dispatch.h"

// Columns of a block: its rows stay in the nearest cache while a tile of the rest is updated.
enum { block = 64, tile = 4 };

typedef struct {
  double *s, *r;
  int64_t n, k, width;
} factor;

MK_INLINE double dot(const double *x, const double *y, int64_t count) {
#pragma clang fp reassociate(on) contract(fast)
  double sum = 0;
  for (int64_t p = 0; p < count; p++) sum += x[p] * y[p];
  return sum;
}

// The block's own rows; whether all pivots were positive.
static bool factor_corner(const factor *f) {
  double *s = f->s + f->k * f->n + f->k;
  for (int64_t i = 0; i < f->width; i++)
    for (int64_t j = 0; j <= i; j++) {
      double value = s[i * f->n + j];
      for (int64_t p = 0; p < j; p++) value -= s[i * f->n + p] * s[j * f->n + p];
      if (j < i) {
        s[i * f->n + j] = value / s[j * f->n + j];
      } else {
        if (!(value > 0)) return false;
        s[i * f->n + i] = sqrt(value);
      }
    }
  return true;
}

// The block's columns in the rows below it.
MK_KERNEL(factor_rows, (const factor *f, int64_t begin, int64_t end), (f, begin, end)) {
  int64_t below = f->k + f->width;
  const double *corner = f->s + f->k * f->n + f->k;
  for (int64_t i = below + begin; i < below + end; i++) {
    double *row = f->s + i * f->n + f->k;
    for (int64_t j = 0; j < f->width; j++)
      row[j] = (row[j] - dot(row, corner + j * f->n, j)) / corner[j * f->n + j];
  }
}

// What the block takes from the lower triangle to its right, rows begin..<end, a tile at a time.
MK_KERNEL(update_rows, (const factor *f, int64_t begin, int64_t end), (f, begin, end)) {
#pragma clang fp reassociate(on) contract(fast)
  int64_t below = f->k + f->width, n = f->n;
  for (int64_t i = below + begin; i < below + end; i += tile) {
    int64_t rows = below + end - i < tile ? below + end - i : tile;
    for (int64_t j = below; j < i + rows; j += tile) {
      int64_t columns = i + rows - j < tile ? i + rows - j : tile;
      const double *x = f->s + i * n + f->k, *y = f->s + j * n + f->k;
      if (rows == tile && columns == tile) {
        double sum[tile][tile] = {{0}};
        for (int64_t p = 0; p < f->width; p++)
          for (int a = 0; a < tile; a++)
            for (int b = 0; b < tile; b++) sum[a][b] += x[a * n + p] * y[b * n + p];
        for (int a = 0; a < tile; a++)
          for (int b = 0; b < tile; b++) f->s[(i + a) * n + j + b] -= sum[a][b];
      } else {
        for (int64_t a = 0; a < rows; a++)
          for (int64_t b = 0; b < columns; b++)
            f->s[(i + a) * n + j + b] -= dot(x + a * n, y + b * n, f->width);
      }
    }
  }
}

MK_KERNEL(solve_rows, (const factor *f, int64_t begin, int64_t end), (f, begin, end)) {
#pragma clang fp reassociate(on) contract(fast)
  for (int64_t row = begin; row < end; row++) {
    double *z = f->r + row * f->n;
    for (int64_t i = 0; i < f->n; i++) {
      const double *l = f->s + i * f->n;
      z[i] = (z[i] - dot(l, z, i)) / l[i];
    }
    for (int64_t i = f->n - 1; i >= 0; i--) {
      const double *l = f->s + i * f->n;
      z[i] /= l[i];
      double factor = z[i];
      for (int64_t j = 0; j < i; j++) z[j] -= factor * l[j];
    }
  }
}

static void rows_of(void *context, int64_t begin, int64_t end) { factor_rows(context, begin, end); }
static void updates_of(void *context, int64_t begin, int64_t end) { update_rows(context, begin, end); }
static void solutions_of(void *context, int64_t begin, int64_t end) { solve_rows(context, begin, end); }

bool mk_cholesky(double *s, int64_t n) {
  for (int64_t k = 0; k < n; k += block) {
    factor f = {s, NULL, n, k, n - k < block ? n - k : block};
    if (!factor_corner(&f)) return false;
    int64_t below = n - k - f.width;
    mk_parallel_ranges(below, 8, rows_of, &f);
    mk_parallel_ranges(below, tile, updates_of, &f);
  }
  return true;
}

bool mk_solve_symmetric(double *s, int64_t n, double *r, int64_t m) {
  if (!mk_cholesky(s, n)) return false;
  factor f = {s, r, n, 0, 0};
  mk_parallel_ranges(m, 1, solutions_of, &f);
  return true;
}

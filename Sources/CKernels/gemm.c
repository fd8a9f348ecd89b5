// The f32 product for everything that is not a frozen matrix: adapters above all.
#include "microkernel.h"

typedef struct {
  int64_t m, n, k;
  float alpha, beta;
  const float *a, *b;
  int64_t ars, acs, brs, bcs, ldc;
  float *c;
  // B in panels of 32 columns, when all tasks share it; else each packs what it needs.
  const float *panels;
} product;

enum { row_block = 64 };

// Whether the microkernel cannot read the n columns of B from j on where they are.
MK_INLINE bool needs_packing(const product *p, int64_t n) { return p->bcs != 1 || n % 16 != 0; }

MK_INLINE int64_t panel_width(int64_t n) { return n > 16 ? 32 : 16; }

MK_KERNEL(pack_panels, (const product *p, float *panels), (p, panels)) {
  for (int64_t j = 0; j < p->n; j += 32) {
    int64_t n = p->n - j < 32 ? p->n - j : 32;
    mk_pack_panel(p->k, n, p->b + j * p->bcs, p->brs, p->bcs, panel_width(n), panels + j * p->k);
  }
}

// Columns begin..<end, a panel of 32 at a time.
MK_KERNEL(gemm_columns, (const product *p, int64_t begin, int64_t end), (p, begin, end)) {
  for (int64_t j = begin; j < end; j += 32) {
    int64_t n = end - j < 32 ? end - j : 32, width = panel_width(n);
    const float *b = p->b + j * p->bcs;
    int64_t ldb = p->brs;
    if (p->panels) {
      b = p->panels + j * p->k, ldb = width;
    } else if (needs_packing(p, n)) {
      float *panel = mk_scratch(0, (size_t)(p->k * width) * sizeof(float));
      mk_pack_panel(p->k, n, b, p->brs, p->bcs, width, panel);
      b = panel, ldb = width;
    }
    for (int64_t i = 0; i < p->m; i += 8)
      mk_block(
        p->m - i < 8 ? p->m - i : 8, n, p->k, p->alpha, p->a + i * p->ars, p->ars, p->acs, b, ldb, p->beta,
        p->c + i * p->ldc + j, p->ldc);
  }
}

static void columns(void *context, int64_t begin, int64_t end) { gemm_columns(context, begin, end); }

static void rows(void *context, int64_t begin, int64_t end) {
  product p = *(product *)context;
  p.a += begin * p.ars, p.c += begin * p.ldc;
  for (int64_t left = end - begin; left > 0; left -= row_block) {
    p.m = left < row_block ? left : row_block;
    gemm_columns(&p, 0, p.n);
    p.a += row_block * p.ars, p.c += row_block * p.ldc;
  }
}

// A few rows against a matrix whose contraction is contiguous: sums of products, nothing packed.
MK_KERNEL(gemm_dots, (const product *p), (p)) {
#pragma clang fp reassociate(on) contract(fast)
  for (int64_t i = 0; i < p->m; i++)
    for (int64_t j = 0; j < p->n; j++) {
      const float *x = p->a + i * p->ars, *y = p->b + j * p->bcs;
      float sum = 0;
      for (int64_t q = 0; q < p->k; q++) sum += x[q] * y[q];
      float *c = p->c + i * p->ldc + j;
      *c = (p->beta != 0 ? *c : 0) + p->alpha * sum;
    }
}

void mk_gemm(
  int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t ars, int64_t acs, const float *b,
  int64_t brs, int64_t bcs, float beta, float *c, int64_t ldc) {
  product p = {m, n, k, alpha, beta, a, b, ars, acs, brs, bcs, ldc, c, NULL};
  if (m <= 0 || n <= 0) return;
  if (m <= 4 && acs == 1 && brs == 1 && bcs != 1) return gemm_dots(&p);
  int64_t work = m * n * k;
  if (work < 32768) return gemm_columns(&p, 0, n);
  if (n >= 64 * mk_threads() && n >= m) return mk_parallel_ranges(n, 32, columns, &p);
  if (needs_packing(&p, n)) {
    float *panels = mk_scratch(6, (size_t)(k * (n + 31)) * sizeof(float));
    pack_panels(&p, panels);
    p.panels = panels;
  }
  mk_parallel_ranges(m, 8, rows, &p);
}

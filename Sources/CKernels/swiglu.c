// y = silu(g)·u, silu(g) = g·σ(g)                                         (Shazeer 2020, arXiv 2002.05202)
// dg = dy·u·σ(g)·(1 + g·(1 - σ(g))), du = dy·silu(g)
#include "dispatch.h"

typedef struct {
  const float *gate_up, *dy;
  float *y;
  int64_t columns;
} swiglu;

MK_KERNEL(swiglu_rows, (const swiglu *p, int64_t begin, int64_t end), (p, begin, end)) {
  int64_t n = p->columns;
  for (int64_t row = begin; row < end; row++) {
    const float *restrict gate = p->gate_up + row * 2 * n, *restrict up = gate + n;
    float *restrict y = p->y + row * n;
    for (int64_t j = 0; j < n; j++) y[j] = gate[j] * up[j] / (1 + mk_expf(-gate[j]));
  }
}

MK_KERNEL(swiglu_rows_backward, (const swiglu *p, int64_t begin, int64_t end), (p, begin, end)) {
  int64_t n = p->columns;
  for (int64_t row = begin; row < end; row++) {
    const float *restrict gate = p->gate_up + row * 2 * n, *restrict up = gate + n;
    const float *restrict dy = p->dy + row * n;
    float *restrict dgate = p->y + row * 2 * n, *restrict dup = dgate + n;
    for (int64_t j = 0; j < n; j++) {
      float sigmoid = 1 / (1 + mk_expf(-gate[j]));
      dgate[j] = dy[j] * up[j] * sigmoid * (1 + gate[j] * (1 - sigmoid));
      dup[j] = dy[j] * gate[j] * sigmoid;
    }
  }
}

static void forward(void *p, int64_t begin, int64_t end) { swiglu_rows(p, begin, end); }
static void backward(void *p, int64_t begin, int64_t end) { swiglu_rows_backward(p, begin, end); }

void mk_swiglu(const float *gate_up, float *y, int64_t rows, int64_t columns) {
  swiglu p = {gate_up, NULL, y, columns};
  mk_parallel_ranges(rows, 4, forward, &p);
}

void mk_swiglu_backward(const float *gate_up, const float *dy, float *dgate_up, int64_t rows, int64_t columns) {
  swiglu p = {gate_up, dy, dgate_up, columns};
  mk_parallel_ranges(rows, 4, backward, &p);
}

// y = silu(g)·u, silu(g) = g·σ(g)                                         (Shazeer 2020, arXiv 2002.05202)
// dg = dy·u·σ(g)·(1 + g·(1 - σ(g))), du = dy·silu(g)
#include "rows.h"

typedef struct {
  const float *gate_up, *dy;
  float *y;
  int64_t columns;
  // In bf16: the result of either direction, and gate_up as kept between them.
  uint16_t *narrow_y, *kept;
  const uint16_t *narrow_gate_up;
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

MK_KERNEL(swiglu_rows_bf16, (const swiglu *p, int64_t begin, int64_t end), (p, begin, end)) {
  int64_t n = p->columns;
  for (int64_t row = begin; row < end; row++) {
    const float *restrict gate = p->gate_up + row * 2 * n, *restrict up = gate + n;
    uint16_t *restrict y = p->narrow_y + row * n;
    for (int64_t j = 0; j < n; j++) y[j] = mk_narrow(gate[j] * up[j] / (1 + mk_expf(-gate[j])));
    if (!p->kept) continue;
    uint16_t *restrict kept = p->kept + row * 2 * n;
    for (int64_t j = 0; j < 2 * n; j++) kept[j] = mk_narrow(gate[j]);
  }
}

MK_KERNEL(swiglu_rows_backward_bf16, (const swiglu *p, int64_t begin, int64_t end), (p, begin, end)) {
  int64_t n = p->columns;
  for (int64_t row = begin; row < end; row++) {
    const uint16_t *restrict gates = p->narrow_gate_up + row * 2 * n, *restrict ups = gates + n;
    const float *restrict dy = p->dy + row * n;
    uint16_t *restrict dgate = p->narrow_y + row * 2 * n, *restrict dup = dgate + n;
    for (int64_t j = 0; j < n; j++) {
      float gate = mk_widen(gates[j]), up = mk_widen(ups[j]), sigmoid = 1 / (1 + mk_expf(-gate));
      dgate[j] = mk_narrow(dy[j] * up * sigmoid * (1 + gate * (1 - sigmoid)));
      dup[j] = mk_narrow(dy[j] * gate * sigmoid);
    }
  }
}

void swiglu_narrow(const float *gate_up, uint16_t *y, int64_t rows, int64_t columns) {
  swiglu p = {.gate_up = gate_up, .narrow_y = y, .columns = columns};
  swiglu_rows_bf16(&p, 0, rows);
}

static void forward(void *p, int64_t begin, int64_t end) { swiglu_rows(p, begin, end); }
static void backward(void *p, int64_t begin, int64_t end) { swiglu_rows_backward(p, begin, end); }
static void forward_bf16(void *p, int64_t begin, int64_t end) { swiglu_rows_bf16(p, begin, end); }
static void backward_bf16(void *p, int64_t begin, int64_t end) { swiglu_rows_backward_bf16(p, begin, end); }

void mk_swiglu(const float *gate_up, float *y, int64_t rows, int64_t columns) {
  swiglu p = {.gate_up = gate_up, .y = y, .columns = columns};
  mk_parallel_ranges(rows, 4, forward, &p);
}

void mk_swiglu_backward(const float *gate_up, const float *dy, float *dgate_up, int64_t rows, int64_t columns) {
  swiglu p = {.gate_up = gate_up, .dy = dy, .y = dgate_up, .columns = columns};
  mk_parallel_ranges(rows, 4, backward, &p);
}

void mk_swiglu_bf16(const float *gate_up, uint16_t *y, uint16_t *kept, int64_t rows, int64_t columns) {
  swiglu p = {.gate_up = gate_up, .narrow_y = y, .kept = kept, .columns = columns};
  mk_parallel_ranges(rows, 4, forward_bf16, &p);
}

void mk_swiglu_backward_bf16(
  const uint16_t *gate_up, const float *dy, uint16_t *dgate_up, int64_t rows, int64_t columns) {
  swiglu p = {.narrow_gate_up = gate_up, .dy = dy, .narrow_y = dgate_up, .columns = columns};
  mk_parallel_ranges(rows, 4, backward_bf16, &p);
}

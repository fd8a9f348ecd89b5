// y = f(x), dx = dy·f′(x); gated: y = f(g)·u, dg = dy·u·f′(g), du = dy·f(g)             (Shazeer 2020, arXiv 2002.05202)
//
// silu(x) = x·σ(x);  gelu(x) = x·Φ(x), its tanh form x·σ(2·√(2/π)·(x + 0.044715·x³)), its quick form x·σ(1.702·x)
// (Hendrycks and Gimpel 2016, arXiv 1606.08415, §2)
#include "rows.h"

// Beyond these sizes σ and Φ are 0 or 1 in f32, and what is made of x alone is kept from overflow.
#define SILU_END 88.0f
#define GELU_END 14.0f
#define GELU_TANH_END 12.0f
#define QUICK_GELU_END 60.0f

MK_INLINE float at_least(float x, float least) { return x < least ? least : x; }
MK_INLINE float within(float x, float size) { return x < -size ? -size : x > size ? size : x; }
MK_INLINE float sigmoid(float x) { return 1 / (1 + mk_expf(-x)); }

// e^(x²/2)·(1 - Φ(x)) for 0 ≤ x ≤ GELU_END: a polynomial in 1/(1 + 0.3·x), fitted to a relative error of 6e-8.
MK_INLINE float scaled_tail(float x) {
  float t = 1 / (1 + 0.3f * x), p = 3.8378306618e-2f;
  p = p * t - 1.69166190024e-1f;
  p = p * t + 2.28660233046e-1f;
  p = p * t - 7.6506639032e-2f;
  p = p * t + 1.42535626924e-1f;
  p = p * t + 9.4683483409e-2f;
  p = p * t + 1.21920351234e-1f;
  p = p * t + 1.19487687839e-1f;
  return p * t + 7.168932254e-6f;
}

// e^(-x²/2), and 1 - Φ(|x|).
typedef struct {
  float bell, tail;
} normal_tail;

MK_INLINE normal_tail tail_of(float x) {
  float bell = mk_expf(-0.5f * x * x);
  return (normal_tail){bell, bell * scaled_tail(x < 0 ? -x : x)};
}

// 2·√(2/π) and the cubic's factor.
#define TANH_SCALE 1.5957691216057308f
#define TANH_CUBE 0.044715f

// f(x) and f′(x).
typedef struct {
  float value, slope;
} point;

// x·σ(u(x)), given c, x within where σ is neither 0 nor 1, σ there, and u′.
MK_INLINE point sigmoid_point(float x, float end, float c, float s, float inner) {
  return (point){at_least(x, -end) * s, s + c * s * (1 - s) * inner};
}

MK_INLINE point point_of(const int kind, float x) {
  switch (kind) {
    case MK_SILU: {
      float c = within(x, SILU_END);
      return sigmoid_point(x, SILU_END, c, sigmoid(c), 1);
    }
    case MK_GELU: {
      float c = within(x, GELU_END);
      normal_tail t = tail_of(c);
      float share = x < 0 ? t.tail : 1 - t.tail;
      return (point){x < 0 ? c * t.tail : x - x * t.tail, share + c * t.bell * 0.39894228040143268f};
    }
    case MK_GELU_TANH: {
      float c = within(x, GELU_TANH_END), s = sigmoid(TANH_SCALE * (c + TANH_CUBE * c * c * c));
      return sigmoid_point(x, GELU_TANH_END, c, s, TANH_SCALE * (1 + 3 * TANH_CUBE * c * c));
    }
    case MK_QUICK_GELU: {
      float c = within(x, QUICK_GELU_END);
      return sigmoid_point(x, QUICK_GELU_END, c, sigmoid(1.702f * c), 1.702f);
    }
    case MK_RELU: return (point){x < 0 ? 0 : x, x > 0 ? 1 : 0};
    default: {
      float t = mk_tanhf(x);
      return (point){t, 1 - t * t};
    }
  }
}

// --- Forward ----------------------------------------------------------------------------------------------

MK_INLINE void forward_rows(const mk_activation *p, int64_t begin, int64_t end, const int kind, const bool is_gated) {
  int64_t n = p->columns, width = is_gated ? 2 * n : n;
  for (int64_t row = begin; row < end; row++) {
    const float *restrict x = p->x + row * width;
    if (p->narrow_y) {
      uint16_t *restrict y = p->narrow_y + row * n;
      for (int64_t j = 0; j < n; j++) {
        float value = point_of(kind, x[j]).value;
        y[j] = mk_narrow(is_gated ? value * x[n + j] : value);
      }
    } else {
      float *restrict y = p->y + row * n;
      for (int64_t j = 0; j < n; j++) {
        float value = point_of(kind, x[j]).value;
        y[j] = is_gated ? value * x[n + j] : value;
      }
    }
    if (!p->kept) continue;
    uint16_t *restrict kept = p->kept + row * width;
    for (int64_t j = 0; j < width; j++) kept[j] = mk_narrow(x[j]);
  }
}

// --- Backward ---------------------------------------------------------------------------------------------

MK_INLINE float input_at(const mk_activation *p, int64_t at, const bool is_narrow) {
  return is_narrow ? mk_widen(p->narrow_x[at]) : p->x[at];
}

MK_INLINE void put(const mk_activation *p, int64_t at, const bool is_narrow, float value) {
  if (is_narrow) p->narrow_dx[at] = mk_narrow(value);
  else p->dx[at] = value;
}

// `is_narrow`: both x and dx are in bf16.
MK_INLINE void backward_rows(
  const mk_activation *p, int64_t begin, int64_t end, const int kind, const bool is_gated, const bool is_narrow) {
  int64_t n = p->columns, width = is_gated ? 2 * n : n;
  for (int64_t row = begin; row < end; row++) {
    const float *restrict dy = p->dy + row * n;
    int64_t at = row * width;
#pragma clang loop vectorize(assume_safety)
    for (int64_t j = 0; j < n; j++) {
      point f = point_of(kind, input_at(p, at + j, is_narrow));
      if (is_gated) {
        put(p, at + j, is_narrow, dy[j] * f.slope * input_at(p, at + n + j, is_narrow));
        put(p, at + n + j, is_narrow, dy[j] * f.value);
      } else {
        put(p, at + j, is_narrow, dy[j] * f.slope);
      }
    }
  }
}

// --- One loop for each kind -------------------------------------------------------------------------------

#define EACH_KIND(CASE) \
  switch (p->kind) { CASE(MK_SILU) CASE(MK_GELU) CASE(MK_GELU_TANH) CASE(MK_QUICK_GELU) CASE(MK_RELU) CASE(MK_TANH) }
#define GATED_FORWARD(kind) case kind: forward_rows(p, begin, end, kind, true); break;
#define PLAIN_FORWARD(kind) case kind: forward_rows(p, begin, end, kind, false); break;
#define GATED_BACK(kind) case kind: backward_rows(p, begin, end, kind, true, false); break;
#define PLAIN_BACK(kind) case kind: backward_rows(p, begin, end, kind, false, false); break;
#define GATED_NARROW_BACK(kind) case kind: backward_rows(p, begin, end, kind, true, true); break;
#define PLAIN_NARROW_BACK(kind) case kind: backward_rows(p, begin, end, kind, false, true); break;

MK_KERNEL(activate_rows, (const mk_activation *p, int64_t begin, int64_t end), (p, begin, end)) {
  if (p->is_gated) EACH_KIND(GATED_FORWARD)
  else EACH_KIND(PLAIN_FORWARD)
}

MK_KERNEL(activate_rows_backward, (const mk_activation *p, int64_t begin, int64_t end), (p, begin, end)) {
  if (p->is_gated) EACH_KIND(GATED_BACK)
  else EACH_KIND(PLAIN_BACK)
}

MK_KERNEL(activate_rows_backward_bf16, (const mk_activation *p, int64_t begin, int64_t end), (p, begin, end)) {
  if (p->is_gated) EACH_KIND(GATED_NARROW_BACK)
  else EACH_KIND(PLAIN_NARROW_BACK)
}

void activate_narrow(int kind, const float *gate_up, uint16_t *y, int64_t rows, int64_t columns) {
  mk_activation p = {.kind = kind, .is_gated = true, .x = gate_up, .narrow_y = y, .rows = rows, .columns = columns};
  activate_rows(&p, 0, rows);
}

static void forward(void *p, int64_t begin, int64_t end) { activate_rows(p, begin, end); }
static void backward(void *p, int64_t begin, int64_t end) { activate_rows_backward(p, begin, end); }
static void backward_bf16(void *p, int64_t begin, int64_t end) { activate_rows_backward_bf16(p, begin, end); }

void mk_activate(const mk_activation *p) { mk_parallel_ranges(p->rows, 4, forward, (void *)p); }

void mk_activate_backward(const mk_activation *p) {
  mk_parallel_ranges(p->rows, 4, p->narrow_x ? backward_bf16 : backward, (void *)p);
}

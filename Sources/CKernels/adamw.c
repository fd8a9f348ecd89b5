// Decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101), as torch.optim.AdamW orders it:
// θ -= lr·λ·θ; m = β₁m + (1-β₁)g; v = β₂v + (1-β₂)g²; θ -= lr·(m/c₁)/(sqrt(v/c₂) + ε)
#include "dispatch.h"

typedef struct {
  float *values, *m, *v;
  const float *gradient;
  mk_adamw_step step;
} adamw;

MK_KERNEL(adamw_range, (const adamw *p, int64_t begin, int64_t end), (p, begin, end)) {
#pragma clang fp contract(fast)
  float *restrict values = p->values, *restrict m = p->m, *restrict v = p->v;
  const float *restrict gradient = p->gradient;
  mk_adamw_step s = p->step;
  float decay = 1 - s.learning_rate * s.weight_decay;
  float rate = s.learning_rate / s.correction1, second = 1 / s.correction2;
  for (int64_t i = begin; i < end; i++) {
    float g = gradient[i] * s.gradient_scale;
    m[i] = s.beta1 * m[i] + (1 - s.beta1) * g;
    v[i] = s.beta2 * v[i] + (1 - s.beta2) * g * g;
    values[i] = values[i] * decay - rate * m[i] / (__builtin_elementwise_sqrt(v[i] * second) + s.epsilon);
  }
}

static void range(void *p, int64_t begin, int64_t end) { adamw_range(p, begin, end); }

void mk_adamw(float *values, const float *gradient, float *m, float *v, int64_t count, const mk_adamw_step *step) {
  adamw p = {values, m, v, gradient, *step};
  mk_parallel_ranges(count, 4096, range, &p);
}

// Rotary positions (Su et al. 2021, arXiv 2104.09864): (a, b) becomes (a·cos - b·sin, b·cos + a·sin) for the pairs
// (j, j + rotated/2) of a head's first `rotated` values; the values behind them stay.
#include "dispatch.h"

typedef struct {
  const mk_attention_rule *rule;
  float *x;
  int64_t stride;
  const int32_t *positions;
  const float *cosines, *sines;
  float direction;
} rotation;

MK_KERNEL(rotate_rows, (const rotation *p, int64_t begin, int64_t end), (p, begin, end)) {
  int64_t half = p->rule->rotated / 2, heads = p->rule->heads + p->rule->kv_heads;
  for (int64_t row = begin; row < end; row++) {
    const float *restrict cosine = p->cosines + p->positions[row] * half;
    const float *restrict sine = p->sines + p->positions[row] * half;
    for (int64_t head = 0; head < heads; head++) {
      float *restrict a = p->x + row * p->stride + head * p->rule->dimension, *restrict b = a + half;
      for (int64_t j = 0; j < half; j++) {
        float s = sine[j] * p->direction, first = a[j], second = b[j];
        a[j] = first * cosine[j] - second * s;
        b[j] = second * cosine[j] + first * s;
      }
    }
  }
}

static void rotate(void *p, int64_t begin, int64_t end) { rotate_rows(p, begin, end); }

void mk_rotate(
  const mk_attention_rule *rule, float *x, int64_t stride, int64_t rows, const int32_t *positions,
  const float *cosines, const float *sines, float direction) {
  if (rule->rotated == 0) return;
  rotation p = {rule, x, stride, positions, cosines, sines, direction};
  mk_parallel_ranges(rows, 8, rotate, &p);
}

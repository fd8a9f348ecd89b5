// RMSNorm of groups of columns of each row, in place: of each head's queries and keys (Qwen Team 2025, arXiv 2505.09388,
// §2), or of all of them (OLMo Team 2025, 2501.00656, §2.1). The formulas stand in rms_norm.c.
#include "rows.h"

MK_KERNEL(norm_groups, (const mk_norm_groups *p, int64_t begin, int64_t end), (p, begin, end)) {
#pragma clang fp reassociate(on) contract(fast)
  int64_t n = p->width;
  const float *restrict weight = p->weight;
  for (int64_t row = begin; row < end; row++)
    for (int64_t group = 0; group < p->groups; group++) {
      float *restrict x = p->x + row * p->stride + group * n;
      int64_t kept = row * p->kept_stride + group * n;
      float sum = 0;
      for (int64_t j = 0; j < n; j++) sum += x[j] * x[j];
      float r = 1 / sqrtf(sum / (float)n + p->epsilon);
      if (p->inverse_rms) p->inverse_rms[row * p->groups + group] = r;
      if (p->kept) memcpy(p->kept + kept, x, (size_t)n * sizeof(float));
      if (p->narrow_kept)
        for (int64_t j = 0; j < n; j++) p->narrow_kept[kept + j] = mk_narrow(x[j]);
      for (int64_t j = 0; j < n; j++) x[j] = x[j] * r * weight[j];
    }
}

// A group's x as it was before.
MK_INLINE float former(const mk_norm_groups *p, int64_t at, const bool is_narrow) {
  return is_narrow ? mk_widen(p->narrow_kept[at]) : p->kept[at];
}

MK_INLINE void back_group(const mk_norm_groups *p, int64_t row, int64_t group, const bool is_narrow) {
#pragma clang fp reassociate(on) contract(fast)
  int64_t n = p->width, kept = row * p->kept_stride + group * n;
  const float *restrict weight = p->weight;
  float *restrict dy = p->x + row * p->stride + group * n;
  float r = p->inverse_rms[row * p->groups + group], sum = 0;
  for (int64_t j = 0; j < n; j++) sum += weight[j] * dy[j] * former(p, kept + j, is_narrow);
  float share = sum * r * r * r / (float)n;
  for (int64_t j = 0; j < n; j++) dy[j] = r * weight[j] * dy[j] - share * former(p, kept + j, is_narrow);
}

MK_KERNEL(norm_groups_backward, (const mk_norm_groups *p, int64_t begin, int64_t end), (p, begin, end)) {
  for (int64_t row = begin; row < end; row++)
    for (int64_t group = 0; group < p->groups; group++) {
      if (p->narrow_kept) back_group(p, row, group, true);
      else back_group(p, row, group, false);
    }
}

typedef struct {
  const mk_norm_groups *p;
  float *dw;
} weight_sum;

// Panels of columns of a group, each of them down all rows and groups: no two threads meet.
MK_KERNEL(norm_groups_weights, (const weight_sum *s, int64_t begin, int64_t end), (s, begin, end)) {
#pragma clang fp contract(fast)
  const mk_norm_groups *p = s->p;
  float *restrict dw = s->dw;
  for (int64_t row = 0; row < p->rows; row++)
    for (int64_t group = 0; group < p->groups; group++) {
      const float *restrict dy = p->x + row * p->stride + group * p->width;
      int64_t kept = row * p->kept_stride + group * p->width;
      float r = p->inverse_rms[row * p->groups + group];
      if (p->narrow_kept)
        for (int64_t j = begin; j < end; j++) dw[j] += dy[j] * former(p, kept + j, true) * r;
      else
        for (int64_t j = begin; j < end; j++) dw[j] += dy[j] * former(p, kept + j, false) * r;
    }
}

void rms_norm_groups_rows(const mk_norm_groups *p) { norm_groups(p, 0, p->rows); }

static void forward(void *p, int64_t begin, int64_t end) { norm_groups(p, begin, end); }
static void backward(void *p, int64_t begin, int64_t end) { norm_groups_backward(p, begin, end); }
static void gradient(void *s, int64_t begin, int64_t end) { norm_groups_weights(s, begin, end); }

void mk_rms_norm_groups(const mk_norm_groups *p) { mk_parallel_ranges(p->rows, 8, forward, (void *)p); }

void mk_rms_norm_groups_backward(const mk_norm_groups *p) { mk_parallel_ranges(p->rows, 8, backward, (void *)p); }

void mk_rms_norm_groups_gradient(const mk_norm_groups *p, float *dw) {
  weight_sum s = {p, dw};
  mk_parallel_ranges(p->width, 64, gradient, &s);
}

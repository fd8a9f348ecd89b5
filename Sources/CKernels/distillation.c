// A row learns from its label and from a teacher's logits t (Hinton et al. 2015, arXiv 1503.02531, section 2):
//
// loss = (1-w)·(log Σ exp(z) - z[target]) + w·T²·KL(softmax(t/T) ‖ softmax(z/T))
// dz = scale·((1-w)·(softmax(z) - onehot) + w·T·(softmax(z/T) - softmax(t/T)))
//
// With a softcap, z are the logits after it, and gradients those before it: times 1 - tanh².
#include "softcap.h"

typedef struct {
  float *logits, *teacher, *losses;
  const int32_t *targets;
  const float *scales;
  float softcap, temperature, weight;
  int64_t columns;
} distillation;

MK_INLINE float highest_of(const float *x, int64_t n) {
#pragma clang fp reassociate(on)
  float highest = x[0];
  for (int64_t j = 0; j < n; j++) highest = x[j] > highest ? x[j] : highest;
  return highest;
}

MK_KERNEL(distil_rows, (const distillation *p, int64_t begin, int64_t end), (p, begin, end)) {
  int64_t n = p->columns;
  float cool = 1 / p->temperature, w = p->weight;
  for (int64_t row = begin; row < end; row++) {
    float *restrict z = p->logits + row * n, *restrict t = p->teacher + row * n;
    bool is_capped = p->softcap != 0;
    float *slopes = is_capped ? mk_scratch(2, (size_t)n * sizeof(float)) : NULL;
    if (is_capped) mk_cap_values(z, n, p->softcap, slopes);
    float top = highest_of(z, n), teacher_top = highest_of(t, n), target = z[p->targets[row]];
    // Sums of 512 keep the rounding of 49,152 terms small: of exp(z), exp(z/T), exp(t/T), and of the last times the
    // difference of the exponents.
    double own = 0, own_cool = 0, teacher_cool = 0, apart = 0;
    for (int64_t block = 0; block < n; block += 512) {
#pragma clang fp reassociate(on)
      int64_t limit = n - block < 512 ? n - block : 512;
      float *restrict zs = z + block, *restrict ts = t + block;
      float sum = 0, sum_cool = 0, sum_teacher = 0, sum_apart = 0;
      for (int64_t j = 0; j < limit; j++) {
        float x = zs[j] - top, y = (ts[j] - teacher_top) * cool, e = mk_expf(y);
        sum += mk_expf(x);
        sum_cool += mk_expf(x * cool);
        sum_teacher += e;
        sum_apart += e * (y - x * cool);
        ts[j] = e;
      }
      own += sum, own_cool += sum_cool, teacher_cool += sum_teacher, apart += sum_apart;
    }
    double divergence = apart / teacher_cool - log(teacher_cool) + log(own_cool);
    p->losses[row] = (float)((1 - w) * (log(own) + top - target) +
      (double)w * p->temperature * p->temperature * divergence);
    if (!p->scales) continue;
    float scale = p->scales[row], hard = (float)(scale * (1 - w) / own);
    float soft = (float)(scale * w * p->temperature / own_cool);
    float taught = (float)(scale * w * p->temperature / teacher_cool);
    for (int64_t j = 0; j < n; j++) {
      float x = z[j] - top;
      z[j] = hard * mk_expf(x) + soft * mk_expf(x * cool) - taught * t[j];
    }
    z[p->targets[row]] -= scale * (1 - w);
    for (int64_t j = 0; is_capped && j < n; j++) z[j] *= slopes[j];
  }
}

static void rows_of(void *p, int64_t begin, int64_t end) { distil_rows(p, begin, end); }

void mk_distillation(
  float *logits, float *teacher, const int32_t *targets, float *losses, const float *scales, float softcap,
  float temperature, float weight, int64_t rows, int64_t columns) {
  distillation p = {logits, teacher, losses, targets, scales, softcap, temperature, weight, columns};
  mk_parallel_ranges(rows, 1, rows_of, &p);
}

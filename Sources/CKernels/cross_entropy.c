// loss = log Σ exp(z) - z[target]; dz = scale·(softmax(z) - onehot(target))
#include "dispatch.h"

typedef struct {
  float *logits, *losses;
  const int32_t *targets;
  const float *scales;
  int64_t columns;
} entropy;

MK_KERNEL(entropy_rows, (const entropy *p, int64_t begin, int64_t end), (p, begin, end)) {
  int64_t n = p->columns;
  for (int64_t row = begin; row < end; row++) {
    float *restrict z = p->logits + row * n;
    float highest = z[0];
    {
#pragma clang fp reassociate(on)
      for (int64_t j = 0; j < n; j++) highest = z[j] > highest ? z[j] : highest;
    }
    // Sums of 512 keep the rounding of 49,152 terms small.
    double total = 0;
    float target = z[p->targets[row]];
    for (int64_t block = 0; block < n; block += 512) {
#pragma clang fp reassociate(on)
      int64_t limit = n - block < 512 ? n - block : 512;
      float *restrict part = z + block, sum = 0;
      if (p->scales) {
        for (int64_t j = 0; j < limit; j++) {
          float e = mk_expf(part[j] - highest);
          part[j] = e;
          sum += e;
        }
      } else {
        for (int64_t j = 0; j < limit; j++) sum += mk_expf(part[j] - highest);
      }
      total += sum;
    }
    p->losses[row] = (float)(log(total) + highest - target);
    if (p->scales) {
      float factor = (float)(p->scales[row] / total);
      for (int64_t j = 0; j < n; j++) z[j] *= factor;
      z[p->targets[row]] -= p->scales[row];
    }
  }
}

static void rows_of(void *p, int64_t begin, int64_t end) { entropy_rows(p, begin, end); }

void mk_cross_entropy(
  float *logits, const int32_t *targets, float *losses, const float *scales, int64_t rows, int64_t columns) {
  entropy p = {logits, losses, targets, scales, columns};
  mk_parallel_ranges(rows, 1, rows_of, &p);
}

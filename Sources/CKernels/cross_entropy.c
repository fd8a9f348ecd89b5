// loss = log Σ exp(l) - l[target]; dl = scale·(softmax(l) - onehot(target))
// Logits l are z, or with a softcap c·tanh(z/c): dz = dl·(1 - tanh(z/c)²).
#include "dot.h"
#include "softcap.h"

typedef struct {
  float *logits, *losses;
  const int32_t *targets;
  const float *scales;
  float softcap;
  // Where gradients go in bf16, rows `stride` apart; NULL for in place.
  uint16_t *narrow;
  int64_t columns, stride;
} entropy;

MK_KERNEL(entropy_rows, (const entropy *p, int64_t begin, int64_t end), (p, begin, end)) {
  int64_t n = p->columns;
  for (int64_t row = begin; row < end; row++) {
    float *restrict z = p->logits + row * n;
    bool is_capped = p->softcap != 0;
    float *slopes = is_capped && p->scales ? mk_scratch(2, (size_t)n * sizeof(float)) : NULL;
    if (is_capped) mk_cap_values(z, n, p->softcap, slopes);
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
      float factor = (float)(p->scales[row] / total), scale = p->scales[row];
      int32_t label = p->targets[row];
      if (slopes) {
        for (int64_t j = 0; j < n; j++) z[j] *= factor;
        z[label] -= scale;
        for (int64_t j = 0; j < n; j++) z[j] *= slopes[j];
        if (p->narrow)
          for (int64_t j = 0; j < n; j++) p->narrow[row * p->stride + j] = mk_narrow(z[j]);
      } else if (p->narrow) {
        uint16_t *restrict to = p->narrow + row * p->stride;
        for (int64_t j = 0; j < n; j++) to[j] = mk_narrow(z[j] * factor);
        to[label] = mk_narrow(z[label] * factor - scale);
      } else {
        for (int64_t j = 0; j < n; j++) z[j] *= factor;
        z[label] -= scale;
      }
    }
  }
}

#if !defined(MK_NO_DOT_UNIT)
MK_DOT_INLINE float highest_of(const float *x, int64_t count) {
  __m512 top = _mm512_set1_ps(-INFINITY);
  for (int64_t j = 0; j < count; j += 16) {
    __mmask16 mask = mk_mask_of(count - j);
    top = _mm512_mask_max_ps(top, mask, top, _mm512_maskz_loadu_ps(mask, x + j));
  }
  return _mm512_reduce_max_ps(top);
}

// With gradients in bf16, without a softcap.
MK_DOT_UNIT static void dot_rows(const entropy *p, int64_t begin, int64_t end) {
  int64_t n = p->columns;
  for (int64_t row = begin; row < end; row++) {
    float *z = p->logits + row * n, highest = highest_of(z, n), scale = p->scales[row];
    int32_t label = p->targets[row];
    float target = z[label];
    __m512 top = _mm512_set1_ps(highest);
    double total = 0;
    for (int64_t block = 0; block < n; block += 512) {
      int64_t limit = n - block < 512 ? n - block : 512;
      __m512 sum = _mm512_setzero_ps();
      for (int64_t j = block; j < block + limit; j += 16) {
        __mmask16 mask = mk_mask_of(block + limit - j);
        __m512 e = mk_exp16(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, z + j), top));
        mk_store(z + j, mask, e);
        sum = _mm512_mask_add_ps(sum, mask, sum, e);
      }
      total += _mm512_reduce_add_ps(sum);
    }
    p->losses[row] = (float)(log(total) + highest - target);
    float factor = (float)(scale / total);
    uint16_t *to = p->narrow + row * p->stride;
    for (int64_t j = 0; j < n; j += 16) {
      __mmask16 mask = mk_mask_of(n - j);
      mk_store_narrow(to + j, mask, _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, z + j), _mm512_set1_ps(factor)));
    }
    to[label] = mk_narrow(z[label] * factor - scale);
  }
}
#else
#define dot_rows entropy_rows
#endif

static void rows_of(void *context, int64_t begin, int64_t end) {
  const entropy *p = context;
  bool is_plain = p->narrow && p->scales && p->softcap == 0;
  (is_plain && mk_has_dot_unit() ? dot_rows : entropy_rows)(p, begin, end);
}

void mk_cross_entropy(
  float *logits, const int32_t *targets, float *losses, const float *scales, float softcap, int64_t rows,
  int64_t columns, uint16_t *narrow, int64_t stride) {
  entropy p = {logits, losses, targets, scales, softcap, narrow, columns, stride};
  mk_parallel_ranges(rows, 1, rows_of, &p);
}

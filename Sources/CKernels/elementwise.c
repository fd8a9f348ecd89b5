// Conversions between f32 and bf16, sums, scaled addition, softcaps, dropout: loops split over the team.
#include "rows.h"
#include "softcap.h"

enum { grain = 4096 };

typedef struct {
  const void *x;
  void *y;
  float scale;
} pair;

MK_KERNEL(narrow_range, (const pair *p, int64_t begin, int64_t end), (p, begin, end)) {
  const float *x = p->x;
  uint16_t *y = p->y;
  for (int64_t i = begin; i < end; i++) y[i] = mk_narrow(x[i]);
}

MK_KERNEL(widen_range, (const pair *p, int64_t begin, int64_t end), (p, begin, end)) {
  const uint16_t *x = p->x;
  float *y = p->y;
  for (int64_t i = begin; i < end; i++) y[i] = mk_widen(x[i]);
}

MK_KERNEL(add_range, (const pair *p, int64_t begin, int64_t end), (p, begin, end)) {
#pragma clang fp contract(fast)
  const float *x = p->x;
  float *y = p->y, scale = p->scale;
  for (int64_t i = begin; i < end; i++) y[i] += scale * x[i];
}

static void narrow(void *p, int64_t begin, int64_t end) { narrow_range(p, begin, end); }
static void widen(void *p, int64_t begin, int64_t end) { widen_range(p, begin, end); }
static void add(void *p, int64_t begin, int64_t end) { add_range(p, begin, end); }

void mk_to_bf16(const float *x, uint16_t *y, int64_t count) {
  pair p = {x, y, 0};
  mk_parallel_ranges(count, grain, narrow, &p);
}

void mk_from_bf16(const uint16_t *x, float *y, int64_t count) {
  pair p = {x, y, 0};
  mk_parallel_ranges(count, grain, widen, &p);
}

void mk_add_scaled(float *y, const float *x, float scale, int64_t count) {
  pair p = {x, y, scale};
  mk_parallel_ranges(count, grain, add, &p);
}

typedef struct {
  const float *x, *z;
  const uint16_t *narrow_z;
  float scale, *y;
} scaled_sum;

// y may be x: each value is read before its place is written.
MK_KERNEL(sum_range, (const scaled_sum *p, int64_t begin, int64_t end), (p, begin, end)) {
#pragma clang fp contract(fast)
  const float *x = p->x;
  float *y = p->y, scale = p->scale;
  if (p->narrow_z) {
#pragma clang loop vectorize(assume_safety)
    for (int64_t i = begin; i < end; i++) y[i] = x[i] + scale * mk_widen(p->narrow_z[i]);
  } else {
#pragma clang loop vectorize(assume_safety)
    for (int64_t i = begin; i < end; i++) y[i] = x[i] + scale * p->z[i];
  }
}

void sum_scaled_values(
  const float *x, const float *z, const uint16_t *narrow_z, float scale, float *y, int64_t count) {
  scaled_sum p = {.x = x, .z = z, .narrow_z = narrow_z, .scale = scale, .y = y};
  sum_range(&p, 0, count);
}

MK_KERNEL(scale_range, (const pair *p, int64_t begin, int64_t end), (p, begin, end)) {
  const float *x = p->x;
  float *y = p->y, scale = p->scale;
  for (int64_t i = begin; i < end; i++) y[i] = scale * x[i];
}

MK_KERNEL(scale_range_bf16, (const pair *p, int64_t begin, int64_t end), (p, begin, end)) {
  const uint16_t *x = p->x;
  uint16_t *y = p->y;
  float scale = p->scale;
  for (int64_t i = begin; i < end; i++) y[i] = mk_narrow(scale * mk_widen(x[i]));
}

MK_KERNEL(cap_range, (const pair *p, int64_t begin, int64_t end), (p, begin, end)) {
  mk_cap_values((float *)p->y + begin, end - begin, p->scale, NULL);
}

static void sum(void *p, int64_t begin, int64_t end) { sum_range(p, begin, end); }
static void scale(void *p, int64_t begin, int64_t end) { scale_range(p, begin, end); }
static void scale_bf16(void *p, int64_t begin, int64_t end) { scale_range_bf16(p, begin, end); }
static void cap(void *p, int64_t begin, int64_t end) { cap_range(p, begin, end); }

void mk_sum_scaled(const float *x, const float *z, const uint16_t *narrow_z, float scale, float *y, int64_t count) {
  scaled_sum p = {x, z, narrow_z, scale, y};
  mk_parallel_ranges(count, grain, sum, &p);
}

void mk_scale(const float *x, float by, float *y, int64_t count) {
  pair p = {x, y, by};
  mk_parallel_ranges(count, grain, scale, &p);
}

void mk_scale_bf16(const uint16_t *x, float by, uint16_t *y, int64_t count) {
  pair p = {x, y, by};
  mk_parallel_ranges(count, grain, scale_bf16, &p);
}

void mk_softcap(float *x, float size, int64_t count) {
  pair p = {x, x, size};
  mk_parallel_ranges(count, grain, cap, &p);
}

typedef struct {
  const float *x;
  int64_t count;
  double *sum;
} squares;

MK_KERNEL(square_range, (const squares *s), (s)) {
#pragma clang fp reassociate(on) contract(fast)
  double total = 0;
  for (int64_t begin = 0; begin < s->count; begin += grain) {
    int64_t end = begin + grain < s->count ? begin + grain : s->count;
    float sum = 0;
    for (int64_t i = begin; i < end; i++) sum += s->x[i] * s->x[i];
    total += sum;
  }
  *s->sum = total;
}

double mk_sum_of_squares(const float *x, int64_t count) {
  double sum = 0;
  squares s = {x, count, &sum};
  square_range(&s);
  return sum;
}

typedef struct {
  const float *x;
  atomic_uint *largest;
} magnitudes;

// Magnitudes compare as whole numbers do; those of infinities and of what is no number come last.
MK_KERNEL(largest_magnitude, (const magnitudes *m, int64_t begin, int64_t end), (m, begin, end)) {
  const uint32_t *bits = (const uint32_t *)(const void *)m->x;
  uint32_t largest = 0;
  for (int64_t i = begin; i < end; i++) {
    uint32_t own = bits[i] & 0x7FFFFFFF;
    largest = own > largest ? own : largest;
  }
  uint32_t known = atomic_load(m->largest);
  while (known < largest && !atomic_compare_exchange_weak(m->largest, &known, largest)) {}
}

static void magnitude_range(void *m, int64_t begin, int64_t end) { largest_magnitude(m, begin, end); }

bool mk_all_finite(const float *x, int64_t count) {
  atomic_uint largest = 0;
  magnitudes m = {x, &largest};
  mk_parallel_ranges(count, grain, magnitude_range, &m);
  return largest < 0x7F800000;
}

typedef struct {
  const float *x;
  float *y;
  const uint16_t *narrow_x;
  uint16_t *narrow_y;
  float keep_scale;
  uint32_t limit;
  uint64_t seed;
  bool accumulate;
} dropout;

// A counter through a 32-bit finalizer (Murmur3), keyed by the seed: any element can be drawn alone.
MK_INLINE bool is_kept(const dropout *d, int64_t i) {
  uint32_t h = ((uint32_t)i ^ (uint32_t)d->seed) * 0x9E3779B1u + (uint32_t)(d->seed >> 32);
  h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
  h = (h ^ (h >> 13)) * 0xC2B2AE35u;
  return (h ^ (h >> 16)) >= d->limit;
}

MK_KERNEL(dropout_range, (const dropout *d, int64_t begin, int64_t end), (d, begin, end)) {
  for (int64_t i = begin; i < end; i++) {
    float value = is_kept(d, i) ? d->x[i] * d->keep_scale : 0;
    d->y[i] = d->accumulate ? d->y[i] + value : value;
  }
}

MK_KERNEL(dropout_range_bf16, (const dropout *d, int64_t begin, int64_t end), (d, begin, end)) {
  const uint16_t *x = d->narrow_x;
  uint16_t *y = d->narrow_y;
  for (int64_t i = begin; i < end; i++) y[i] = is_kept(d, i) ? mk_narrow(mk_widen(x[i]) * d->keep_scale) : 0;
}

static void drop(void *p, int64_t begin, int64_t end) { dropout_range(p, begin, end); }
static void drop_bf16(void *p, int64_t begin, int64_t end) { dropout_range_bf16(p, begin, end); }

static dropout dropout_of(float rate, uint64_t seed) {
  // SplitMix64's finalizer, so that neighbouring seeds do not draw permutations of one mask.
  seed = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9u;
  seed = (seed ^ (seed >> 27)) * 0x94D049BB133111EBu;
  seed ^= seed >> 31;
  return (dropout){.keep_scale = 1 / (1 - rate), .limit = (uint32_t)((double)rate * 4294967295.0), .seed = seed};
}

void mk_dropout(
  const float *x, float *y, int64_t rows, int64_t columns, float rate, uint64_t seed, bool accumulate) {
  dropout d = dropout_of(rate, seed);
  d.x = x, d.y = y, d.accumulate = accumulate;
  mk_parallel_ranges(rows * columns, grain, drop, &d);
}

void mk_dropout_bf16(const uint16_t *x, uint16_t *y, int64_t rows, int64_t columns, float rate, uint64_t seed) {
  dropout d = dropout_of(rate, seed);
  d.narrow_x = x, d.narrow_y = y;
  mk_parallel_ranges(rows * columns, grain, drop_bf16, &d);
}

// AdamW with moments of 8 bits (Dettmers, Lewis, Shleifer and Zettlemoyer 2021, arXiv 2110.02861): each block of
// MK_STATE_BLOCK values is held as indices into a dynamic map and one f32 scale, the block's largest magnitude.
//
// The map has seven decades. Decade i, 10^(i-7) to 10^(i-6), is cut into s equal parts, each held by its
// middle; s doubles from decade to decade, from 1 in the signed map and from 2 in the unsigned one; 0 and 1 stand
// besides. Part j of a decade is given the position s + j, so that a value's position is
//   floor(x·10^(6-i)·s/0.9 + s·8/9), held to s...2s-1
// and quantizing asks no search. These are the values of bitsandbytes' create_dynamic_map, in its order.
#include <float.h>
#include <pthread.h>

#include "dispatch.h"

enum { decades = 7, block = MK_STATE_BLOCK };

typedef struct {
  // Where decade i begins to be nearer than the one below it (or 0), and where 1 does.
  float edges[decades], one;
  float slopes[decades], steps[decades];
} grid;

typedef struct {
  float values[256];
  grid grid;
} dynamic_map;

static dynamic_map signed_map, unsigned_map;

// Where part j of a decade begins, of 0.1 to 1: torch.linspace in f32, which counts from both ends.
static float boundary(int steps, int j) {
  double width = (1 - 0.1f) / (float)steps;
  return (float)(j < (steps + 1) / 2 ? 0.1f + width * j : 1 - width * (steps - j));
}

// rank 1 is the smallest magnitude; positions and ranks differ by `offset`.
static void build(dynamic_map *map, double steps, int zero, int offset) {
  float below = 0;
  map->values[zero] = 0;
  for (int i = 0; i < decades; i++, steps *= 2) {
    double unit = pow(10, i - 6);
    for (int j = 0; j < steps; j++) {
      // To the bit of the published map, which quantized models are read by.
      float value = (float)unit * ((boundary((int)steps, j) + boundary((int)steps, j + 1)) / 2);
      int rank = (int)steps + j - offset;
      map->values[zero + rank] = value;
      if (zero) map->values[zero - rank] = -value;
      if (j == 0) map->grid.edges[i] = (below + value) / 2;
      below = value;
    }
    map->grid.slopes[i] = (float)(steps / (0.9 * unit));
    map->grid.steps[i] = (float)steps;
  }
  map->values[255] = 1;
  map->grid.one = (below + 1) / 2;
}

static void build_maps(void) {
  build(&signed_map, 1, 127, 0);
  build(&unsigned_map, 2, 0, 1);
}

static const dynamic_map *the_map(bool is_signed) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, build_maps);
  return is_signed ? &signed_map : &unsigned_map;
}

void mk_dynamic_map(float *values, bool is_signed) {
  memcpy(values, the_map(is_signed)->values, sizeof(float) * 256);
}

// The position of what is nearest to x in 0...1; 0 when that is 0.
MK_INLINE int32_t position(float x, const grid *grid) {
  float slope = grid->slopes[0], steps = grid->steps[0];
  for (int i = 1; i < decades; i++) {
    slope = x >= grid->edges[i] ? grid->slopes[i] : slope;
    steps = x >= grid->edges[i] ? grid->steps[i] : steps;
  }
  float p = x * slope + steps * (8.0f / 9.0f), last = 2 * steps - 1;
  p = p < steps ? steps : p;
  p = p > last ? last : p;
  p = x >= grid->one ? last + 1 : p;
  return x < grid->edges[0] ? 0 : (int32_t)p;
}

// Of magnitudes as their bits, which order as the numbers do and whose maxima vectorize.
MK_INLINE float largest(const float *x, int64_t count) {
  uint32_t most = 0;
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, 4);
    bits &= 0x7FFFFFFF;
    most = bits > most ? bits : most;
  }
  float result;
  memcpy(&result, &most, 4);
  return result;
}

// The block's scale. Below FLT_MIN its inverse would not be finite, and the block counts as zeros.
MK_INLINE float quantize_signed(const float *restrict x, uint8_t *restrict codes, int64_t count, grid grid) {
  float scale = largest(x, count);
  scale = scale < FLT_MIN ? 0 : scale;
  float inverse = scale > 0 ? 1 / scale : 0;
  for (int64_t i = 0; i < count; i++) {
    float y = x[i] * inverse;
    int32_t p = position(y < 0 ? -y : y, &grid);
    // The published map has 1 and no -1.
    int32_t negative = p > 127 ? 0 : 127 - p;
    codes[i] = (uint8_t)(y < 0 ? negative : 127 + p);
  }
  return scale;
}

// What is above 0 never becomes 0: the next step would divide by ε alone (the zero point that Li, Chen and Zhu 2023,
// arXiv 2309.01507, leave out of their map for v).
MK_INLINE float quantize_unsigned(const float *restrict x, uint8_t *restrict codes, int64_t count, grid grid) {
  float scale = largest(x, count);
  scale = scale < FLT_MIN ? 0 : scale;
  float inverse = scale > 0 ? 1 / scale : 0;
  for (int64_t i = 0; i < count; i++) {
    float y = x[i] * inverse;
    int32_t p = position(y, &grid) - 1, least = y > 0;
    codes[i] = (uint8_t)(p < least ? least : p);
  }
  return scale;
}

MK_INLINE void dequantize(
  const uint8_t *restrict codes, float scale, float *restrict x, int64_t count, const float *restrict values) {
  for (int64_t i = 0; i < count; i++) x[i] = values[codes[i]] * scale;
}

typedef struct {
  float *values;
  const float *gradient;
  uint8_t *m, *v;
  float *m_scales, *v_scales;
  mk_adamw_step step;
  const dynamic_map *signed_map, *unsigned_map;
} adamw8;

// The update takes the moments as they are before they are rounded again.
MK_KERNEL(adamw8_range, (const adamw8 *p, int64_t begin, int64_t end), (p, begin, end)) {
#pragma clang fp contract(fast)
  mk_adamw_step s = p->step;
  float decay = 1 - s.learning_rate * s.weight_decay;
  float rate = s.learning_rate / s.correction1, second = 1 / s.correction2;
  for (int64_t first = begin; first < end; first += block) {
    int64_t count = end - first < block ? end - first : block;
    float *restrict values = p->values + first;
    const float *restrict gradient = p->gradient + first;
    uint8_t *m_codes = p->m + first, *v_codes = p->v + first;
    float m[block], v[block];
    dequantize(m_codes, p->m_scales[first / block], m, count, p->signed_map->values);
    dequantize(v_codes, p->v_scales[first / block], v, count, p->unsigned_map->values);
    for (int64_t i = 0; i < count; i++) {
      float g = gradient[i] * s.gradient_scale;
      m[i] = s.beta1 * m[i] + (1 - s.beta1) * g;
      v[i] = s.beta2 * v[i] + (1 - s.beta2) * g * g;
      values[i] = values[i] * decay - rate * m[i] / (__builtin_elementwise_sqrt(v[i] * second) + s.epsilon);
    }
    p->m_scales[first / block] = quantize_signed(m, m_codes, count, p->signed_map->grid);
    p->v_scales[first / block] = quantize_unsigned(v, v_codes, count, p->unsigned_map->grid);
  }
}

static void range(void *p, int64_t begin, int64_t end) { adamw8_range(p, begin, end); }

void mk_adamw8(
  float *values, const float *gradient, uint8_t *m, float *m_scales, uint8_t *v, float *v_scales, int64_t count,
  const mk_adamw_step *step) {
  adamw8 p = {values, gradient, m, v, m_scales, v_scales, *step, the_map(true), the_map(false)};
  mk_parallel_ranges(count, 16 * block, range, &p);
}

typedef struct {
  const float *x;
  uint8_t *codes;
  float *scales;
  int64_t count;
  const dynamic_map *map;
  bool is_signed;
} blocks;

MK_KERNEL(quantize_all, (const blocks *p), (p)) {
  for (int64_t first = 0; first < p->count; first += block) {
    int64_t count = p->count - first < block ? p->count - first : block;
    p->scales[first / block] = p->is_signed
      ? quantize_signed(p->x + first, p->codes + first, count, p->map->grid)
      : quantize_unsigned(p->x + first, p->codes + first, count, p->map->grid);
  }
}

void mk_quantize_moments(const float *x, uint8_t *codes, float *scales, int64_t count, bool is_signed) {
  blocks p = {x, codes, scales, count, the_map(is_signed), is_signed};
  quantize_all(&p);
}

// Vector types, and one body compiled for each vector level.
#pragma once

#include <stdatomic.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "CKernels.h"

#define MK_INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__) && defined(__clang__)
#define MK_LEVEL4 __attribute__((target("arch=x86-64-v4,no-prefer-256-bit")))
#define MK_LEVEL3 __attribute__((target("arch=x86-64-v3")))
// Defines `void name params`, which runs the body that follows at the best vector level.
#define MK_KERNEL(name, params, args)                                  \
  MK_INLINE void name##_body params;                                   \
  MK_LEVEL4 static void name##_level4 params { name##_body args; }     \
  MK_LEVEL3 static void name##_level3 params { name##_body args; }     \
  static void name##_level1 params { name##_body args; }               \
  void name params {                                                   \
    int level = mk_vector_level();                                     \
    if (level >= 4) name##_level4 args;                                \
    else if (level >= 3) name##_level3 args;                           \
    else name##_level1 args;                                           \
  }                                                                    \
  MK_INLINE void name##_body params
#else
#define MK_KERNEL(name, params, args)                                  \
  MK_INLINE void name##_body params;                                   \
  void name params { name##_body args; }                               \
  MK_INLINE void name##_body params
#endif

// Whether the 8-bit dot unit for vectors of 256 bits is there. A level that is asked for by MOTET_ISA has none: it is that of
// processors without.
bool mk_has_avx_vnni(void);

// Splits 0..<count over the team in runs whose length is a multiple of `grain`.
typedef void (*mk_range_body)(void *context, int64_t begin, int64_t end);
void mk_parallel_ranges(int64_t count, int64_t grain, mk_range_body body, void *context);
// The same runs, for loops that have them among other tasks.
int64_t mk_range_parts(int64_t count);
void mk_range_part(int64_t count, int64_t part, int64_t *begin, int64_t *end);

// Waits within a task until others have brought a counter to 0: earlier tasks of its loop, which are begun in order, or
// those of an earlier stage, all of which are begun before any of the next.
void mk_wait_for_none(atomic_int *counter);
// One turn of waiting for another thread.
void mk_pause(int turn);

// Scratch memory of this thread that grows and stays: slots 0..<scratch_slots.
enum { scratch_slots = 10 };
void *mk_scratch(int slot, size_t bytes);
void mk_set_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Between f32 and bf16: to nearest even, NaN stays NaN.
MK_INLINE uint16_t mk_narrow(float x) {
  union { float f; uint32_t i; } v = {x};
  uint32_t rounded = (v.i + 0x7FFF + (v.i >> 16 & 1)) >> 16;
  return (uint16_t)((v.i & 0x7FFFFFFF) > 0x7F800000 ? v.i >> 16 | 0x40 : rounded);
}

MK_INLINE float mk_widen(uint16_t x) {
  union { uint32_t i; float f; } v = {(uint32_t)x << 16};
  return v.f;
}

// eˣ by 2ⁿ·p(r), |r| ≤ ln2/2, a degree-6 polynomial: relative error 1e-7 (Cephes' expf).
MK_INLINE float mk_expf(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  float n = (x * 1.44269504088896341f + 12582912.0f) - 12582912.0f;
  float r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  union { int32_t i; float f; } power;
  power.i = ((int32_t)n + 127) << 23;
  return p * power.f;
}

// tanh by an odd polynomial fitted up to 0.625, by 1 - 2/(e²ˣ + 1) beyond: relative error 2e-7; NaN stays NaN.
MK_INLINE float mk_tanhf(float x) {
  float z = x * x, size = x < 0 ? -x : x;
  float p = -5.717044511e-3f;
  p = p * z + 2.0650586784e-2f;
  p = p * z - 5.3743497916e-2f;
  p = p * z + 1.33314912840e-1f;
  p = p * z - 3.33332839252e-1f;
  float far = 1 - 2 / (mk_expf(2 * size) + 1);
  return size < 0.625f ? x + x * z * p : x < 0 ? -far : far;
}

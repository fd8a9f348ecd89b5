// The processor's 8-bit dot-product unit: sums of four products of an unsigned and a signed byte.
#pragma once

#include "dispatch.h"

#if defined(__x86_64__) && defined(__clang__)
#include <immintrin.h>

#define MK_BYTE_UNIT __attribute__((target("arch=x86-64-v4,avx512vnni,no-prefer-256-bit")))
#define MK_BYTE_INLINE static inline __attribute__((always_inline)) MK_BYTE_UNIT

// Whether the unit is there (and not refused by MOTET_ISA).
static inline bool mk_has_byte_unit(void) {
  static _Atomic int known;
  if (!known) known = mk_vector_level() >= 4 && __builtin_cpu_supports("avx512vnni") ? 2 : 1;
  return known == 2;
}
#else
#define MK_NO_BYTE_UNIT
static inline bool mk_has_byte_unit(void) { return false; }
#endif

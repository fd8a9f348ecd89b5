// The processor's bf16 dot-product unit: sums of products of pairs. A pair is two bf16 values in 32 bits.
#pragma once

#include "dispatch.h"

#if defined(__x86_64__) && defined(__clang__)
#include <immintrin.h>

#define MK_DOT_UNIT __attribute__((target("arch=x86-64-v4,avx512bf16,no-prefer-256-bit")))
#define MK_DOT_INLINE static inline __attribute__((always_inline)) MK_DOT_UNIT
#define MK_DOT(sum, a, b) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))

// Whether the unit is there (and not refused by MOTET_ISA).
static inline bool mk_has_dot_unit(void) {
  static _Atomic int known;
  if (!known) known = mk_vector_level() >= 4 && __builtin_cpu_supports("avx512bf16") ? 2 : 1;
  return known == 2;
}

MK_DOT_INLINE __m512i mk_pair_at(const void *p) {
  int32_t value;
  memcpy(&value, p, sizeof value);
  return _mm512_set1_epi32(value);
}

// Pairs (first[j], second[j]) from two rows of f32.
MK_DOT_INLINE __m512i mk_pairs(__m512 first, __m512 second) {
  __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(first));
  __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(second));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

// Pairs (first[j], second[j]) in the order of j, of two vectors of 32 values.
MK_DOT_INLINE void mk_interleave(__m512i first, __m512i second, uint32_t *to) {
  static const uint16_t low[32] = {0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39,
                                   8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
  static const uint16_t high[32] = {16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55,
                                    24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63};
  _mm512_storeu_si512(to, _mm512_permutex2var_epi16(first, _mm512_loadu_si512(low), second));
  _mm512_storeu_si512(to + 16, _mm512_permutex2var_epi16(first, _mm512_loadu_si512(high), second));
}

// Sixteen vectors of sixteen words, turned.
MK_DOT_INLINE void mk_turn_words(__m512i *r) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4)
    for (int j = 0; j < 2; j++) {
      r[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + 2 + j]);
      r[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + 2 + j]);
    }
  // r[4a + b] holds column 4·lane + b of rows 4a..<4a + 4: gather the four quarters of each.
  for (int b = 0; b < 4; b++) {
    t[b] = _mm512_shuffle_i32x4(r[b], r[4 + b], 0x88);
    t[4 + b] = _mm512_shuffle_i32x4(r[b], r[4 + b], 0xDD);
    t[8 + b] = _mm512_shuffle_i32x4(r[8 + b], r[12 + b], 0x88);
    t[12 + b] = _mm512_shuffle_i32x4(r[8 + b], r[12 + b], 0xDD);
  }
  for (int b = 0; b < 4; b++) {
    r[b] = _mm512_shuffle_i32x4(t[b], t[8 + b], 0x88);
    r[8 + b] = _mm512_shuffle_i32x4(t[b], t[8 + b], 0xDD);
    r[4 + b] = _mm512_shuffle_i32x4(t[4 + b], t[12 + b], 0x88);
    r[12 + b] = _mm512_shuffle_i32x4(t[4 + b], t[12 + b], 0xDD);
  }
}

// mk_expf of sixteen values; NaN stays NaN, as the second operand of both.
MK_DOT_INLINE __m512 mk_exp16(__m512 x) {
  x = _mm512_min_ps(_mm512_set1_ps(88), _mm512_max_ps(_mm512_set1_ps(-87), x));
  __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504088896341f)), 0);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fmadd_ps(n, _mm512_set1_ps(2.12194440e-4f), r);
  __m512 p = _mm512_fmadd_ps(r, _mm512_set1_ps(1.9875691500e-4f), _mm512_set1_ps(1.3981999507e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
  p = _mm512_fmadd_ps(_mm512_mul_ps(p, r), r, _mm512_add_ps(r, _mm512_set1_ps(1)));
  return _mm512_scalef_ps(p, n);
}

MK_DOT_INLINE __mmask16 mk_mask_of(int64_t count) {
  return count >= 16 ? 0xFFFF : count <= 0 ? 0 : (__mmask16)((1 << count) - 1);
}

// Stores under a mask take some processors many times as long as whole ones.
MK_DOT_INLINE void mk_store_narrow(uint16_t *to, __mmask16 mask, __m512 x) {
  __m256i narrow = (__m256i)_mm512_cvtneps_pbh(x);
  if (mask == 0xFFFF) _mm256_storeu_si256((__m256i *)to, narrow);
  else _mm256_mask_storeu_epi16(to, mask, narrow);
}

MK_DOT_INLINE void mk_store(float *to, __mmask16 mask, __m512 x) {
  if (mask == 0xFFFF) _mm512_storeu_ps(to, x);
  else _mm512_mask_storeu_ps(to, mask, x);
}

// C[mr][16·nv] = scale·A·B, added to C with `accumulate`: A in pairs along the sum, ars and acs pairs apart, B in
// rows of pairs.
MK_DOT_INLINE void mk_dot_micro(
  const int mr, const int nv, int64_t pairs, float scale, const uint32_t *a, int64_t ars, int64_t acs,
  const uint32_t *b, int64_t ldb, bool accumulate, float *c, int64_t ldc) {
  __m512 sum[8][2];
  for (int i = 0; i < mr; i++)
    for (int j = 0; j < nv; j++) sum[i][j] = _mm512_setzero_ps();
  for (int64_t p = 0; p < pairs; p++) {
    __m512i row[2];
    for (int j = 0; j < nv; j++) row[j] = _mm512_loadu_si512(b + p * ldb + 16 * j);
    for (int i = 0; i < mr; i++) {
      __m512i x = _mm512_set1_epi32((int)a[i * ars + p * acs]);
      for (int j = 0; j < nv; j++) sum[i][j] = MK_DOT(sum[i][j], x, row[j]);
    }
  }
  __m512 factor = _mm512_set1_ps(scale);
  for (int i = 0; i < mr; i++)
    for (int j = 0; j < nv; j++) {
      float *to = c + i * ldc + 16 * j;
      __m512 value = _mm512_mul_ps(sum[i][j], factor);
      _mm512_storeu_ps(to, accumulate ? _mm512_add_ps(_mm512_loadu_ps(to), value) : value);
    }
}

// The same for any m and whole vectors of n.
MK_DOT_INLINE void mk_dot_blocks(
  int64_t m, int64_t n, int64_t pairs, float scale, const uint32_t *a, int64_t ars, int64_t acs, const uint32_t *b,
  int64_t ldb, bool accumulate, float *c, int64_t ldc) {
  for (int64_t j = 0; j < n; j += 32)
    for (int64_t i = 0; i < m;) {
      const uint32_t *rows = a + i * ars;
      float *to = c + i * ldc + j;
      int64_t left = m - i;
#define MK_DOT_CASE(mr)                                                                             \
  {                                                                                                 \
    if (n - j >= 32) mk_dot_micro(mr, 2, pairs, scale, rows, ars, acs, b + j, ldb, accumulate, to, ldc); \
    else mk_dot_micro(mr, 1, pairs, scale, rows, ars, acs, b + j, ldb, accumulate, to, ldc);        \
    i += mr;                                                                                        \
  }
      if (left >= 8) MK_DOT_CASE(8)
      else if (left >= 4) MK_DOT_CASE(4)
      else MK_DOT_CASE(1)
#undef MK_DOT_CASE
    }
}

// Rows of pairs turned: to[columns/2][ld] from x[rows][columns], zeros behind up to `ld` rows. Columns in multiples of
// 32, ld of 16.
MK_DOT_INLINE void mk_turn_pairs(
  const uint16_t *x, int64_t stride, int64_t rows, int64_t columns, uint32_t *to, int64_t ld) {
  for (int64_t j = 0; j < ld; j += 16)
    for (int64_t p = 0; p < columns / 2; p += 16) {
      __m512i r[16];
      for (int i = 0; i < 16; i++)
        r[i] = j + i < rows ? _mm512_loadu_si512(x + (j + i) * stride + 2 * p) : _mm512_setzero_si512();
      mk_turn_words(r);
      for (int i = 0; i < 16; i++) _mm512_storeu_si512(to + (p + i) * ld + j, r[i]);
    }
}
#else
#define MK_NO_DOT_UNIT
#define MK_DOT_UNIT
static inline bool mk_has_dot_unit(void) { return false; }
#endif

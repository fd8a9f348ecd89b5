// Reading NF4: where a value stands, and what its block's scale is.
#pragma once

#include "dot.h"

extern const float mk_nf4_values[16];
// What 5 bits stand for: the lower halves of the 16 values, then the upper ones.
extern const float mk_nf4_halves[32];

MK_INLINE float mk_nf4_scale(const mk_nf4 *w, int64_t block) {
#pragma clang fp contract(off)
  if (w->wide_scales) return w->wide_scales[block];
  return w->map[w->scales[block]] * w->nested[block / MK_NF4_NESTED] + w->mean;
}

// Among the 16 values, or the 32 where there is a fifth bit.
MK_INLINE int mk_nf4_index(const mk_nf4 *w, int64_t at) {
  int code = at % 2 ? w->codes[at / 2] & 15 : w->codes[at / 2] >> 4;
  return w->fifth ? code | (w->fifth[at / 8] >> at % 8 & 1) << 4 : code;
}

MK_INLINE float mk_nf4_value(const mk_nf4 *w, int64_t at) {
  const float *values = w->fifth ? mk_nf4_halves : mk_nf4_values;
  return values[mk_nf4_index(w, at)] * mk_nf4_scale(w, at / MK_NF4_BLOCK);
}

// The matrix that holds a row of all of them, and which of its rows that is; NULL past the last.
MK_INLINE const mk_nf4 *mk_nf4_part(const mk_nf4 *parts, int64_t count, int64_t row, int64_t *own) {
  for (int64_t i = 0; i < count; row -= parts[i++].outputs)
    if (row < parts[i].outputs) return *own = row, parts + i;
  return NULL;
}

#if !defined(MK_NO_DOT_UNIT)
// The block's 16 values in bf16, in the lower half; or 32.
MK_DOT_INLINE __m512i mk_nf4_table(const mk_nf4 *w, int64_t at) {
  __m512 scale = _mm512_set1_ps(mk_nf4_scale(w, at / MK_NF4_BLOCK));
  if (w->fifth) {
    __m512 low = _mm512_mul_ps(_mm512_loadu_ps(mk_nf4_halves), scale);
    __m512 high = _mm512_mul_ps(_mm512_loadu_ps(mk_nf4_halves + 16), scale);
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
  }
  __m512 values = _mm512_mul_ps(_mm512_loadu_ps(mk_nf4_values), scale);
  return _mm512_castsi256_si512((__m256i)_mm512_cvtneps_pbh(values));
}

// 32 values in their order.
MK_DOT_INLINE __m512i mk_nf4_look_up(const mk_nf4 *w, int64_t at, __m512i table) {
  __m512i pairs = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(w->codes + at / 2)));
  __m512i codes = _mm512_or_si512(_mm512_srli_epi32(pairs, 4), _mm512_slli_epi32(pairs, 16));
  codes = _mm512_and_si512(codes, _mm512_set1_epi32(0x000F000F));
  if (w->fifth) {
    __mmask32 high;
    memcpy(&high, w->fifth + at / 8, sizeof high);
    codes = _mm512_mask_add_epi16(codes, high, codes, _mm512_set1_epi16(16));
  }
  return _mm512_permutexvar_epi16(codes, table);
}
#endif

// What rotary attention in bf16 has forward and backward, for processors with the dot-product unit.
//
// Scores are computed turned, [key][query]: a query's highest score, its sum and what else belongs to it are then lanes
// of vectors that go down the keys, and keys and values are read as they lie.
#pragma once

#include "dot.h"

#if !defined(MK_NO_DOT_UNIT)
// Queries whose scores are computed together, in two vectors.
enum { query_block = 32 };

MK_INLINE int64_t mk_attention_width(const mk_attention_batch *p) {
  return (p->rule.heads + 2 * p->rule.kv_heads) * p->rule.dimension;
}

MK_INLINE int64_t mk_smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// What stands before the vectors takes whole lines: a vector that lies across two of them costs two reads.
MK_INLINE int64_t mk_whole_lines(int64_t words) { return (words + 15) / 16 * 16; }

// Products of queries and keys times this are powers of two.
MK_INLINE float mk_power_scale(const mk_attention_batch *p) { return 1.44269504088896341f * p->rule.scale; }

// 2ˣ by 2ⁿ·p(x - n), n ≤ x < n + 1, a degree-5 polynomial: relative error 1.5e-7.
MK_DOT_INLINE __m512 mk_power_of_two(__m512 x) {
  __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF);
  __m512 p = _mm512_set1_ps(1.8775767e-3f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.989341e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.5826318e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.4015361e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.931531e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.99999994f));
  return _mm512_scalef_ps(p, x);
}

// 32 values in order, of two vectors.
MK_DOT_INLINE __m512i mk_narrowed(__m512 first, __m512 second) { return (__m512i)_mm512_cvtne2ps_pbh(second, first); }

MK_DOT_INLINE __m512i mk_narrowed_at(const float *x) {
  return mk_narrowed(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16));
}

// Lanes from `begin` on, which may lie outside of the vector.
MK_DOT_INLINE __mmask16 mk_lanes_from(int64_t begin) {
  return (__mmask16)(0xFFFFu << (begin < 0 ? 0 : begin > 16 ? 16 : begin));
}

// One head of a row times `scale`, `sign` -1 to turn it back.
MK_DOT_INLINE void mk_rotate_head(
  const float *from, const float *cosines, const float *sines, float scale, float sign, int64_t d, uint16_t *to) {
  for (int64_t j = 0; j < d / 2; j += 16) {
    __m512 a = _mm512_loadu_ps(from + j), b = _mm512_loadu_ps(from + d / 2 + j);
    __m512 cosine = _mm512_mul_ps(_mm512_loadu_ps(cosines + j), _mm512_set1_ps(scale));
    __m512 sine = _mm512_mul_ps(_mm512_loadu_ps(sines + j), _mm512_set1_ps(sign * scale));
    __m512 x = _mm512_fmsub_ps(a, cosine, _mm512_mul_ps(b, sine));
    __m512 y = _mm512_fmadd_ps(b, cosine, _mm512_mul_ps(a, sine));
    _mm256_storeu_si256((__m256i *)(to + j), (__m256i)_mm512_cvtneps_pbh(x));
    _mm256_storeu_si256((__m256i *)(to + d / 2 + j), (__m256i)_mm512_cvtneps_pbh(y));
  }
}

// Rows of 16-bit values as pairs of rows, zeros after the last: to[⌈rows/2⌉][d].
MK_DOT_INLINE void mk_pair_rows(const uint16_t *x, int64_t stride, int64_t rows, int64_t d, uint32_t *to) {
  for (int64_t i = 0; i < rows; i += 2)
    for (int64_t j = 0; j < d; j += 32) {
      const uint16_t *from = x + i * stride + j;
      // Rows lie too far apart for the processor to foresee the next.
      __builtin_prefetch(from + 16 * stride), __builtin_prefetch(from + 17 * stride);
      __m512i first = _mm512_loadu_si512(from);
      __m512i second = i + 1 < rows ? _mm512_loadu_si512(from + stride) : _mm512_setzero_si512();
      mk_interleave(first, second, to + i / 2 * d + j);
    }
}

// scores[key][query_block] of turned queries and `seen` rows of keys, where the earlier 16 queries see only `common`.
MK_DOT_INLINE void mk_score(
  const uint32_t *keys, int64_t stride, int64_t common, int64_t seen, int64_t pairs, const uint32_t *queries,
  float *scores) {
  mk_dot_blocks(common, query_block, pairs, 1, keys, stride, 1, queries, query_block, false, scores, query_block);
  mk_dot_blocks(
    seen - common, 16, pairs, 1, keys + common * stride, stride, 1, queries + 16, query_block, false,
    scores + common * query_block + 16, query_block);
}
#endif

// Turning the blocks of a packed matrix, for what turns all of it and what turns a strip at a time.
#pragma once

#include "dot.h"
#include "packed.h"

#if !defined(MK_NO_DOT_UNIT)
MK_DOT_INLINE __m512 mk_widened_bytes(__m512i bytes, const int quarter, __m512 scale, __m512 flatten) {
  __m128i own = quarter == 0 ? _mm512_extracti32x4_epi32(bytes, 0)
    : quarter == 1           ? _mm512_extracti32x4_epi32(bytes, 1)
    : quarter == 2           ? _mm512_extracti32x4_epi32(bytes, 2)
                             : _mm512_extracti32x4_epi32(bytes, 3);
  return _mm512_mul_ps(_mm512_mul_ps(scale, flatten), _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(own)));
}

// Sixteen columns of B from `column` on, by the 16·group rows from `row` on, both whole: pairs of columns in bf16, each
// a row of 16·group words of `to`, rows `length` words apart. A word of B holds `group` rows of one column.
MK_DOT_INLINE void mk_turn_block(
  const mk_blocks_of_64 *b, const float *scales, const float *flatten, int64_t row, int64_t column, uint32_t *to,
  int64_t length) {
  int64_t size = b->group == 2 ? 2 : 1;
  const uint32_t *words = (const uint32_t *)((const char *)b->data +
    (column / 64 * b->column_stride + row / (16 * b->group) * b->row_stride + column % 64 * b->group) * size);
  __m512i rows[16];
  for (int p = 0; p < 16; p++) rows[p] = _mm512_loadu_si512(words + 64 * p);
  mk_turn_words(rows);
  for (int n = 0; n < 16; n += 2, to += length) {
    if (b->group == 2) {
      mk_interleave(rows[n], rows[n + 1], to);
      continue;
    }
    __m512 first = _mm512_set1_ps(scales[column + n]), second = _mm512_set1_ps(scales[column + n + 1]);
    for (int q = 0; q < 4; q++) {
      __m512 flat = _mm512_loadu_ps(flatten + row + 16 * q);
      _mm512_storeu_si512(
        to + 16 * q,
        mk_pairs(mk_widened_bytes(rows[n], q, first, flat), mk_widened_bytes(rows[n + 1], q, second, flat)));
    }
  }
}
#endif

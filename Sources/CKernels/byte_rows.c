// Rows brought to 8 bits, x ≈ scale·codes, by blocks of 32.
#include "byte_rows.h"

#include "byte_unit.h"

static int64_t places_for(int64_t m, int64_t blocks) { return (m + byte_group - 1) / byte_group * byte_group * blocks; }

int64_t byte_rows_size(int64_t m, int64_t blocks) { return places_for(m, blocks) * (byte_block + 12); }

byte_rows byte_rows_in(void *memory, int64_t m, int64_t blocks) {
  int64_t places = places_for(m, blocks);
  byte_rows rows = {.blocks = blocks, .codes = memory};
  rows.scales = (float *)(rows.codes + places * byte_block);
  rows.sums = rows.scales + places, rows.less = (int32_t *)(rows.sums + places);
  return rows;
}

MK_KERNEL(
  plain_take,
  (const float *restrict x, const byte_rows *rows, int64_t row, int64_t begin, int64_t end), (x, rows, row, begin, end)) {
  for (int64_t b = begin; b < end; b++, x += byte_block) {
    int64_t at = byte_place(rows, row, b);
    int8_t *restrict codes = rows->codes + at * byte_block;
    uint32_t bits = 0;
    for (int i = 0; i < byte_block; i++) {
      union { float f; uint32_t i; } v = {x[i]};
      uint32_t size = v.i & 0x7FFFFFFF;
      bits = size > bits ? size : bits;
    }
    union { uint32_t i; float f; } highest = {bits};
    float inverse = highest.f > 0 ? 127 / highest.f : 0;
    int32_t count = 0;
    for (int i = 0; i < byte_block; i++) {
      int32_t code = (int32_t)__builtin_rintf(x[i] * inverse);
      codes[i] = (int8_t)code;
      count += code;
    }
    rows->scales[at] = highest.f / 127;
    rows->less[at] = -count;
    rows->sums[at] = rows->scales[at] * (float)count;
  }
}

#if !defined(MK_NO_BYTE_UNIT)
// The same, bit for bit.
MK_BYTE_UNIT static void unit_take(const float *x, const byte_rows *rows, int64_t row, int64_t begin, int64_t end) {
  int64_t at = byte_place(rows, row, begin);
  for (int64_t b = begin; b < end; b++, x += byte_block, at += byte_group) {
    __m512 first = _mm512_loadu_ps(x), second = _mm512_loadu_ps(x + 16);
    float highest = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(first), _mm512_abs_ps(second)));
    __m512 inverse = _mm512_set1_ps(highest > 0 ? 127 / highest : 0);
    __m128i low = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(first, inverse)));
    __m128i high = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(second, inverse)));
    _mm_storeu_si128((__m128i *)(rows->codes + at * byte_block), low);
    _mm_storeu_si128((__m128i *)(rows->codes + at * byte_block + 16), high);
    // Sums of eight codes plus 128 each.
    __m128i flip = _mm_set1_epi8(-128), none = _mm_setzero_si128();
    __m128i sums = _mm_add_epi64(
      _mm_sad_epu8(_mm_xor_si128(low, flip), none), _mm_sad_epu8(_mm_xor_si128(high, flip), none));
    int32_t count = (int32_t)(_mm_cvtsi128_si64(sums) + _mm_extract_epi64(sums, 1)) - 128 * byte_block;
    rows->scales[at] = highest / 127;
    rows->less[at] = -count;
    rows->sums[at] = rows->scales[at] * (float)count;
  }
}

void byte_rows_take(const float *x, const byte_rows *rows, int64_t row, int64_t begin, int64_t end) {
  (mk_has_byte_unit() ? unit_take : plain_take)(x, rows, row, begin, end);
}
#else
void byte_rows_take(const float *x, const byte_rows *rows, int64_t row, int64_t begin, int64_t end) {
  plain_take(x, rows, row, begin, end);
}
#endif

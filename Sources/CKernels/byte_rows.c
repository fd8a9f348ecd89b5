// Rows brought to 8 bits, x ≈ scale·codes, by blocks of 32.
#include "byte_rows.h"

#include "byte_unit.h"

static int64_t places_for(int64_t m, int64_t blocks) { return (m + byte_group - 1) / byte_group * byte_group * blocks; }

int64_t byte_rows_size(int64_t m, int64_t blocks) { return places_for(m, blocks) * (byte_block + 16); }

byte_rows byte_rows_in(void *memory, int64_t m, int64_t blocks) {
  int64_t places = places_for(m, blocks);
  byte_rows rows = {.blocks = blocks, .codes = memory};
  rows.scales = (float *)(rows.codes + places * byte_block);
  rows.sums = rows.scales + places, rows.less = (int32_t *)(rows.sums + places);
  rows.halves = (int16_t *)(rows.less + places);
  return rows;
}

// Up to sixteen blocks of 32 values, and where each goes.
typedef struct {
  int64_t count;
  const float *x[16];
  int64_t places[16];
} block_list;

MK_KERNEL(plain_take, (const block_list *blocks, const byte_rows *rows), (blocks, rows)) {
  for (int64_t b = 0; b < blocks->count; b++) {
    const float *restrict x = blocks->x[b];
    int64_t at = blocks->places[b];
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
// Where a vector's sixteen lanes are found when fold_sixteen has folded vectors: the vector of lane i.
static const int folded[16] = {0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15};

// Sixteen vectors, each folded to one lane: the largest of its lanes or their sum.
MK_BYTE_INLINE __m512i fold_sixteen(const bool is_sum, const __m512i *r) {
#define FOLD(a, b) (is_sum ? _mm512_add_epi32(a, b) : _mm512_max_epu32(a, b))
  __m512i u[8], v[4], w[2];
#pragma unroll
  for (int i = 0; i < 8; i++)
    u[i] = FOLD(_mm512_shuffle_i32x4(r[i], r[i + 8], 0x44), _mm512_shuffle_i32x4(r[i], r[i + 8], 0xEE));
#pragma unroll
  for (int i = 0; i < 4; i++)
    v[i] = FOLD(_mm512_shuffle_i32x4(u[i], u[i + 4], 0x88), _mm512_shuffle_i32x4(u[i], u[i + 4], 0xDD));
#pragma unroll
  for (int i = 0; i < 2; i++) w[i] = FOLD(_mm512_unpacklo_epi32(v[i], v[i + 2]), _mm512_unpackhi_epi32(v[i], v[i + 2]));
  return FOLD(_mm512_unpacklo_epi64(w[0], w[1]), _mm512_unpackhi_epi64(w[0], w[1]));
#undef FOLD
}

// The same, bit for bit, of one block.
MK_BYTE_UNIT static void unit_take_one(const float *x, const byte_rows *rows, int64_t at) {
  __m512 first = _mm512_loadu_ps(x), second = _mm512_loadu_ps(x + 16);
  __m512i size = _mm512_set1_epi32(0x7FFFFFFF);
  union { uint32_t i; float f; } highest = {_mm512_reduce_max_epu32(
    _mm512_max_epu32(_mm512_and_si512((__m512i)first, size), _mm512_and_si512((__m512i)second, size)))};
  __m512 inverse = _mm512_set1_ps(highest.f > 0 ? 127 / highest.f : 0);
  __m512i low = _mm512_cvtps_epi32(_mm512_mul_ps(first, inverse));
  __m512i high = _mm512_cvtps_epi32(_mm512_mul_ps(second, inverse));
  _mm_storeu_si128((__m128i *)(rows->codes + at * byte_block), _mm512_cvtepi32_epi8(low));
  _mm_storeu_si128((__m128i *)(rows->codes + at * byte_block + 16), _mm512_cvtepi32_epi8(high));
  int32_t count = _mm512_reduce_add_epi32(_mm512_add_epi32(low, high));
  rows->scales[at] = highest.f / 127;
  rows->less[at] = -count;
  rows->sums[at] = rows->scales[at] * (float)count;
}

// The same of up to sixteen, side by side.
MK_BYTE_UNIT static void unit_take(const block_list *blocks, const byte_rows *rows) {
  if (blocks->count < 3) {
    for (int64_t i = 0; i < blocks->count; i++) unit_take_one(blocks->x[i], rows, blocks->places[i]);
    return;
  }
  __m512i found[16], size = _mm512_set1_epi32(0x7FFFFFFF);
  const float *x[16];
#pragma unroll
  for (int i = 0; i < 16; i++) {
    x[i] = blocks->x[i < blocks->count ? i : 0];
    __m512i first = _mm512_and_si512(_mm512_loadu_si512(x[i]), size);
    found[folded[i]] = _mm512_max_epu32(first, _mm512_and_si512(_mm512_loadu_si512(x[i] + 16), size));
  }
  __m512 highest = (__m512)fold_sixteen(false, found), most = _mm512_set1_ps(127);
  float inverses[16], scales[16], sums[16];
  int32_t less[16];
  _mm512_storeu_ps(
    inverses, _mm512_maskz_div_ps(_mm512_cmp_ps_mask(highest, _mm512_setzero_ps(), _CMP_GT_OQ), most, highest));
  __m512 scale = _mm512_div_ps(highest, most);
  _mm512_storeu_ps(scales, scale);
#pragma unroll
  for (int i = 0; i < 16; i++) {
    __m512 inverse = _mm512_set1_ps(inverses[i]);
    __m512i low = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x[i]), inverse));
    __m512i high = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x[i] + 16), inverse));
    found[folded[i]] = _mm512_add_epi32(low, high);
    if (i >= blocks->count) continue;
    int8_t *codes = rows->codes + blocks->places[i] * byte_block;
    _mm_storeu_si128((__m128i *)codes, _mm512_cvtepi32_epi8(low));
    _mm_storeu_si128((__m128i *)(codes + 16), _mm512_cvtepi32_epi8(high));
  }
  __m512i counts = fold_sixteen(true, found);
  _mm512_storeu_si512(less, _mm512_sub_epi32(_mm512_setzero_si512(), counts));
  _mm512_storeu_ps(sums, _mm512_mul_ps(scale, _mm512_cvtepi32_ps(counts)));
  for (int64_t i = 0; i < blocks->count; i++) {
    int64_t at = blocks->places[i];
    rows->scales[at] = scales[i], rows->less[at] = less[i], rows->sums[at] = sums[i];
  }
}

static void take(const block_list *blocks, const byte_rows *rows) {
  (mk_has_byte_unit() ? unit_take : plain_take)(blocks, rows);
}
#else
#define take plain_take
#endif

MK_KERNEL(take_halves, (const block_list *blocks, const byte_rows *rows), (blocks, rows)) {
  for (int64_t b = 0; b < blocks->count; b++)
    for (int64_t half = 2 * blocks->places[b]; half < 2 * blocks->places[b] + 2; half++) {
      int32_t sum = 0;
      for (int i = 0; i < byte_half; i++) sum += rows->codes[half * byte_half + i];
      rows->halves[half] = (int16_t)sum;
    }
}

static void take_listed(block_list *blocks, const byte_rows *rows) {
  take(blocks, rows);
  if (rows->has_halves) take_halves(blocks, rows);
  blocks->count = 0;
}

void byte_rows_take_blocks(
  const float *x, const byte_rows *rows, int64_t first, int64_t count, int64_t begin, int64_t end) {
  block_list blocks = {0};
  for (int64_t row = first; row < first + count; row++)
    for (int64_t b = begin; b < end; b++, x += byte_block) {
      blocks.x[blocks.count] = x, blocks.places[blocks.count++] = byte_place(rows, row, b);
      if (blocks.count == 16) take_listed(&blocks, rows);
    }
  if (blocks.count > 0) take_listed(&blocks, rows);
}

void byte_rows_take(const float *x, const byte_rows *rows, int64_t first, int64_t count) {
  byte_rows_take_blocks(x, rows, first, count, 0, rows->blocks);
}

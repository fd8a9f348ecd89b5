// Products with tiles of factors. A row's result depends on that row alone.
#include "factor_tiles.h"

#include "byte_unit.h"
#include "dot.h"

enum { lane = tile_lanes, scale_bytes = 2 * lane };

float tile_value(int type, const char *tile, int64_t row, int64_t column) {
  uint16_t value;
  if (!is_coded(type)) {
    memcpy(&value, tile + (column / 2 * lane + row) * 4 + column % 2 * 2, 2);
    return mk_widen(value);
  }
  tile += column / byte_block * tile_bytes(type, byte_block);
  memcpy(&value, tile + 2 * row, 2);
  float scale = mk_widen(value);
  int64_t step = column % byte_block / 4, place = row * 4 + column % 4;
  const uint8_t *codes = (const uint8_t *)tile + scale_bytes;
  if (type == MK_S8) return scale * (float)(codes[step * 4 * lane + place] - 128);
  int both = codes[step / 2 * 4 * lane + place];
  return scale * (float)((step % 2 ? both >> 4 : both & 15) - 8);
}

// --- Portable loops ---------------------------------------------------------------------------------------

MK_KERNEL(
  plain_sums,
  (const float *restrict values, int64_t columns, const tile_rows *r, int64_t row, bool is_codes, float *restrict sum),
  (values, columns, r, row, is_codes, sum)) {
#pragma clang fp contract(fast)
  for (int64_t n = 0; n < lane; n++) sum[n] = 0;
  for (int64_t j = 0; j < columns; j++) {
    float x;
    if (is_codes) {
      int64_t at = byte_place(r->codes, r->first_row + row, r->first_block + j / byte_block);
      x = r->codes->scales[at] * (float)r->codes->codes[at * byte_block + j % byte_block];
    } else {
      x = mk_widen(r->x[row * r->stride + j]);
    }
    const float *restrict of = values + j * lane;
    for (int64_t n = 0; n < lane; n++) sum[n] += x * of[n];
  }
}

static void plain_tiles(const tile_run *w, const tile_rows *r) {
  float *values = mk_scratch(1, (size_t)(w->columns * lane) * sizeof(float));
  for (int64_t tile = r->from / lane; tile * lane < r->to; tile++) {
    int64_t from = r->from - tile * lane, to = r->to - tile * lane;
    for (int64_t j = 0; j < w->columns; j++)
      for (int64_t i = 0; i < lane; i++) values[j * lane + i] = tile_value(w->type, w->first + tile * w->apart, i, j);
    for (int64_t i = 0; i < r->m; i++) {
      float sum[lane], *out = r->out + i * r->out_stride + tile * lane;
      plain_sums(values, w->columns, r, i, is_coded(w->type), sum);
      for (int64_t j = from < 0 ? 0 : from; j < (to < lane ? to : lane); j++)
        out[j] = (r->accumulate ? out[j] : 0) + sum[j];
    }
  }
}

// --- bf16, by pairs ---------------------------------------------------------------------------------------

#if !defined(MK_NO_DOT_UNIT)
// `rows` rows from `row` on through one tile. Memory is asked ahead up to `end`.
MK_DOT_INLINE void pair_rows(
  const int rows, const char *end, const char *tile, int64_t columns, const tile_rows *r, int64_t row, int64_t column,
  __mmask16 mask) {
  __m512 even[8], odd[8];
  const uint16_t *x = r->x + row * r->stride;
#pragma unroll
  for (int i = 0; i < rows; i++) even[i] = odd[i] = _mm512_setzero_ps();
  int64_t p = 0;
  for (; p + 1 < columns / 2; p += 2, tile += 8 * lane) {
    if (tile + fetched_ahead < end) fetch(tile + fetched_ahead, 8 * lane);
    __m512i first = _mm512_loadu_si512(tile), second = _mm512_loadu_si512(tile + 4 * lane);
#pragma unroll
    for (int i = 0; i < rows; i++) {
      even[i] = MK_DOT(even[i], mk_pair_at(x + i * r->stride + 2 * p), first);
      odd[i] = MK_DOT(odd[i], mk_pair_at(x + i * r->stride + 2 * p + 2), second);
    }
  }
  for (; p < whole(columns, 2); p++, tile += 4 * lane) {
    __m512i last = _mm512_loadu_si512(tile);
#pragma unroll
    for (int i = 0; i < rows; i++) {
      const uint16_t *from = x + i * r->stride + 2 * p;
      uint32_t both = from[0] | (2 * p + 1 < columns ? (uint32_t)from[1] << 16 : 0);
      even[i] = MK_DOT(even[i], _mm512_set1_epi32((int)both), last);
    }
  }
#pragma unroll
  for (int i = 0; i < rows; i++) {
    float *out = r->out + (row + i) * r->out_stride + column;
    __m512 sum = _mm512_add_ps(even[i], odd[i]);
    if (r->accumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, out));
    _mm512_mask_storeu_ps(out, mask, sum);
  }
}

MK_DOT_UNIT static void pair_tiles(const tile_run *w, const tile_rows *r) {
  for (int64_t index = r->from / lane; index * lane < r->to; index++) {
    const char *tile, *end = begin_tile(w, index, &tile);
    __mmask16 mask = lanes_between(r, index * lane);
    int64_t row = 0;
#define ROWS(n) pair_rows(n, end, tile, w->columns, r, row, index * lane, mask), row += n, end = tile
    while (r->m - row >= 8) ROWS(8);
    if (r->m - row >= 4) ROWS(4);
    if (r->m - row >= 2) ROWS(2);
    if (r->m - row >= 1) ROWS(1);
#undef ROWS
  }
}
#else
#define pair_tiles plain_tiles
#endif

// --- 8 and 4 bits -----------------------------------------------------------------------------------------

#if !defined(MK_NO_BYTE_UNIT)
MK_BYTE_INLINE __m512 tile_scales(const char *tile) {
  return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)tile)), 16);
}

// What takes the codes' zero away: 2^(bits - 1) of a row's -Σ codes.
MK_BYTE_INLINE __m512i less_zero(const int bits, const int32_t *less) {
  return _mm512_slli_epi32(_mm512_set1_epi32(*less), bits - 1);
}

MK_BYTE_INLINE __m512i four_columns(const int8_t *values) {
  int32_t four;
  memcpy(&four, values, sizeof four);
  return _mm512_set1_epi32(four);
}

// The codes of eight columns, in two vectors of four; returns what follows them.
MK_BYTE_INLINE const char *take_eight(const int bits, const char *codes, __m512i *first, __m512i *second) {
  __m512i both = _mm512_loadu_si512(codes), low = _mm512_set1_epi8(15);
  if (bits == 8) {
    *first = both, *second = _mm512_loadu_si512(codes + 4 * lane);
    return codes + 8 * lane;
  }
  *first = _mm512_and_si512(both, low), *second = _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
  return codes + 4 * lane;
}

// `rows` rows of one group, from `row` on, through one tile. The sums of a block are of integers and exact; the outer
// goes over the blocks in order.
MK_BYTE_INLINE void code_rows(
  const int bits, const int rows, const char *end, const char *tile, int64_t columns, const tile_rows *r, int64_t row,
  int64_t column, __mmask16 mask) {
  __m512 total[8];
#pragma unroll
  for (int i = 0; i < rows; i++) total[i] = _mm512_setzero_ps();
  int64_t at = byte_place(r->codes, r->first_row + row, r->first_block);
  for (int64_t begin = 0; begin < columns; begin += byte_block, at += byte_group) {
    const int8_t *values = r->codes->codes + at * byte_block;
    int64_t steps = whole(columns - begin < byte_block ? columns - begin : byte_block, 4), s = 0;
    if (tile + fetched_ahead < end) fetch(tile + fetched_ahead, scale_bytes + byte_block * lane * bits / 8);
    __m512 scale = tile_scales(tile);
    tile += scale_bytes;
    __m512i sum[8], first, second;
#pragma unroll
    for (int i = 0; i < rows; i++) sum[i] = less_zero(bits, r->codes->less + at + i);
    for (; s + (bits == 8) < steps; s += 2) {
      tile = take_eight(bits, tile, &first, &second);
#pragma unroll
      for (int i = 0; i < rows; i++) {
        sum[i] = _mm512_dpbusd_epi32(sum[i], first, four_columns(values + i * byte_block + 4 * s));
        sum[i] = _mm512_dpbusd_epi32(sum[i], second, four_columns(values + i * byte_block + 4 * s + 4));
      }
    }
    if (s < steps) {
      __m512i last = _mm512_loadu_si512(tile);
      tile += 4 * lane;
#pragma unroll
      for (int i = 0; i < rows; i++)
        sum[i] = _mm512_dpbusd_epi32(sum[i], last, four_columns(values + i * byte_block + 4 * s));
    }
#pragma unroll
    for (int i = 0; i < rows; i++)
      total[i] = _mm512_fmadd_ps(
        _mm512_mul_ps(_mm512_cvtepi32_ps(sum[i]), scale), _mm512_set1_ps(r->codes->scales[at + i]), total[i]);
  }
#pragma unroll
  for (int i = 0; i < rows; i++) {
    float *out = r->out + (row + i) * r->out_stride + column;
    if (r->accumulate) total[i] = _mm512_add_ps(total[i], _mm512_maskz_loadu_ps(mask, out));
    _mm512_mask_storeu_ps(out, mask, total[i]);
  }
}

// One row through tiles of 16 columns, whose codes stay in registers: what an adapter of a usual rank expands for its
// only row, in the very order of code_rows.
MK_BYTE_INLINE void narrow_row(const int bits, const tile_run *w, const tile_rows *r) {
  int64_t at = byte_place(r->codes, r->first_row, r->first_block);
  const int8_t *values = r->codes->codes + at * byte_block;
  __m512i x[4], none = less_zero(bits, r->codes->less + at);
  __m512 own = _mm512_set1_ps(r->codes->scales[at]);
  for (int s = 0; s < 4; s++) x[s] = four_columns(values + 4 * s);
  for (int64_t index = r->from / lane; index * lane < r->to; index++) {
    const char *tile = w->first + index * w->apart, *codes = tile + scale_bytes;
    __m512i sum = none, first, second;
#pragma unroll
    for (int s = 0; s < 4; s += 2) {
      codes = take_eight(bits, codes, &first, &second);
      sum = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(sum, first, x[s]), second, x[s + 1]);
    }
    __m512 total =
      _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), tile_scales(tile)), own, _mm512_setzero_ps());
    __mmask16 mask = lanes_between(r, index * lane);
    float *out = r->out + index * lane;
    if (r->accumulate) total = _mm512_add_ps(total, _mm512_maskz_loadu_ps(mask, out));
    _mm512_mask_storeu_ps(out, mask, total);
  }
}

MK_BYTE_INLINE void code_tiles(const int bits, const tile_run *w, const tile_rows *r) {
  if (r->m == 1 && w->columns == 16) return narrow_row(bits, w, r);
  for (int64_t index = r->from / lane; index * lane < r->to; index++) {
    const char *tile, *end = begin_tile(w, index, &tile);
    __mmask16 mask = lanes_between(r, index * lane);
    for (int64_t row = 0; row < r->m;) {
      // As many as are left of their group.
      int64_t left = byte_group - (r->first_row + row) % byte_group;
      if (left > r->m - row) left = r->m - row;
#define ROWS(n) code_rows(bits, n, end, tile, w->columns, r, row, index * lane, mask), row += n
      if (left >= 8) ROWS(8);
      else if (left >= 4) ROWS(4);
      else if (left >= 2) ROWS(2);
      else ROWS(1);
#undef ROWS
      end = tile;
    }
  }
}

MK_BYTE_UNIT static void byte_tiles(const tile_run *w, const tile_rows *r) {
  if (w->type == MK_S8) code_tiles(8, w, r);
  else code_tiles(4, w, r);
}
#else
#define byte_tiles plain_tiles
#endif

void multiply_tiles(const tile_run *w, const tile_rows *r) {
  if (is_coded(w->type) ? mk_has_byte_unit() : mk_has_dot_unit()) (is_coded(w->type) ? byte_tiles : pair_tiles)(w, r);
  else if (!narrow_tiles(w, r)) plain_tiles(w, r);
}

// Products with tiles of factors in vectors of 256 bits, eight outputs each. A row's result depends on that row alone.
#include "factor_tiles.h"
#include "pairs.h"

#if !defined(MK_NO_PAIRS)
enum { scale_bytes = 2 * tile_lanes };

// Stores a row's sums of a tile of sixteen columns from `column` on, or adds them.
MK_PAIRS_INLINE void store_row(const tile_rows *r, int64_t row, int64_t column, uint16_t lanes, const __m256 *sum) {
  float *out = r->out + row * r->out_stride + column;
  if (lanes == 0xFFFF) {
    for (int o = 0; o < 2; o++) {
      _mm256_storeu_ps(
        out + 8 * o, r->accumulate ? _mm256_add_ps(_mm256_loadu_ps(out + 8 * o), sum[o]) : sum[o]);
    }
    return;
  }
  float own[tile_lanes];
  for (int o = 0; o < 2; o++) _mm256_storeu_ps(own + 8 * o, sum[o]);
  for (int i = 0; i < tile_lanes; i++)
    if (lanes >> i & 1) out[i] = r->accumulate ? out[i] + own[i] : own[i];
}

// --- bf16 -------------------------------------------------------------------------------------------------

// The first and the second of pairs, in f32.
MK_PAIRS_INLINE void widen_pairs(__m256i pairs, __m256 *to) {
  to[0] = (__m256)_mm256_slli_epi32(pairs, 16);
  to[1] = (__m256)_mm256_and_si256(pairs, _mm256_set1_epi32((int)0xFFFF0000));
}

// Two columns of a tile, the second of which may be none of the row's.
MK_PAIRS_INLINE void add_pair(
  const int rows, const bool is_last, const char *tile, const uint16_t *x, int64_t stride, __m256 sum[2][2][2]) {
  __m256 own[2][2], values[2];
  for (int o = 0; o < 2; o++) widen_pairs(pairs_load(tile + 32 * o), own[o]);
#pragma unroll
  for (int i = 0; i < rows; i++) {
    widen_pairs(is_last ? _mm256_set1_epi32(x[i * stride]) : pairs_four(x + i * stride), values);
#pragma unroll
    for (int o = 0; o < 2; o++)
      for (int k = 0; k < 2; k++) sum[i][o][k] = _mm256_fmadd_ps(own[o][k], values[k], sum[i][o][k]);
  }
}

// `rows` rows from `row` on through one tile. Memory is asked ahead up to `end`.
MK_PAIRS_INLINE void pair_rows(
  const int rows, const char *end, const char *tile, int64_t columns, const tile_rows *r, int64_t row, int64_t column,
  uint16_t lanes) {
  // Of each row and eight outputs, the sums of first and second columns.
  __m256 sum[2][2][2];
  for (int i = 0; i < rows; i++)
    for (int o = 0; o < 2; o++) sum[i][o][0] = sum[i][o][1] = _mm256_setzero_ps();
  const uint16_t *x = r->x + row * r->stride;
  int64_t j = 0;
  for (; j + 1 < columns; j += 2, tile += 4 * tile_lanes) {
    if (tile + fetched_ahead < end) fetch(tile + fetched_ahead, 4 * tile_lanes);
    add_pair(rows, false, tile, x + j, r->stride, sum);
  }
  if (j < columns) add_pair(rows, true, tile, x + j, r->stride, sum);
  for (int i = 0; i < rows; i++) {
    __m256 both[2];
    for (int o = 0; o < 2; o++) both[o] = _mm256_add_ps(sum[i][o][0], sum[i][o][1]);
    store_row(r, row + i, column, lanes, both);
  }
}

MK_PAIRS static void pair_tiles(const tile_run *w, const tile_rows *r) {
  for (int64_t index = r->from / tile_lanes; index * tile_lanes < r->to; index++) {
    const char *tile, *end = begin_tile(w, index, &tile);
    uint16_t lanes = lanes_between(r, index * tile_lanes);
    int64_t row = 0;
#define ROWS(n) pair_rows(n, end, tile, w->columns, r, row, index * tile_lanes, lanes), row += n, end = tile
    while (r->m - row >= 2) ROWS(2);
    if (r->m - row >= 1) ROWS(1);
#undef ROWS
  }
}

// --- 8 and 4 bits -----------------------------------------------------------------------------------------

MK_PAIRS_INLINE __m256 bf16_at(const char *from) {
  __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from));
  return (__m256)_mm256_slli_epi32(wide, 16);
}

// Eight columns of codes, or the four that are left, and `rows` rows.
MK_PAIRS_INLINE void add_columns(
  const int bits, const int rows, const bool is_last, const char *codes, const int8_t *values, __m256i narrow[4][2],
  __m256i sum[4][2]) {
  __m256i own[2][2];
  for (int o = 0; o < 2; o++) {
    if (bits == 4) {
      pairs_split(pairs_load(codes + 32 * o), own[o]);
      continue;
    }
    const __m256i zero = _mm256_set1_epi8(-128);
    own[o][0] = _mm256_xor_si256(pairs_load(codes + 32 * o), zero);
    if (!is_last) own[o][1] = _mm256_xor_si256(pairs_load(codes + 64 + 32 * o), zero);
  }
#pragma unroll
  for (int i = 0; i < (is_last ? 1 : 2); i++)
#pragma unroll
    for (int row = 0; row < rows; row++) {
      __m256i four = pairs_four(values + row * byte_block + 4 * i);
#pragma unroll
      for (int o = 0; o < 2; o++)
        if (bits == 4) narrow[row][o] = _mm256_add_epi16(narrow[row][o], _mm256_maddubs_epi16(own[o][i], four));
        else sum[row][o] = pairs_add_signed(sum[row][o], own[o][i], four);
    }
}

// `rows` rows of one group, from `row` on, through one tile. The sums of a block are of integers and exact; the outer
// goes over the blocks in order.
MK_PAIRS_INLINE void code_rows(
  const int bits, const int rows, const char *end, const char *tile, int64_t columns, const tile_rows *r, int64_t row,
  int64_t column, uint16_t lanes) {
  __m256 total[4][2];
  for (int i = 0; i < rows; i++) total[i][0] = total[i][1] = _mm256_setzero_ps();
  int64_t at = byte_place(r->codes, r->first_row + row, r->first_block);
  for (int64_t begin = 0; begin < columns; begin += byte_block, at += byte_group) {
    const int8_t *values = r->codes->codes + at * byte_block;
    int64_t steps = whole(columns - begin < byte_block ? columns - begin : byte_block, 4), s = 0;
    if (tile + fetched_ahead < end) fetch(tile + fetched_ahead, scale_bytes + byte_block * tile_lanes * bits / 8);
    const char *scales = tile;
    tile += scale_bytes;
    __m256i sum[4][2], narrow[4][2];
    for (int i = 0; i < rows; i++)
      for (int o = 0; o < 2; o++) {
        sum[i][o] = bits == 8 ? _mm256_setzero_si256() : _mm256_slli_epi32(_mm256_set1_epi32(r->codes->less[at + i]), 3);
        narrow[i][o] = _mm256_setzero_si256();
      }
    // Four bits come by eight columns, the last of which are zeros of x where there are four.
    for (; s + (bits == 8) < steps; s += 2, tile += 8 * tile_lanes * bits / 8)
      add_columns(bits, rows, false, tile, values + 4 * s, narrow, sum);
    if (s < steps) add_columns(bits, rows, true, tile, values + 4 * s, narrow, sum), tile += 4 * tile_lanes;
    for (int o = 0; o < 2; o++) {
      __m256 scale = bf16_at(scales + 16 * o);
#pragma unroll
      for (int i = 0; i < rows; i++) {
        __m256i all = sum[i][o];
        if (bits == 4) all = _mm256_add_epi32(all, _mm256_madd_epi16(narrow[i][o], _mm256_set1_epi16(1)));
        total[i][o] = _mm256_fmadd_ps(
          _mm256_mul_ps(_mm256_cvtepi32_ps(all), scale), _mm256_set1_ps(r->codes->scales[at + i]), total[i][o]);
      }
    }
  }
  for (int i = 0; i < rows; i++) store_row(r, row + i, column, lanes, total[i]);
}

MK_PAIRS_INLINE void code_tiles(const int bits, const tile_run *w, const tile_rows *r) {
  for (int64_t index = r->from / tile_lanes; index * tile_lanes < r->to; index++) {
    const char *tile, *end = begin_tile(w, index, &tile);
    uint16_t lanes = lanes_between(r, index * tile_lanes);
    for (int64_t row = 0; row < r->m;) {
      // As many as are left of their group.
      int64_t left = byte_group - (r->first_row + row) % byte_group;
      if (left > r->m - row) left = r->m - row;
#define ROWS(n) code_rows(bits, n, end, tile, w->columns, r, row, index * tile_lanes, lanes), row += n
      if (left >= 4) ROWS(4);
      else if (left >= 2) ROWS(2);
      else ROWS(1);
#undef ROWS
      end = tile;
    }
  }
}

MK_PAIRS static void byte_tiles(const tile_run *w, const tile_rows *r) {
  if (w->type == MK_S8) code_tiles(8, w, r);
  else code_tiles(4, w, r);
}

bool narrow_tiles(const tile_run *w, const tile_rows *r) {
  if (!mk_has_pairs()) return false;
  (is_coded(w->type) ? byte_tiles : pair_tiles)(w, r);
  return true;
}
#else
bool narrow_tiles(const tile_run *w, const tile_rows *r) {
  (void)w, (void)r;
  return false;
}
#endif

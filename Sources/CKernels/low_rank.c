// The low-rank parts of a batch whose base multiplies in bf16: sums of bf16 products in f32, by pairs of values as
// the processor's dot-product unit takes them.
//
// forward:  u = x·Aᵀ,  y += s·u·Bᵀ
// backward: du = s·dy·B,  dx += du·A,  dA += duᵀ·x,  dB += s·dyᵀ·u
//
// The first two of each direction go by blocks of rows, or the second by tiles of a result that another product is summed in
// (strips.c), every term of a row in turn; the gradients of A and B by panels of their columns, every term of a panel in
// turn. So no two threads meet, and a row's result depends on that row alone.
#include "low_rank.h"

#include "dot.h"

enum { row_block = 64, panel = 64, lane = 16, rows_ahead = 64 };

typedef mk_low_rank_work work;

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t padded(int64_t count) { return (count + lane - 1) / lane * lane; }

int64_t mk_low_rank_inner_count(int64_t rows, int64_t rank) { return (rows + 1) / 2 * 2 * padded(rank); }

MK_INLINE uint32_t pair_of(float first, float second) { return mk_narrow(first) | (uint32_t)mk_narrow(second) << 16; }

// --- Packing a term's factors ---------------------------------------------------------------------------

// `reduce` is for products whose sum runs over the wide side (inputs forward, outputs backward): pairs of it by
// rank, [wide/2][padded rank]. `expand` is for those that run over the rank: [rank/2][padded wide].
typedef struct {
  int64_t reduce, expand, reduce_wide, expand_wide;
} pack_sizes;

static pack_sizes sizes_of(const mk_low_rank_term *t, bool is_backward) {
  int64_t from = is_backward ? t->outputs : t->inputs, to = is_backward ? t->inputs : t->outputs;
  return (pack_sizes){(from + 1) / 2 * padded(t->rank), (t->rank + 1) / 2 * padded(to), from, to};
}

// Pairs of rows of x[rows][columns]: out[row/2][columns], rows of `out` `stride` pairs apart.
MK_KERNEL(
  pair_rows, (const float *x, int64_t rows, int64_t columns, float scale, uint32_t *out, int64_t stride),
  (x, rows, columns, scale, out, stride)) {
  for (int64_t i = 0; i < rows; i += 2) {
    const float *restrict first = x + i * columns, *restrict second = i + 1 < rows ? first + columns : NULL;
    uint32_t *restrict to = out + i / 2 * stride;
    if (second)
      for (int64_t j = 0; j < columns; j++) to[j] = pair_of(scale * first[j], scale * second[j]);
    else
      for (int64_t j = 0; j < columns; j++) to[j] = pair_of(scale * first[j], 0);
  }
}

// Pairs of columns of x[rows][columns], turned: out[column/2][rows].
MK_KERNEL(
  pair_columns, (const float *x, int64_t rows, int64_t columns, float scale, uint32_t *out, int64_t stride),
  (x, rows, columns, scale, out, stride)) {
  for (int64_t i = 0; i < rows; i++) {
    const float *restrict from = x + i * columns;
    for (int64_t p = 0; p < columns / 2; p++)
      out[p * stride + i] = pair_of(scale * from[2 * p], scale * from[2 * p + 1]);
    if (columns % 2) out[columns / 2 * stride + i] = pair_of(scale * from[columns - 1], 0);
  }
}

#if !defined(MK_NO_DOT_UNIT)
// Two rows' worth of sixteen values each, in bf16, times the scale.
MK_DOT_INLINE __m512i narrow_both(const float *low, const float *high, __m512 factor) {
  return (__m512i)_mm512_cvtne2ps_pbh(
    _mm512_mul_ps(_mm512_loadu_ps(high), factor), _mm512_mul_ps(_mm512_loadu_ps(low), factor));
}

// pair_rows for columns in whole vectors.
MK_DOT_UNIT static void dot_pair_rows(
  const float *x, int64_t rows, int64_t columns, float scale, uint32_t *out, int64_t stride) {
  __m512 factor = _mm512_set1_ps(scale);
  for (int64_t i = 0; i < rows; i += 2)
    for (int64_t j = 0; j < columns; j += lane) {
      const float *from = x + i * columns + j;
      __m512 second = i + 1 < rows ? _mm512_loadu_ps(from + columns) : _mm512_setzero_ps();
      __m512i pairs = mk_pairs(_mm512_mul_ps(_mm512_loadu_ps(from), factor), _mm512_mul_ps(second, factor));
      _mm512_storeu_si512(out + i / 2 * stride + j, pairs);
    }
}

// pair_columns for rows in sixteens and columns in twos of them, or rows in twos of them and columns in sixteens: turned
// in registers.
MK_DOT_UNIT static void dot_pair_columns(
  const float *x, int64_t rows, int64_t columns, float scale, uint32_t *out, int64_t stride) {
  __m512 factor = _mm512_set1_ps(scale);
  bool is_wide = columns % 32 == 0;
  int64_t high = is_wide ? lane : lane * columns;
  for (int64_t i = 0; i < rows; i += is_wide ? 16 : 32)
    for (int64_t j = 0; j < columns; j += is_wide ? 32 : 16) {
      __m512i words[16];
      for (int r = 0; r < 16; r++) {
        const float *from = x + (i + r) * columns + j;
        words[r] = narrow_both(from, from + high, factor);
      }
      mk_turn_words(words);
      for (int p = 0; p < 16; p++) {
        uint32_t *to = is_wide ? out + (j / 2 + p) * stride + i : out + (j / 2 + p % 8) * stride + i + p / 8 * lane;
        _mm512_storeu_si512(to, words[p]);
      }
    }
}
#else
#define dot_pair_rows pair_rows
#define dot_pair_columns pair_columns
#endif

typedef void (*packer)(const float *x, int64_t rows, int64_t columns, float scale, uint32_t *out, int64_t stride);

static packer rows_packer(int64_t columns) {
  return mk_has_dot_unit() && columns % lane == 0 ? dot_pair_rows : pair_rows;
}

static packer columns_packer(int64_t rows, int64_t columns) {
  bool fits = (rows % 16 == 0 && columns % 32 == 0) || (rows % 32 == 0 && columns % 16 == 0);
  return mk_has_dot_unit() && fits ? dot_pair_columns : pair_columns;
}

static void pack_reduce(const mk_low_rank_term *t, bool is_backward, uint32_t *packs) {
  pack_sizes size = sizes_of(t, is_backward);
  int64_t lanes = padded(t->rank);
  if (lanes != t->rank) memset(packs, 0, (size_t)size.reduce * sizeof(uint32_t));
  if (is_backward) rows_packer(t->rank)(t->b, t->outputs, t->rank, t->scale, packs, lanes);
  else columns_packer(t->rank, t->inputs)(t->a, t->rank, t->inputs, 1, packs, lanes);
}

static void pack_expand(const mk_low_rank_term *t, bool is_backward, uint32_t *packs) {
  pack_sizes size = sizes_of(t, is_backward);
  int64_t wide = padded(size.expand_wide);
  if (wide != size.expand_wide) memset(packs, 0, (size_t)size.expand * sizeof(uint32_t));
  if (is_backward) rows_packer(t->inputs)(t->a, t->rank, t->inputs, 1, packs, wide);
  else columns_packer(t->outputs, t->rank)(t->b, t->outputs, t->rank, t->scale, packs, wide);
}

// --- Portable products ----------------------------------------------------------------------------------

// out[m][lanes] = x[m][wide]·reduce
MK_KERNEL(
  plain_reduce,
  (const uint16_t *x, int64_t stride, int64_t m, int64_t wide, const uint32_t *reduce, int64_t lanes, float *out),
  (x, stride, m, wide, reduce, lanes, out)) {
#pragma clang fp contract(fast)
  for (int64_t i = 0; i < m; i++) {
    float *restrict sum = out + i * lanes;
    for (int64_t r = 0; r < lanes; r++) sum[r] = 0;
    for (int64_t j = 0; j < wide; j++) {
      float value = mk_widen(x[i * stride + j]);
      const uint32_t *restrict row = reduce + j / 2 * lanes;
      for (int64_t r = 0; r < lanes; r++) sum[r] += value * mk_widen((uint16_t)(j & 1 ? row[r] >> 16 : row[r]));
    }
  }
}

// y[m][wide] += u[m][lanes]·expand, whose rows are `length` pairs apart
MK_KERNEL(
  plain_expand,
  (const uint16_t *u, int64_t lanes, int64_t m, int64_t rank, const uint32_t *expand, int64_t length, int64_t wide,
   float *y, int64_t stride),
  (u, lanes, m, rank, expand, length, wide, y, stride)) {
#pragma clang fp contract(fast)
  for (int64_t i = 0; i < m; i++)
    for (int64_t r = 0; r < rank; r++) {
      float value = mk_widen(u[i * lanes + r]), *restrict row = y + i * stride;
      const uint32_t *restrict from = expand + r / 2 * length;
      for (int64_t j = 0; j < wide; j++) row[j] += value * mk_widen((uint16_t)(r & 1 ? from[j] >> 16 : from[j]));
    }
}

// sum[lanes][columns] = uᵀ·x[m][columns], u in pairs of rows
MK_KERNEL(
  plain_outer,
  (const uint32_t *u, int64_t lanes, int64_t m, const uint16_t *x, int64_t stride, int64_t columns, int64_t rank,
   float *sum),
  (u, lanes, m, x, stride, columns, rank, sum)) {
#pragma clang fp contract(fast)
  for (int64_t r = 0; r < rank; r++)
    for (int64_t j = 0; j < columns; j++) sum[r * panel + j] = 0;
  for (int64_t i = 0; i < m; i++)
    for (int64_t r = 0; r < rank; r++) {
      uint32_t both = u[i / 2 * lanes + r];
      float value = mk_widen((uint16_t)(i & 1 ? both >> 16 : both));
      for (int64_t j = 0; j < columns; j++) sum[r * panel + j] += value * mk_widen(x[i * stride + j]);
    }
}

static void plain_narrow(const float *sums, int64_t m, int64_t lanes, uint16_t *rows, uint32_t *pairs) {
  for (int64_t i = 0; i < m * lanes; i++) rows[i] = mk_narrow(sums[i]);
  for (int64_t i = 0; i < m; i += 2)
    for (int64_t r = 0; r < lanes; r++)
      pairs[i / 2 * lanes + r] = rows[i * lanes + r] | (i + 1 < m ? (uint32_t)rows[(i + 1) * lanes + r] << 16 : 0);
}

static void plain_add_turned(const float *sum, int64_t columns, int64_t rank, float scale, float *db) {
  for (int64_t j = 0; j < columns; j++)
    for (int64_t r = 0; r < rank; r++) db[j * rank + r] += scale * sum[r * panel + j];
}

// --- The same with the dot-product unit -----------------------------------------------------------------

#if !defined(MK_NO_DOT_UNIT)
MK_DOT_INLINE void dot_reduce_rows(
  const int mr, const uint16_t *x, int64_t stride, int64_t wide, const uint32_t *reduce, int64_t lanes, float *out) {
  __m512 even[8], odd[8];
  for (int i = 0; i < mr; i++) even[i] = odd[i] = _mm512_setzero_ps();
  int64_t pairs = wide / 2, p = 0;
  for (; p + 1 < pairs; p += 2) {
    __m512i first = _mm512_loadu_si512(reduce + p * lanes), second = _mm512_loadu_si512(reduce + (p + 1) * lanes);
    for (int i = 0; i < mr; i++) {
      even[i] = MK_DOT(even[i], mk_pair_at(x + i * stride + 2 * p), first);
      odd[i] = MK_DOT(odd[i], mk_pair_at(x + i * stride + 2 * p + 2), second);
    }
  }
  for (; p < (wide + 1) / 2; p++) {
    __m512i first = _mm512_loadu_si512(reduce + p * lanes);
    for (int i = 0; i < mr; i++) {
      const uint16_t *from = x + i * stride + 2 * p;
      uint32_t both = from[0] | (2 * p + 1 < wide ? (uint32_t)from[1] << 16 : 0);
      even[i] = MK_DOT(even[i], _mm512_set1_epi32((int)both), first);
    }
  }
  for (int i = 0; i < mr; i++) _mm512_storeu_ps(out + i * lanes, _mm512_add_ps(even[i], odd[i]));
}

MK_DOT_UNIT static void dot_reduce(
  const uint16_t *x, int64_t stride, int64_t m, int64_t wide, const uint32_t *reduce, int64_t lanes, float *out) {
  for (int64_t r = 0; r < lanes; r += lane) {
    int64_t i = 0;
    for (; i + 8 <= m; i += 8)
      dot_reduce_rows(8, x + i * stride, stride, wide, reduce + r, lanes, out + i * lanes + r);
    for (; i < m; i++) dot_reduce_rows(1, x + i * stride, stride, wide, reduce + r, lanes, out + i * lanes + r);
  }
}

MK_DOT_INLINE void dot_expand_rows(
  const int mr, const uint16_t *u, int64_t lanes, int64_t pairs, const uint32_t *expand, int64_t wide, float *y,
  int64_t stride, __mmask16 mask0, __mmask16 mask1) {
  __m512 sum[8][2];
  for (int i = 0; i < mr; i++) sum[i][0] = sum[i][1] = _mm512_setzero_ps();
  for (int64_t p = 0; p < pairs; p++) {
    __m512i b0 = _mm512_maskz_loadu_epi32(mask0, expand + p * wide);
    __m512i b1 = _mm512_maskz_loadu_epi32(mask1, expand + p * wide + lane);
    for (int i = 0; i < mr; i++) {
      __m512i a = mk_pair_at(u + i * lanes + 2 * p);
      sum[i][0] = MK_DOT(sum[i][0], a, b0);
      sum[i][1] = MK_DOT(sum[i][1], a, b1);
    }
  }
  for (int i = 0; i < mr; i++) {
    float *to = y + i * stride;
    mk_store(to, mask0, _mm512_add_ps(_mm512_maskz_loadu_ps(mask0, to), sum[i][0]));
    if (mask1) mk_store(to + lane, mask1, _mm512_add_ps(_mm512_maskz_loadu_ps(mask1, to + lane), sum[i][1]));
  }
}

MK_DOT_INLINE void dot_expand_all(
  const int mr, const uint16_t *u, int64_t lanes, int64_t pairs, const uint32_t *expand, int64_t length, int64_t wide,
  float *y, int64_t stride) {
  for (int64_t j = 0; j < wide; j += 32)
    dot_expand_rows(
      mr, u, lanes, pairs, expand + j, length, y + j, stride, mk_mask_of(wide - j), mk_mask_of(wide - j - lane));
}

MK_DOT_UNIT static void dot_expand(
  const uint16_t *u, int64_t lanes, int64_t m, int64_t rank, const uint32_t *expand, int64_t length, int64_t wide,
  float *y, int64_t stride) {
  int64_t pairs = (rank + 1) / 2, i = 0;
  for (; m - i >= 8; i += 8) dot_expand_all(8, u + i * lanes, lanes, pairs, expand, length, wide, y + i * stride, stride);
  for (; m - i >= 4; i += 4) dot_expand_all(4, u + i * lanes, lanes, pairs, expand, length, wide, y + i * stride, stride);
  for (; i < m; i++) dot_expand_all(1, u + i * lanes, lanes, pairs, expand, length, wide, y + i * stride, stride);
}

// 32 columns of x against 8 lanes of u.
MK_DOT_INLINE void dot_outer_block(
  const uint32_t *u, int64_t lanes, int64_t m, const uint16_t *x, int64_t stride, int64_t columns, float *sum) {
  static const uint16_t low_order[32] = {0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39,
                                         8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
  static const uint16_t high_order[32] = {16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55,
                                          24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63};
  __m512i low = _mm512_loadu_si512(low_order), high = _mm512_loadu_si512(high_order);
  __mmask32 mask = columns >= 32 ? 0xFFFFFFFFu : (1u << columns) - 1;
  __m512 total[8][2];
  for (int i = 0; i < 8; i++) total[i][0] = total[i][1] = _mm512_setzero_ps();
  for (int64_t p = 0; p < (m + 1) / 2; p++) {
    // Rows lie too far apart for the processor to foresee.
    __builtin_prefetch(x + (2 * p + rows_ahead) * stride);
    __builtin_prefetch(x + (2 * p + rows_ahead + 1) * stride);
    __m512i first = _mm512_maskz_loadu_epi16(mask, x + 2 * p * stride);
    __m512i second = 2 * p + 1 < m ? _mm512_maskz_loadu_epi16(mask, x + (2 * p + 1) * stride) : _mm512_setzero_si512();
    __m512i b0 = _mm512_permutex2var_epi16(first, low, second), b1 = _mm512_permutex2var_epi16(first, high, second);
    for (int i = 0; i < 8; i++) {
      __m512i a = _mm512_set1_epi32((int)u[p * lanes + i]);
      total[i][0] = MK_DOT(total[i][0], a, b0);
      total[i][1] = MK_DOT(total[i][1], a, b1);
    }
  }
  for (int i = 0; i < 8; i++) {
    _mm512_storeu_ps(sum + i * panel, total[i][0]);
    _mm512_storeu_ps(sum + i * panel + lane, total[i][1]);
  }
}

MK_DOT_UNIT static void dot_outer(
  const uint32_t *u, int64_t lanes, int64_t m, const uint16_t *x, int64_t stride, int64_t columns, int64_t rank,
  float *sum) {
  for (int64_t j = 0; j < columns; j += 32)
    for (int64_t r = 0; r < rank; r += 8)
      dot_outer_block(
        u + r, lanes, m, x + j, stride, columns - j < 32 ? columns - j : 32, sum + r * panel + j);
}

// Sums of rows in bf16: `rows` as they are, `pairs` by two rows.
MK_DOT_UNIT static void dot_narrow(const float *sums, int64_t m, int64_t lanes, uint16_t *rows, uint32_t *pairs) {
  for (int64_t i = 0; i < m; i += 2)
    for (int64_t r = 0; r < lanes; r += lane) {
      __m512 first = _mm512_loadu_ps(sums + i * lanes + r);
      __m512 second = i + 1 < m ? _mm512_loadu_ps(sums + (i + 1) * lanes + r) : _mm512_setzero_ps();
      _mm256_storeu_si256((__m256i *)(rows + i * lanes + r), (__m256i)_mm512_cvtneps_pbh(first));
      if (i + 1 < m)
        _mm256_storeu_si256((__m256i *)(rows + (i + 1) * lanes + r), (__m256i)_mm512_cvtneps_pbh(second));
      _mm512_storeu_si512(pairs + i / 2 * lanes + r, mk_pairs(first, second));
    }
}

// db[columns][rank] += scale·sumᵀ, for ranks of whole vectors.
MK_DOT_UNIT static void dot_add_turned(const float *sum, int64_t columns, int64_t rank, float scale, float *db) {
  __m512i step = _mm512_mullo_epi32(
    _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), _mm512_set1_epi32(panel));
  __m512 factor = _mm512_set1_ps(scale);
  for (int64_t j = 0; j < columns; j++)
    for (int64_t r = 0; r < rank; r += lane) {
      float *to = db + j * rank + r;
      __m512 value = _mm512_i32gather_ps(step, sum + r * panel + j, 4);
      _mm512_storeu_ps(to, _mm512_fmadd_ps(value, factor, _mm512_loadu_ps(to)));
    }
}
#else
#define dot_reduce plain_reduce
#define dot_expand plain_expand
#define dot_outer plain_outer
#define dot_narrow plain_narrow
#define dot_add_turned plain_add_turned
#endif

// --- The two halves of each direction -------------------------------------------------------------------

static float *target_of(const work *w, const mk_low_rank_term *t, int64_t *stride) {
  *stride = w->is_backward ? t->dx_stride : t->y_stride;
  return w->is_backward ? t->dx : t->y;
}

static uint16_t *inner_rows(const work *w, int64_t index) {
  pack_sizes size = sizes_of(w->terms + index, w->is_backward);
  return (uint16_t *)(w->packs + w->offsets[index] + size.reduce + size.expand);
}

// u's rows begin..<end of one term, counted from its first, times what expands them: `count` columns from `column` on.
static void expand_rows(
  const work *w, int64_t index, int64_t begin, int64_t end, int64_t column, int64_t count, float *to, int64_t stride) {
  const mk_low_rank_term *t = w->terms + index;
  pack_sizes size = sizes_of(t, w->is_backward);
  int64_t lanes = padded(t->rank);
  (mk_has_dot_unit() ? dot_expand : plain_expand)(
    inner_rows(w, index) + begin * lanes, lanes, end - begin, t->rank,
    w->packs + w->offsets[index] + size.reduce + column, padded(size.expand_wide), count, to, stride);
}

// Rows begin..<end of one term, counted from its first: `begin` is even.
static void reduce_rows(const work *w, int64_t index, int64_t begin, int64_t end) {
  const mk_low_rank_term *t = w->terms + index;
  int64_t lanes = padded(t->rank), m = end - begin;
  pack_sizes size = sizes_of(t, w->is_backward);
  const uint32_t *reduce = w->packs + w->offsets[index];
  const uint16_t *from = w->is_backward ? t->dy + begin * t->dy_stride : t->x + begin * t->x_stride;
  int64_t from_stride = w->is_backward ? t->dy_stride : t->x_stride;
  float *sums = mk_scratch(4, (size_t)(row_block * lanes) * sizeof(float));
  (mk_has_dot_unit() ? dot_reduce : plain_reduce)(from, from_stride, m, size.reduce_wide, reduce, lanes, sums);
  uint32_t *pairs = (uint32_t *)(w->is_backward ? t->du : t->u) + begin / 2 * lanes;
  (mk_has_dot_unit() ? dot_narrow : plain_narrow)(sums, m, lanes, inner_rows(w, index) + begin * lanes, pairs);
  int64_t stride;
  float *to = target_of(w, t, &stride);
  if (to && w->columns[index] < 0) expand_rows(w, index, begin, end, 0, size.expand_wide, to + begin * stride, stride);
}

static void pack_expand_of(const work *w, int64_t index) {
  int64_t offset = w->offsets[index] + sizes_of(w->terms + index, w->is_backward).reduce;
  pack_expand(w->terms + index, w->is_backward, w->packs + offset);
}

// A block of rows with all their terms. Terms of one run of rows stand together.
static void reduce_block(const work *w, int64_t task) {
  for (int64_t first = 0; first < w->count;) {
    int64_t rows = w->terms[first].rows, last = first;
    while (last < w->count && w->terms[last].first_row == w->terms[first].first_row && w->terms[last].rows == rows) last++;
    int64_t blocks = (rows + row_block - 1) / row_block;
    if (task < blocks) {
      int64_t begin = task * row_block, end = begin + row_block < rows ? begin + row_block : rows;
      for (int64_t i = first; i < last; i++) reduce_rows(w, i, begin, end);
      return;
    }
    task -= blocks;
    first = last;
  }
}

static int64_t count_blocks(const mk_low_rank_term *terms, int64_t count) {
  int64_t tasks = 0;
  for (int64_t i = 0; i < count; i++)
    if (i == 0 || terms[i].first_row != terms[i - 1].first_row || terms[i].rows != terms[i - 1].rows)
      tasks += (terms[i].rows + row_block - 1) / row_block;
  return tasks;
}

// dA[rank][inputs] += duᵀ·x and dB[outputs][rank] += s·dyᵀ·u, one panel of columns.
void mk_low_rank_gradient(const work *w, int64_t task) {
  for (int64_t index = 0; index < w->count; index++) {
    const mk_low_rank_term *t = w->terms + index;
    int64_t lanes = padded(t->rank), column = task * panel;
    float *sum = mk_scratch(4, (size_t)(lanes * panel) * sizeof(float));
    if (t->da && column < t->inputs) {
      int64_t n = t->inputs - column < panel ? t->inputs - column : panel;
      (mk_has_dot_unit() ? dot_outer : plain_outer)(
        (const uint32_t *)t->du, lanes, t->rows, t->x + column, t->x_stride, n, t->rank, sum);
      for (int64_t r = 0; r < t->rank; r++)
        for (int64_t j = 0; j < n; j++) t->da[r * t->inputs + column + j] += sum[r * panel + j];
    }
    if (t->db && column < t->outputs) {
      int64_t n = t->outputs - column < panel ? t->outputs - column : panel;
      (mk_has_dot_unit() ? dot_outer : plain_outer)(
        (const uint32_t *)t->u, lanes, t->rows, t->dy + column, t->dy_stride, n, t->rank, sum);
      (mk_has_dot_unit() && t->rank % lane == 0 ? dot_add_turned : plain_add_turned)(
        sum, n, t->rank, t->scale, t->db + column * t->rank);
    }
  }
}

void mk_low_rank_plan(
  mk_low_rank_work *w, const mk_low_rank_term *terms, int64_t count, bool is_backward, float *result, int64_t rows,
  int64_t stride) {
  *w = (mk_low_rank_work){terms, count, is_backward, .stride = stride};
  if (count <= 0) return;
  w->offsets = mk_scratch(5, (size_t)count * 2 * sizeof(int64_t));
  w->columns = w->offsets + count;
  int64_t total = 0;
  for (int64_t i = 0; i < count; i++) {
    const mk_low_rank_term *t = terms + i;
    int64_t own, wide = t->db && t->outputs > t->inputs ? t->outputs : t->inputs;
    const float *to = target_of(w, t, &own);
    bool is_within = result && to >= result && to < result + rows * stride;
    w->columns[i] = is_within ? (to - result) % stride : -1;
    pack_sizes size = sizes_of(t, is_backward);
    w->offsets[i] = total;
    total += size.reduce + size.expand + (t->rows + 1) / 2 * padded(t->rank);
    if (is_backward) w->panels = larger(w->panels, (wide + panel - 1) / panel);
  }
  w->packs = mk_scratch(3, (size_t)total * sizeof(uint32_t));
  w->before = 2 * count + count_blocks(terms, count);
  w->unpacked = (int)count, w->unready = (int)w->before;
}

// First what reduces is packed, with what expands terms that are added at once; then what expands the others; then come the
// rows.
void mk_low_rank_task(mk_low_rank_work *w, int64_t task) {
  if (task < w->count) {
    pack_reduce(w->terms + task, w->is_backward, w->packs + w->offsets[task]);
    if (w->columns[task] < 0) pack_expand_of(w, task);
    atomic_fetch_sub(&w->unpacked, 1);
  } else if (task < 2 * w->count) {
    if (w->columns[task - w->count] >= 0) pack_expand_of(w, task - w->count);
  } else {
    mk_wait_for_none(&w->unpacked);
    reduce_block(w, task - 2 * w->count);
  }
  atomic_fetch_sub(&w->unready, 1);
}

void mk_low_rank_wait(mk_low_rank_work *w) { mk_wait_for_none(&w->unready); }

// Where a term and a rectangle of the result meet.
typedef struct {
  int64_t row, rows, column, columns;
} rectangle;

// In the term's own rows and columns; without any where they do not meet.
static rectangle meet(const work *w, int64_t index, const rectangle *of) {
  const mk_low_rank_term *t = w->terms + index;
  int64_t first = w->columns[index], wide = w->is_backward ? t->inputs : t->outputs;
  if (first < 0) return (rectangle){0};
  rectangle r = {larger(of->row - t->first_row, 0), 0, larger(of->column - first, 0), 0};
  r.rows = larger(smaller(of->row + of->rows - t->first_row, t->rows) - r.row, 0);
  r.columns = larger(smaller(of->column + of->columns - first, wide) - r.column, 0);
  return r;
}

static bool is_whole(const rectangle *r, const rectangle *of) { return r->rows == of->rows && r->columns == of->columns; }

int64_t mk_low_rank_run(const mk_low_rank_work *w, int64_t row, int64_t most) {
  for (int64_t i = 0; i < w->count; i++) {
    int64_t first = w->terms[i].first_row - row, end = first + w->terms[i].rows;
    if (first > 0) most = smaller(most, first);
    if (end > 0) most = smaller(most, end);
  }
  return most;
}

int64_t mk_low_rank_parts(
  const mk_low_rank_work *w, int64_t row, int64_t rows, int64_t column, int64_t columns,
  mk_low_rank_part parts[mk_most_parts], bool *are_left) {
  rectangle of = {row, rows, column, columns};
  int64_t count = 0;
  *are_left = false;
  for (int64_t i = 0; i < w->count; i++) {
    const mk_low_rank_term *t = w->terms + i;
    rectangle r = meet(w, i, &of);
    if (r.rows == 0 || r.columns == 0) continue;
    if (!is_whole(&r, &of) || count == mk_most_parts) {
      *are_left = true;
      continue;
    }
    pack_sizes size = sizes_of(t, w->is_backward);
    int64_t lanes = padded(t->rank);
    parts[count++] = (mk_low_rank_part){
      inner_rows(w, i) + r.row * lanes, w->packs + w->offsets[i] + size.reduce + r.column, lanes,
      padded(size.expand_wide), (t->rank + 1) / 2};
  }
  return count;
}

void mk_low_rank_add(
  const mk_low_rank_work *w, int64_t row, int64_t rows, int64_t column, int64_t columns, int64_t given) {
  rectangle of = {row, rows, column, columns};
  for (int64_t i = 0; i < w->count; i++) {
    const mk_low_rank_term *t = w->terms + i;
    rectangle r = meet(w, i, &of);
    if (r.rows == 0 || r.columns == 0 || (is_whole(&r, &of) && given-- > 0)) continue;
    int64_t stride;
    float *to = target_of(w, t, &stride) + r.row * w->stride + r.column;
    expand_rows(w, i, r.row, r.row + r.rows, r.column, r.columns, to, w->stride);
  }
}

static void run_task(void *context, int64_t task) {
  work *w = context;
  if (task < w->before) return mk_low_rank_task(w, task);
  mk_low_rank_wait(w);
  mk_low_rank_gradient(w, task - w->before);
}

static void run(const mk_low_rank_term *terms, int64_t count, bool is_backward) {
  work w;
  mk_low_rank_plan(&w, terms, count, is_backward, NULL, 0, 0);
  mk_parallel_tasks(w.before + w.panels, run_task, &w);
}

void mk_low_rank_forward(const mk_low_rank_term *terms, int64_t count) { run(terms, count, false); }

void mk_low_rank_backward(const mk_low_rank_term *terms, int64_t count) { run(terms, count, true); }

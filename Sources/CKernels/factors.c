// What adapters add in a pass that only goes forward: y += scale·(x·Aᵀ)·Bᵀ, sums of bf16 products in f32. The factors are
// laid out once, in the order in which a pass reads them: a few rows are limited by memory, and memory is fastest read
// in one piece. A row's result depends on that row alone.
#include "factors.h"

#include "dot.h"

enum { lane = 16, row_block = 64, column_block = 64, fetched_ahead = 2048 };

static int64_t lanes_of(int64_t rank) { return (rank + lane - 1) / lane * lane; }

// --- Layout -----------------------------------------------------------------------------------------------

// A by pairs of inputs, [rank/16][inputs/2][16]; B by pairs of the rank, [outputs/16][rank/2][16].
void mk_factors_sizes(int64_t inputs, int64_t outputs, int64_t rank, int64_t *reduce, int64_t *expand) {
  *reduce = lanes_of(rank) * ((inputs + 1) / 2);
  *expand = lanes_of(outputs) * ((rank + 1) / 2);
}

// [rows/16][columns/2][16] from x[rows][columns], zeros where there is no value.
static void lay_out(const float *x, int64_t rows, int64_t columns, uint32_t *to) {
  int64_t pairs = (columns + 1) / 2;
  for (int64_t block = 0; block < lanes_of(rows); block += lane)
    for (int64_t p = 0; p < pairs; p++)
      for (int64_t i = block; i < block + lane; i++) {
        const float *from = x + i * columns + 2 * p;
        uint32_t low = i < rows ? mk_narrow(from[0]) : 0, high = i < rows && 2 * p + 1 < columns ? mk_narrow(from[1]) : 0;
        *to++ = low | high << 16;
      }
}

void mk_factors_pack(
  const float *a, const float *b, int64_t inputs, int64_t outputs, int64_t rank, uint32_t *reduce, uint32_t *expand) {
  lay_out(a, rank, inputs, reduce);
  lay_out(b, outputs, rank, expand);
}

// --- Portable loops ---------------------------------------------------------------------------------------

// sums[m][16] = x[m][columns]·block
MK_KERNEL(
  factors_plain_reduce,
  (const uint16_t *x, int64_t stride, int64_t m, int64_t columns, const uint32_t *block, float *sums, int64_t ld),
  (x, stride, m, columns, block, sums, ld)) {
#pragma clang fp contract(fast)
  for (int64_t i = 0; i < m; i++) {
    float sum[lane] = {0};
    for (int64_t j = 0; j < columns; j++) {
      float value = mk_widen(x[i * stride + j]);
      const uint32_t *restrict row = block + j / 2 * lane;
      for (int64_t r = 0; r < lane; r++) sum[r] += value * mk_widen((uint16_t)(j & 1 ? row[r] >> 16 : row[r]));
    }
    for (int64_t r = 0; r < lane; r++) sums[i * ld + r] = sum[r];
  }
}

// y[m][from..<to] += u[m][rank]·block
MK_KERNEL(
  factors_plain_expand,
  (const uint16_t *u, int64_t ld, int64_t m, int64_t rank, const uint32_t *block, int64_t from, int64_t to, float *y,
   int64_t stride),
  (u, ld, m, rank, block, from, to, y, stride)) {
#pragma clang fp contract(fast)
  for (int64_t i = 0; i < m; i++) {
    float sum[lane] = {0};
    for (int64_t r = 0; r < rank; r++) {
      float value = mk_widen(u[i * ld + r]);
      const uint32_t *restrict row = block + r / 2 * lane;
      for (int64_t j = 0; j < lane; j++) sum[j] += value * mk_widen((uint16_t)(r & 1 ? row[j] >> 16 : row[j]));
    }
    for (int64_t j = from; j < to; j++) y[i * stride + j] += sum[j];
  }
}

// --- The same with the dot-product unit -------------------------------------------------------------------

#if !defined(MK_NO_DOT_UNIT)
MK_DOT_INLINE void reduce_rows(
  const int rows, const bool fetches, const uint16_t *x, int64_t stride, int64_t columns, const uint32_t *block,
  float *sums, int64_t ld) {
  __m512 even[8], odd[8];
#pragma unroll
  for (int i = 0; i < rows; i++) even[i] = odd[i] = _mm512_setzero_ps();
  int64_t pairs = columns / 2, p = 0;
  for (; p + 1 < pairs; p += 2, block += 2 * lane) {
    if (fetches) {
      _mm_prefetch((const char *)block + fetched_ahead, _MM_HINT_T0);
      _mm_prefetch((const char *)block + fetched_ahead + 64, _MM_HINT_T0);
    }
    __m512i first = _mm512_loadu_si512(block), second = _mm512_loadu_si512(block + lane);
#pragma unroll
    for (int i = 0; i < rows; i++) {
      even[i] = MK_DOT(even[i], mk_pair_at(x + i * stride + 2 * p), first);
      odd[i] = MK_DOT(odd[i], mk_pair_at(x + i * stride + 2 * p + 2), second);
    }
  }
  for (; p < (columns + 1) / 2; p++, block += lane) {
    __m512i last = _mm512_loadu_si512(block);
    for (int i = 0; i < rows; i++) {
      const uint16_t *from = x + i * stride + 2 * p;
      uint32_t both = from[0] | (2 * p + 1 < columns ? (uint32_t)from[1] << 16 : 0);
      even[i] = MK_DOT(even[i], _mm512_set1_epi32((int)both), last);
    }
  }
#pragma unroll
  for (int i = 0; i < rows; i++) _mm512_storeu_ps(sums + i * ld, _mm512_add_ps(even[i], odd[i]));
}

MK_DOT_UNIT static void dot_reduce(
  const uint16_t *x, int64_t stride, int64_t m, int64_t columns, const uint32_t *block, float *sums, int64_t ld) {
  int64_t i = 0;
#define ROWS(n) reduce_rows(n, n < 8, x + i * stride, stride, columns, block, sums + i * ld, ld), i += n
  while (m - i >= 8) ROWS(8);
  if (m - i >= 4) ROWS(4);
  if (m - i >= 2) ROWS(2);
  if (m - i >= 1) ROWS(1);
#undef ROWS
}

MK_DOT_INLINE void expand_rows(
  const int rows, const bool fetches, const uint16_t *u, int64_t ld, int64_t pairs, const uint32_t *block,
  __mmask16 mask, float *y, int64_t stride) {
  __m512 sum[8];
#pragma unroll
  for (int i = 0; i < rows; i++) sum[i] = _mm512_setzero_ps();
  for (int64_t p = 0; p < pairs; p++) {
    if (fetches) _mm_prefetch((const char *)(block + p * lane) + fetched_ahead, _MM_HINT_T0);
    __m512i b = _mm512_loadu_si512(block + p * lane);
#pragma unroll
    for (int i = 0; i < rows; i++) sum[i] = MK_DOT(sum[i], mk_pair_at(u + i * ld + 2 * p), b);
  }
#pragma unroll
  for (int i = 0; i < rows; i++) {
    float *to = y + i * stride;
    _mm512_mask_storeu_ps(to, mask, _mm512_add_ps(_mm512_maskz_loadu_ps(mask, to), sum[i]));
  }
}

MK_DOT_UNIT static void dot_expand(
  const uint16_t *u, int64_t ld, int64_t m, int64_t rank, const uint32_t *block, int64_t from, int64_t to, float *y,
  int64_t stride) {
  int64_t pairs = (rank + 1) / 2, i = 0;
  __mmask16 mask = (__mmask16)((1u << to) - (1u << from));
#define ROWS(n) expand_rows(n, n < 8, u + i * ld, ld, pairs, block, mask, y + i * stride, stride), i += n
  while (m - i >= 8) ROWS(8);
  if (m - i >= 4) ROWS(4);
  if (m - i >= 2) ROWS(2);
  if (m - i >= 1) ROWS(1);
#undef ROWS
}
#else
#define dot_reduce factors_plain_reduce
#define dot_expand factors_plain_expand
#endif

// --- Over the team ----------------------------------------------------------------------------------------

typedef struct {
  const mk_factors *terms;
  int64_t count, inputs, columns;
  const uint16_t *x;
  factors_inner inner;
  float *y;
} work;

MK_KERNEL(
  factors_narrow, (const float *restrict sums, float scale, uint16_t *restrict u, int64_t count),
  (sums, scale, u, count)) {
  for (int64_t i = 0; i < count; i++) u[i] = mk_narrow(scale * sums[i]);
}

static void reduce_block(const work *w, int64_t index, int64_t begin, int64_t end) {
  const mk_factors *t = w->terms + index;
  int64_t lanes = lanes_of(t->rank), m = end - begin, pairs = (w->inputs + 1) / 2;
  float *sums = mk_scratch(4, (size_t)(m * lanes) * sizeof(float));
  for (int64_t r = 0; r < lanes; r += lane)
    (mk_has_dot_unit() ? dot_reduce : factors_plain_reduce)(
      w->x + (t->first_row + begin) * w->inputs, w->inputs, m, w->inputs, t->reduce + r * pairs, sums + r, lanes);
  factors_narrow(sums, t->scale, w->inner.u + w->inner.offsets[index] + begin * lanes, m * lanes);
}

static void reduce_task(void *context, int64_t task) {
  const work *w = context;
  for (int64_t i = 0; i < w->count; i++) {
    int64_t rows = w->terms[i].rows, blocks = (rows + row_block - 1) / row_block;
    if (task < blocks) {
      int64_t begin = task * row_block, end = begin + row_block;
      return reduce_block(w, i, begin, end < rows ? end : rows);
    }
    task -= blocks;
  }
}

factors_inner factors_reduce(const mk_factors *terms, int64_t count, const uint16_t *x, int64_t inputs) {
  factors_inner inner = {.offsets = mk_scratch(5, (size_t)count * sizeof(int64_t))};
  int64_t total = 0, tasks = 0;
  for (int64_t i = 0; i < count; i++) {
    inner.offsets[i] = total;
    total += terms[i].rows * lanes_of(terms[i].rank);
    tasks += (terms[i].rows + row_block - 1) / row_block;
  }
  inner.u = mk_scratch(6, (size_t)total * sizeof(uint16_t));
  work w = {.terms = terms, .count = count, .inputs = inputs, .x = x, .inner = inner};
  mk_parallel_tasks(tasks, reduce_task, &w);
  return inner;
}

void factors_expand(const mk_factors *t, const uint16_t *u, int64_t begin, int64_t end, float *y, int64_t stride) {
  int64_t first = begin > t->first_column ? begin - t->first_column : 0, last = end - t->first_column;
  if (last > t->outputs) last = t->outputs;
  if (first >= last) return;
  int64_t lanes = lanes_of(t->rank), size = (t->rank + 1) / 2 * lane;
  for (int64_t block = first / lane; block * lane < last; block++) {
    int64_t from = first - block * lane, to = last - block * lane;
    (mk_has_dot_unit() ? dot_expand : factors_plain_expand)(
      u, lanes, t->rows, t->rank, t->expand + block * size, from < 0 ? 0 : from, to < lane ? to : lane,
      y + t->first_row * stride + t->first_column + block * lane, stride);
  }
}

static void expand_all(void *context, int64_t begin, int64_t end) {
  const work *w = context;
  for (int64_t i = 0; i < w->count; i++)
    factors_expand(w->terms + i, w->inner.u + w->inner.offsets[i], begin, end, w->y, w->columns);
}

void mk_factors_add(
  const mk_factors *terms, int64_t count, const uint16_t *x, int64_t inputs, float *y, int64_t columns) {
  if (count <= 0) return;
  work w = {.terms = terms, .count = count, .columns = columns, .y = y};
  w.inner = factors_reduce(terms, count, x, inputs);
  mk_parallel_ranges(columns, column_block, expand_all, &w);
}

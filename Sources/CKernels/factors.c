// What adapters add in a pass that only goes forward: y += scale·(x·Aᵀ)·Bᵀ, products of bf16 with sums in f32. The
// factors are laid out once, in the order in which a pass reads them: a few rows are limited by memory, and memory is
// fastest read in one piece. In 8 bits they take half of it, with a scale for each output of 64 inputs; the codes are
// bf16 values themselves, and so multiplied as those are. A row's result depends on that row alone.
#include "factors.h"

#include "dot.h"

enum { lane = 16, block = 64, row_block = 64, column_block = 64, fetched_ahead = 2048, most_parts = 8 };

static int64_t whole(int64_t count, int64_t of) { return (count + of - 1) / of; }
static int64_t lanes_of(int64_t rank) { return whole(rank, lane) * lane; }

// --- Layout -----------------------------------------------------------------------------------------------
//
// A is [rank/16] tiles and B is [outputs/16]; a tile holds 16 rows of `columns` values by pairs of columns. In bf16 it
// is [columns/2][16] pairs. In 8 bits it is blocks of 64 columns, each with 16 scales in bf16 and then
// [columns/2][2][16] codes.

enum { scale_bytes = 2 * lane };

static int64_t tile_bytes(int type, int64_t columns) {
  int64_t scales = type == MK_S8 ? whole(columns, block) * scale_bytes : 0;
  return scales + whole(columns, 2) * (type == MK_S8 ? 2 : 4) * lane;
}

void mk_factors_sizes(int type, int64_t inputs, int64_t outputs, int64_t rank, int64_t *reduce, int64_t *expand) {
  *reduce = whole(rank, lane) * tile_bytes(type, inputs);
  *expand = whole(outputs, lane) * tile_bytes(type, rank);
}

// x[row][column], or zero where there is none.
typedef struct {
  const float *x;
  int64_t rows, columns;
} source;

static float value_at(const source *s, int64_t row, int64_t column) {
  return row < s->rows && column < s->columns ? s->x[row * s->columns + column] : 0;
}

static char *pack_pairs(const source *s, int64_t first, char *to) {
  for (int64_t p = 0; p < whole(s->columns, 2); p++)
    for (int64_t i = 0; i < lane; i++, to += 4) {
      uint16_t pair[2] = {mk_narrow(value_at(s, first + i, 2 * p)), mk_narrow(value_at(s, first + i, 2 * p + 1))};
      memcpy(to, pair, 4);
    }
  return to;
}

// The scale in bf16 that brings the highest of a row's block to at most 127, and is not below any that does.
static uint16_t scale_for(const source *s, int64_t row, int64_t begin, int64_t end) {
  float highest = 0;
  for (int64_t j = begin; j < end; j++) {
    float size = fabsf(value_at(s, row, j));
    if (size > highest) highest = size;
  }
  uint16_t scale = mk_narrow(highest / 127);
  return mk_widen(scale) * 127 < highest ? scale + 1 : scale;
}

static char *pack_codes(const source *s, int64_t first, char *to) {
  for (int64_t begin = 0; begin < s->columns; begin += block) {
    int64_t end = begin + block < s->columns ? begin + block : s->columns;
    uint16_t scales[lane];
    for (int64_t i = 0; i < lane; i++) scales[i] = scale_for(s, first + i, begin, end);
    memcpy(to, scales, sizeof scales);
    to += sizeof scales;
    for (int64_t j = begin; j < begin + whole(end - begin, 2) * 2; j++)
      for (int64_t i = 0; i < lane; i++) {
        float scale = mk_widen(scales[i]), code = scale > 0 ? rintf(value_at(s, first + i, j) / scale) : 0;
        *to++ = (char)(int8_t)(code > 127 ? 127 : code < -127 ? -127 : code);
      }
  }
  return to;
}

static void lay_out(int type, source s, char *to) {
  for (int64_t first = 0; first < s.rows; first += lane)
    to = type == MK_S8 ? pack_codes(&s, first, to) : pack_pairs(&s, first, to);
}

void mk_factors_pack(
  int type, const float *a, const float *b, int64_t inputs, int64_t outputs, int64_t rank, void *reduce,
  void *expand) {
  lay_out(type, (source){a, rank, inputs}, reduce);
  lay_out(type, (source){b, outputs, rank}, expand);
}

static float tile_value(int type, const char *tile, int64_t row, int64_t column) {
  if (type != MK_S8) {
    uint16_t value;
    memcpy(&value, tile + (column / 2 * lane + row) * 4 + column % 2 * 2, 2);
    return mk_widen(value);
  }
  tile += column / block * (scale_bytes + block * lane);
  uint16_t scale;
  memcpy(&scale, tile + 2 * row, 2);
  return mk_widen(scale) * (float)(int8_t)tile[scale_bytes + column % block * lane + row];
}

static void unpack(int type, const char *from, int64_t rows, int64_t columns, float *to) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++)
      *to++ = tile_value(type, from + i / lane * tile_bytes(type, columns), i % lane, j);
}

void mk_factors_unpack(
  int type, const void *reduce, const void *expand, int64_t inputs, int64_t outputs, int64_t rank, float *a,
  float *b) {
  unpack(type, reduce, rank, inputs, a);
  unpack(type, expand, outputs, rank, b);
}

// --- Tiles ------------------------------------------------------------------------------------------------

// Some rows of bf16 values, and what comes of them: out[m][from..<to] = x·tiles, or added to it.
typedef struct {
  const uint16_t *x;
  int64_t stride, m;
  float *out;
  int64_t out_stride, from, to;
  bool accumulate;
} tile_rows;

// Tiles side by side in the result, of some of the columns of those that were packed.
typedef struct {
  int type;
  const char *first;
  // Bytes from one to the next.
  int64_t apart, columns;
  // Whether nobody has asked memory for them yet.
  bool is_far;
} tile_run;

static void fetch(const char *from, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(from + at);
}

MK_KERNEL(factors_plain_tiles, (const tile_run *w, const tile_rows *r), (w, r)) {
#pragma clang fp contract(fast)
  float *values = mk_scratch(1, (size_t)(w->columns * lane) * sizeof(float));
  for (int64_t tile = r->from / lane; tile * lane < r->to; tile++) {
    int64_t from = r->from - tile * lane, to = r->to - tile * lane;
    for (int64_t j = 0; j < w->columns; j++)
      for (int64_t i = 0; i < lane; i++) values[j * lane + i] = tile_value(w->type, w->first + tile * w->apart, i, j);
    for (int64_t i = 0; i < r->m; i++) {
      float sum[lane] = {0};
      for (int64_t j = 0; j < w->columns; j++) {
        float x = mk_widen(r->x[i * r->stride + j]);
        const float *restrict row = values + j * lane;
        for (int64_t n = 0; n < lane; n++) sum[n] += x * row[n];
      }
      float *out = r->out + i * r->out_stride + tile * lane;
      for (int64_t j = from < 0 ? 0 : from; j < (to < lane ? to : lane); j++)
        out[j] = (r->accumulate ? out[j] : 0) + sum[j];
    }
  }
}

#if !defined(MK_NO_DOT_UNIT)
// Sixteen pairs of codes as bf16 values: those of an integer below 256 are the upper half of its f32.
MK_DOT_INLINE __m512i pair_of_codes(const char *at) {
  __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)at)));
  __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(at + lane))));
  return _mm512_or_si512(_mm512_srli_epi32((__m512i)low, 16), (__m512i)high);
}

MK_DOT_INLINE __m512 scales_at(const char *tile) {
  return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)tile)), 16);
}

// The lanes of a tile that begins at `column` which are from..<to.
static inline uint16_t lanes_between(int64_t from, int64_t to, int64_t column) {
  int64_t low = from > column ? from - column : 0, high = to - column < lane ? to - column : lane;
  return (uint16_t)((1u << high) - (1u << low));
}

MK_DOT_INLINE void put(float *out, __mmask16 mask, bool accumulate, __m512 sum) {
  if (accumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, out));
  _mm512_mask_storeu_ps(out, mask, sum);
}

// `rows` rows from `row` on through one tile. Codes are read as they are, or where they were `widened` to. Memory is
// asked ahead up to `end`.
MK_DOT_INLINE void unit_rows(
  const int rows, const bool is_int8, const char *end, const char *tile, const char *widened, int64_t columns,
  const tile_rows *r, int64_t row, int64_t column, __mmask16 mask) {
  __m512 total[8], even[8], odd[8];
  const uint16_t *x = r->x + row * r->stride;
  const bool reads_codes = is_int8 && !widened;
  const int64_t step = reads_codes ? 2 * lane : 4 * lane;
#pragma unroll
  for (int i = 0; i < rows; i++) total[i] = _mm512_setzero_ps();
  for (int64_t begin = 0; begin < columns; begin += block) {
    int64_t count = columns - begin < block ? columns - begin : block, p = 0;
    __m512 scale = _mm512_setzero_ps();
    if (is_int8) scale = scales_at(tile), tile += scale_bytes;
    const char *at = widened ? widened : tile;
#pragma unroll
    for (int i = 0; i < rows; i++) even[i] = odd[i] = _mm512_setzero_ps();
    for (; p + 1 < count / 2; p += 2, at += 2 * step) {
      if (at + fetched_ahead < end) fetch(at + fetched_ahead, 2 * step);
      __m512i first = reads_codes ? pair_of_codes(at) : _mm512_loadu_si512(at);
      __m512i second = reads_codes ? pair_of_codes(at + step) : _mm512_loadu_si512(at + step);
#pragma unroll
      for (int i = 0; i < rows; i++) {
        even[i] = MK_DOT(even[i], mk_pair_at(x + i * r->stride + begin + 2 * p), first);
        odd[i] = MK_DOT(odd[i], mk_pair_at(x + i * r->stride + begin + 2 * p + 2), second);
      }
    }
    for (; p < whole(count, 2); p++, at += step) {
      __m512i last = reads_codes ? pair_of_codes(at) : _mm512_loadu_si512(at);
#pragma unroll
      for (int i = 0; i < rows; i++) {
        const uint16_t *from = x + i * r->stride + begin + 2 * p;
        uint32_t both = from[0] | (2 * p + 1 < count ? (uint32_t)from[1] << 16 : 0);
        even[i] = MK_DOT(even[i], _mm512_set1_epi32((int)both), last);
      }
    }
    tile += whole(count, 2) * (is_int8 ? 2 * lane : 4 * lane);
    if (widened) widened = at;
#pragma unroll
    for (int i = 0; i < rows; i++) {
      __m512 sum = _mm512_add_ps(even[i], odd[i]);
      total[i] = is_int8 ? _mm512_fmadd_ps(sum, scale, total[i]) : _mm512_add_ps(sum, total[i]);
    }
  }
#pragma unroll
  for (int i = 0; i < rows; i++)
    put(r->out + (row + i) * r->out_stride + column, mask, r->accumulate, total[i]);
}

// One row through tiles of `pairs` pairs, which stay in registers: what an adapter of a usual rank expands for its only
// row, in the very order of unit_rows.
MK_DOT_INLINE void unit_narrow_row(const int pairs, const bool is_int8, const tile_run *w, const tile_rows *r) {
  __m512i x[8];
#pragma unroll
  for (int p = 0; p < pairs; p++) x[p] = mk_pair_at(r->x + 2 * p);
  for (int64_t tile = r->from / lane; tile * lane < r->to; tile++) {
    const char *at = w->first + tile * w->apart;
    __m512 scale = _mm512_setzero_ps(), even = scale, odd = scale;
    if (is_int8) scale = scales_at(at), at += scale_bytes;
#pragma unroll
    for (int p = 0; p < pairs; p += 2) {
      even = MK_DOT(even, x[p], is_int8 ? pair_of_codes(at + p * 2 * lane) : _mm512_loadu_si512(at + p * 4 * lane));
      odd = MK_DOT(
        odd, x[p + 1], is_int8 ? pair_of_codes(at + (p + 1) * 2 * lane) : _mm512_loadu_si512(at + (p + 1) * 4 * lane));
    }
    __m512 sum = _mm512_add_ps(even, odd);
    if (is_int8) sum = _mm512_mul_ps(sum, scale);
    put(r->out + tile * lane, lanes_between(r->from, r->to, tile * lane), r->accumulate, sum);
  }
}

// A tile's codes as bf16, for more rows than are multiplied at a time.
MK_DOT_INLINE const char *widen_tile(const char *tile, int64_t columns) {
  char *to = mk_scratch(1, (size_t)(whole(columns, 2) * 4 * lane)), *next = to;
  for (int64_t begin = 0; begin < columns; begin += block) {
    int64_t count = columns - begin < block ? columns - begin : block;
    tile += scale_bytes;
    for (int64_t p = 0; p < whole(count, 2); p++, tile += 2 * lane, next += 4 * lane)
      _mm512_storeu_si512(next, pair_of_codes(tile));
  }
  return to;
}

MK_DOT_INLINE void unit_tiles_of(const bool is_int8, const tile_run *w, const tile_rows *r) {
  if (r->m == 1 && w->columns == 16) return unit_narrow_row(8, is_int8, w, r);
  if (r->m == 1 && w->columns == 8) return unit_narrow_row(4, is_int8, w, r);
  for (int64_t index = r->from / lane; index * lane < r->to; index++) {
    const char *tile = w->first + index * w->apart;
    const char *widened = is_int8 && r->m > 8 ? widen_tile(tile, w->columns) : NULL;
    __mmask16 mask = lanes_between(r->from, r->to, index * lane);
    const char *end = tile;
    if (w->is_far) {
      end += tile_bytes(w->type, w->columns);
      fetch(tile, fetched_ahead < end - tile ? fetched_ahead : end - tile);
    }
    int64_t row = 0;
#define ROWS(n)                                                                                       \
  widened ? unit_rows(n, is_int8, tile, tile, widened, w->columns, r, row, index * lane, mask)        \
          : unit_rows(n, is_int8, end, tile, NULL, w->columns, r, row, index * lane, mask),           \
    row += n, end = tile
    while (r->m - row >= 8) ROWS(8);
    if (r->m - row >= 4) ROWS(4);
    if (r->m - row >= 2) ROWS(2);
    if (r->m - row >= 1) ROWS(1);
#undef ROWS
  }
}

MK_DOT_UNIT static void unit_tiles(const tile_run *w, const tile_rows *r) {
  if (w->type == MK_S8) unit_tiles_of(true, w, r);
  else unit_tiles_of(false, w, r);
}
#else
#define unit_tiles factors_plain_tiles
#endif

static void multiply_tiles(const tile_run *w, const tile_rows *r) {
  (mk_has_dot_unit() ? unit_tiles : factors_plain_tiles)(w, r);
}

// --- Over the team ----------------------------------------------------------------------------------------

// x·Aᵀ is summed over parts of the inputs, so that one adapter of few ranks keeps all threads busy. How many there are
// depends on the inputs alone, and so do a row's sums.
static int64_t parts_of(int64_t inputs) {
  int64_t parts = whole(inputs, 8 * block);
  return parts < most_parts ? parts : most_parts;
}

factors_inner factors_plan(const mk_factors *terms, int64_t count, const uint16_t *x, int64_t inputs) {
  factors_inner inner = {.terms = terms, .count = count, .x = x, .inputs = inputs, .parts = parts_of(inputs)};
  inner.offsets = mk_scratch(5, (size_t)count * sizeof(int64_t));
  int64_t total = 0;
  for (int64_t i = 0; i < count; i++) {
    inner.offsets[i] = total;
    total += terms[i].rows * lanes_of(terms[i].rank);
    inner.tasks += whole(terms[i].rows, row_block) * inner.parts;
  }
  inner.sums = mk_scratch(6, (size_t)total * (size_t)inner.parts * sizeof(float) + (size_t)total * sizeof(uint16_t));
  inner.u = (uint16_t *)(inner.sums + total * inner.parts);
  return inner;
}

// One part of the inputs of a term, for a block of its rows.
static void reduce_part(const factors_inner *inner, int64_t index, int64_t begin, int64_t end, int64_t part) {
  const mk_factors *t = inner->terms + index;
  int64_t lanes = lanes_of(t->rank), inputs = inner->inputs, blocks = whole(inputs, block), parts = inner->parts;
  int64_t first = blocks * part / parts * block, last = blocks * (part + 1) / parts * block;
  if (last > inputs) last = inputs;
  tile_run tiles = {
    .type = t->type, .first = (const char *)t->reduce + tile_bytes(t->type, first),
    .apart = tile_bytes(t->type, inputs), .columns = last - first, .is_far = true};
  tile_rows rows = {
    .x = inner->x + (t->first_row + begin) * inputs + first, .stride = inputs, .m = end - begin,
    .out = inner->sums + inner->offsets[index] * parts + (part * t->rows + begin) * lanes, .out_stride = lanes,
    .from = 0, .to = lanes};
  multiply_tiles(&tiles, &rows);
}

void factors_reduce(const factors_inner *inner, int64_t task) {
  for (int64_t i = 0; i < inner->count; i++) {
    int64_t rows = inner->terms[i].rows, tasks = whole(rows, row_block) * inner->parts;
    if (task < tasks) {
      int64_t begin = task / inner->parts * row_block, end = begin + row_block;
      return reduce_part(inner, i, begin, end < rows ? end : rows, task % inner->parts);
    }
    task -= tasks;
  }
}

MK_KERNEL(
  join_parts, (const float *restrict sums, int64_t parts, int64_t count, float scale, uint16_t *restrict u),
  (sums, parts, count, scale, u)) {
  for (int64_t i = 0; i < count; i++) {
    float sum = sums[i];
    for (int64_t part = 1; part < parts; part++) sum += sums[part * count + i];
    u[i] = mk_narrow(scale * sum);
  }
}

void factors_join(const factors_inner *inner) {
  for (int64_t i = 0; i < inner->count; i++) {
    const mk_factors *t = inner->terms + i;
    int64_t at = inner->offsets[i];
    join_parts(inner->sums + at * inner->parts, inner->parts, t->rows * lanes_of(t->rank), t->scale, inner->u + at);
  }
}

// The outputs of a term that columns begin..<end of the result are; whether there are any.
static bool outputs_in(const mk_factors *t, int64_t begin, int64_t end, int64_t *first, int64_t *last) {
  *first = begin > t->first_column ? begin - t->first_column : 0, *last = end - t->first_column;
  if (*last > t->outputs) *last = t->outputs;
  return *first < *last;
}

void factors_fetch(const factors_inner *inner, int64_t begin, int64_t end) {
  for (int64_t i = 0; i < inner->count; i++) {
    const mk_factors *t = inner->terms + i;
    int64_t first, last, size = tile_bytes(t->type, t->rank);
    if (outputs_in(t, begin, end, &first, &last))
      fetch((const char *)t->expand + first / lane * size, whole(last - first, lane) * size);
  }
}

void factors_expand(const factors_inner *inner, int64_t begin, int64_t end, float *y, int64_t stride) {
  for (int64_t i = 0; i < inner->count; i++) {
    const mk_factors *t = inner->terms + i;
    int64_t first, last;
    if (!outputs_in(t, begin, end, &first, &last)) continue;
    tile_run tiles = {
      .type = t->type, .first = t->expand, .apart = tile_bytes(t->type, t->rank), .columns = t->rank};
    tile_rows rows = {
      .x = inner->u + inner->offsets[i], .stride = lanes_of(t->rank), .m = t->rows,
      .out = y + t->first_row * stride + t->first_column, .out_stride = stride, .from = first, .to = last,
      .accumulate = true};
    multiply_tiles(&tiles, &rows);
  }
}

typedef struct {
  factors_inner inner;
  int64_t columns;
  float *y;
} addition;

static void reduce_task(void *context, int64_t task) { factors_reduce(&((const addition *)context)->inner, task); }

static void expand_columns(void *context, int64_t begin, int64_t end) {
  const addition *a = context;
  factors_fetch(&a->inner, begin, end);
  factors_expand(&a->inner, begin, end, a->y, a->columns);
}

void mk_factors_add(
  const mk_factors *terms, int64_t count, const uint16_t *x, int64_t inputs, float *y, int64_t columns) {
  if (count <= 0) return;
  addition a = {.inner = factors_plan(terms, count, x, inputs), .columns = columns, .y = y};
  mk_parallel_tasks(a.inner.tasks, reduce_task, &a);
  factors_join(&a.inner);
  mk_parallel_ranges(columns, column_block, expand_columns, &a);
}

// Products of rows in bf16 with a packed matrix by the processor's dot-product unit, a strip of the result's columns at a
// time: x·B from the blocks in which oneDNN lays B, and x·Bᵀ from the same blocks, turned while they are in the cache. What
// adapters add to the result goes on tile by tile.
//
// oneDNN's own product is as fast on whole matrices, but it knows nothing of adapters, and x·Bᵀ needs a second form of
// B in memory.
#include "low_rank.h"
#include "turn.h"

// A tile is 12 rows by 32 columns, which 24 vectors hold. `depth` pairs of a strip's rows fill the nearest cache.
enum { tile_rows = 12, tile_columns = 32, depth = 384 };

typedef struct {
  mk_blocks_of_64 b;
  const float *scales, *flatten;
  bool is_back;
  const uint16_t *x;
  int64_t x_stride, m;
  float *y;
  // Of y; the sum's length in pairs.
  int64_t columns, pairs;
  // What is added to, [m][columns] like y, or NULL.
  const float *addend;
  mk_low_rank_work *terms;
  int64_t runs;
  // Where tiles begin, and m: rows of different terms share none.
  const int64_t *tiles;
  int64_t tile_count;
} product;

#if !defined(MK_NO_DOT_UNIT)
// Lines of B that are called for into the second cache while others are multiplied, so that the first tile on them does
// not wait for memory: runs of 2^shift lines, `apart` bytes from one to the next. Each line of a tile's rows calls for a
// few: many at once would hold up the loads of the tile.
typedef struct {
  const char *first;
  int64_t apart, next, count, few;
  int shift;
} coming;

MK_INLINE void call_for(coming *c) {
  int64_t end = c->next + c->few < c->count ? c->next + c->few : c->count;
  for (; c->next < end; c->next++)
    __builtin_prefetch(c->first + (c->next >> c->shift) * c->apart + (c->next & ((1 << c->shift) - 1)) * 64, 0, 2);
}

// What a tile of the result is the sum of. w is in rows of pairs, `length` words apart, parts are what adapters add.
typedef struct {
  int64_t pairs, x_stride, y_stride, count;
  const uint32_t *w;
  coming *coming;
  mk_low_rank_part parts[mk_most_parts];
} sums;

// y[mr][32], added to `addend` unless it is NULL.
MK_DOT_INLINE void multiply_tile(
  const int mr, const int length, const sums *s, const uint16_t *x, const float *addend, float *y) {
  int64_t pairs = s->pairs, x_stride = s->x_stride;
  const uint32_t *w = s->w;
  __m512 sum[tile_rows][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < mr; i++) sum[i][0] = sum[i][1] = _mm512_setzero_ps();
  const uint16_t *next = x + mr * x_stride;
  for (int64_t line = 0; line < pairs; line += 16) {
    // Sixteen pairs of a row are a line of the cache: the next tile's are called for while these are multiplied.
#pragma clang loop unroll(full)
    for (int i = 0; i < mr; i++) __builtin_prefetch(next + i * x_stride + 2 * line);
    // And this tile's place in the result, a row at a time.
    if (line < 16 * mr) {
      __builtin_prefetch(y + line / 16 * s->y_stride, 1);
      __builtin_prefetch(y + line / 16 * s->y_stride + 16, 1);
    }
    call_for(s->coming);
    int64_t end = line + 16 < pairs ? line + 16 : pairs;
#pragma clang loop unroll(disable)
    for (int64_t p = line; p < end; p++) {
      __m512i first = _mm512_loadu_si512(w + p * length), second = _mm512_loadu_si512(w + p * length + 16);
#pragma clang loop unroll(full)
      for (int i = 0; i < mr; i++) {
        __m512i pair = mk_pair_at(x + i * x_stride + 2 * p);
        sum[i][0] = MK_DOT(sum[i][0], pair, first);
        sum[i][1] = MK_DOT(sum[i][1], pair, second);
      }
    }
  }
  for (int64_t part = 0; part < s->count; part++) {
    const mk_low_rank_part *own = s->parts + part;
    const uint16_t *u = own->u;
#pragma clang loop unroll(disable)
    for (int64_t p = 0; p < own->pairs; p++) {
      __m512i first = _mm512_loadu_si512(own->factors + p * own->length);
      __m512i second = _mm512_loadu_si512(own->factors + p * own->length + 16);
#pragma clang loop unroll(full)
      for (int i = 0; i < mr; i++) {
        __m512i pair = mk_pair_at(u + i * own->u_stride + 2 * p);
        sum[i][0] = MK_DOT(sum[i][0], pair, first);
        sum[i][1] = MK_DOT(sum[i][1], pair, second);
      }
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < mr; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < 2; j++) {
      float *to = y + i * s->y_stride + 16 * j;
      _mm512_storeu_ps(to, addend ? _mm512_add_ps(_mm512_loadu_ps(addend + i * s->y_stride + 16 * j), sum[i][j]) : sum[i][j]);
    }
}

// The same for any number of rows up to a tile's: all at once, for few sums at a time would wait for one another.
MK_DOT_INLINE void multiply_rows(
  int64_t m, const int length, const sums *s, const uint16_t *x, const float *addend, float *y) {
  switch (m) {
#define ROWS(count) \
  case count: return multiply_tile(count, length, s, x, addend, y)
    ROWS(1);
    ROWS(2);
    ROWS(3);
    ROWS(4);
    ROWS(5);
    ROWS(6);
    ROWS(7);
    ROWS(8);
    ROWS(9);
    ROWS(10);
    ROWS(11);
    ROWS(12);
#undef ROWS
  }
}

MK_DOT_UNIT static void multiply_64(
  int64_t m, const sums *s, const uint16_t *x, const float *addend, float *y) {
  multiply_rows(m, 64, s, x, addend, y);
}

MK_DOT_UNIT static void multiply_32(
  int64_t m, const sums *s, const uint16_t *x, const float *addend, float *y) {
  multiply_rows(m, 32, s, x, addend, y);
}

static int64_t width_of(const product *p) { return p->is_back ? 16 * p->b.group : tile_columns; }

// Where a strip's part of B begins, at pair `pair` of the sum; on the way back at a multiple of 32.
static const char *place(const product *p, int64_t strip, int64_t pair) {
  int64_t size = p->b.group == 2 ? 2 : 1;
  int64_t at = p->is_back
    ? strip * p->b.row_stride + pair / 32 * p->b.column_stride
    : strip / 2 * p->b.column_stride + pair / 16 * p->b.row_stride + strip % 2 * 64;
  return (const char *)p->b.data + at * size;
}

// The strip's rows of B for `count` pairs of the sum, in pairs of its columns.
MK_DOT_UNIT static void turn_strip(const product *p, int64_t strip, int64_t pair, int64_t count, uint32_t *to) {
  int64_t width = width_of(p);
  for (int64_t column = 2 * pair; column < 2 * (pair + count); column += 16, to += 8 * width)
    mk_turn_block(&p->b, p->scales, p->flatten, strip * width, column, to, width);
}

static int64_t length_at(const product *p, int64_t pair) {
  return p->pairs - pair < depth ? p->pairs - pair : depth;
}

// The lines of a strip's part of B; none of a strip past the last.
static coming lines_of(const product *p, int64_t strip, int64_t pair) {
  int64_t count = length_at(p, pair);
  if (strip * width_of(p) >= p->columns) return (coming){0};
  // Back: blocks of 4 KiB, one for each 64 columns of B. Forward: half of each row of a block.
  if (p->is_back)
    return (coming){
      place(p, strip, pair), p->b.column_stride * (p->b.group == 2 ? 2 : 1), .count = (count + 31) / 32 * 64, .shift = 6};
  return (coming){place(p, strip, pair), 256, .count = 2 * count, .shift = 1};
}

// All rows by a part of the sum, for one strip.
static void multiply_strip(const product *p, int64_t strip, int64_t pair, const uint32_t *w, coming next) {
  int64_t width = width_of(p), count = length_at(p, pair);
  int64_t turns = p->tile_count * (width / tile_columns) * ((count + 15) / 16);
  bool is_last = pair + count == p->pairs;
  next.few = (next.count + turns - 1) / turns;
  sums s = {.pairs = count, .x_stride = p->x_stride, .y_stride = p->columns, .coming = &next};
  for (int64_t tile = 0; tile < p->tile_count; tile++) {
    int64_t row = p->tiles[tile], rows = p->tiles[tile + 1] - row;
    for (int64_t column = strip * width; column < (strip + 1) * width; column += tile_columns) {
      int64_t place = row * p->columns + column;
      const float *addend = pair > 0 ? p->y + place : p->addend ? p->addend + place : NULL;
      bool are_left = false;
      s.w = w + column % width;
      if (is_last) s.count = mk_low_rank_parts(p->terms, row, rows, column, tile_columns, s.parts, &are_left);
      (p->is_back && width == 32 ? multiply_32 : multiply_64)(
        rows, &s, p->x + row * p->x_stride + 2 * pair, addend, p->y + place);
      if (are_left) mk_low_rank_add(p->terms, row, rows, column, tile_columns, s.count);
    }
  }
}

// A run of strips. A part of the sum, whose rows the second cache holds, meets all of them before the next part does.
static void multiply_run(const product *p, int64_t run) {
  int64_t begin, end, after, ignored, strips = p->columns / width_of(p);
  mk_range_part(strips, run, &begin, &end);
  // Most likely this thread's next run.
  mk_range_part(strips, run + mk_threads(), &after, &ignored);
  uint32_t *turned = p->is_back ? mk_scratch(0, (size_t)(depth * width_of(p)) * sizeof(uint32_t)) : NULL;
  for (int64_t pair = 0; pair < p->pairs; pair += depth)
    for (int64_t strip = begin; strip < end; strip++) {
      coming next = strip + 1 < end ? lines_of(p, strip + 1, pair)
        : pair + depth < p->pairs   ? lines_of(p, begin, pair + depth)
                                    : lines_of(p, after, 0);
      if (p->is_back) turn_strip(p, strip, pair, length_at(p, pair), turned);
      multiply_strip(p, strip, pair, p->is_back ? turned : (const uint32_t *)place(p, strip, pair), next);
    }
}

// What terms need comes first, the gradients of their factors last: they fill the time of whoever is done with its strips.
static void run_task(void *context, int64_t task) {
  const product *p = context;
  if (task < p->terms->before) return mk_low_rank_task(p->terms, task);
  mk_low_rank_wait(p->terms);
  task -= p->terms->before;
  if (task < p->runs) multiply_run(p, task);
  else mk_low_rank_gradient(p->terms, task - p->runs);
}

typedef struct {
  const float *x;
  uint16_t *narrow;
  int64_t columns, stride;
} narrowing;

static void narrow_rows(void *context, int64_t begin, int64_t end) {
  const narrowing *n = context;
  for (int64_t i = begin; i < end; i++) mk_to_bf16(n->x + i * n->columns, n->narrow + i * n->stride, n->columns);
}

// Rows in bf16 whose lines do not all fall into the same few places of a cache.
static const uint16_t *narrowed(const void *x, int type, int64_t m, int64_t columns, int64_t *stride) {
  if (type == MK_BF16) return x;
  *stride = mk_spread(columns);
  uint16_t *narrow = mk_scratch(7, (size_t)(m * *stride) * sizeof(uint16_t));
  narrowing n = {x, narrow, columns, *stride};
  mk_parallel_ranges(m, 1, narrow_rows, &n);
  return narrow;
}

static void divide(product *p) {
  // Each end of a run of rows adds at most one tile.
  int64_t *tiles = mk_scratch(6, (size_t)((p->m + tile_rows - 1) / tile_rows + 2 * p->terms->count + 2) * sizeof(int64_t));
  p->tiles = tiles;
  for (int64_t row = 0; row < p->m; p->tile_count++) {
    tiles[p->tile_count] = row;
    row += mk_low_rank_run(p->terms, row, p->m - row < tile_rows ? p->m - row : tile_rows);
  }
  tiles[p->tile_count] = p->m;
}

// Whether the matrix has what strips need; says how it lies.
static bool describe(product *p, const mk_packed *matrix, bool is_back) {
  *p = (product){.is_back = is_back};
  if (!mk_packed_blocks(matrix, &p->b, &p->scales, &p->flatten)) return false;
  int64_t length = is_back ? p->b.n : p->b.k;
  p->columns = is_back ? p->b.k : p->b.n, p->pairs = length / 2;
  // Whole strips and lines, blocks of a column behind one another; forward, 8-bit values go another way.
  return p->columns % width_of(p) == 0 && length % 32 == 0 && p->b.row_stride == 1024 * p->b.group &&
    (is_back || p->b.group == 2);
}

// Whether the product, with what the terms add, was done.
static bool multiply_by_strips(
  const mk_packed *matrix, bool is_back, const void *x, int x_type, int64_t x_stride, int64_t m, float *y,
  const float *addend, const mk_low_rank_term *terms, int64_t count) {
  product p;
  if (!describe(&p, matrix, is_back)) return false;
  mk_low_rank_work work;
  mk_low_rank_plan(&work, terms, count, is_back, y, m, p.columns);
  p.terms = &work, p.m = m, p.y = y, p.addend = addend;
  // Rows stand behind one another unless it is said otherwise.
  p.x_stride = x_stride ? x_stride : 2 * p.pairs;
  p.x = narrowed(x, x_type, m, 2 * p.pairs, &p.x_stride);
  divide(&p);
  p.runs = m <= 0 ? 0 : mk_range_parts(p.columns / width_of(&p));
  mk_parallel_tasks(work.before + p.runs + work.panels, run_task, &p);
  return true;
}

bool mk_packed_goes_back(const mk_packed *matrix) {
  product p;
  return describe(&p, matrix, true);
}
#else
static bool multiply_by_strips(
  const mk_packed *matrix, bool is_back, const void *x, int x_type, int64_t x_stride, int64_t m, float *y,
  const float *addend, const mk_low_rank_term *terms, int64_t count) {
  (void)matrix, (void)is_back, (void)x, (void)x_type, (void)x_stride, (void)m, (void)y, (void)addend, (void)terms, (void)count;
  return false;
}

bool mk_packed_goes_back(const mk_packed *matrix) {
  (void)matrix;
  return false;
}
#endif

int64_t mk_spread(int64_t columns) { return columns % 1024 == 0 ? columns + 32 : columns; }

// Rows from which strips are as fast as oneDNN's product.
enum { least_rows = 128 };

int mk_adapted_multiply(
  const mk_packed *matrix, const void *x, int x_type, int64_t m, float *y, const float *addend,
  const mk_low_rank_term *terms, int64_t count) {
  // Without terms oneDNN is as fast.
  bool pays = m >= least_rows && count > 0;
  if (pays && multiply_by_strips(matrix, false, x, x_type, 0, m, y, addend, terms, count)) return 0;
  if (addend && addend != y) memcpy(y, addend, (size_t)(m * mk_packed_columns(matrix)) * sizeof(float));
  int status = mk_packed_multiply(matrix, x, x_type, m, y, addend != NULL);
  if (status == 0) mk_low_rank_forward(terms, count);
  return status;
}

int mk_adapted_multiply_back(
  const mk_packed *matrix, const void *dy, int dy_type, int64_t dy_stride, int64_t m, float *dx, const float *addend,
  const mk_low_rank_term *terms, int64_t count) {
  if (multiply_by_strips(matrix, true, dy, dy_type, dy_stride, m, dx, addend, terms, count)) return 0;
  mk_set_error("this matrix does not go back as it lies");
  return 1;
}

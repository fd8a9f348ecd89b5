// What adapters add in a pass that only goes forward: y += scale·(x·Aᵀ)·Bᵀ. The factors are laid out once, in the order
// in which a pass reads them: a few rows are limited by memory, and memory is fastest read in one piece. In codes of 8 or
// 4 bits, with a scale for each output of 32 inputs, they take a half or a quarter of what they do in bf16; x and x·Aᵀ
// are then brought to 8 bits, by blocks of 32, as the base's matrices take them. A row's result depends on that row
// alone.
#include "factors.h"

#include "factor_tiles.h"

enum { lane = tile_lanes, row_block = 64, column_block = 64, part_columns = 512, most_parts = 8 };

static int64_t lanes_of(int64_t rank) { return whole(rank, lane) * lane; }

// --- Layout -----------------------------------------------------------------------------------------------

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

typedef union {
  float f;
  uint32_t i;
} bits;

// The value that lies farthest from zero. Found as an integer, with its sign last, which the compiler vectorizes.
MK_INLINE float farthest_of(const float *restrict values) {
  uint32_t farthest = 0;
  for (int i = 0; i < byte_block; i++) {
    bits v = {values[i]};
    uint32_t turned = v.i << 1 | v.i >> 31;
    farthest = turned > farthest ? turned : farthest;
  }
  bits found = {.i = farthest >> 1 | farthest << 31};
  return found.f;
}

// Brings 32 values of a row to codes plus 128, and returns their scale in bf16, with which the highest is at most 127:
// the next above where rounding went below. What is too small to divide by counts as nothing.
MK_INLINE uint16_t take_bytes(const float *restrict values, uint8_t *restrict codes) {
  float highest = __builtin_fabsf(farthest_of(values));
  uint16_t scale = 0;
  if (highest >= 1e-30f) {
    scale = mk_narrow(highest / 127);
    if (mk_widen(scale) * 127 < highest) scale += 1;
  }
  float inverse = scale ? 1 / mk_widen(scale) : 0;
  for (int i = 0; i < byte_block; i++) codes[i] = (uint8_t)(128 + (int)__builtin_rintf(values[i] * inverse));
  return scale;
}

// The same to codes plus 8 of 4 bits. What lies farthest from zero becomes -8, and the scale has its sign: one code
// more is used than with -7 to 7.
MK_INLINE uint16_t take_halves(const float *restrict values, uint8_t *restrict codes) {
  float farthest = farthest_of(values);
  uint16_t scale = __builtin_fabsf(farthest) >= 1e-30f ? mk_narrow(farthest / -8) : 0;
  float inverse = scale ? 1 / mk_widen(scale) : 0;
  for (int i = 0; i < byte_block; i++) {
    int code = 8 + (int)__builtin_rintf(values[i] * inverse);
    codes[i] = (uint8_t)(code < 0 ? 0 : code > 15 ? 15 : code);
  }
  return scale;
}

MK_INLINE char *pack_block(int type, const source *s, int64_t first, char *to) {
  for (int64_t begin = 0; begin < s->columns; begin += byte_block) {
    int64_t count = s->columns - begin < byte_block ? s->columns - begin : byte_block;
    uint16_t scales[lane] = {0};
    uint8_t codes[lane][byte_block];
    memset(codes, type == MK_S8 ? 128 : 8, sizeof codes);
    for (int64_t i = 0; i < lane && first + i < s->rows; i++) {
      float values[byte_block] = {0};
      memcpy(values, s->x + (first + i) * s->columns + begin, (size_t)count * sizeof(float));
      scales[i] = type == MK_S8 ? take_bytes(values, codes[i]) : take_halves(values, codes[i]);
    }
    memcpy(to, scales, sizeof scales);
    to += sizeof scales;
    if (type == MK_S8) {
      for (int64_t step = 0; step < whole(count, 4); step++)
        for (int64_t i = 0; i < lane; i++, to += 4) memcpy(to, codes[i] + 4 * step, 4);
    } else {
      for (int64_t step = 0; step < whole(count, 8); step++)
        for (int64_t i = 0; i < lane; i++, to += 4) {
          uint32_t low, high;
          memcpy(&low, codes[i] + 8 * step, 4);
          memcpy(&high, codes[i] + 8 * step + 4, 4);
          low |= high << 4;
          memcpy(to, &low, 4);
        }
    }
  }
  return to;
}

MK_KERNEL(pack_codes, (int type, const source *s, char *to), (type, s, to)) {
  for (int64_t first = 0; first < s->rows; first += lane) to = pack_block(type, s, first, to);
}

static void lay_out(int type, source s, char *to) {
  if (is_coded(type)) {
    pack_codes(type, &s, to);
    return;
  }
  for (int64_t first = 0; first < s.rows; first += lane) to = pack_pairs(&s, first, to);
}

void mk_factors_pack(
  int type, const float *a, const float *b, int64_t inputs, int64_t outputs, int64_t rank, void *reduce,
  void *expand) {
  lay_out(type, (source){a, rank, inputs}, reduce);
  lay_out(type, (source){b, outputs, rank}, expand);
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

// --- Going through them -----------------------------------------------------------------------------------

bool factors_need(const mk_factors *terms, int64_t count, bool codes) {
  for (int64_t i = 0; i < count; i++)
    if (is_coded(terms[i].type) == codes) return true;
  return false;
}

// x·Aᵀ is summed over parts of the inputs, so that one adapter of few ranks keeps all threads busy. How many there are
// depends on the inputs alone, and so do a row's sums.
static int64_t parts_of(int64_t inputs) {
  int64_t parts = whole(inputs, part_columns);
  return parts < most_parts ? parts : most_parts;
}

// Bytes for u of a term, whole lines of the cache.
static int64_t inner_bytes(const mk_factors *t) {
  int64_t lanes = lanes_of(t->rank);
  int64_t bytes = is_coded(t->type) ? byte_rows_size(t->rows, whole(lanes, byte_block)) : t->rows * lanes * 2;
  return whole(bytes, 64) * 64;
}

// Bytes for the numbers that are kept of each term.
static int64_t plan_bytes(int64_t count) {
  return whole(count * (3 * (int64_t)sizeof(int64_t) + (int64_t)sizeof(atomic_int)), 64) * 64;
}

static int64_t sum_bytes(const mk_factors *t, int64_t inputs) {
  return whole(parts_of(inputs) * t->rows * lanes_of(t->rank) * (int64_t)sizeof(float), 64) * 64;
}

int64_t factors_room(const mk_factors *terms, int64_t count, int64_t inputs) {
  int64_t bytes = plan_bytes(count);
  for (int64_t i = 0; i < count; i++) bytes += sum_bytes(terms + i, inputs) + inner_bytes(terms + i);
  return bytes;
}

// Few pieces are over sooner than threads have told one another of many tasks.
enum { few_pieces = 64 };

static int64_t tasks_of(int64_t pieces) {
  if (pieces > few_pieces) return mk_range_parts(pieces);
  return pieces < mk_threads() ? pieces : mk_threads();
}

static void pieces_of(const factors_inner *inner, int64_t task, int64_t *begin, int64_t *end) {
  if (inner->pieces > few_pieces) return mk_range_part(inner->pieces, task, begin, end);
  *begin = inner->pieces * task / inner->tasks, *end = inner->pieces * (task + 1) / inner->tasks;
}

void factors_plan(factors_inner *inner, const mk_factors *terms, int64_t count, int64_t inputs, void *room) {
  *inner = (factors_inner){.terms = terms, .count = count, .inputs = inputs, .parts = parts_of(inputs), .memory = room};
  if (count == 0) return;
  inner->sums = room;
  inner->u = inner->sums + count;
  inner->first_piece = inner->u + count;
  inner->open_pieces = (atomic_int *)(inner->first_piece + count);
  int64_t at = plan_bytes(count);
  for (int64_t i = 0; i < count; i++) {
    const mk_factors *t = inner->terms + i;
    inner->sums[i] = at, at += sum_bytes(t, inputs);
    inner->u[i] = at, at += inner_bytes(t);
    int64_t pieces = whole(t->rows, row_block) * inner->parts;
    atomic_init(inner->open_pieces + i, (int)pieces);
    inner->first_piece[i] = inner->pieces;
    inner->pieces += pieces;
  }
  inner->tasks = tasks_of(inner->pieces);
  atomic_init(&inner->open_tasks, (int)inner->tasks);
}

static byte_rows inner_codes(const factors_inner *inner, int64_t index) {
  const mk_factors *t = inner->terms + index;
  return byte_rows_in(inner->memory + inner->u[index], t->rows, whole(lanes_of(t->rank), byte_block));
}

// sum[count] = scale·the sum over the parts, which are `apart` values from one another.
MK_KERNEL(
  join_parts, (const float *restrict sums, int64_t parts, int64_t apart, int64_t count, float scale, float *restrict sum),
  (sums, parts, apart, count, scale, sum)) {
  for (int64_t i = 0; i < count; i++) {
    float value = sums[i];
    for (int64_t part = 1; part < parts; part++) value += sums[part * apart + i];
    sum[i] = scale * value;
  }
}

// u = scale·x·Aᵀ of a term, as its B is multiplied with.
static void join(const factors_inner *inner, int64_t index) {
  const mk_factors *t = inner->terms + index;
  int64_t lanes = lanes_of(t->rank), wide = whole(lanes, byte_block) * byte_block;
  const float *sums = (const float *)(inner->memory + inner->sums[index]);
  uint16_t *narrow = (uint16_t *)(inner->memory + inner->u[index]);
  float *all = mk_scratch(1, (size_t)(t->rows * wide) * sizeof(float)), *row = all;
  for (int64_t i = 0; i < t->rows; i++, sums += lanes, row += wide) {
    join_parts(sums, inner->parts, t->rows * lanes, lanes, t->scale, row);
    for (int64_t j = lanes; j < wide; j++) row[j] = 0;
    for (int64_t j = 0; !is_coded(t->type) && j < lanes; j++) narrow[i * lanes + j] = mk_narrow(row[j]);
  }
  if (!is_coded(t->type)) return;
  byte_rows codes = inner_codes(inner, index);
  byte_rows_take(all, &codes, 0, t->rows);
}

// A part of the inputs, and of A's columns.
static tile_run part_tiles(const factors_inner *inner, const mk_factors *t, int64_t part) {
  int64_t inputs = inner->inputs, blocks = whole(inputs, byte_block), parts = inner->parts;
  int64_t first = blocks * part / parts * byte_block, last = blocks * (part + 1) / parts * byte_block;
  return (tile_run){
    .type = t->type, .first = (const char *)t->reduce + tile_bytes(t->type, first),
    .apart = tile_bytes(t->type, inputs), .first_column = first,
    .columns = (last < inputs ? last : inputs) - first, .is_far = true};
}

static void reduce_piece(
  const factors_inner *inner, factors_rows x, int64_t index, const tile_run *tiles, int64_t part, int64_t block) {
  const mk_factors *t = inner->terms + index;
  int64_t lanes = lanes_of(t->rank), begin = block * row_block, end = begin + row_block, first = tiles->first_column;
  tile_rows rows = {
    .stride = inner->inputs, .codes = x.codes, .first_row = t->first_row + begin,
    .first_block = first / byte_block, .m = (end < t->rows ? end : t->rows) - begin,
    .out = (float *)(inner->memory + inner->sums[index]) + (part * t->rows + begin) * lanes, .out_stride = lanes,
    .from = 0, .to = lanes};
  if (!is_coded(t->type)) rows.x = x.narrow + (t->first_row + begin) * inner->inputs + first;
  multiply_tiles(tiles, &rows);
}

// The last term that does not begin after a piece.
static int64_t term_of(const factors_inner *inner, int64_t piece) {
  int64_t index = 0;
  for (int64_t end = inner->count; end - index > 1;) {
    int64_t middle = (index + end) / 2;
    if (inner->first_piece[middle] <= piece) index = middle;
    else end = middle;
  }
  return index;
}

void factors_reduce(factors_inner *inner, int64_t task, factors_rows x) {
  int64_t piece, end;
  pieces_of(inner, task, &piece, &end);
  int64_t index = term_of(inner, piece), begin = piece;
  tile_run tiles = part_tiles(inner, inner->terms + index, (piece - inner->first_piece[index]) % inner->parts);
  while (piece < end) {
    int64_t own = piece - inner->first_piece[index], part = own % inner->parts;
    int64_t next_term = index + 1 < inner->count ? inner->first_piece[index + 1] : inner->pieces;
    // What comes after it is asked for now, so that it is there when this piece is done.
    tile_run next = tiles;
    if (piece + 1 < end) {
      next = part_tiles(inner, inner->terms + index + (piece + 1 == next_term), (part + 1) % inner->parts);
      fetch_first(&next);
    }
    reduce_piece(inner, x, index, &tiles, part, own / inner->parts);
    tiles = next;
    if (++piece < next_term && piece < end) continue;
    // Whoever ends a term's last piece adds them up.
    int done = (int)(piece - begin);
    if (atomic_fetch_sub(inner->open_pieces + index, done) == done) join(inner, index);
    index++, begin = piece;
  }
  atomic_fetch_sub(&inner->open_tasks, 1);
}

void factors_wait(factors_inner *inner) {
  if (inner->count > 0) mk_wait_for_none(&inner->open_tasks);
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
    byte_rows codes = inner_codes(inner, i);
    tile_rows rows = {
      .x = (const uint16_t *)(inner->memory + inner->u[i]), .stride = lanes_of(t->rank), .codes = &codes, .m = t->rows,
      .out = y + t->first_row * stride + t->first_column, .out_stride = stride, .from = first, .to = last,
      .accumulate = true};
    multiply_tiles(&tiles, &rows);
  }
}

// --- By themselves ----------------------------------------------------------------------------------------

typedef struct {
  factors_inner inner;
  const uint16_t *x;
  byte_rows codes;
  int64_t inputs, columns;
  float *y;
} addition;

static void take_rows(void *context, int64_t begin, int64_t end) {
  const addition *a = context;
  int64_t wide = a->codes.blocks * byte_block;
  float *row = mk_scratch(2, (size_t)wide * sizeof(float));
  for (int64_t j = a->inputs; j < wide; j++) row[j] = 0;
  for (int64_t i = begin; i < end; i++) {
    for (int64_t j = 0; j < a->inputs; j++) row[j] = mk_widen(a->x[i * a->inputs + j]);
    byte_rows_take(row, &a->codes, i, 1);
  }
}

static void reduce_task(void *context, int64_t task) {
  addition *a = context;
  factors_reduce(&a->inner, task, (factors_rows){&a->codes, a->x});
}

static void expand_columns(void *context, int64_t begin, int64_t end) {
  const addition *a = context;
  factors_fetch(&a->inner, begin, end);
  factors_expand(&a->inner, begin, end, a->y, a->columns);
}

void mk_factors_add(
  const mk_factors *terms, int64_t count, const uint16_t *x, int64_t m, int64_t inputs, float *y, int64_t columns) {
  if (count <= 0) return;
  addition a = {.x = x, .inputs = inputs, .columns = columns, .y = y};
  if (factors_need(terms, count, true)) {
    int64_t blocks = whole(inputs, byte_block);
    a.codes = byte_rows_in(mk_scratch(7, (size_t)byte_rows_size(m, blocks)), m, blocks);
    mk_parallel_ranges(m, byte_group, take_rows, &a);
  }
  factors_plan(&a.inner, terms, count, inputs, mk_scratch(6, (size_t)factors_room(terms, count, inputs)));
  mk_parallel_tasks(a.inner.tasks, reduce_task, &a);
  mk_parallel_ranges(columns, column_block, expand_columns, &a);
}

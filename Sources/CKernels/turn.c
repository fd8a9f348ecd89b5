// A packed matrix turned round within memory: the form for dy·W made from the form for x·Wᵀ whenever it is needed, so
// that only one of them is held.
#include "turn.h"

typedef struct {
  mk_blocks_of_64 from, to;
  const float *scales, *flatten;
} turning;

static int64_t place(const mk_blocks_of_64 *b, int64_t i, int64_t j) {
  int64_t deep = 16 * b->group;
  return j / 64 * b->column_stride + i / deep * b->row_stride + i % deep / b->group * 64 * b->group +
    j % 64 * b->group + i % b->group;
}

// Element (i, j) of what is turned, in bf16.
MK_INLINE uint16_t element(const turning *t, int64_t i, int64_t j) {
  if (i >= t->from.k || j >= t->from.n) return 0;
  int64_t at = place(&t->from, i, j);
  if (t->from.group == 2) return ((const uint16_t *)t->from.data)[at];
  return mk_narrow(t->scales[j] * t->flatten[i] * (float)((const int8_t *)t->from.data)[at]);
}

// Rows 2p and 2p+1 of the result: columns 2p and 2p+1 of what is turned, which are a pair in each word of it.
static void plain_turn(const turning *t, int64_t first) {
  uint32_t *to = t->to.data;
  for (int64_t i = 0; i < (t->to.n + 63) / 64 * 64; i++)
    to[place(&t->to, first, i) / 2] = element(t, i, first) | (uint32_t)element(t, i, first + 1) << 16;
}

#if !defined(MK_NO_DOT_UNIT)
// Sixteen columns of what is turned, from `first` on.
MK_DOT_UNIT static void dot_turn(const turning *t, int64_t first) {
  for (int64_t i = 0; i < t->from.k; i += 16 * t->from.group)
    mk_turn_block(
      &t->from, t->scales, t->flatten, i, first, (uint32_t *)t->to.data + place(&t->to, first, i) / 2, 64);
}
#else
#define dot_turn plain_turn
#endif

// Sixteen rows of the result at a time, those that pad it to whole blocks with zeros.
static void turn_rows(void *context, int64_t begin, int64_t end) {
  const turning *t = context;
  bool is_whole = mk_has_dot_unit() && t->from.k % 64 == 0 && t->from.n % 64 == 0;
  for (int64_t first = 16 * begin; first < 16 * end; first += 16) {
    if (is_whole) dot_turn(t, first);
    else
      for (int64_t p = 0; p < 16; p += 2) plain_turn(t, first + p);
  }
}

void mk_turn_blocks(
  const mk_blocks_of_64 *from, const float *scales, const float *flatten, const mk_blocks_of_64 *to) {
  turning t = {*from, *to, scales, flatten};
  mk_parallel_ranges((to->k + 31) / 32 * 2, 1, turn_rows, &t);
}

// A slice of an NF4 matrix unpacked to bf16 in the layout that products take it in: blocks of 64 columns, two rows to
// a word. A block's 16 values times its scale are rounded to bf16 once, and its codes looked up among them.
#include "nf4.h"
#include "packed.h"

typedef struct {
  const mk_nf4 *parts;
  int64_t count, first;
  bool is_back;
  const mk_blocks_of_64 *to;
} filling;

static uint32_t *word(const mk_blocks_of_64 *to, int64_t i, int64_t j) {
  return (uint32_t *)to->data + (j / 64 * to->column_stride + i / 32 * to->row_stride) / 2 + i % 32 / 2 * 64 + j % 64;
}

static uint16_t narrow_value(const filling *f, int64_t i, int64_t j) {
  int64_t row = f->is_back ? i : f->first + j, column = f->is_back ? f->first + j : i, own;
  const mk_nf4 *w = mk_nf4_part(f->parts, f->count, row, &own);
  return w && column < w->inputs ? mk_narrow(mk_nf4_value(w, own * w->inputs + column)) : 0;
}

static void plain_fill(const filling *f) {
  for (int64_t j = 0; j < (f->to->n + 63) / 64 * 64; j++)
    for (int64_t i = 0; i < (f->to->k + 31) / 32 * 32; i += 2)
      *word(f->to, i, j) = narrow_value(f, i, j) | (uint32_t)narrow_value(f, i + 1, j) << 16;
}

#if !defined(MK_NO_DOT_UNIT)
// Sixteen outputs by 64 inputs at a time: a row's pairs of inputs are the words of one column.
MK_DOT_UNIT static void dot_fill(const filling *f) {
  for (int64_t j = 0; j < f->to->n; j += 16) {
    int64_t own;
    const mk_nf4 *w = mk_nf4_part(f->parts, f->count, f->first + j, &own);
    for (int64_t i = 0; i < f->to->k; i += 64) {
      __m512i near[16], far[16];
      for (int r = 0; r < 16; r++) {
        int64_t at = (own + r) * w->inputs + i;
        __m512i table = mk_nf4_table(w, at);
        near[r] = mk_nf4_look_up(w, at, table), far[r] = mk_nf4_look_up(w, at + 32, table);
      }
      mk_turn_words(near), mk_turn_words(far);
      uint32_t *to = word(f->to, i, j), *next = word(f->to, i + 32, j);
      for (int p = 0; p < 16; p++) {
        _mm512_storeu_si512(to + 64 * p, near[p]);
        _mm512_storeu_si512(next + 64 * p, far[p]);
      }
    }
  }
}

// Two outputs by 64 inputs at a time: the words pair them.
MK_DOT_UNIT static void dot_fill_back(const filling *f) {
  for (int64_t i = 0; i < f->to->k; i += 2) {
    int64_t own;
    const mk_nf4 *w = mk_nf4_part(f->parts, f->count, i, &own);
    for (int64_t j = 0; j < f->to->n; j += 64) {
      int64_t at = own * w->inputs + f->first + j, below = at + w->inputs;
      __m512i table = mk_nf4_table(w, at), next = mk_nf4_table(w, below);
      uint32_t *to = word(f->to, i, j);
      mk_interleave(mk_nf4_look_up(w, at, table), mk_nf4_look_up(w, below, next), to);
      mk_interleave(mk_nf4_look_up(w, at + 32, table), mk_nf4_look_up(w, below + 32, next), to + 32);
    }
  }
}

// Whether blocks do not straddle rows, the vectors above not parts, and nothing pads the slice.
static bool is_even(const filling *f) {
  int64_t outputs = 0;
  for (int64_t p = 0; p < f->count; p++) {
    if (f->parts[p].inputs % MK_NF4_BLOCK || f->parts[p].outputs % 16) return false;
    outputs += f->parts[p].outputs;
  }
  return f->to->k % 32 == 0 && f->first + f->to->n <= (f->is_back ? f->parts->inputs : outputs);
}
#endif

void mk_nf4_fill(
  const mk_nf4 *parts, int64_t count, bool is_back, int64_t first, const mk_blocks_of_64 *to, bool is_plain) {
  filling f = {parts, count, first, is_back, to};
#if !defined(MK_NO_DOT_UNIT)
  if (!is_plain && mk_has_dot_unit() && is_even(&f)) return is_back ? dot_fill_back(&f) : dot_fill(&f);
#endif
  plain_fill(&f);
}

void mk_nf4_slice(
  const mk_nf4 *parts, int64_t count, bool is_back, int64_t first, int64_t columns, uint16_t *to, bool is_plain) {
  int64_t outputs = 0;
  for (int64_t p = 0; p < count; p++) outputs += parts[p].outputs;
  int64_t k = is_back ? outputs : parts->inputs;
  mk_blocks_of_64 slice = {to, k, columns, 2, 2048, (k + 31) / 32 * 2048};
  mk_nf4_fill(parts, count, is_back, first, &slice, is_plain);
}

// Products with a matrix in the blocks of a GGUF: w = d·(code - zero), or d·code + m, so that
//
//   y[j] = Σ over blocks of s·d[j]·(Σ codes·x' - zero·Σ x') + m[j]·s·Σ x'
//
// with a row of x brought to 8 bits, x ≈ s·x', by blocks of 32. The inner sums are of integers and exact; the outer
// goes over the blocks in order, for each row and output by itself.
#include "byte_unit.h"
#include "factors.h"
#include "stored.h"

// --- One panel --------------------------------------------------------------------------------------------

MK_KERNEL(
  stored_plain_panel, (const mk_stored *w, const stored_panel *panel, const byte_rows *x, int64_t m, const stored_target *to),
  (w, panel, x, m, to)) {
  const stored_type *t = panel->type;
  int32_t *codes = mk_scratch(1, (size_t)(x->blocks * stored_block * stored_lanes) * sizeof(int32_t));
  float *scales = mk_scratch(2, (size_t)(x->blocks * 2 * stored_lanes) * sizeof(float));
  for (int64_t b = 0; b < x->blocks; b++) {
    const uint8_t *tile = panel->tiles + b * t->tile_bytes;
    for (int64_t lane = 0; lane < stored_lanes; lane++) {
      uint16_t halves[2] = {0, 0};
      memcpy(halves, tile + 2 * lane, 2);
      if (t->has_offset) memcpy(halves + 1, tile + 32 + 2 * lane, 2);
      scales[2 * b * stored_lanes + lane] = stored_half(halves[0]);
      scales[(2 * b + 1) * stored_lanes + lane] = stored_half(halves[1]);
      for (int64_t i = 0; i < stored_block; i++)
        codes[(b * stored_block + i) * stored_lanes + lane] = stored_code(t, tile, lane, i) - t->zero;
    }
  }
  for (int64_t row = 0; row < m; row++) {
#pragma clang fp contract(fast)
    float y[stored_lanes] = {0};
    for (int64_t b = 0; b < x->blocks; b++) {
      int64_t at = byte_place(x, row, b);
      int32_t sum[stored_lanes] = {0};
      const int32_t *restrict own = codes + b * stored_block * stored_lanes;
      for (int64_t i = 0; i < stored_block; i++)
        for (int64_t lane = 0; lane < stored_lanes; lane++)
          sum[lane] += own[i * stored_lanes + lane] * x->codes[at * stored_block + i];
      const float *restrict d = scales + 2 * b * stored_lanes, *restrict offset = d + stored_lanes;
      for (int64_t lane = 0; lane < stored_lanes; lane++)
        y[lane] += (float)sum[lane] * d[lane] * x->scales[at] + offset[lane] * x->sums[at];
    }
    float *out = to->y + row * to->stride + panel->first;
    for (int64_t lane = 0; lane < panel->count; lane++) out[lane] = (to->accumulate ? out[lane] : 0) + y[lane];
  }
}

#if !defined(MK_NO_BYTE_UNIT)
// How far ahead of what is read the next bytes are asked for, and from how many rows on unpacking pays.
enum { fetched_ahead = 4096, unpacked_from = 16 };

// The eight steps of four values of a block.
MK_BYTE_INLINE void read_codes(const int bits, const uint8_t *at, __m512i *codes) {
  if (bits == 8) {
    for (int s = 0; s < 8; s++) codes[s] = _mm512_loadu_si512(at + 64 * s);
    return;
  }
  const uint8_t *nibbles = bits == 5 ? at + 64 : at;
  __m512i low = _mm512_set1_epi8(15), fifth = _mm512_set1_epi8(16);
  for (int r = 0; r < 4; r++) {
    __m512i both = _mm512_loadu_si512(nibbles + 64 * r);
    codes[2 * r] = _mm512_and_si512(both, low);
    codes[2 * r + 1] = _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
  }
  if (bits == 5)
    for (int s = 0; s < 8; s++) {
      uint64_t word;
      memcpy(&word, at + 8 * s, sizeof word);
      codes[s] = _mm512_mask_or_epi32(codes[s], 0xFFFF, codes[s], _mm512_maskz_mov_epi8(word, fifth));
    }
}

// `rows` rows from `row` on, which are of one group. Scales are read from the tiles; codes too, or where they were
// unpacked to. `fetches` asks for the tiles ahead.
MK_BYTE_INLINE void unit_rows(
  const int rows, const int bits, const bool has_offset, const bool is_unpacked, const bool fetches,
  const stored_type *t, const uint8_t *tiles, const uint8_t *unpacked, const byte_rows *x, int64_t row,
  const stored_target *to, int64_t first, __mmask16 mask) {
  __m512 y[byte_group];
#pragma unroll
  for (int r = 0; r < rows; r++) y[r] = _mm512_setzero_ps();
  const int64_t codes_at = has_offset ? 64 : 32, tile_bytes = codes_at + (bits == 8 ? 512 : bits == 5 ? 320 : 256);
  int64_t at = byte_place(x, row, 0);
  const int8_t *values = x->codes + at * stored_block;
  const float *scales = x->scales + at, *sums = x->sums + at;
  const int32_t *counts = x->counts + at;
  for (int64_t b = 0; b < x->blocks; b++) {
    const uint8_t *tile = tiles + b * tile_bytes;
    if (fetches)
      for (int64_t line = 0; line < tile_bytes; line += 64) _mm_prefetch(tile + fetched_ahead + line, _MM_HINT_T0);
    __m512i codes[8];
    read_codes(is_unpacked ? 8 : bits, is_unpacked ? unpacked + b * 512 : tile + codes_at, codes);
    __m512 d = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)tile)), m = _mm512_setzero_ps();
    if (has_offset) m = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(tile + 32)));
#pragma unroll
    for (int r = 0; r < rows; r++) {
      __m512i sum = has_offset ? _mm512_setzero_si512() : _mm512_set1_epi32(-t->zero * counts[r]);
#pragma unroll
      for (int s = 0; s < 8; s++) {
        int32_t four;
        memcpy(&four, values + r * stored_block + 4 * s, sizeof four);
        sum = _mm512_dpbusd_epi32(sum, codes[s], _mm512_set1_epi32(four));
      }
      y[r] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), d), _mm512_set1_ps(scales[r]), y[r]);
      if (has_offset) y[r] = _mm512_fmadd_ps(m, _mm512_set1_ps(sums[r]), y[r]);
    }
    values += byte_group * stored_block, scales += byte_group, sums += byte_group, counts += byte_group;
  }
#pragma unroll
  for (int r = 0; r < rows; r++) {
    float *out = to->y + (row + r) * to->stride + first;
    if (to->accumulate) y[r] = _mm512_add_ps(y[r], _mm512_maskz_loadu_ps(mask, out));
    _mm512_mask_storeu_ps(out, mask, y[r]);
  }
}

// Codes of a panel as bytes, and what comes after it on its way.
MK_BYTE_INLINE const uint8_t *unpack_panel(const int bits, const stored_panel *panel, int64_t blocks) {
  const stored_type *t = panel->type;
  uint8_t *to = mk_scratch(1, (size_t)(blocks * 512));
  for (int64_t b = 0; b < blocks; b++) {
    const uint8_t *tile = panel->tiles + b * t->tile_bytes;
    for (int64_t line = 0; line < t->tile_bytes; line += 64)
      _mm_prefetch(tile + blocks * t->tile_bytes + line, _MM_HINT_T0);
    __m512i codes[8];
    read_codes(bits, tile + (t->has_offset ? 64 : 32), codes);
    for (int s = 0; s < 8; s++) _mm512_storeu_si512(to + b * 512 + 64 * s, codes[s]);
  }
  return to;
}

MK_BYTE_INLINE void unit_panel(
  const int bits, const bool has_offset, const stored_panel *panel, const byte_rows *x, int64_t m,
  const stored_target *to) {
  __mmask16 mask = (__mmask16)((1u << panel->count) - 1);
  int64_t row = 0;
#define ROWS(n, is_unpacked, fetches)                                                                                 \
  unit_rows(                                                                                                          \
    n, bits, has_offset, is_unpacked, fetches, panel->type, panel->tiles, unpacked, x, row, to, panel->first, mask),  \
    row += n
  const uint8_t *unpacked = NULL;
  if (m > unpacked_from && bits != 8) {
    unpacked = unpack_panel(bits, panel, x->blocks);
    while (m - row >= 8) ROWS(8, true, false);
  } else {
    if (m >= 8) ROWS(8, false, true);
    while (m - row >= 8) ROWS(8, false, false);
  }
  if (m - row >= 4) ROWS(4, false, true);
  if (m - row >= 2) ROWS(2, false, true);
  if (m - row >= 1) ROWS(1, false, true);
#undef ROWS
}

MK_BYTE_UNIT static void unit_panel_of(
  const stored_panel *panel, const byte_rows *x, int64_t m, const stored_target *to) {
  switch (panel->type->type) {
    case MK_Q4_0: return unit_panel(4, false, panel, x, m, to);
    case MK_Q4_1: return unit_panel(4, true, panel, x, m, to);
    case MK_Q5_0: return unit_panel(5, false, panel, x, m, to);
    case MK_Q5_1: return unit_panel(5, true, panel, x, m, to);
    default: return unit_panel(8, false, panel, x, m, to);
  }
}

void stored_multiply_panel(
  const mk_stored *w, const stored_panel *panel, const byte_rows *x, int64_t m, const stored_target *to) {
  if (mk_has_byte_unit()) unit_panel_of(panel, x, m, to);
  else stored_plain_panel(w, panel, x, m, to);
}
#else
void stored_multiply_panel(
  const mk_stored *w, const stored_panel *panel, const byte_rows *x, int64_t m, const stored_target *to) {
  stored_plain_panel(w, panel, x, m, to);
}
#endif

// --- The whole --------------------------------------------------------------------------------------------

typedef struct {
  const mk_stored *w;
  const void *x;
  int x_type;
  byte_rows rows;
  // x in bf16, where terms need it and it is not.
  uint16_t *narrow;
  int64_t m;
  factors_inner inner;
  stored_target to;
  // Tasks for rows, and for panels; how many of each are not done.
  int64_t row_tasks, parts;
  atomic_int open_rows, open_parts;
  // Of each part of the panels, whether the terms are added to it.
  bool *is_expanded;
} product;

MK_KERNEL(
  stored_widen, (const uint16_t *restrict x, float *restrict y, int64_t count), (x, y, count)) {
  for (int64_t i = 0; i < count; i++) y[i] = mk_widen(x[i]);
}

MK_KERNEL(
  stored_narrow, (const float *restrict x, uint16_t *restrict y, int64_t count), (x, y, count)) {
  for (int64_t i = 0; i < count; i++) y[i] = mk_narrow(x[i]);
}

// Tasks for rows: a group each; of one group alone, half of its blocks for each of two threads, so that no line of the
// cache is written by both.
static int64_t row_tasks(const product *p) {
  if (p->m > byte_group) return (p->m + byte_group - 1) / byte_group;
  return p->m >= byte_group / 2 && p->w->blocks >= 4 ? 2 : 1;
}

static void prepare_rows(const product *p, int64_t task) {
  int64_t first = 0, blocks = p->w->blocks, from = 0, to = blocks, k = p->w->inputs;
  if (p->m > byte_group) first = task * byte_group;
  else if (p->row_tasks == 2) from = task == 0 ? 0 : blocks / 4 * 2, to = task == 0 ? blocks / 4 * 2 : blocks;
  int64_t last = first + byte_group < p->m ? first + byte_group : p->m, count = (to - from) * byte_block;
  float *wide = p->x_type == MK_BF16 ? mk_scratch(2, (size_t)count * sizeof(float)) : NULL;
  for (int64_t i = first; i < last; i++) {
    int64_t at = i * k + from * byte_block;
    const float *x = wide ? wide : (const float *)p->x + at;
    if (wide) stored_widen((const uint16_t *)p->x + at, wide, count);
    else if (p->narrow) stored_narrow(x, p->narrow + at, count);
    byte_rows_take(x, &p->rows, i, from, to);
  }
}

static void expand_panels(product *p, int64_t begin, int64_t end) {
  if (begin == end) return;
  const stored_panel *first = p->w->panels + begin, *last = p->w->panels + end - 1;
  factors_expand(&p->inner, first->first, last->first + last->count, p->to.y, p->to.stride);
}

static void multiply_part(product *p, int64_t part) {
  int64_t begin, end;
  mk_range_part(p->w->panel_count, part, &begin, &end);
  for (int64_t i = begin; i < end; i++) {
    const stored_panel *panel = p->w->panels + i;
    // On their way while the panel is multiplied.
    factors_fetch(&p->inner, panel->first, panel->first + panel->count);
    stored_multiply_panel(p->w, panel, &p->rows, p->m, &p->to);
  }
  // What is in this processor's cache now would have to come from there.
  p->is_expanded[part] = factors_are_reduced(&p->inner);
  if (p->is_expanded[part]) expand_panels(p, begin, end);
  atomic_fetch_sub(&p->open_parts, 1);
}

static void expand_part(product *p, int64_t part) {
  mk_wait_for_none(&p->open_parts);
  if (p->is_expanded[part]) return;
  factors_wait(&p->inner);
  int64_t begin, end;
  mk_range_part(p->w->panel_count, part, &begin, &end);
  expand_panels(p, begin, end);
}

// Rows in 8 bits, the terms' inner sums, the panels and what the terms add to them: all in one loop, for each end of a
// loop leaves threads waiting. The first half of the threads begins with panels, which are limited by arithmetic, while
// the others take the inner sums, which are limited by memory. Tasks are begun in order, so what one waits for is done
// or under way.
static void run_task(void *context, int64_t task) {
  product *p = context;
  if (task < p->row_tasks) {
    prepare_rows(p, task);
    atomic_fetch_sub(&p->open_rows, 1);
    return;
  }
  task -= p->row_tasks;
  int64_t early = mk_threads() / 2 < p->parts ? mk_threads() / 2 : p->parts, sums = p->inner.tasks;
  if (task < early + sums + p->parts) mk_wait_for_none(&p->open_rows);
  if (task < early) multiply_part(p, task);
  else if (task < early + sums) factors_reduce(&p->inner, task - early);
  else if (task < sums + p->parts) multiply_part(p, task - sums);
  else expand_part(p, task - sums - p->parts);
}

void mk_stored_multiply(
  const mk_stored *w, const void *x, int x_type, int64_t m, const mk_factors *terms, int64_t count, float *y,
  bool accumulate) {
  if (m <= 0) return;
  int64_t k = w->inputs, size = byte_rows_size(m, w->blocks), parts = mk_range_parts(w->panel_count);
  product p = {.w = w, .x = x, .x_type = x_type, .m = m, .to = {y, w->outputs, accumulate}};
  bool narrows = x_type == MK_F32 && factors_need(terms, count, false);
  char *memory = mk_scratch(7, (size_t)(size + parts + (narrows ? m * k * 2 : 0)));
  p.rows = byte_rows_in(memory, m, w->blocks);
  if (narrows) p.narrow = (uint16_t *)(memory + size);
  p.is_expanded = (bool *)(memory + size + (narrows ? m * k * 2 : 0));
  factors_plan(&p.inner, terms, count, narrows ? p.narrow : x_type == MK_BF16 ? x : NULL, &p.rows, k);
  p.row_tasks = row_tasks(&p);
  p.parts = parts;
  atomic_init(&p.open_rows, (int)p.row_tasks);
  atomic_init(&p.open_parts, (int)p.parts);
  mk_parallel_tasks(p.row_tasks + p.inner.tasks + (count > 0 ? 2 : 1) * p.parts, run_task, &p);
}

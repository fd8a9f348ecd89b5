// Products with a matrix in the blocks of a GGUF: w = d·(code - zero), or d·code + m, so that
//
//   y[j] = Σ over blocks of s·d[j]·(Σ codes·x' - zero·Σ x') + m[j]·s·Σ x'
//
// with a row of x brought to 8 bits, x ≈ s·x', by blocks of 32. The inner sums are of integers and exact; the outer
// goes over the blocks in order, for each row and output by itself.
#include "factors.h"
#include "stored.h"

#if defined(__x86_64__) && defined(__clang__)
#include <immintrin.h>
#define STORED_UNIT
#endif

// --- Rows of 8 bits ---------------------------------------------------------------------------------------

MK_KERNEL(
  stored_quantize,
  (const float *restrict x, const stored_rows *rows, int64_t row), (x, rows, row)) {
  for (int64_t b = 0; b < rows->blocks; b++, x += stored_block) {
    int64_t at = stored_place(rows, row, b);
    int8_t *restrict codes = rows->codes + at * stored_block;
    uint32_t bits = 0;
    for (int i = 0; i < stored_block; i++) {
      union { float f; uint32_t i; } v = {x[i]};
      uint32_t size = v.i & 0x7FFFFFFF;
      bits = size > bits ? size : bits;
    }
    union { uint32_t i; float f; } highest = {bits};
    float inverse = highest.f > 0 ? 127 / highest.f : 0;
    int32_t count = 0;
    for (int i = 0; i < stored_block; i++) {
      int32_t code = (int32_t)__builtin_rintf(x[i] * inverse);
      codes[i] = (int8_t)code;
      count += code;
    }
    rows->scales[at] = highest.f / 127;
    rows->counts[at] = count;
    rows->sums[at] = rows->scales[at] * (float)count;
  }
}

// --- One panel --------------------------------------------------------------------------------------------

MK_KERNEL(
  stored_plain_panel, (const mk_stored *w, const stored_panel *panel, const stored_rows *x, int64_t m, const stored_target *to),
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
      int64_t at = stored_place(x, row, b);
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

#if defined(STORED_UNIT)
#define VNNI __attribute__((target("arch=x86-64-v4,avx512vnni,no-prefer-256-bit")))
#define VNNI_INLINE static inline __attribute__((always_inline)) VNNI

static bool has_unit(void) {
  static _Atomic int known;
  if (!known) known = mk_vector_level() >= 4 && __builtin_cpu_supports("avx512vnni") ? 2 : 1;
  return known == 2;
}

// How far ahead of what is read the next bytes are asked for, and from how many rows on unpacking pays.
enum { fetched_ahead = 4096, unpacked_from = 16 };

// The eight steps of four values of a block.
VNNI_INLINE void read_codes(const int bits, const uint8_t *at, __m512i *codes) {
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
VNNI_INLINE void unit_rows(
  const int rows, const int bits, const bool has_offset, const bool is_unpacked, const bool fetches,
  const stored_type *t, const uint8_t *tiles, const uint8_t *unpacked, const stored_rows *x, int64_t row,
  const stored_target *to, int64_t first, __mmask16 mask) {
  __m512 y[stored_group];
#pragma unroll
  for (int r = 0; r < rows; r++) y[r] = _mm512_setzero_ps();
  const int64_t codes_at = has_offset ? 64 : 32, tile_bytes = codes_at + (bits == 8 ? 512 : bits == 5 ? 320 : 256);
  int64_t at = stored_place(x, row, 0);
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
    values += stored_group * stored_block, scales += stored_group, sums += stored_group, counts += stored_group;
  }
#pragma unroll
  for (int r = 0; r < rows; r++) {
    float *out = to->y + (row + r) * to->stride + first;
    if (to->accumulate) y[r] = _mm512_add_ps(y[r], _mm512_maskz_loadu_ps(mask, out));
    _mm512_mask_storeu_ps(out, mask, y[r]);
  }
}

// Codes of a panel as bytes, and what comes after it on its way.
VNNI_INLINE const uint8_t *unpack_panel(const int bits, const stored_panel *panel, int64_t blocks) {
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

VNNI_INLINE void unit_panel(
  const int bits, const bool has_offset, const stored_panel *panel, const stored_rows *x, int64_t m,
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

VNNI static void unit_panel_of(
  const stored_panel *panel, const stored_rows *x, int64_t m, const stored_target *to) {
  switch (panel->type->type) {
    case MK_Q4_0: return unit_panel(4, false, panel, x, m, to);
    case MK_Q4_1: return unit_panel(4, true, panel, x, m, to);
    case MK_Q5_0: return unit_panel(5, false, panel, x, m, to);
    case MK_Q5_1: return unit_panel(5, true, panel, x, m, to);
    default: return unit_panel(8, false, panel, x, m, to);
  }
}

void stored_multiply_panel(
  const mk_stored *w, const stored_panel *panel, const stored_rows *x, int64_t m, const stored_target *to) {
  if (has_unit()) unit_panel_of(panel, x, m, to);
  else stored_plain_panel(w, panel, x, m, to);
}
#else
void stored_multiply_panel(
  const mk_stored *w, const stored_panel *panel, const stored_rows *x, int64_t m, const stored_target *to) {
  stored_plain_panel(w, panel, x, m, to);
}
#endif

// --- The whole --------------------------------------------------------------------------------------------

typedef struct {
  const mk_stored *w;
  const void *x;
  int x_type;
  stored_rows rows;
  // x in bf16 for the terms.
  uint16_t *narrow;
  int64_t m;
  factors_inner inner;
  stored_target to;
} product;

MK_KERNEL(
  stored_widen, (const uint16_t *restrict x, float *restrict y, int64_t count), (x, y, count)) {
  for (int64_t i = 0; i < count; i++) y[i] = mk_widen(x[i]);
}

MK_KERNEL(
  stored_narrow, (const float *restrict x, uint16_t *restrict y, int64_t count), (x, y, count)) {
  for (int64_t i = 0; i < count; i++) y[i] = mk_narrow(x[i]);
}

// Rows of a task: whole groups, whose scales stand side by side; of one group alone, half for each of two threads.
static int64_t task_rows(int64_t m) { return m > stored_group ? stored_group : stored_group / 2; }

static void prepare_rows(const product *p, int64_t begin, int64_t end) {
  int64_t k = p->w->inputs;
  float *wide = p->x_type == MK_BF16 ? mk_scratch(2, (size_t)k * sizeof(float)) : NULL;
  for (int64_t i = begin; i < end; i++) {
    if (wide) stored_widen((const uint16_t *)p->x + i * k, wide, k);
    stored_quantize(wide ? wide : (const float *)p->x + i * k, &p->rows, i);
  }
}

static void narrow_rows(void *context, int64_t begin, int64_t end) {
  const product *p = context;
  int64_t k = p->w->inputs;
  stored_narrow((const float *)p->x + begin * k, p->narrow + begin * k, (end - begin) * k);
}

// What goes before the product: the terms' inner sums, and rows in 8 bits.
static void prepare(void *context, int64_t task) {
  const product *p = context;
  if (task < p->inner.tasks) return factors_reduce(&p->inner, task);
  int64_t begin = (task - p->inner.tasks) * task_rows(p->m), end = begin + task_rows(p->m);
  prepare_rows(p, begin, end < p->m ? end : p->m);
}

static void multiply_panels(void *context, int64_t begin, int64_t end) {
  const product *p = context;
  for (int64_t i = begin; i < end; i++) {
    const stored_panel *panel = p->w->panels + i;
    // On their way while the panel is multiplied.
    factors_fetch(&p->inner, panel->first, panel->first + panel->count);
    stored_multiply_panel(p->w, panel, &p->rows, p->m, &p->to);
  }
  const stored_panel *last = p->w->panels + end - 1;
  factors_expand(&p->inner, p->w->panels[begin].first, last->first + last->count, p->to.y, p->to.stride);
}

void mk_stored_multiply(
  const mk_stored *w, const void *x, int x_type, int64_t m, const mk_factors *terms, int64_t count, float *y,
  bool accumulate) {
  if (m <= 0) return;
  int64_t k = w->inputs, blocks = w->blocks;
  product p = {.w = w, .x = x, .x_type = x_type, .m = m, .to = {y, w->outputs, accumulate}};
  // Whole groups of rows.
  int64_t places = (m + stored_group - 1) / stored_group * stored_group * blocks;
  bool narrows = count > 0 && x_type == MK_F32;
  char *memory = mk_scratch(7, (size_t)(places * (12 + stored_block) + (narrows ? m * k * 2 : 0)));
  p.rows = (stored_rows){
    .blocks = blocks, .codes = (int8_t *)memory, .scales = (float *)(memory + places * stored_block)};
  p.rows.sums = p.rows.scales + places, p.rows.counts = (int32_t *)(p.rows.sums + places);
  p.narrow = (uint16_t *)(p.rows.counts + places);
  if (narrows) mk_parallel_ranges(m, stored_group / 2, narrow_rows, &p);
  if (count > 0) p.inner = factors_plan(terms, count, narrows ? p.narrow : x, k);
  int64_t tasks = (m + task_rows(m) - 1) / task_rows(m);
  // A few rows cost less than waking the team.
  if (count > 0 || m >= 8) mk_parallel_tasks(p.inner.tasks + tasks, prepare, &p);
  else prepare_rows(&p, 0, m);
  if (count > 0) factors_join(&p.inner);
  mk_parallel_ranges(w->panel_count, 1, multiply_panels, &p);
}

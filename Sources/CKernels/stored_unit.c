// Products with stored blocks by the 8-bit dot unit of AVX-512: the formulas stand in stored_product.c.
#include "byte_unit.h"
#include "stored.h"

#if !defined(MK_NO_BYTE_UNIT)
// From how many rows on unpacking pays; how far ahead few rows ask for memory; and how many bytes of a panel rows go
// through one after the other, so that they and what comes next stay in the nearest cache.
enum { unpacked_from = 16, stored_ahead = 4096, run_bytes = 20480 };

// Some blocks of a panel.
typedef struct {
  const stored_panel *panel;
  int64_t from, to;
  // Their codes as bytes, where they were unpacked.
  const uint8_t *unpacked;
  // What memory is asked for meanwhile.
  const uint8_t *next;
  // The rows' sums of the blocks before, [m][32], and whether there are blocks before and behind.
  float *sums;
  bool is_first, is_last;
} panel_run;

// Steps `s` and `s` + 1, of four values each, of a block; s is even.
MK_BYTE_INLINE void read_codes(const int bits, const uint8_t *at, const int s, __m512i *codes) {
  if (bits == 8) {
    codes[0] = _mm512_loadu_si512(at + 64 * s), codes[1] = _mm512_loadu_si512(at + 64 * s + 64);
    return;
  }
  const uint8_t *nibbles = bits == 5 ? at + 64 : at;
  __m512i both = _mm512_loadu_si512(nibbles + 32 * s), low = _mm512_set1_epi8(15);
  codes[0] = _mm512_and_si512(both, low), codes[1] = _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
  if (bits == 5)
    for (int i = 0; i < 2; i++) {
      uint64_t word;
      memcpy(&word, at + 8 * (s + i), sizeof word);
      codes[i] = _mm512_mask_or_epi32(codes[i], 0xFFFF, codes[i], _mm512_maskz_mov_epi8(word, _mm512_set1_epi8(16)));
    }
}

// `rows` rows from `row` on, which are of one group, through some blocks of a panel, `tiles` of each: a value of x is read
// once for both. Scales are read from the tiles; codes too, or from where they were unpacked to. With every block memory
// is asked for `fetched` tiles from `next` on.
MK_BYTE_INLINE void unit_rows(
  const int rows, const int tiles, const int bits, const bool has_offset, const bool is_unpacked, const int fetched,
  const panel_run *run, const byte_rows *x, int64_t row, const stored_target *to) {
  const int64_t codes_at = has_offset ? 64 : 32, bytes = codes_at + (bits == 8 ? 512 : bits == 5 ? 320 : 256);
  __m512 y[4][2];
  float *kept = run->sums + row * panel_outputs;
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int t = 0; t < tiles; t++)
      y[r][t] =
        run->is_first ? _mm512_setzero_ps() : _mm512_loadu_ps(kept + r * panel_outputs + t * stored_lanes);
  int64_t at = byte_place(x, row, run->from);
  const int8_t *values = x->codes + at * stored_block;
  const float *scales = x->scales + at, *sums = x->sums + at;
  const int32_t *less = x->less + at;
  const uint8_t *tile = run->panel->tiles + run->from * tiles * bytes, *next = run->next, *codes_of = run->unpacked;
  for (int64_t b = run->from; b < run->to; b++) {
    for (int64_t line = 0; line < fetched * bytes; line += 64) _mm_prefetch(next + line, _MM_HINT_T0);
    next += fetched * bytes;
    __m512i sum[4][2];
#pragma unroll
    for (int r = 0; r < rows; r++)
      sum[r][0] = sum[r][1] =
        has_offset ? _mm512_setzero_si512() : _mm512_slli_epi32(_mm512_set1_epi32(less[r]), bits - 1);
#pragma unroll
    for (int s = 0; s < 8; s += 2) {
      __m512i codes[2][2];
#pragma unroll
      for (int t = 0; t < tiles; t++)
        if (is_unpacked) read_codes(8, codes_of + t * 512, s, codes[t]);
        else read_codes(bits, tile + t * bytes + codes_at, s, codes[t]);
#pragma unroll
      for (int r = 0; r < rows; r++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          int32_t four;
          memcpy(&four, values + r * stored_block + 4 * (s + i), sizeof four);
#pragma unroll
          for (int t = 0; t < tiles; t++)
            sum[r][t] = _mm512_dpbusd_epi32(sum[r][t], codes[t][i], _mm512_set1_epi32(four));
        }
    }
    if (is_unpacked) codes_of += tiles * 512;
#pragma unroll
    for (int t = 0; t < tiles; t++, tile += bytes) {
      __m512 d = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)tile)), m = _mm512_setzero_ps();
      if (has_offset) m = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(tile + 32)));
#pragma unroll
      for (int r = 0; r < rows; r++) {
        __m512 own = _mm512_mul_ps(_mm512_cvtepi32_ps(sum[r][t]), d);
        y[r][t] = _mm512_fmadd_ps(own, _mm512_set1_ps(scales[r]), y[r][t]);
        if (has_offset) y[r][t] = _mm512_fmadd_ps(m, _mm512_set1_ps(sums[r]), y[r][t]);
      }
    }
    values += byte_group * stored_block, scales += byte_group, sums += byte_group, less += byte_group;
  }
#pragma unroll
  for (int t = 0; t < tiles; t++) {
    int64_t left = run->panel->count - t * stored_lanes;
    __mmask16 mask = left < stored_lanes ? (__mmask16)((1u << left) - 1) : 0xFFFF;
#pragma unroll
    for (int r = 0; r < rows; r++) {
      if (!run->is_last) {
        _mm512_storeu_ps(kept + r * panel_outputs + t * stored_lanes, y[r][t]);
        continue;
      }
      int64_t place = (row + r) * to->stride + t * stored_lanes;
      float *out = to->y + place;
      if (to->onto) y[r][t] = _mm512_add_ps(y[r][t], _mm512_maskz_loadu_ps(mask, to->onto + place));
      // A store with a mask is slow, be it of all lanes.
      if (mask == 0xFFFF) _mm512_storeu_ps(out, y[r][t]);
      else _mm512_mask_storeu_ps(out, mask, y[r][t]);
    }
  }
}

// Codes of a run as bytes, while memory is asked for what comes after it.
MK_BYTE_INLINE const uint8_t *unpack_run(const int tiles, const int bits, const panel_run *run) {
  const stored_type *t = run->panel->type;
  uint8_t *to = mk_scratch(1, (size_t)(tiles * (run->to - run->from) * 512));
  const uint8_t *tile = run->panel->tiles + run->from * tiles * t->tile_bytes, *next = run->next;
  for (int64_t i = 0; i < tiles * (run->to - run->from); i++, tile += t->tile_bytes, next += t->tile_bytes) {
    for (int64_t line = 0; line < t->tile_bytes; line += 64) _mm_prefetch(next + line, _MM_HINT_T0);
    for (int s = 0; s < 8; s += 2) {
      __m512i codes[2];
      read_codes(bits, tile + (t->has_offset ? 64 : 32), s, codes);
      for (int j = 0; j < 2; j++) _mm512_storeu_si512(to + i * 512 + 64 * (s + j), codes[j]);
    }
  }
  return to;
}

MK_BYTE_INLINE void unit_run(
  const int tiles, const int bits, const bool has_offset, panel_run *run, const byte_rows *x, int64_t m,
  const stored_target *to) {
  int64_t row = 0;
#define ROWS(n, is_unpacked, fetched)                                                                               \
  unit_rows(n, tiles, bits, has_offset, is_unpacked, fetched, run, x, row, to), row += n
  if (m > unpacked_from && bits != 8) {
    run->unpacked = unpack_run(tiles, bits, run);
    while (m - row >= 4) ROWS(4, true, 0);
  } else if (m >= 8 && tiles == 2) {
    // What comes next is asked for by halves, so that memory is at work all the time.
    ROWS(4, false, 1);
    run->next += (run->to - run->from) * run->panel->type->tile_bytes;
    ROWS(4, false, 1);
    while (m - row >= 4) ROWS(4, false, 0);
  } else if (m >= 4) {
    ROWS(4, false, tiles);
  } else if (m >= 2) {
    ROWS(2, false, tiles);
  } else {
    ROWS(1, false, tiles);
  }
  while (m - row >= 4) ROWS(4, false, 0);
  if (m - row >= 2) ROWS(2, false, 0);
  if (m - row >= 1) ROWS(1, false, 0);
#undef ROWS
}

MK_BYTE_INLINE void unit_panel(
  const int tiles, const int bits, const bool has_offset, const stored_panel *panel, const uint8_t *next,
  const byte_rows *x, int64_t m, const stored_target *to) {
  int64_t bytes = panel_bytes(panel, x->blocks), runs = m > 4 ? (bytes + run_bytes - 1) / run_bytes : 1;
  int64_t length = (x->blocks + runs - 1) / runs;
  panel_run run = {.panel = panel};
  if (length < x->blocks) run.sums = mk_scratch(2, (size_t)(m * panel_outputs) * sizeof(float));
  if (m < 8 && next != panel->tiles + bytes)
    for (int64_t line = 0; line < stored_ahead; line += 64) _mm_prefetch(next + line, _MM_HINT_T0);
  while (run.to < x->blocks) {
    run.from = run.to, run.to = run.from + length < x->blocks ? run.from + length : x->blocks;
    run.is_first = run.from == 0, run.is_last = run.to == x->blocks;
    const uint8_t *end = panel->tiles + run.to * tiles * panel->type->tile_bytes;
    run.next = run.is_last ? next : end;
    // A few rows are done with a panel before memory has answered: they ask for what lies a little further on.
    if (m < 8) run.next = panel->tiles + run.from * tiles * panel->type->tile_bytes + stored_ahead;
    unit_run(tiles, bits, has_offset, &run, x, m, to);
  }
}

MK_BYTE_INLINE void unit_tiles(
  const int tiles, const stored_panel *panel, const uint8_t *next, const byte_rows *x, int64_t m,
  const stored_target *to) {
  switch (panel->type->type) {
    case MK_Q4_0: return unit_panel(tiles, 4, false, panel, next, x, m, to);
    case MK_Q4_1: return unit_panel(tiles, 4, true, panel, next, x, m, to);
    case MK_Q5_0: return unit_panel(tiles, 5, false, panel, next, x, m, to);
    case MK_Q5_1: return unit_panel(tiles, 5, true, panel, next, x, m, to);
    default: return unit_panel(tiles, 8, false, panel, next, x, m, to);
  }
}

MK_BYTE_UNIT static void unit_one(
  const stored_panel *panel, const uint8_t *next, const byte_rows *x, int64_t m, const stored_target *to) {
  unit_tiles(1, panel, next, x, m, to);
}

MK_BYTE_UNIT static void unit_two(
  const stored_panel *panel, const uint8_t *next, const byte_rows *x, int64_t m, const stored_target *to) {
  unit_tiles(2, panel, next, x, m, to);
}

static void unit_panels(
  const stored_panel *panel, const uint8_t *next, const byte_rows *x, int64_t m, const stored_target *to) {
  (panel_tiles(panel) == 2 ? unit_two : unit_one)(panel, next, x, m, to);
}

stored_kernel stored_unit_kernel(const stored_type *type) {
  if (!mk_has_byte_unit()) return NULL;
  switch (type->type) {
    case MK_Q4_0: case MK_Q4_1: case MK_Q5_0: case MK_Q5_1: case MK_Q8_0: return unit_panels;
    default: return NULL;
  }
}
#else
stored_kernel stored_unit_kernel(const stored_type *type) {
  (void)type;
  return NULL;
}
#endif

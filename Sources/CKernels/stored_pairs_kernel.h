// Kernels of 256 bits for stored blocks: the formulas stand in stored_product.c. Whoever includes it defines PAIRS_TARGET,
// what the functions are compiled for, and PAIRS_DOT(sum, a, b), which adds four products of unsigned a and signed b in each
// lane, where that target has a unit for it. Without it bytes are multiplied by pairs: see pairs.h.
#include "stored_pairs.h"

#define KERNEL_INLINE static inline __attribute__((always_inline)) PAIRS_TARGET

// --- A block ----------------------------------------------------------------------------------------------

// Where rows that are read together have a block.
typedef struct {
  const int8_t *codes;
  const float *scales, *sums;
  const int32_t *less;
  const int16_t *halves;
} row_block;

KERNEL_INLINE __m256i both_halves(const row_block *x, int row) {
  return pairs_four(x->halves + 2 * row);
}

#if defined(PAIRS_DOT)
// Adds two steps of codes to the sums. Those of a half are by themselves where it has a scale of its own.
KERNEL_INLINE void add_steps(
  const form f, const int rows, const int s, const row_block *x, const octet_scales *scales, __m256i codes[2][2],
  __m256i half[4][2], __m256i sum[4][2]) {
#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int r = 0; r < rows; r++) {
      __m256i four = pairs_four(x->codes + r * stored_block + 4 * (s + i));
#pragma unroll
      for (int o = 0; o < 2; o++) {
        __m256i own = codes[o][i];
        if (is_signed(f)) {
          sum[r][o] = PAIRS_DOT(sum[r][o], _mm256_abs_epi8(own), _mm256_sign_epi8(four, own));
        } else if (f.parts < 2) {
          sum[r][o] = PAIRS_DOT(sum[r][o], own, four);
        } else {
          half[r][o] = PAIRS_DOT((s + i) % 4 == 0 ? _mm256_setzero_si256() : half[r][o], own, four);
          if ((s + i) % 4 < 3) continue;
          __m256i scale = _mm256_srai_epi32(scales[o].halves[s / 4], 16);
          sum[r][o] = _mm256_add_epi32(sum[r][o], _mm256_mullo_epi32(half[r][o], scale));
        }
      }
    }
}
#else
// Adds two steps of codes to the sums of 32 bits, by way of those of 16.
KERNEL_INLINE void add_steps(
  const form f, const int rows, const int s, const row_block *x, const octet_scales *scales, __m256i codes[2][2],
  __m256i narrow[4][2], __m256i sum[4][2]) {
  const __m256i ones = _mm256_set1_epi16(1);
#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int held = steps_held(f);
    const bool begins = (s + i) % held == 0, ends = (s + i + 1) % held == 0;
#pragma unroll
    for (int r = 0; r < rows; r++) {
      __m256i four = pairs_four(x->codes + r * stored_block + 4 * (s + i));
#pragma unroll
      for (int o = 0; o < 2; o++) {
        __m256i own = codes[o][i];
        if (is_signed(f)) {
          sum[r][o] = pairs_add_signed(sum[r][o], own, four);
          continue;
        }
        __m256i pairs = _mm256_maddubs_epi16(own, four);
        narrow[r][o] = begins ? pairs : _mm256_add_epi16(narrow[r][o], pairs);
        if (rows > 1) pairs_in_order(narrow[r][o]);
        if (ends)
          sum[r][o] = _mm256_add_epi32(
            sum[r][o], _mm256_madd_epi16(narrow[r][o], f.parts == 2 ? scales[o].halves[s / 4] : ones));
      }
    }
  }
}
#endif

// y += the products of tile `t` of a block with some rows. `codes_of` are the tile's own, or bytes that were unpacked.
KERNEL_INLINE void add_tile(
  const form f, const int rows, const bool is_unpacked, const uint8_t *codes_of, const octet_scales *scales,
  const row_block *x, int64_t t, __m256 (*y)[2][2]) {
  __m256i sum[4][2], narrow[4][2], codes[2][2];
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int o = 0; o < 2; o++)
      sum[r][o] = is_signed(f) || f.zero == 0 ? _mm256_setzero_si256()
        : f.parts == 2                        ? _mm256_madd_epi16(both_halves(x, r), scales[o].zero)
                                              : _mm256_slli_epi32(_mm256_set1_epi32(x->less[r]), f.bits - 1);
#pragma unroll
  for (int s = 0; s < 8; s += 2) {
#pragma unroll
    for (int o = 0; o < 2; o++)
      if (is_unpacked)
        for (int i = 0; i < 2; i++) codes[o][i] = pairs_load(codes_of + 64 * (s + i) + 32 * o);
      else read_codes(f, codes_of, s, o, codes[o]);
    add_steps(f, rows, s, x, scales, codes, narrow, sum);
  }
#pragma unroll
  for (int r = 0; r < rows; r++)
#pragma unroll
    for (int o = 0; o < 2; o++) {
      __m256 scale = _mm256_set1_ps(x->scales[r]), *out = &y[r][t][o];
      __m256 all = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum[r][o]), scales[o].d), scale, *out);
      if (f.has_offset && f.parts == 0) all = _mm256_fmadd_ps(scales[o].m, _mm256_set1_ps(x->sums[r]), all);
      if (f.has_offset && f.parts == 1) all = _mm256_fnmadd_ps(scales[o].m, _mm256_set1_ps(x->sums[r]), all);
      if (f.has_offset && f.parts == 2) {
        __m256 less = _mm256_cvtepi32_ps(_mm256_madd_epi16(both_halves(x, r), scales[o].mins));
        all = _mm256_fnmadd_ps(_mm256_mul_ps(less, scales[o].m), scale, all);
      }
      *out = all;
    }
}

// --- A panel ----------------------------------------------------------------------------------------------

// From how many rows on unpacking pays; how far ahead few rows ask for memory; and how many bytes of a panel rows go
// through one after the other, so that they and what comes next stay in the nearest cache: of a tile that was unpacked,
// about so many are read.
enum { unpacked_from = 12, stored_ahead = 4096, run_bytes = 24576, unpacked_bytes = 640 };

// A tile with codes as bytes, and scales as products take them.
typedef struct {
  uint8_t codes[512];
  octet_scales scales[2];
} unpacked_tile;

// Some blocks of a panel, whole groups.
typedef struct {
  const stored_panel *panel;
  int64_t tiles, from, to;
  const uint8_t *begin;
  // Their tiles, where they were unpacked.
  const unpacked_tile *unpacked;
  // What memory is asked for meanwhile.
  const uint8_t *next;
  // The rows' sums of the blocks before, [m][32], and whether there are blocks before and behind.
  float *sums;
  bool is_first, is_last;
} panel_run;

KERNEL_INLINE void finish_row(const panel_run *run, const stored_target *to, int64_t row, __m256 (*y)[2]) {
  for (int64_t t = 0; t < 2 * run->tiles; t++) {
    int64_t left = run->panel->count - 8 * t, place = row * to->stride + 8 * t;
    __m256 all = y[t / 2][t % 2];
    if (left >= 8) {
      if (to->onto) all = _mm256_add_ps(_mm256_loadu_ps(to->onto + place), all);
      _mm256_storeu_ps(to->y + place, all);
      continue;
    }
    float own[8];
    _mm256_storeu_ps(own, all);
    for (int64_t i = 0; i < left; i++) to->y[place + i] = to->onto ? to->onto[place + i] + own[i] : own[i];
  }
}

// `rows` rows from `row` on, which are of one group, through some blocks of a panel.
KERNEL_INLINE void pair_rows(
  const form f, const int rows, const bool is_unpacked, bool fetches, const panel_run *run, const byte_rows *x,
  int64_t row, const stored_target *to) {
  const int group = f.parts ? stored_group : 1;
  const int64_t tiles = run->tiles;
  __m256 y[4][2][2], d[2][2] = {0}, m[2][2] = {0};
  float *kept = run->sums + row * panel_outputs;
  for (int r = 0; r < rows; r++)
    for (int64_t t = 0; t < 2 * tiles; t++)
      y[r][t / 2][t % 2] =
        run->is_first ? _mm256_setzero_ps() : _mm256_loadu_ps(kept + r * panel_outputs + 8 * t);
  int64_t at = byte_place(x, row, run->from);
  row_block own = {x->codes + at * stored_block, x->scales + at, x->sums + at, x->less + at, x->halves + 2 * at};
  const uint8_t *place = run->begin, *next = run->next;
  const unpacked_tile *unpacked = run->unpacked;
  for (int64_t b = run->from; b < run->to; b += group) {
    if (f.parts && !is_unpacked) {
      if (fetches) fetch_lines(next, tiles * head_bytes(f)), next += tiles * head_bytes(f);
      read_heads(f, tiles, place, d, m), place += tiles * head_bytes(f);
    }
    for (int g = 0; g < group; g++) {
      if (fetches) fetch_lines(next, tiles * tile_bytes(f)), next += tiles * tile_bytes(f);
      for (int64_t t = 0; t < tiles; t++, place += tile_bytes(f)) {
        // Values are read again for each tile: they are more than registers hold.
        if (rows > 1) __asm__("" : "+r"(own.codes));
        if (is_unpacked) {
          add_tile(f, rows, true, unpacked->codes, unpacked->scales, &own, t, y), unpacked++;
          continue;
        }
        octet_scales scales[2];
#pragma unroll
        for (int o = 0; o < 2; o++) scales[o] = read_scales(f, place, o, d[t][o], m[t][o]);
        add_tile(f, rows, false, place + scale_bytes(f), scales, &own, t, y);
      }
      own.codes += byte_group * stored_block, own.scales += byte_group, own.sums += byte_group;
      own.less += byte_group, own.halves += 2 * byte_group;
    }
  }
  for (int r = 0; r < rows; r++) {
    if (run->is_last) {
      finish_row(run, to, row + r, y[r]);
      continue;
    }
    for (int64_t t = 0; t < 2 * tiles; t++) _mm256_storeu_ps(kept + r * panel_outputs + 8 * t, y[r][t / 2][t % 2]);
  }
}

KERNEL_INLINE void unpack_tile(const form f, const uint8_t *tile, const __m256 *d, const __m256 *m, unpacked_tile *to) {
#pragma unroll
  for (int o = 0; o < 2; o++) {
    to->scales[o] = read_scales(f, tile, o, d[o], m[o]);
#pragma unroll
    for (int s = 0; s < 8; s += 2) {
      __m256i codes[2];
      read_codes(f, tile + scale_bytes(f), s, o, codes);
      for (int i = 0; i < 2; i++) _mm256_store_si256((__m256i *)(to->codes + 64 * (s + i) + 32 * o), codes[i]);
    }
  }
}

// The tiles of a run, while memory is asked for what comes after it.
KERNEL_INLINE const unpacked_tile *unpack_run(const form f, const panel_run *run) {
  const int group = f.parts ? stored_group : 1;
  const int64_t tiles = run->tiles;
  unpacked_tile *memory = mk_scratch(1, (size_t)(tiles * (run->to - run->from)) * sizeof(unpacked_tile)), *to = memory;
  const uint8_t *place = run->begin, *next = run->next;
  __m256 d[2][2] = {0}, m[2][2] = {0};
  for (int64_t b = run->from; b < run->to; b += group) {
    if (f.parts) read_heads(f, tiles, place, d, m), place += tiles * head_bytes(f), next += tiles * head_bytes(f);
    for (int64_t i = 0; i < group * tiles; i++, place += tile_bytes(f), next += tile_bytes(f), to++) {
      fetch_lines(next, tile_bytes(f));
      unpack_tile(f, place, d[i % tiles], m[i % tiles], to);
    }
  }
  return memory;
}

KERNEL_INLINE bool unpacks(const form f, int64_t m) { return f.bits != 8 && m >= unpacked_from; }

KERNEL_INLINE void pair_run(const form f, panel_run *run, const byte_rows *x, int64_t m, const stored_target *to) {
  if (unpacks(f, m)) run->unpacked = unpack_run(f, run);
  for (int64_t row = 0, count; row < m; row += count) {
    bool fetches = row == 0 && !unpacks(f, m);
    count = m - row >= 4 ? 4 : m - row >= 2 ? 2 : 1;
    if (count == 4 && unpacks(f, m)) pair_rows(f, 4, true, false, run, x, row, to);
    else if (count == 4) pair_rows(f, 4, false, fetches, run, x, row, to);
    else if (count == 2) pair_rows(f, 2, false, fetches, run, x, row, to);
    else pair_rows(f, 1, false, fetches, run, x, row, to);
  }
}

KERNEL_INLINE void pair_panel(
  const form f, const stored_panel *panel, const uint8_t *next, const byte_rows *x, int64_t m,
  const stored_target *to) {
  const int group = f.parts ? stored_group : 1;
  int64_t tiles = panel_tiles(panel), groups = x->blocks / group, bytes = panel_bytes(panel, x->blocks);
  int64_t read = unpacks(f, m) ? x->blocks * tiles * unpacked_bytes : bytes;
  int64_t runs = m > 4 ? (read + run_bytes - 1) / run_bytes : 1, length = (groups + runs - 1) / runs * group;
  panel_run run = {.panel = panel, .tiles = tiles, .begin = panel->tiles};
  if (length < x->blocks) run.sums = mk_scratch(2, (size_t)(m * panel_outputs) * sizeof(float));
  if (m < 8 && next != panel->tiles + bytes) fetch_lines(next, stored_ahead);
  while (run.to < x->blocks) {
    run.from = run.to, run.to = run.from + length < x->blocks ? run.from + length : x->blocks;
    run.is_first = run.from == 0, run.is_last = run.to == x->blocks;
    const uint8_t *behind = run.begin + panel_bytes(panel, run.to - run.from);
    run.next = run.is_last ? next : behind;
    // A few rows are done with a panel before memory has answered: they ask for what lies a little further on.
    if (m < 8) run.next = run.begin + stored_ahead;
    pair_run(f, &run, x, m, to);
    run.begin = behind;
  }
}

#define KERNEL(name, ...)                                                                                      \
  PAIRS_TARGET static void pairs_##name(                                                                      \
    const stored_panel *panel, const uint8_t *next, const byte_rows *x, int64_t m, const stored_target *to) {  \
    pair_panel((form){__VA_ARGS__}, panel, next, x, m, to);                                                    \
  }
PAIRS_TYPES(KERNEL)

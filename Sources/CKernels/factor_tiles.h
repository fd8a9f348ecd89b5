// Tiles of 16 outputs, which packed factors are made of: what factors.c and factor_tiles.c share.
#pragma once

#include "byte_rows.h"

enum { tile_lanes = 16 };

MK_INLINE int64_t whole(int64_t count, int64_t of) { return (count + of - 1) / of; }

// Tiles side by side in the result, of some of the columns of those that were packed.
//   bf16: pairs of columns, [columns/2][16]
//   8 bits: blocks of 32 columns, each with 16 scales in bf16 and then [columns/4][16][4] codes plus 128
//   4 bits: the same with [columns/8][16][4] pairs of codes plus 8: the low half is of the first four columns
typedef struct {
  int type;
  const char *first;
  // Bytes from one to the next.
  int64_t apart;
  // Of those that were packed.
  int64_t first_column, columns;
  // Whether nobody has asked memory for them yet, and whether somebody has for their first bytes.
  bool is_far, is_begun;
} tile_run;

MK_INLINE bool is_coded(int type) { return type == MK_S8 || type == MK_S4; }

MK_INLINE int64_t tile_bytes(int type, int64_t columns) {
  if (!is_coded(type)) return whole(columns, 2) * 4 * tile_lanes;
  return (whole(columns, byte_block) * 2 + whole(columns, type == MK_S8 ? 4 : 8) * 4) * tile_lanes;
}
float tile_value(int type, const char *tile, int64_t row, int64_t column);

// Some rows of values, and what comes of them: out[m][from..<to] = x·tiles, or added to it.
typedef struct {
  // For tiles in bf16.
  const uint16_t *x;
  int64_t stride;
  // For tiles of codes: rows from `first_row` on, and columns from `first_block` on.
  const byte_rows *codes;
  int64_t first_row, first_block;
  int64_t m;
  float *out;
  int64_t out_stride, from, to;
  bool accumulate;
} tile_rows;

// How far ahead of its use memory is asked for what follows.
enum { fetched_ahead = 2048 };

void multiply_tiles(const tile_run *w, const tile_rows *r);
// The same in vectors of 256 bits; false where the processor has none.
bool narrow_tiles(const tile_run *w, const tile_rows *r);

static inline void fetch(const char *from, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(from + at);
}

// Asks for the first bytes of some tiles.
static inline void fetch_first(tile_run *w) {
  int64_t bytes = tile_bytes(w->type, w->columns);
  fetch(w->first, bytes < fetched_ahead ? bytes : fetched_ahead);
  w->is_begun = true;
}

// The lanes of a tile that begins at `column` which are from..<to.
static inline uint16_t lanes_between(const tile_rows *r, int64_t column) {
  int64_t low = r->from > column ? r->from - column : 0, high = r->to - column < tile_lanes ? r->to - column : tile_lanes;
  return (uint16_t)((1u << high) - (1u << low));
}

// A tile of a run, and up to where its memory is to be asked for ahead of use: nothing where that was done.
static inline const char *begin_tile(const tile_run *w, int64_t index, const char **tile) {
  *tile = w->first + index * w->apart;
  if (!w->is_far) return *tile;
  int64_t bytes = tile_bytes(w->type, w->columns);
  if (!w->is_begun || *tile != w->first) fetch(*tile, bytes < fetched_ahead ? bytes : fetched_ahead);
  return *tile + bytes;
}

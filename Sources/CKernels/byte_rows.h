// Rows of 8 bits: what products with codes take.
#pragma once

#include "dispatch.h"

enum { byte_block = 32, byte_half = 16, byte_group = 8 };

// Rows of x by blocks of 32: codes of 8 bits within ±127, a scale, scale·Σ codes and -Σ codes for each block; and Σ codes of
// both halves where `has_halves` says so. Eight rows are a group: what the products read together stands together,
// [group][block][row of the group].
typedef struct {
  int64_t blocks;
  bool has_halves;
  int8_t *codes;
  float *scales, *sums;
  int32_t *less;
  int16_t *halves;
} byte_rows;

MK_INLINE int64_t byte_place(const byte_rows *rows, int64_t row, int64_t block) {
  return (row / byte_group * rows->blocks + block) * byte_group + row % byte_group;
}

// Bytes for m rows: whole groups of them.
int64_t byte_rows_size(int64_t m, int64_t blocks);
byte_rows byte_rows_in(void *memory, int64_t m, int64_t blocks);
// Brings `count` rows from `first` on to 8 bits: x is [count][32·blocks].
void byte_rows_take(const float *x, const byte_rows *rows, int64_t first, int64_t count);
// The same of their blocks begin..<end: x is [count][32·(end - begin)].
void byte_rows_take_blocks(
  const float *x, const byte_rows *rows, int64_t first, int64_t count, int64_t begin, int64_t end);

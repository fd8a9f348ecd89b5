// Rows brought to 8 bits, x ≈ scale·codes, by blocks of 32.
#include "byte_rows.h"

static int64_t places_for(int64_t m, int64_t blocks) { return (m + byte_group - 1) / byte_group * byte_group * blocks; }

int64_t byte_rows_size(int64_t m, int64_t blocks) { return places_for(m, blocks) * (byte_block + 12); }

byte_rows byte_rows_in(void *memory, int64_t m, int64_t blocks) {
  int64_t places = places_for(m, blocks);
  byte_rows rows = {.blocks = blocks, .codes = memory};
  rows.scales = (float *)(rows.codes + places * byte_block);
  rows.sums = rows.scales + places, rows.counts = (int32_t *)(rows.sums + places);
  return rows;
}

MK_KERNEL(
  byte_rows_take,
  (const float *restrict x, const byte_rows *rows, int64_t row), (x, rows, row)) {
  for (int64_t b = 0; b < rows->blocks; b++, x += byte_block) {
    int64_t at = byte_place(rows, row, b);
    int8_t *restrict codes = rows->codes + at * byte_block;
    uint32_t bits = 0;
    for (int i = 0; i < byte_block; i++) {
      union { float f; uint32_t i; } v = {x[i]};
      uint32_t size = v.i & 0x7FFFFFFF;
      bits = size > bits ? size : bits;
    }
    union { uint32_t i; float f; } highest = {bits};
    float inverse = highest.f > 0 ? 127 / highest.f : 0;
    int32_t count = 0;
    for (int i = 0; i < byte_block; i++) {
      int32_t code = (int32_t)__builtin_rintf(x[i] * inverse);
      codes[i] = (int8_t)code;
      count += code;
    }
    rows->scales[at] = highest.f / 127;
    rows->counts[at] = count;
    rows->sums[at] = rows->scales[at] * (float)count;
  }
}

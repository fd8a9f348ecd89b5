// Matrices in the blocks of 32 values that a GGUF came with, laid out for products: what stored*.c share.
#pragma once

#include "byte_rows.h"

enum { stored_block = byte_block, stored_lanes = 16 };

// Sixteen outputs of one block each are a tile: lanes side by side, as the products take them.
//   16 f16 scales d, then 16 f16 offsets m where the type has them, then the codes:
//   4 bits: 4 runs of 64 bytes; of byte 4·lane + i of run r the low half is value 8r + i, the high half 8r + 4 + i
//   5 bits: the same, and before it 8 words of 64 bits: bit 4·lane + i of word s is the fifth bit of value 4s + i
//   8 bits: 8 runs of 64 bytes; byte 4·lane + i of run s is value 4s + i, plus 128
typedef struct {
  int type;
  // Codes are unsigned: `zero` is what stands for 0 where there are no offsets.
  int bits, zero;
  bool has_offset;
  // Of a block as the file has it, and of a tile.
  int block_bytes, tile_bytes;
} stored_type;

const stored_type *stored_type_of(int type);

// Sixteen outputs, or fewer: tiles along the inputs.
typedef struct {
  const stored_type *type;
  const uint8_t *tiles;
  // The first output, and how many there are.
  int64_t first, count;
} stored_panel;

struct mk_stored {
  int64_t inputs, outputs, blocks, panel_count, byte_count;
  stored_panel *panels;
  uint8_t *bytes;
};

// Where a panel's products with rows of x go: y[row][first..<first + count], rows `stride` apart.
typedef struct {
  float *y;
  int64_t stride;
  bool accumulate;
} stored_target;

MK_INLINE float stored_half(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3FF;
  union { uint32_t i; float f; } v;
  if (exponent == 0) {
    v.f = (float)fraction * 0x1p-24f;
    v.i |= sign;
  } else {
    v.i = sign | (exponent == 31 ? 0x7F800000 : (exponent + 112) << 23) | fraction << 13;
  }
  return v.f;
}

// The code of a value of a tile.
MK_INLINE int stored_code(const stored_type *t, const uint8_t *tile, int64_t lane, int64_t value) {
  const uint8_t *at = tile + (t->has_offset ? 64 : 32);
  int64_t step = value / 4, byte = 4 * lane + value % 4;
  if (t->bits == 8) return at[64 * step + byte];
  int fifth = 0;
  if (t->bits == 5) {
    uint64_t word;
    memcpy(&word, at + 8 * step, sizeof word);
    fifth = (int)(word >> byte & 1) << 4;
    at += 64;
  }
  int both = at[64 * (step / 2) + byte];
  return (step % 2 ? both >> 4 : both & 15) | fifth;
}

// All rows of x against one panel.
void stored_multiply_panel(
  const mk_stored *w, const stored_panel *panel, const byte_rows *x, int64_t m, const stored_target *to);

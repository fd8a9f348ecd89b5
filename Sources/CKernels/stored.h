// Matrices in the blocks of 32 values that a GGUF came with, laid out for products: what stored*.c share.
#pragma once

#include "factors.h"

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

// Thirty-two outputs, or fewer: tiles along the inputs, of a block two side by side where there are more than sixteen.
typedef struct {
  const stored_type *type;
  const uint8_t *tiles;
  // The first output, and how many there are.
  int64_t first, count;
} stored_panel;

enum { panel_outputs = 2 * stored_lanes };

MK_INLINE int64_t panel_tiles(const stored_panel *panel) { return panel->count > stored_lanes ? 2 : 1; }

// The tile of a block that has an output of a panel in lane `output % stored_lanes`.
MK_INLINE const uint8_t *panel_tile(const stored_panel *panel, int64_t block, int64_t output) {
  return panel->tiles + (block * panel_tiles(panel) + output / stored_lanes) * panel->type->tile_bytes;
}

MK_INLINE int64_t panel_bytes(const stored_panel *panel, int64_t blocks) {
  return blocks * panel_tiles(panel) * panel->type->tile_bytes;
}

struct mk_stored {
  int64_t inputs, outputs, blocks, panel_count, byte_count;
  stored_panel *panels;
  uint8_t *bytes;
};

// Where a panel's products with rows of x go: y[row][0..<count], rows `stride` apart. What is there in `onto`, which may
// be y, is added; or nothing where that is NULL.
typedef struct {
  float *y;
  int64_t stride;
  const float *onto;
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

// All rows of x against one panel. Memory is asked meanwhile for the panel at `next`, or for its beginning where rows are
// few.
void stored_multiply_panel(
  const stored_panel *panel, const uint8_t *next, const byte_rows *x, int64_t m, const stored_target *to);

// --- Rows ---------------------------------------------------------------------------------------------------

// Rows of x as a product and its terms take them. Few rows are brought to 8 bits by each thread for itself, which is
// sooner done than they come from another processor.
typedef struct {
  // Rows of f32 or bf16, or of f32 that are normed on their way where `weight` is not NULL.
  const void *x;
  int x_type;
  int64_t m, k;
  const float *weight;
  float epsilon;
  // Whether terms take them in bf16.
  bool is_narrow_needed;
  // No other rows have it.
  uint64_t number;
} stored_source;

stored_source stored_rows_of(const void *x, int x_type, int64_t m, int64_t k, const mk_factors *terms, int64_t count);
// `count` rows from `first` on, to where `rows` and `narrow` have their place; narrow may be NULL where there is none.
void stored_take(const stored_source *s, int64_t first, int64_t count, const byte_rows *rows, uint16_t *narrow);
// Whether taking them leaves rows in bf16.
bool stored_has_narrow(const stored_source *s);
// This thread's, which last until it takes those of another source.
factors_rows stored_own_rows(const stored_source *source, byte_rows *rows);

// --- Steps --------------------------------------------------------------------------------------------------

// A product with what terms add to it, as stages of a loop: first the terms' inner sums, then the panels, of which each
// member of the team has its own.
typedef struct {
  const mk_stored *w;
  factors_inner inner;
  stored_source source;
  // Rows that somebody has brought to 8 bits before, or NULL for each thread's own.
  const factors_rows *shared;
  stored_target to;
  // What is multiplied next, in so many units, or NULL: on its way while a member multiplies its last panel.
  const mk_stored *following;
  int64_t following_units;
} stored_step;

// The rows for this thread. `rows` is room for what is found.
factors_rows stored_step_rows(const stored_step *step, byte_rows *rows);
// Adds the stages of a step whose terms are planned; how many there are, at most 2.
int64_t stored_stages(stored_step *step, mk_stage *stages);
// The inner sums of its terms, as a stage; how many there are, at most 1.
int64_t stored_reduction(stored_step *step, mk_stage *stage);

// The parts of a member as tasks of a stage: units of one member, of so many in all, lie side by side.
int64_t stored_tasks(void);
void stored_range(int64_t units, int64_t task, int64_t *begin, int64_t *end);
// Where a member's part of a matrix begins.
const uint8_t *stored_first(const mk_stored *w, int64_t units, int64_t task);
bool stored_is_last(int64_t units, int64_t task, int64_t unit);

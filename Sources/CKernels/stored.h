// Matrices in the blocks that a GGUF came with, laid out for products: what stored*.c share.
#pragma once

#include "factors.h"

enum { stored_block = byte_block, stored_lanes = 16, stored_group = 8 };

// A block of 32 values of one output, as a file's block has it.
typedef struct {
  uint8_t codes[stored_block];
  // f16: d, and m or dmin.
  uint16_t scale, offset;
  // Within a group: of the block in the first place, or of each half.
  int8_t scales[2], mins[2];
} stored_values;

// A type of blocks. Blocks with scales of their own have values
//   d·(code - zero), or d·code + m with an offset;
// eight blocks that share d are a group, and their values
//   d·scale·(code - zero), or d·scale·code - dmin·min with an offset.
// The formulas stand in ggml's ggml-quants.c.
//
// Sixteen outputs of one block each are a tile: lanes side by side, as the products take them.
//   16 f16 scales d, then 16 f16 offsets m where the type has them; or, in a group,
//     one scale a block: 16 i8 scales, then 16 i8 mins where the type has them;
//     two scales: 16 × (first half's, second half's) in i8, with the min in the upper four bits where the type has them
//   then the codes:
//   2 bits: 2 runs of 64 bytes; byte 4·lane + i of run r holds value 16r + 4k + i in bits 2k
//   3 bits: the same, and before it 8 words of 64 bits: bit 4·lane + i of word s is the third bit of value 4s + i
//   4 bits: 4 runs of 64 bytes; of byte 4·lane + i of run r the low half is value 8r + i, the high half 8r + 4 + i
//   5 bits: the same, and before it 8 words of 64 bits, as for 3 bits
//   6 bits: the same as 4 bits, and before it the upper two as for 2 bits
//   8 bits: 8 runs of 64 bytes; byte 4·lane + i of run s is value 4s + i, plus 128
// A group's tiles stand behind its heads, one for each sixteen outputs: 16 f16 d, then 16 f16 dmin where there are mins.
typedef struct {
  // ggml's number.
  int type;
  // Codes are unsigned: `zero` is what stands for 0. Or, with `is_looked_up`, they are places in stored_table.
  int bits, zero;
  bool is_looked_up, has_offset;
  // Blocks that share d: 1, or a group; and how many scales a block has in it.
  int group, parts;
  // Bytes of `group` blocks as the file has them.
  int block_bytes;
  // Of the file's block, the one at `place`.
  void (*read)(const uint8_t *block, int place, stored_values *to);
  // Of a group's head, and of a tile, which begins with `scale_bytes` of scales.
  int head_bytes, scale_bytes, tile_bytes;
} stored_type;

const stored_type *stored_type_of(int type);

// What the codes of IQ4_NL and IQ4_XS stand for.
extern const int8_t stored_table[16];

typedef struct stored_panel stored_panel;

// Where a panel's products with rows of x go: y[row][0..<count], rows `stride` apart. What is there in `onto`, which may
// be y, is added; or nothing where that is NULL.
typedef struct {
  float *y;
  int64_t stride;
  const float *onto;
} stored_target;

// All rows of x against one panel. Memory is asked meanwhile for the panel at `next`, or for its beginning where rows are
// few.
typedef void (*stored_kernel)(
  const stored_panel *panel, const uint8_t *next, const byte_rows *x, int64_t m, const stored_target *to);

// The fastest that this processor and its vector level have for a type, or the plain loops.
stored_kernel stored_kernel_of(const stored_type *type, bool is_plain);
// Of one kind each: NULL where it is not for this processor or type.
stored_kernel stored_unit_kernel(const stored_type *type);
stored_kernel stored_pair_unit_kernel(const stored_type *type);
stored_kernel stored_pair_kernel(const stored_type *type);

// Thirty-two outputs, or fewer: tiles along the inputs, of a block two side by side where there are more than sixteen.
struct stored_panel {
  const stored_type *type;
  stored_kernel kernel;
  const uint8_t *tiles;
  // The first output, and how many there are.
  int64_t first, count;
};

enum { panel_outputs = 2 * stored_lanes };

MK_INLINE int64_t panel_tiles(const stored_panel *panel) { return panel->count > stored_lanes ? 2 : 1; }

MK_INLINE int64_t panel_bytes(const stored_panel *panel, int64_t blocks) {
  const stored_type *t = panel->type;
  return blocks * panel_tiles(panel) * t->tile_bytes + blocks / t->group * panel_tiles(panel) * t->head_bytes;
}

// The tile of a block that has an output of a panel in lane `output % stored_lanes`.
MK_INLINE const uint8_t *panel_tile(const stored_panel *panel, int64_t block, int64_t output) {
  const stored_type *t = panel->type;
  int64_t heads = (block / t->group + 1) * panel_tiles(panel) * t->head_bytes;
  return panel->tiles + heads + (block * panel_tiles(panel) + output / stored_lanes) * t->tile_bytes;
}

// The head of the group of that block for that output, where the type has groups.
MK_INLINE const uint8_t *panel_head(const stored_panel *panel, int64_t block, int64_t output) {
  const stored_type *t = panel->type;
  return panel_tile(panel, block / t->group * t->group, 0) -
    (panel_tiles(panel) - output / stored_lanes) * t->head_bytes;
}

struct mk_stored {
  int64_t inputs, outputs, blocks, panel_count, byte_count;
  stored_panel *panels;
  uint8_t *bytes;
  // Whether products take the sums of halves of blocks.
  bool has_halves;
};

// f16 to f32 without branches, so that loops vectorise.
MK_INLINE float half_value(uint16_t h) {
  uint32_t magnitude = (uint32_t)(h & 0x7FFF) << 13, exponent = magnitude & 0x0F800000;
  union { uint32_t i; float f; } normal = {magnitude + 0x38000000}, least = {0x38800000}, small, found;
  // A subnormal is 2^-14·(1 + m) - 2^-14.
  small.i = normal.i + 0x00800000;
  small.f -= least.f;
  found.i = exponent == 0 ? small.i : exponent == 0x0F800000 ? normal.i + 0x38000000 : normal.i;
  found.i |= (uint32_t)(h & 0x8000) << 16;
  return found.f;
}

MK_INLINE float half_at(const uint8_t *from, int64_t index) {
  uint16_t half;
  memcpy(&half, from + 2 * index, sizeof half);
  return half_value(half);
}

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
  // Whether terms take them in bf16, and products the sums of halves of blocks.
  bool is_narrow_needed, has_halves;
  // Whether rows of f32 become bf16 before they are brought to 8 bits, as they do on their way between operators.
  bool is_narrowed;
  // No other rows have it.
  uint64_t number;
} stored_source;

// For a product with w, and its terms.
stored_source stored_rows_of(
  const mk_stored *w, const void *x, int x_type, int64_t m, const mk_factors *terms, int64_t count);
// Memory for its rows in 8 bits, and the rows in it.
int64_t stored_rows_size(const stored_source *s);
byte_rows stored_rows_in(const stored_source *s, void *memory);
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

// Products with a matrix in the blocks of a GGUF. With a row of x brought to 8 bits, x ≈ s·x', by blocks of 32,
//
//   y[j] = Σ over blocks of s·d[j]·(Σ codes·x' - zero·Σ x') + m[j]·s·Σ x'
//
// where the codes of a group are multiplied by their scales, and m is -dmin·min. The sums within a block are of integers and
// exact, and so is d·scale; the outer sum goes over the blocks in order, for each row and output by itself. All kernels
// give the same bits where the processor multiplies and adds in one.
#include "stored.h"

// A block of sixteen outputs as numbers of 16 bits, values 2p and 2p + 1 of all lanes side by side: compilers multiply and
// add such pairs in one.
typedef struct {
  int16_t pairs[stored_block / 2][2 * stored_lanes];
  // What sums of numbers are multiplied by, of each half where there are two scales; and what is added.
  int32_t scales[2][stored_lanes], mins[2][stored_lanes];
  float d[stored_lanes], m[stored_lanes];
} plain_block;

// The lowest bits of all codes, less zero; of [step][4·lane + i], value 4·step + i.
MK_INLINE void take_nibbles(const uint8_t *restrict codes, int zero, int16_t *restrict numbers) {
  for (int run = 0; run < 4; run++)
    for (int i = 0; i < 64; i++) {
      uint8_t both = codes[64 * run + i];
      numbers[128 * run + i] = (int16_t)((both & 15) - zero), numbers[128 * run + 64 + i] = (int16_t)((both >> 4) - zero);
    }
}

MK_INLINE void take_pairs(const uint8_t *restrict codes, int zero, int16_t *restrict numbers) {
  for (int run = 0; run < 2; run++)
    for (int k = 0; k < 4; k++)
      for (int i = 0; i < 64; i++)
        numbers[256 * run + 64 * k + i] = (int16_t)((codes[64 * run + i] >> 2 * k & 3) - zero);
}

// The bits above them.
MK_INLINE void add_pairs(const uint8_t *restrict codes, int16_t *restrict numbers) {
  for (int run = 0; run < 2; run++)
    for (int k = 0; k < 4; k++)
      for (int i = 0; i < 64; i++)
        numbers[256 * run + 64 * k + i] += (int16_t)((codes[64 * run + i] >> 2 * k & 3) << 4);
}

MK_INLINE void add_bits(const uint8_t *restrict codes, int value, int16_t *restrict numbers) {
  static const uint8_t bits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
  for (int i = 0; i < 64; i++)
    for (int j = 0; j < 8; j++) numbers[8 * i + j] += (int16_t)(codes[i] & bits[j] ? value : 0);
}

MK_INLINE void take_numbers(const stored_type *t, const uint8_t *codes, int16_t *restrict numbers) {
  switch (t->bits) {
    case 2: take_pairs(codes, t->zero, numbers); break;
    case 3: take_pairs(codes + 64, t->zero, numbers), add_bits(codes, 4, numbers); break;
    case 4: take_nibbles(codes, t->zero, numbers); break;
    case 5: take_nibbles(codes + 64, t->zero, numbers), add_bits(codes, 16, numbers); break;
    case 6: take_nibbles(codes + 128, t->zero, numbers), add_pairs(codes, numbers); break;
    default:
      for (int i = 0; i < 512; i++) numbers[i] = (int16_t)(codes[i] - t->zero);
  }
  for (int i = 0; t->is_looked_up && i < 512; i++) numbers[i] = stored_table[numbers[i]];
}

MK_INLINE void take_halves(const uint8_t *from, float *restrict to) {
  uint16_t halves[stored_lanes];
  memcpy(halves, from, sizeof halves);
  for (int lane = 0; lane < stored_lanes; lane++) to[lane] = half_value(halves[lane]);
}

MK_INLINE void take_block(const stored_type *t, const uint8_t *head, const uint8_t *tile, plain_block *to) {
  int16_t numbers[stored_block * stored_lanes];
  take_numbers(t, tile + t->scale_bytes, numbers);
  for (int step = 0; step < 8; step++)
    for (int lane = 0; lane < stored_lanes; lane++)
      for (int pair = 0; pair < 2; pair++)
        memcpy(to->pairs[2 * step + pair] + 2 * lane, numbers + 64 * step + 4 * lane + 2 * pair, 4);
  take_halves(head, to->d);
  if (t->has_offset) take_halves(head + 32, to->m);
  for (int lane = 0; lane < stored_lanes; lane++) {
    if (t->parts == 1) {
      to->d[lane] *= (float)(int8_t)tile[lane];
      if (t->has_offset) to->m[lane] *= (float)tile[stored_lanes + lane];
    }
    for (int half = 0; t->parts == 2 && half < 2; half++) {
      uint8_t byte = tile[2 * lane + half];
      to->scales[half][lane] = t->has_offset ? byte & 15 : (int8_t)byte, to->mins[half][lane] = byte >> 4;
    }
  }
}

// Half a block's sums of products.
MK_INLINE void sum_half(const int16_t (*restrict pairs)[2 * stored_lanes], const int8_t *restrict x, int32_t *restrict sum) {
  for (int lane = 0; lane < stored_lanes; lane++) sum[lane] = 0;
  for (int p = 0; p < 8; p++) {
    const int16_t *restrict own = pairs[p], first = x[2 * p], second = x[2 * p + 1];
    for (int lane = 0; lane < stored_lanes; lane++) sum[lane] += own[2 * lane] * first + own[2 * lane + 1] * second;
  }
}

// One row's block.
MK_INLINE void add_block(
  const stored_type *t, const plain_block *block, const byte_rows *x, int64_t at, float *restrict y) {
#pragma clang fp contract(fast)
  int32_t halves[2][stored_lanes], offset[stored_lanes] = {0}, sum[stored_lanes];
  const int8_t *values = x->codes + at * stored_block;
  for (int half = 0; half < 2; half++)
    sum_half(block->pairs + 8 * half, values + byte_half * half, halves[half]);
  for (int lane = 0; lane < stored_lanes; lane++) {
    if (t->parts == 2) sum[lane] = halves[0][lane] * block->scales[0][lane] + halves[1][lane] * block->scales[1][lane];
    else sum[lane] = halves[0][lane] + halves[1][lane];
  }
  for (int lane = 0; lane < stored_lanes; lane++) y[lane] += (float)sum[lane] * block->d[lane] * x->scales[at];
  if (!t->has_offset) return;
  if (t->parts == 0) {
    for (int lane = 0; lane < stored_lanes; lane++) y[lane] += block->m[lane] * x->sums[at];
  } else if (t->parts == 1) {
    for (int lane = 0; lane < stored_lanes; lane++) y[lane] -= block->m[lane] * x->sums[at];
  } else {
    for (int half = 0; half < 2; half++)
      for (int lane = 0; lane < stored_lanes; lane++)
        offset[lane] += block->mins[half][lane] * x->halves[2 * at + half];
    for (int lane = 0; lane < stored_lanes; lane++) y[lane] -= (float)offset[lane] * block->m[lane] * x->scales[at];
  }
}

// Sixteen outputs of a panel, or fewer, from `begin` on, with the rows of a group or fewer.
MK_KERNEL(
  plain_lanes,
  (const stored_panel *panel, int64_t begin, const byte_rows *x, int64_t row, int64_t rows, const stored_target *to),
  (panel, begin, x, row, rows, to)) {
  const stored_type *t = panel->type;
  float y[byte_group][stored_lanes] = {0};
  plain_block block;
  for (int64_t b = 0; b < x->blocks; b++) {
    const uint8_t *tile = panel_tile(panel, b, begin);
    take_block(t, t->parts ? panel_head(panel, b, begin) : tile, tile, &block);
    for (int64_t r = 0; r < rows; r++) add_block(t, &block, x, byte_place(x, row + r, b), y[r]);
  }
  int64_t count = panel->count - begin < stored_lanes ? panel->count - begin : stored_lanes;
  for (int64_t r = 0; r < rows; r++) {
    float *out = to->y + (row + r) * to->stride + begin;
    const float *onto = to->onto ? to->onto + (row + r) * to->stride + begin : NULL;
    for (int64_t lane = 0; lane < count; lane++) out[lane] = onto ? onto[lane] + y[r][lane] : y[r][lane];
  }
}

static void plain_panel(
  const stored_panel *panel, const uint8_t *next, const byte_rows *x, int64_t m, const stored_target *to) {
  (void)next;
  for (int64_t row = 0; row < m; row += byte_group)
    for (int64_t begin = 0; begin < panel->count; begin += stored_lanes)
      plain_lanes(panel, begin, x, row, m - row < byte_group ? m - row : byte_group, to);
}

// --- Which kernel -------------------------------------------------------------------------------------------

stored_kernel stored_kernel_of(const stored_type *type, bool is_plain) {
  if (is_plain) return plain_panel;
  // Each of them needs less of the processor than the one before.
  stored_kernel kernel = stored_unit_kernel(type);
  if (!kernel) kernel = stored_pair_unit_kernel(type);
  if (!kernel) kernel = stored_pair_kernel(type);
  return kernel ? kernel : plain_panel;
}

bool mk_stored_is_fast(void) { return stored_kernel_of(stored_type_of(MK_Q4_0), false) != plain_panel; }

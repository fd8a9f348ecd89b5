// Matrices in the blocks that a GGUF came with: laid out for products without another rounding, and read back.
// The types' formulas stand in ggml's ggml-quants.c.
#include "stored.h"

#include <stdlib.h>

static const stored_type types[] = {
  {MK_Q4_0, 4, 8, false, 18, 32 + 256},
  {MK_Q4_1, 4, 0, true, 20, 64 + 256},
  {MK_Q5_0, 5, 16, false, 22, 32 + 320},
  {MK_Q5_1, 5, 0, true, 24, 64 + 320},
  {MK_Q8_0, 8, 128, false, 34, 32 + 512},
};

const stored_type *stored_type_of(int type) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].type == type) return types + i;
  return NULL;
}

// The codes of a block as the file has it, unsigned.
static void read_block(const stored_type *t, const uint8_t *block, uint8_t *codes) {
  const uint8_t *at = block + (t->has_offset ? 4 : 2);
  if (t->bits == 8) {
    for (int i = 0; i < 32; i++) codes[i] = at[i] ^ 0x80;
    return;
  }
  uint32_t fifth = 0;
  if (t->bits == 5) memcpy(&fifth, at, 4), at += 4;
  for (int i = 0; i < 16; i++) {
    codes[i] = (uint8_t)((at[i] & 15) | (fifth >> i & 1) << 4);
    codes[i + 16] = (uint8_t)(at[i] >> 4 | (fifth >> (i + 16) & 1) << 4);
  }
}

// One block of one output into its lane of a tile, which was zeros.
static void place_block(const stored_type *t, const uint8_t *block, int64_t lane, uint8_t *tile) {
  memcpy(tile + 2 * lane, block, 2);
  if (t->has_offset) memcpy(tile + 32 + 2 * lane, block + 2, 2);
  uint8_t codes[32], *at = tile + (t->has_offset ? 64 : 32);
  read_block(t, block, codes);
  for (int i = 0; i < 32; i++) {
    int64_t step = i / 4, byte = 4 * lane + i % 4;
    if (t->bits == 8) {
      at[64 * step + byte] = codes[i];
      continue;
    }
    uint8_t *nibbles = at;
    if (t->bits == 5) {
      uint64_t word;
      memcpy(&word, at + 8 * step, sizeof word);
      word |= (uint64_t)(codes[i] >> 4) << byte;
      memcpy(at + 8 * step, &word, sizeof word);
      nibbles += 64;
    }
    nibbles[64 * (step / 2) + byte] |= (uint8_t)((codes[i] & 15) << (step % 2 ? 4 : 0));
  }
}

mk_stored *mk_stored_create(const mk_stored_part *parts, int64_t count, int64_t inputs) {
  if (inputs <= 0 || inputs % stored_block || count <= 0) {
    mk_set_error("rows of %lld values are not whole blocks of %d", (long long)inputs, stored_block);
    return NULL;
  }
  int64_t panels = 0, bytes = 0, blocks = inputs / stored_block;
  for (int64_t p = 0; p < count; p++) {
    const stored_type *t = stored_type_of(parts[p].type);
    if (!t) {
      mk_set_error("blocks of type %d are not known", parts[p].type);
      return NULL;
    }
    panels += (parts[p].outputs + panel_outputs - 1) / panel_outputs;
    bytes += (parts[p].outputs + stored_lanes - 1) / stored_lanes * blocks * t->tile_bytes;
  }
  mk_stored *w = calloc(1, sizeof *w);
  void *memory = NULL;
  if (w) w->panels = calloc((size_t)panels, sizeof *w->panels);
  if (!w || !w->panels || posix_memalign(&memory, 64, (size_t)bytes)) {
    mk_set_error("no memory for %lld bytes", (long long)bytes);
    mk_stored_destroy(w);
    return NULL;
  }
  memset(memory, 0, (size_t)bytes);
  w->inputs = inputs, w->blocks = blocks, w->panel_count = panels, w->byte_count = bytes, w->bytes = memory;
  uint8_t *tiles = memory;
  stored_panel *panel = w->panels;
  for (int64_t p = 0; p < count; p++) {
    const stored_type *t = stored_type_of(parts[p].type);
    for (int64_t row = 0; row < parts[p].outputs; row += panel_outputs, panel++) {
      int64_t left = parts[p].outputs - row;
      *panel = (stored_panel){t, tiles, w->outputs + row, left < panel_outputs ? left : panel_outputs};
      for (int64_t output = 0; output < panel->count; output++) {
        int64_t from = parts[p].rows ? parts[p].rows[row + output] : row + output;
        const uint8_t *block = (const uint8_t *)parts[p].blocks + from * blocks * t->block_bytes;
        for (int64_t b = 0; b < blocks; b++)
          place_block(
            t, block + b * t->block_bytes, output % stored_lanes, (uint8_t *)panel_tile(panel, b, output));
      }
      tiles += panel_bytes(panel, blocks);
    }
    w->outputs += parts[p].outputs;
  }
  return w;
}

void mk_stored_destroy(mk_stored *w) {
  if (!w) return;
  free(w->bytes);
  free(w->panels);
  free(w);
}

const void *mk_stored_bytes(const mk_stored *w, int64_t *count) {
  *count = w->byte_count;
  return w->bytes;
}

void mk_stored_row(const mk_stored *w, int64_t output, float *values) {
  // Panels are full but the last of each part.
  int64_t at = output / panel_outputs;
  while (w->panels[at].first + w->panels[at].count <= output) at++;
  const stored_panel *panel = w->panels + at;
  const stored_type *t = panel->type;
  int64_t own = output - panel->first, lane = own % stored_lanes;
  for (int64_t b = 0; b < w->blocks; b++) {
    const uint8_t *tile = panel_tile(panel, b, own);
    uint16_t halves[2] = {0, 0};
    memcpy(halves, tile + 2 * lane, 2);
    if (t->has_offset) memcpy(halves + 1, tile + 32 + 2 * lane, 2);
    float d = stored_half(halves[0]), m = stored_half(halves[1]);
    for (int64_t i = 0; i < stored_block; i++)
      values[b * stored_block + i] = d * (float)(stored_code(t, tile, lane, i) - t->zero) + m;
  }
}

// Matrices in the blocks that a GGUF came with: laid out for products without another rounding, and read back.
#include "stored.h"

#include <stdlib.h>

// --- Laying out ---------------------------------------------------------------------------------------------

// The codes of a tile: the lanes' bits from `from` on, 2 of them, as runs of 64 bytes.
static void place_pairs(const stored_values *lanes, int from, uint8_t *to) {
  for (int run = 0; run < 2; run++)
    for (int lane = 0; lane < stored_lanes; lane++)
      for (int i = 0; i < 4; i++) {
        const uint8_t *codes = lanes[lane].codes + 16 * run + i;
        int all = 0;
        for (int k = 0; k < 4; k++) all |= (codes[4 * k] >> from & 3) << 2 * k;
        to[64 * run + 4 * lane + i] = (uint8_t)all;
      }
}

// One bit of each, as words of 64 bits.
static void place_bits(const stored_values *lanes, int bit, uint8_t *to) {
  for (int step = 0; step < 8; step++)
    for (int lane = 0; lane < stored_lanes; lane += 2) {
      int both = 0;
      for (int i = 0; i < 8; i++) both |= (lanes[lane + i / 4].codes[4 * step + i % 4] >> bit & 1) << i;
      to[8 * step + lane / 2] = (uint8_t)both;
    }
}

static void place_nibbles(const stored_values *lanes, uint8_t *to) {
  for (int run = 0; run < 4; run++)
    for (int lane = 0; lane < stored_lanes; lane++)
      for (int i = 0; i < 4; i++) {
        const uint8_t *codes = lanes[lane].codes + 8 * run + i;
        to[64 * run + 4 * lane + i] = (uint8_t)((codes[0] & 15) | codes[4] << 4);
      }
}

static void place_bytes(const stored_values *lanes, uint8_t *to) {
  for (int step = 0; step < 8; step++)
    for (int lane = 0; lane < stored_lanes; lane++) memcpy(to + 64 * step + 4 * lane, lanes[lane].codes + 4 * step, 4);
}

static void place_halves(const stored_values *lanes, bool has_offset, uint8_t *to) {
  for (int lane = 0; lane < stored_lanes; lane++) {
    memcpy(to + 2 * lane, &lanes[lane].scale, 2);
    if (has_offset) memcpy(to + 32 + 2 * lane, &lanes[lane].offset, 2);
  }
}

static void place_scales(const stored_type *t, const stored_values *lanes, uint8_t *to) {
  for (int lane = 0; lane < stored_lanes; lane++) {
    const int8_t *scales = lanes[lane].scales, *mins = lanes[lane].mins;
    if (t->parts == 1) {
      to[lane] = (uint8_t)scales[0];
      if (t->has_offset) to[stored_lanes + lane] = (uint8_t)mins[0];
      continue;
    }
    for (int half = 0; half < 2; half++)
      to[2 * lane + half] = (uint8_t)(t->has_offset ? scales[half] | mins[half] << 4 : scales[half]);
  }
}

// A tile of sixteen outputs' blocks, and the head of its group, which is not NULL with the first of them.
static void place_tile(const stored_type *t, const stored_values *lanes, uint8_t *head, uint8_t *tile) {
  if (t->parts == 0) place_halves(lanes, t->has_offset, tile);
  else place_scales(t, lanes, tile);
  if (head) place_halves(lanes, t->has_offset, head);
  uint8_t *codes = tile + t->scale_bytes;
  switch (t->bits) {
    case 2: return place_pairs(lanes, 0, codes);
    case 3: return place_bits(lanes, 2, codes), place_pairs(lanes, 0, codes + 64);
    case 4: return place_nibbles(lanes, codes);
    case 5: return place_bits(lanes, 4, codes), place_nibbles(lanes, codes + 64);
    case 6: return place_pairs(lanes, 4, codes), place_nibbles(lanes, codes + 128);
    default: return place_bytes(lanes, codes);
  }
}

typedef struct {
  const mk_stored *w;
  const mk_stored_part *parts;
} laying;

static void lay_panel(const mk_stored *w, const mk_stored_part *part, int64_t first_row, const stored_panel *panel) {
  const stored_type *t = panel->type;
  int64_t row_bytes = w->blocks / t->group * t->block_bytes;
  for (int64_t begin = 0; begin < panel->count; begin += stored_lanes) {
    int64_t count = panel->count - begin < stored_lanes ? panel->count - begin : stored_lanes;
    const uint8_t *rows[stored_lanes];
    for (int64_t lane = 0; lane < count; lane++) {
      int64_t row = first_row + begin + lane;
      rows[lane] = (const uint8_t *)part->blocks + (part->rows ? part->rows[row] : row) * row_bytes;
    }
    stored_values lanes[stored_lanes] = {0};
    for (int64_t b = 0; b < w->blocks; b++) {
      int64_t place = b % t->group;
      for (int64_t lane = 0; lane < count; lane++)
        t->read(rows[lane] + b / t->group * t->block_bytes, (int)place, lanes + lane);
      bool has_head = t->head_bytes > 0 && place == 0;
      place_tile(
        t, lanes, has_head ? (uint8_t *)panel_head(panel, b, begin) : NULL, (uint8_t *)panel_tile(panel, b, begin));
    }
  }
}

static void lay_panels(void *context, int64_t begin, int64_t end) {
  const laying *l = context;
  const mk_stored_part *part = l->parts;
  int64_t before = 0;
  for (int64_t i = begin; i < end; i++) {
    const stored_panel *panel = l->w->panels + i;
    while (panel->first - before >= part->outputs) before += part++->outputs;
    lay_panel(l->w, part, panel->first - before, panel);
  }
}

mk_stored *mk_stored_create(const mk_stored_part *parts, int64_t count, int64_t inputs, bool is_plain) {
  int64_t panels = 0, bytes = 0, blocks = inputs / stored_block;
  for (int64_t p = 0; p < count; p++) {
    const stored_type *t = stored_type_of(parts[p].type);
    if (!t) {
      mk_set_error("blocks of type %d are not known", parts[p].type);
      return NULL;
    }
    if (inputs <= 0 || inputs % (t->group * stored_block)) {
      mk_set_error("rows of %lld values are not whole blocks of %d", (long long)inputs, t->group * stored_block);
      return NULL;
    }
    panels += (parts[p].outputs + panel_outputs - 1) / panel_outputs;
    bytes += (parts[p].outputs + stored_lanes - 1) / stored_lanes *
      (blocks * t->tile_bytes + blocks / t->group * t->head_bytes);
  }
  mk_stored *w = calloc(1, sizeof *w);
  void *memory = NULL;
  if (w) w->panels = calloc((size_t)panels, sizeof *w->panels);
  if (panels <= 0 || !w || !w->panels || posix_memalign(&memory, 64, (size_t)bytes)) {
    mk_set_error("no memory for %lld bytes", (long long)bytes);
    mk_stored_destroy(w);
    return NULL;
  }
  w->inputs = inputs, w->blocks = blocks, w->panel_count = panels, w->byte_count = bytes, w->bytes = memory;
  uint8_t *tiles = memory;
  stored_panel *panel = w->panels;
  for (int64_t p = 0; p < count; p++) {
    const stored_type *t = stored_type_of(parts[p].type);
    stored_kernel kernel = stored_kernel_of(t, is_plain);
    w->has_halves |= t->parts == 2;
    for (int64_t row = 0; row < parts[p].outputs; row += panel_outputs, panel++) {
      int64_t left = parts[p].outputs - row;
      *panel = (stored_panel){
        t, kernel, tiles, w->outputs + row, left < panel_outputs ? left : panel_outputs};
      tiles += panel_bytes(panel, blocks);
    }
    w->outputs += parts[p].outputs;
  }
  laying l = {w, parts};
  mk_parallel_ranges(panels, 1, lay_panels, &l);
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

// --- Reading back -------------------------------------------------------------------------------------------

static int pair_code(const uint8_t *codes, int64_t lane, int value) {
  return codes[64 * (value / 16) + 4 * lane + value % 4] >> (2 * (value / 4 % 4)) & 3;
}

static int bit_code(const uint8_t *codes, int64_t lane, int value) {
  int64_t byte = 4 * lane + value % 4;
  return codes[8 * (value / 4) + byte / 8] >> (byte % 8) & 1;
}

static int nibble_code(const uint8_t *codes, int64_t lane, int value) {
  return codes[64 * (value / 8) + 4 * lane + value % 4] >> (4 * (value / 4 % 2)) & 15;
}

static int code_of(const stored_type *t, const uint8_t *codes, int64_t lane, int value) {
  switch (t->bits) {
    case 2: return pair_code(codes, lane, value);
    case 3: return pair_code(codes + 64, lane, value) | bit_code(codes, lane, value) << 2;
    case 4: return nibble_code(codes, lane, value);
    case 5: return nibble_code(codes + 64, lane, value) | bit_code(codes, lane, value) << 4;
    case 6: return nibble_code(codes + 128, lane, value) | pair_code(codes, lane, value) << 4;
    default: return codes[64 * (value / 4) + 4 * lane + value % 4];
  }
}

void mk_stored_row(const mk_stored *w, int64_t output, float *values) {
#pragma clang fp contract(off)
  // Panels are full but the last of each part.
  int64_t at = output / panel_outputs;
  while (w->panels[at].first + w->panels[at].count <= output) at++;
  const stored_panel *panel = w->panels + at;
  const stored_type *t = panel->type;
  int64_t own = output - panel->first, lane = own % stored_lanes;
  for (int64_t b = 0; b < w->blocks; b++, values += stored_block) {
    const uint8_t *tile = panel_tile(panel, b, own), *head = t->parts ? panel_head(panel, b, own) : tile;
    const uint8_t *codes = tile + t->scale_bytes;
    float d = half_at(head, lane), m = t->has_offset ? half_at(head + 32, lane) : 0;
    float scales[2] = {d, d}, offsets[2] = {m, m};
    for (int half = 0; half < t->parts; half++) {
      uint8_t byte = tile[t->parts * lane + half];
      int scale = t->parts == 2 && t->has_offset ? byte & 15 : (int8_t)byte;
      int min = t->parts == 2 ? byte >> 4 : tile[stored_lanes + lane];
      scales[half] = d * (float)scale;
      if (t->has_offset) offsets[half] = -(m * (float)min);
    }
    if (t->parts == 1) scales[1] = scales[0], offsets[1] = offsets[0];
    for (int i = 0; i < stored_block; i++) {
      int code = code_of(t, codes, lane, i), number = t->is_looked_up ? stored_table[code] : code - t->zero;
      values[i] = scales[i / byte_half] * (float)number;
      if (t->has_offset) values[i] += offsets[i / byte_half];
    }
  }
}

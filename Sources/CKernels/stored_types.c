// The types of blocks that are multiplied as they are, and how a file's blocks are read. The layouts stand in ggml's
// ggml-common.h.
#include "stored.h"

const int8_t stored_table[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static uint16_t half_of(const uint8_t *from) { return (uint16_t)(from[0] | from[1] << 8); }

// Sixteen bytes of two codes of 4 bits each: the low halves are the first sixteen values.
static void read_nibbles(const uint8_t *from, uint8_t *codes) {
  for (int i = 0; i < 16; i++) codes[i] = from[i] & 15, codes[i + 16] = from[i] >> 4;
}

static void read_fifths(const uint8_t *from, uint8_t *codes) {
  for (int i = 0; i < 32; i++) codes[i] |= (uint8_t)((from[i / 8] >> (i % 8) & 1) << 4);
}

// --- Blocks with scales of their own ------------------------------------------------------------------------

static void read_q4_0(const uint8_t *block, int place, stored_values *to) {
  (void)place;
  to->scale = half_of(block);
  read_nibbles(block + 2, to->codes);
}

static void read_q4_1(const uint8_t *block, int place, stored_values *to) {
  (void)place;
  to->scale = half_of(block), to->offset = half_of(block + 2);
  read_nibbles(block + 4, to->codes);
}

static void read_q5_0(const uint8_t *block, int place, stored_values *to) {
  (void)place;
  to->scale = half_of(block);
  read_nibbles(block + 6, to->codes);
  read_fifths(block + 2, to->codes);
}

static void read_q5_1(const uint8_t *block, int place, stored_values *to) {
  (void)place;
  to->scale = half_of(block), to->offset = half_of(block + 2);
  read_nibbles(block + 8, to->codes);
  read_fifths(block + 4, to->codes);
}

static void read_q8_0(const uint8_t *block, int place, stored_values *to) {
  (void)place;
  to->scale = half_of(block);
  for (int i = 0; i < 32; i++) to->codes[i] = block[2 + i] ^ 0x80;
}

// --- Groups of eight ----------------------------------------------------------------------------------------

static void read_q2_k(const uint8_t *block, int place, stored_values *to) {
  to->scale = half_of(block + 80), to->offset = half_of(block + 82);
  for (int half = 0; half < 2; half++) {
    uint8_t both = block[2 * place + half];
    to->scales[half] = both & 15, to->mins[half] = (int8_t)(both >> 4);
  }
  const uint8_t *codes = block + 16 + place / 4 * 32;
  for (int i = 0; i < 32; i++) to->codes[i] = codes[i] >> (2 * (place % 4)) & 3;
}

static void read_q3_k(const uint8_t *block, int place, stored_values *to) {
  to->scale = half_of(block + 108);
  const uint8_t *scales = block + 96, *codes = block + 32 + place / 4 * 32;
  for (int half = 0; half < 2; half++) {
    int run = 2 * place + half;
    int low = scales[run % 8] >> (4 * (run / 8)) & 15, high = scales[8 + run % 4] >> (2 * (run / 4)) & 3;
    to->scales[half] = (int8_t)((low | high << 4) - 32);
  }
  for (int i = 0; i < 32; i++)
    to->codes[i] = (uint8_t)((codes[i] >> (2 * (place % 4)) & 3) | (block[i] >> place & 1) << 2);
}

// The scale and the min of a sub-block of Q4_K and Q5_K, 6 bits each.
static void read_six_bits(const uint8_t *scales, int place, stored_values *to) {
  if (place < 4) {
    to->scales[0] = scales[place] & 63, to->mins[0] = scales[place + 4] & 63;
  } else {
    uint8_t both = scales[place + 4];
    to->scales[0] = (int8_t)((both & 15) | scales[place - 4] >> 6 << 4);
    to->mins[0] = (int8_t)(both >> 4 | scales[place] >> 6 << 4);
  }
}

static void read_pair_of_blocks(const uint8_t *codes, int place, stored_values *to) {
  codes += place / 2 * 32;
  for (int i = 0; i < 32; i++) to->codes[i] = codes[i] >> (4 * (place % 2)) & 15;
}

static void read_q4_k(const uint8_t *block, int place, stored_values *to) {
  to->scale = half_of(block), to->offset = half_of(block + 2);
  read_six_bits(block + 4, place, to);
  read_pair_of_blocks(block + 16, place, to);
}

static void read_q5_k(const uint8_t *block, int place, stored_values *to) {
  to->scale = half_of(block), to->offset = half_of(block + 2);
  read_six_bits(block + 4, place, to);
  read_pair_of_blocks(block + 48, place, to);
  for (int i = 0; i < 32; i++) to->codes[i] |= (uint8_t)((block[16 + i] >> place & 1) << 4);
}

static void read_q6_k(const uint8_t *block, int place, stored_values *to) {
  to->scale = half_of(block + 208);
  for (int half = 0; half < 2; half++) to->scales[half] = (int8_t)block[192 + 2 * place + half];
  int part = place % 4;
  const uint8_t *low = block + place / 4 * 64 + part % 2 * 32, *high = block + 128 + place / 4 * 32;
  for (int i = 0; i < 32; i++)
    to->codes[i] = (uint8_t)((low[i] >> (4 * (part / 2)) & 15) | (high[i] >> (2 * part) & 3) << 4);
}

static void read_iq4_xs(const uint8_t *block, int place, stored_values *to) {
  to->scale = half_of(block);
  int low = block[4 + place / 2] >> (4 * (place % 2)) & 15, high = half_of(block + 2) >> (2 * place) & 3;
  to->scales[0] = (int8_t)((low | high << 4) - 32);
  read_nibbles(block + 8 + 16 * place, to->codes);
}

// --- The table ----------------------------------------------------------------------------------------------

// Bytes of a tile's codes: each bit of 32 values of 16 outputs takes 64.
#define TYPE(name, n, center, looks_up, offset, count, bytes, reader)                                              \
  {.type = name, .bits = n, .zero = center, .is_looked_up = looks_up, .has_offset = offset,                        \
   .group = count > 0 ? stored_group : 1, .parts = count, .block_bytes = bytes, .read = reader,                    \
   .head_bytes = count == 0 ? 0 : 32 + 32 * offset,                                                                \
   .scale_bytes = count == 0 ? 32 + 32 * offset : count == 1 ? 16 + 16 * offset : 32,                              \
   .tile_bytes = (count == 0 ? 32 + 32 * offset : count == 1 ? 16 + 16 * offset : 32) + 64 * n}

static const stored_type types[] = {
  // number, bits, zero, looked up, offset, scales in a group, bytes, how it is read
  TYPE(MK_Q4_0, 4, 8, false, false, 0, 18, read_q4_0),
  TYPE(MK_Q4_1, 4, 0, false, true, 0, 20, read_q4_1),
  TYPE(MK_Q5_0, 5, 16, false, false, 0, 22, read_q5_0),
  TYPE(MK_Q5_1, 5, 0, false, true, 0, 24, read_q5_1),
  TYPE(MK_Q8_0, 8, 128, false, false, 0, 34, read_q8_0),
  TYPE(MK_Q2_K, 2, 0, false, true, 2, 84, read_q2_k),
  TYPE(MK_Q3_K, 3, 4, false, false, 2, 110, read_q3_k),
  TYPE(MK_Q4_K, 4, 0, false, true, 1, 144, read_q4_k),
  TYPE(MK_Q5_K, 5, 0, false, true, 1, 176, read_q5_k),
  TYPE(MK_Q6_K, 6, 32, false, false, 2, 210, read_q6_k),
  TYPE(MK_IQ4_NL, 4, 0, true, false, 0, 18, read_q4_0),
  TYPE(MK_IQ4_XS, 4, 0, true, false, 1, 136, read_iq4_xs),
};

const stored_type *stored_type_of(int type) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].type == type) return types + i;
  return NULL;
}

int64_t mk_stored_block_values(int type) {
  const stored_type *t = stored_type_of(type);
  return t ? t->group * stored_block : 0;
}

int64_t mk_stored_block_bytes(int type) {
  const stored_type *t = stored_type_of(type);
  return t ? t->block_bytes : 0;
}

// Forms of types in tiles, read into vectors of 256 bits: codes and scales.
#pragma once

#include "pairs.h"
#include "stored.h"

#if !defined(MK_NO_PAIRS)
// Of a type, what its kernels are compiled for.
typedef struct {
  int bits, zero;
  bool is_looked_up, has_offset;
  int parts;
} form;

MK_PAIRS_INLINE int head_bytes(const form f) { return f.parts == 0 ? 0 : f.has_offset ? 64 : 32; }
MK_PAIRS_INLINE int scale_bytes(const form f) {
  return f.parts == 2 ? 32 : (f.parts == 1 ? 16 : 32) * (f.has_offset ? 2 : 1);
}
MK_PAIRS_INLINE int tile_bytes(const form f) { return scale_bytes(f) + 64 * f.bits; }
MK_PAIRS_INLINE bool is_signed(const form f) { return f.bits == 8 || f.is_looked_up; }

// How many steps of four values the sums of 16 bits hold.
MK_PAIRS_INLINE int steps_held(const form f) { return f.bits == 6 ? 2 : f.bits == 5 || f.parts == 2 ? 4 : 8; }

// --- Codes ------------------------------------------------------------------------------------------------

// Thirty-two bits as bytes that are `value` or 0.
MK_PAIRS_INLINE __m256i spread_bits(const uint8_t *from, const int value) {
  int32_t word;
  memcpy(&word, from, sizeof word);
  const __m256i bytes = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bits = _mm256_set1_epi64x((int64_t)0x8040201008040201);
  __m256i own = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(word), bytes), bits);
  return _mm256_and_si256(_mm256_cmpeq_epi8(own, bits), _mm256_set1_epi8((char)value));
}

// Bits 2k and on of each byte, two of them, `up` places higher.
MK_PAIRS_INLINE __m256i two_bits(__m256i from, const int k, const int up) {
  const int shift = 2 * k - up;
  __m256i moved = shift >= 0 ? _mm256_srli_epi16(from, shift) : _mm256_slli_epi16(from, -shift);
  return _mm256_and_si256(moved, _mm256_set1_epi8((char)(3 << up)));
}

MK_PAIRS_INLINE __m256i looked_up(__m256i places) {
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)stored_table)), places);
}

// Steps `s` and `s` + 1 of a tile's codes, four values of eight outputs each; s is even. Signed where the form is.
MK_PAIRS_INLINE void read_codes(const form f, const uint8_t *codes, const int s, const int octet, __m256i *to) {
  codes += 32 * octet;
  if (f.bits == 8) {
    for (int i = 0; i < 2; i++) to[i] = _mm256_xor_si256(pairs_load(codes + 64 * (s + i)), _mm256_set1_epi8(-128));
    return;
  }
  const uint8_t *low = codes + (f.bits == 6 ? 128 : f.bits % 2 ? 64 : 0);
  if (f.bits >= 4) {
    pairs_split(pairs_load(low + 32 * s), to);
  } else {
    for (int i = 0; i < 2; i++) to[i] = two_bits(pairs_load(low + s / 4 * 64), s % 4 + i, 0);
  }
  for (int i = 0; i < 2; i++) {
    // The words of bits are half as long as other runs.
    if (f.bits % 2) to[i] = _mm256_or_si256(to[i], spread_bits(codes - 28 * octet + 8 * (s + i), 1 << (f.bits - 1)));
    if (f.bits == 6) to[i] = _mm256_or_si256(to[i], two_bits(pairs_load(codes + s / 4 * 64), s % 4 + i, 4));
    if (f.is_looked_up) to[i] = looked_up(to[i]);
  }
}

// --- Scales -----------------------------------------------------------------------------------------------

// Of eight outputs of a block: what sums are multiplied by, and what is added.
typedef struct {
  __m256 d, m;
  // Of two halves, in pairs of 16 bits: the scale twice; what zero and mins take, first half and second.
  __m256i halves[2], zero, mins;
} octet_scales;

MK_PAIRS_INLINE __m256 halves_at(const uint8_t *from) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from)); }

MK_PAIRS_INLINE __m256 bytes_at(const uint8_t *from) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)from)));
}

// Of the tiles of a group.
MK_PAIRS_INLINE void read_heads(const form f, int64_t tiles, const uint8_t *heads, __m256 (*d)[2], __m256 (*m)[2]) {
  for (int64_t t = 0; t < tiles; t++, heads += head_bytes(f))
    for (int o = 0; o < 2; o++) {
      d[t][o] = halves_at(heads + 16 * o);
      if (f.has_offset) m[t][o] = halves_at(heads + 32 + 16 * o);
    }
}

// d and m are those of the group where there is one.
MK_PAIRS_INLINE octet_scales read_scales(const form f, const uint8_t *tile, const int octet, __m256 d, __m256 m) {
  octet_scales own = {.d = d, .m = m};
  if (f.parts == 0) {
    own.d = halves_at(tile + 16 * octet);
    if (f.has_offset) own.m = halves_at(tile + 32 + 16 * octet);
  } else if (f.parts == 1) {
    own.d = _mm256_mul_ps(d, bytes_at(tile + 8 * octet));
    if (f.has_offset) own.m = _mm256_mul_ps(m, bytes_at(tile + 16 + 8 * octet));
  } else {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(tile + 16 * octet));
    __m256i pairs = f.has_offset ? _mm256_cvtepu8_epi16(bytes) : _mm256_cvtepi8_epi16(bytes);
    if (f.has_offset) own.mins = _mm256_srli_epi16(pairs, 4), pairs = _mm256_and_si256(pairs, _mm256_set1_epi16(15));
    if (f.zero) own.zero = _mm256_mullo_epi16(pairs, _mm256_set1_epi16((short)-f.zero));
    const __m256i first = _mm256_set1_epi32(0xFFFF);
    own.halves[0] = _mm256_or_si256(_mm256_and_si256(pairs, first), _mm256_slli_epi32(pairs, 16));
    own.halves[1] = _mm256_or_si256(_mm256_andnot_si256(first, pairs), _mm256_srli_epi32(pairs, 16));
  }
  return own;
}

MK_PAIRS_INLINE void fetch_lines(const uint8_t *from, int64_t bytes) {
  for (int64_t line = 0; line < bytes; line += 64) _mm_prefetch((const char *)from + line, _MM_HINT_T0);
}

// Every type: name, bits, zero, looked up, offset, scales in a group, as stored_types.c has them.
#define PAIRS_TYPES(KERNEL)              \
  KERNEL(Q4_0, 4, 8, false, false, 0)    \
  KERNEL(Q4_1, 4, 0, false, true, 0)     \
  KERNEL(Q5_0, 5, 16, false, false, 0)   \
  KERNEL(Q5_1, 5, 0, false, true, 0)     \
  KERNEL(Q8_0, 8, 128, false, false, 0)  \
  KERNEL(Q2_K, 2, 0, false, true, 2)     \
  KERNEL(Q3_K, 3, 4, false, false, 2)    \
  KERNEL(Q4_K, 4, 0, false, true, 1)     \
  KERNEL(Q5_K, 5, 0, false, true, 1)     \
  KERNEL(Q6_K, 6, 32, false, false, 2)   \
  KERNEL(IQ4_NL, 4, 0, true, false, 0)   \
  KERNEL(IQ4_XS, 4, 0, true, false, 1)
#define PAIRS_CASE(name, ...) case MK_##name: return pairs_##name;
#endif

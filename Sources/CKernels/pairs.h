// Products of bytes by pairs in vectors of 256 bits, where there is no 8-bit dot unit: what stored blocks and factors share.
//
// vpmaddubsw multiplies unsigned bytes with signed ones and adds pairs of products to 16 bits, which hold 32767; x' is
// within ±127. Eight steps of 4-bit codes come to 16·15·127 = 30480, four of 5 bits to 8·31·127 = 31496, two of 6 bits to
// 4·63·127 = 32004. Signed bytes give their signs to x': 2·128·127 = 32512. vpmaddwd brings pairs of 16 bits to 32.
#pragma once

#include "dispatch.h"

#if defined(__x86_64__) && defined(__clang__)
#include <immintrin.h>

#define MK_PAIRS MK_LEVEL3
#define MK_PAIRS_INLINE static inline __attribute__((always_inline)) MK_PAIRS

static inline bool mk_has_pairs(void) { return mk_vector_level() >= 3; }

MK_PAIRS_INLINE __m256i pairs_load(const void *from) { return _mm256_loadu_si256((const __m256i *)from); }

// Has the compiler leave sums in the order in which they are written: with another it runs out of registers.
#define pairs_in_order(sum) __asm__("" : "+x"(sum))

// The same four values in each lane.
MK_PAIRS_INLINE __m256i pairs_four(const void *from) {
  int32_t four;
  memcpy(&four, from, sizeof four);
  return _mm256_set1_epi32(four);
}

// sum + four products of signed bytes in each lane; a within ±128, b within ±127.
MK_PAIRS_INLINE __m256i pairs_add_signed(__m256i sum, __m256i a, __m256i b) {
  __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(b, a));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

// The low and the high halves of bytes.
MK_PAIRS_INLINE void pairs_split(__m256i both, __m256i *halves) {
  const __m256i low = _mm256_set1_epi8(15);
  halves[0] = _mm256_and_si256(both, low), halves[1] = _mm256_and_si256(_mm256_srli_epi16(both, 4), low);
}
#else
#define MK_NO_PAIRS
static inline bool mk_has_pairs(void) { return false; }
#endif

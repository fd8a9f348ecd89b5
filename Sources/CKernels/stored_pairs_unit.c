// Products with stored blocks by the 8-bit dot unit of AVX-VNNI, in vectors of 256 bits: processors without AVX-512 have
// it, and those with it for the types that stored_unit.c does not know.
#include "pairs.h"
#include "stored.h"

#if !defined(MK_NO_PAIRS)
#define PAIRS_TARGET __attribute__((target("arch=x86-64-v3,avxvnni")))
#define PAIRS_DOT(sum, a, b) _mm256_dpbusd_avx_epi32(sum, a, b)
#include "stored_pairs_kernel.h"

stored_kernel stored_pair_unit_kernel(const stored_type *type) {
  if (!mk_has_avx_vnni()) return NULL;
  switch (type->type) { PAIRS_TYPES(PAIRS_CASE) }
  return NULL;
}
#else
stored_kernel stored_pair_unit_kernel(const stored_type *type) {
  (void)type;
  return NULL;
}
#endif

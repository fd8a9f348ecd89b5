// Products with stored blocks at the level of AVX2.
#include "pairs.h"
#include "stored.h"

#if !defined(MK_NO_PAIRS)
#define PAIRS_TARGET MK_PAIRS
#include "stored_pairs_kernel.h"

stored_kernel stored_pair_kernel(const stored_type *type) {
  if (!mk_has_pairs()) return NULL;
  switch (type->type) { PAIRS_TYPES(PAIRS_CASE) }
  return NULL;
}
#else
stored_kernel stored_pair_kernel(const stored_type *type) {
  (void)type;
  return NULL;
}
#endif

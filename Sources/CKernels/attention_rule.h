// Which keys an attention rule lets a query see.
#pragma once

#include "dispatch.h"

// Places begin..<end of a run of keys.
typedef struct {
  int64_t begin, end;
} key_range;

// Those of `keys` keys from the place `first` on that the query at `place` sees.
MK_INLINE key_range visible_keys(const mk_attention_rule *rule, int64_t place, int64_t first, int64_t keys) {
  int64_t begin = place - rule->before - first, end = place + rule->after + 1 - first;
  if (end > keys) end = keys;
  if (end < 0) end = 0;
  if (begin < 0) begin = 0;
  return (key_range){begin < end ? begin : end, end};
}

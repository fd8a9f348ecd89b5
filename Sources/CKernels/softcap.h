// Values that become cap·tanh(x/cap) (Gemma Team 2024, arXiv 2408.00118, §2): attention's scores, and logits.
#pragma once

#include "dispatch.h"

// `slopes`, unless NULL, becomes what that multiplies a gradient by: 1 - tanh(x/cap)².
MK_INLINE void mk_cap_values(float *restrict x, int64_t count, float cap, float *restrict slopes) {
  float inverse = 1 / cap;
  if (slopes)
    for (int64_t j = 0; j < count; j++) {
      float t = mk_tanhf(x[j] * inverse);
      x[j] = cap * t;
      slopes[j] = 1 - t * t;
    }
  else
    for (int64_t j = 0; j < count; j++) x[j] = cap * mk_tanhf(x[j] * inverse);
}

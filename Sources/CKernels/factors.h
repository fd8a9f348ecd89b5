// What a packed adapter adds, in halves that products take into their own passes: see factors.c.
#pragma once

#include "dispatch.h"

// u = scale·x·Aᵀ of each term in bf16, [rows][rank up to whole vectors].
typedef struct {
  uint16_t *u;
  int64_t *offsets;
} factors_inner;

// All terms over the team; the result lasts until the next call on this thread.
factors_inner factors_reduce(const mk_factors *terms, int64_t count, const uint16_t *x, int64_t inputs);
// Adds to columns begin..<end of y, as far as the term has them.
void factors_expand(const mk_factors *t, const uint16_t *u, int64_t begin, int64_t end, float *y, int64_t stride);

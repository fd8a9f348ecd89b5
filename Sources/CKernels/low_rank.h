// The two halves of what a packed adapter adds, for products that take them into their own passes: see low_rank.c.
#pragma once

#include "dispatch.h"

// u = scale·x·Aᵀ of each term in bf16, [rows][lanes of the rank].
typedef struct {
  uint16_t *u;
  int64_t *offsets;
} factors_inner;

int64_t factors_lanes(int64_t rank);
// Rows begin..<end of a term, counted from its first.
void factors_reduce(
  const mk_factors *t, const uint16_t *x, int64_t inputs, int64_t begin, int64_t end, uint16_t *u);
// Adds to columns begin..<end of y, as far as the term has them.
void factors_expand(const mk_factors *t, const uint16_t *u, int64_t begin, int64_t end, float *y, int64_t stride);
// All terms over the team; the result lasts until the next call on this thread.
factors_inner factors_reduce_all(const mk_factors *terms, int64_t count, const uint16_t *x, int64_t inputs);

// What a packed adapter adds, in halves that products take into their own passes: see factors.c.
#pragma once

#include "dispatch.h"

// What some terms add to a product, on its way. Lasts until the next plan on this thread.
typedef struct {
  const mk_factors *terms;
  int64_t count;
  const uint16_t *x;
  int64_t inputs, tasks;
  // x·Aᵀ of each term, [parts][rows][rank up to whole vectors], and scale·their sum in bf16, [rows][…]: from the term's
  // offset on.
  int64_t parts;
  int64_t *offsets;
  float *sums;
  uint16_t *u;
} factors_inner;

// First all `tasks` of factors_reduce, in any order and on any thread; then the join; then all columns, in any pieces.
factors_inner factors_plan(const mk_factors *terms, int64_t count, const uint16_t *x, int64_t inputs);
void factors_reduce(const factors_inner *inner, int64_t task);
void factors_join(const factors_inner *inner);
// Asks memory for what columns begin..<end need.
void factors_fetch(const factors_inner *inner, int64_t begin, int64_t end);
// Adds to columns begin..<end of y.
void factors_expand(const factors_inner *inner, int64_t begin, int64_t end, float *y, int64_t stride);

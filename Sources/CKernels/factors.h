// What a packed adapter adds, in steps that products take into their own passes: see factors.c.
#pragma once

#include "byte_rows.h"

// What some terms add to a product, on its way. Lasts until the next plan on this thread.
typedef struct {
  const mk_factors *terms;
  int64_t count;
  // The product's rows, for terms in bf16 and for those of codes.
  const uint16_t *x;
  const byte_rows *codes;
  int64_t inputs, tasks;
  // Where in `memory` a term has x·Aᵀ, [parts][rows][rank up to whole vectors] in f32, and u, scale·their sum.
  int64_t parts;
  int64_t *sums, *u;
  char *memory;
  // What is summed by itself is a piece: one part of the inputs for a block of a term's rows. The first of each term,
  // and how many there are.
  int64_t *first_piece, pieces;
  // Pieces of each term and tasks that are not done.
  atomic_int *open_pieces;
  atomic_int open_tasks;
} factors_inner;

// Whether there are terms that take rows in 8 bits, or else terms that take them in bf16.
bool factors_need(const mk_factors *terms, int64_t count, bool codes);

// First all `tasks` of factors_reduce, in any order and on any thread; then all columns, in any pieces. What is not
// needed of x and codes may be left out.
void factors_plan(
  factors_inner *inner, const mk_factors *terms, int64_t count, const uint16_t *x, const byte_rows *codes,
  int64_t inputs);
void factors_reduce(factors_inner *inner, int64_t task);
// Whether all of them are done; and waiting for it, in a later task of the same loop.
bool factors_are_reduced(factors_inner *inner);
void factors_wait(factors_inner *inner);
// Asks memory for what columns begin..<end need.
void factors_fetch(const factors_inner *inner, int64_t begin, int64_t end);
// Adds to columns begin..<end of y.
void factors_expand(const factors_inner *inner, int64_t begin, int64_t end, float *y, int64_t stride);

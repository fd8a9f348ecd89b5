// What a packed adapter adds, in steps that products take into their own passes: see factors.c.
#pragma once

#include "byte_rows.h"

// The rows of a product, for terms in bf16 and for those of codes: what no term needs may be left out.
typedef struct {
  const byte_rows *codes;
  const uint16_t *narrow;
} factors_rows;

// What some terms add to a product, on its way.
typedef struct {
  const mk_factors *terms;
  int64_t count, inputs, tasks;
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

// Bytes that a plan takes.
int64_t factors_room(const mk_factors *terms, int64_t count, int64_t inputs);
// First all `tasks` of factors_reduce, in any order and on any thread, each with the same rows wherever they lie; then all
// columns, in any pieces. `room` lasts until then, and begins a line of the cache.
void factors_plan(factors_inner *inner, const mk_factors *terms, int64_t count, int64_t inputs, void *room);
void factors_reduce(factors_inner *inner, int64_t task, factors_rows x);
// Waits until all of them are done, in a task that begins when all of them are begun.
void factors_wait(factors_inner *inner);
// Asks memory for what columns begin..<end need.
void factors_fetch(const factors_inner *inner, int64_t begin, int64_t end);
// Adds to columns begin..<end; y is where column 0 would be.
void factors_expand(const factors_inner *inner, int64_t begin, int64_t end, float *y, int64_t stride);

// The low-rank parts of a batch in steps, for products that add them to their results strip by strip.
#pragma once

#include "dispatch.h"

typedef struct {
  const mk_low_rank_term *terms;
  int64_t count;
  bool is_backward;
  // For each term, in pairs: where its packed factors begin, and behind them its rows of u (du on the way back). And its
  // first column in the result, below 0 where it is added at once.
  int64_t *offsets, *columns;
  uint32_t *packs;
  // How far apart the rows of the result are that terms are added to later.
  int64_t stride;
  // Tasks that come before what the terms add to the result, and, backward, those that gather gradients.
  int64_t before, panels;
  atomic_int unpacked, unready;
} mk_low_rank_work;

// Plans the work on terms. Those whose target lies in `result`, [rows][stride], are left to mk_low_rank_parts and
// mk_low_rank_add; the others are added to where they point. Uses the calling thread's scratch memory 3 and 5 until the work
// is done.
void mk_low_rank_plan(
  mk_low_rank_work *w, const mk_low_rank_term *terms, int64_t count, bool is_backward, float *result, int64_t rows,
  int64_t stride);

// The tasks 0..<before compute u (du) of every term; those of one loop are begun in order. Later tasks of the same loop wait.
void mk_low_rank_task(mk_low_rank_work *w, int64_t task);
void mk_low_rank_wait(mk_low_rank_work *w);

// Backward, the tasks 0..<panels, once all others are done that these wait for: the gradients of A and B.
void mk_low_rank_gradient(const mk_low_rank_work *w, int64_t task);

// A term's part of a rectangle of the result: u[rows][pairs] · factors, in rows of pairs.
typedef struct {
  const uint16_t *u;
  const uint32_t *factors;
  int64_t u_stride, length, pairs;
} mk_low_rank_part;

enum { mk_most_parts = 8 };

// How many rows from one on, at most `most`, have the same terms. Rectangles within them make a row's result depend on that
// row alone.
int64_t mk_low_rank_run(const mk_low_rank_work *w, int64_t row, int64_t most);

// The parts of terms that cover all of a rectangle of the result, as many as there is room for, and whether terms are
// left that have something for it.
int64_t mk_low_rank_parts(
  const mk_low_rank_work *w, int64_t row, int64_t rows, int64_t column, int64_t columns,
  mk_low_rank_part parts[mk_most_parts], bool *are_left);

// Adds to a rectangle of the result what terms have for it, but for the parts that were given out.
void mk_low_rank_add(const mk_low_rank_work *w, int64_t row, int64_t rows, int64_t column, int64_t columns, int64_t given);

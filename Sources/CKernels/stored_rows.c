// Rows that a product with stored blocks takes: in 8 bits, and in bf16 for its terms.
#include "rows.h"
#include "stored.h"

MK_KERNEL(
  widen_values, (const uint16_t *restrict x, float *restrict y, int64_t count), (x, y, count)) {
  for (int64_t i = 0; i < count; i++) y[i] = mk_widen(x[i]);
}

MK_KERNEL(
  narrow_values, (const float *restrict x, uint16_t *restrict y, int64_t count), (x, y, count)) {
  for (int64_t i = 0; i < count; i++) y[i] = mk_narrow(x[i]);
}

stored_source stored_rows_of(
  const mk_stored *w, const void *x, int x_type, int64_t m, const mk_factors *terms, int64_t count) {
  static _Atomic uint64_t numbers;
  return (stored_source){
    .x = x, .x_type = x_type, .m = m, .k = w->inputs, .is_narrow_needed = factors_need(terms, count, false),
    .has_halves = w->has_halves, .number = atomic_fetch_add(&numbers, 1) + 1};
}

// Whole lines of the cache, so that what comes behind begins one.
int64_t stored_rows_size(const stored_source *s) { return (byte_rows_size(s->m, s->k / byte_block) + 63) / 64 * 64; }

byte_rows stored_rows_in(const stored_source *s, void *memory) {
  byte_rows rows = byte_rows_in(memory, s->m, s->k / byte_block);
  rows.has_halves = s->has_halves;
  return rows;
}

void stored_take(const stored_source *s, int64_t first, int64_t count, const byte_rows *rows, uint16_t *narrow) {
  int64_t at = first * s->k, values = count * s->k;
  if (s->x_type == MK_F32 && !s->weight && !s->is_narrowed) {
    const float *x = (const float *)s->x + at;
    if (narrow) narrow_values(x, narrow + at, values);
    byte_rows_take(x, rows, first, count);
    return;
  }
  float *wide = mk_scratch(2, (size_t)values * sizeof(float));
  const uint16_t *x = (const uint16_t *)s->x + at;
  if (s->weight) {
    rms_norm_rows((const float *)s->x + at, s->weight, s->epsilon, narrow + at, count, s->k);
    x = narrow + at;
  } else if (s->is_narrowed) {
    narrow_values((const float *)s->x + at, narrow + at, values);
    x = narrow + at;
  }
  widen_values(x, wide, values);
  byte_rows_take(wide, rows, first, count);
}

bool stored_has_narrow(const stored_source *s) {
  return s->weight || s->is_narrowed || (s->x_type == MK_F32 && s->is_narrow_needed);
}

factors_rows stored_own_rows(const stored_source *s, byte_rows *rows) {
  static _Thread_local uint64_t held;
  int64_t size = stored_rows_size(s);
  char *memory = mk_scratch(9, (size_t)(size + s->m * s->k * (int64_t)sizeof(uint16_t)));
  uint16_t *narrow = stored_has_narrow(s) ? (uint16_t *)(memory + size) : NULL;
  *rows = stored_rows_in(s, memory);
  if (held != s->number) stored_take(s, 0, s->m, rows, narrow);
  held = s->number;
  return (factors_rows){rows, narrow ? narrow : s->x};
}

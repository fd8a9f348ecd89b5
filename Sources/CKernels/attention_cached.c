// Rotary attention over keys and values that are kept in pages between passes. The formulas stand in attention.c.
//
// A page holds MK_PAGE_TOKENS positions of every layer, by key/value head as the products read them. In f32 keys are
// turned, [dimension][tokens], and values as they are, [tokens][dimension] with zeros up to whole vectors. In bf16 the
// same by pairs along the sums: keys [dimension/2][tokens], values [tokens/2][dimension].
//
// The blocks of keys that a query goes through depend on positions alone: its result is the same bit for bit whatever
// rows come with it, and however its sequence was cut into passes.
#include "attention_cached.h"

#include "attention_rule.h"
#include "dot.h"
#include "microkernel.h"
#include "softcap.h"

enum { tokens = MK_PAGE_TOKENS, block_pages = 8, block_keys = tokens * block_pages, most_rows = 64, lanes = 16 };

static int64_t padded(int64_t count) { return (count + 15) / 16 * 16; }

// Bytes of one head's keys, and of its values.
static int64_t key_bytes(const mk_cache_shape *s) { return tokens * s->dimension * (s->type == MK_BF16 ? 2 : 4); }
static int64_t value_bytes(const mk_cache_shape *s) {
  return s->type == MK_BF16 ? tokens * s->dimension * 2 : tokens * padded(s->dimension) * 4;
}

int64_t mk_page_layer_bytes(const mk_cache_shape *shape) {
  return shape->kv_heads * (key_bytes(shape) + value_bytes(shape));
}

typedef cached_attention cached;

static char *head_of(const cached *c, const mk_cached_sequence *s, int64_t page, int64_t kv) {
  return (char *)s->pages[page] + c->layer_offset + kv * (key_bytes(c->shape) + value_bytes(c->shape));
}

// (a, b) becomes (a·cos - b·sin, b·cos + a·sin).
MK_INLINE void rotate_head(
  const mk_attention_rule *rule, const float *restrict x, const float *restrict cosine, const float *restrict sine,
  float *restrict to) {
  int64_t half = rule->rotated / 2;
  for (int64_t j = 0; j < half; j++) {
    to[j] = x[j] * cosine[j] - x[half + j] * sine[j];
    to[half + j] = x[half + j] * cosine[j] + x[j] * sine[j];
  }
  for (int64_t j = 2 * half; j < rule->dimension; j++) to[j] = x[j];
}

// --- Writing keys and values ----------------------------------------------------------------------------

MK_KERNEL(
  keep_rows,
  (const cached *c, const mk_cached_sequence *s, int64_t first_head, int64_t last_head, int64_t begin, int64_t end),
  (c, s, first_head, last_head, begin, end)) {
  const mk_cache_shape *shape = c->shape;
  int64_t d = shape->dimension, wide = padded(d);
  float *turned = mk_scratch(2, (size_t)d * sizeof(float));
  for (int64_t i = begin; i < end; i++) {
    int64_t place = s->past + i, slot = place % tokens;
    for (int64_t kv = first_head; kv < last_head; kv++) {
      const float *restrict k = s->qkv + i * s->stride + (c->rule->heads + kv) * d;
      const float *restrict v = k + shape->kv_heads * d;
      char *head = head_of(c, s, place / tokens, kv);
      int64_t angle = s->positions[i] * (c->rule->rotated / 2);
      rotate_head(c->rule, k, c->cosines + angle, c->sines + angle, turned);
      if (shape->type == MK_BF16) {
        uint16_t *restrict keys = (uint16_t *)head + 2 * slot;
        for (int64_t j = 0; j < d / 2; j++) {
          keys[j * 2 * tokens] = mk_narrow(turned[2 * j]);
          keys[j * 2 * tokens + 1] = mk_narrow(turned[2 * j + 1]);
        }
        uint16_t *restrict values = (uint16_t *)(head + key_bytes(shape)) + slot / 2 * 2 * d + slot % 2;
        for (int64_t j = 0; j < d; j++) values[2 * j] = mk_narrow(v[j]);
      } else {
        float *restrict keys = (float *)head + slot;
        for (int64_t j = 0; j < d; j++) keys[j * tokens] = turned[j];
        float *restrict values = (float *)(head + key_bytes(shape)) + slot * wide;
        for (int64_t j = 0; j < d; j++) values[j] = v[j];
      }
    }
  }
}

// --- Attending --------------------------------------------------------------------------------------------

// Query heads that share a key/value head.
static int64_t group_of(const cached *c) { return c->rule->heads / c->rule->kv_heads; }

// The block's queries of the heads that share a key/value head, rotated: row (query, head).
MK_INLINE void gather_queries(
  const cached *c, const mk_cached_sequence *s, int64_t kv, int64_t begin, int64_t end, float *q) {
  int64_t d = c->shape->dimension, group = group_of(c);
  for (int64_t i = begin; i < end; i++) {
    int64_t angle = s->positions[i] * (c->rule->rotated / 2);
    for (int64_t h = 0; h < group; h++, q += d)
      rotate_head(
        c->rule, s->qkv + i * s->stride + (kv * group + h) * d, c->cosines + angle, c->sines + angle, q);
  }
}

// One row of scores of a block of keys, whole vectors of them: those it sees become weights, and what was found before is
// scaled to match. Sums go by lanes, so that zeros before and behind them change nothing: a row's bits do not depend on
// how many keys are yet to come, or are there for other rows alone.
MK_INLINE void weigh(
  float *restrict row, key_range seen, int64_t keys, float *highest, float *sum, float *restrict out, int64_t d) {
#pragma clang fp contract(fast)
  for (int64_t j = 0; j < seen.begin; j++) row[j] = -INFINITY;
  for (int64_t j = seen.end; j < keys; j++) row[j] = -INFINITY;
  float tops[lanes], sums[lanes] = {0};
  for (int64_t l = 0; l < lanes; l++) tops[l] = *highest;
  for (int64_t j = 0; j < keys; j += lanes)
    for (int64_t l = 0; l < lanes; l++) tops[l] = row[j + l] > tops[l] ? row[j + l] : tops[l];
  for (int64_t step = lanes / 2; step > 0; step /= 2)
    for (int64_t l = 0; l < step; l++) tops[l] = tops[l] > tops[l + step] ? tops[l] : tops[l + step];
  float top = tops[0], correction = seen.begin == seen.end ? 1 : mk_expf(*highest - top);
  for (int64_t j = 0; j < keys; j += lanes)
    for (int64_t l = 0; l < lanes; l++) row[j + l] = mk_expf(row[j + l] - top);
  for (int64_t j = 0; j < seen.begin; j++) row[j] = 0;
  for (int64_t j = seen.end; j < keys; j++) row[j] = 0;
  for (int64_t j = 0; j < keys; j += lanes)
    for (int64_t l = 0; l < lanes; l++) sums[l] += row[j + l];
  for (int64_t step = lanes / 2; step > 0; step /= 2)
    for (int64_t l = 0; l < step; l++) sums[l] += sums[l + step];
  *sum = *sum * correction + sums[0];
  *highest = top;
  if (correction != 1)
    for (int64_t j = 0; j < d; j++) out[j] *= correction;
}

MK_INLINE void scatter(
  const cached *c, const mk_cached_sequence *s, int64_t kv, int64_t begin, int64_t end, const float *out,
  const float *sums) {
  int64_t d = c->shape->dimension, group = group_of(c);
  for (int64_t i = begin; i < end; i++)
    for (int64_t h = 0; h < group; h++, out += d, sums++) {
      int64_t place = i * s->out_stride + (kv * group + h) * d;
      float inverse = 1 / *sums;
      if (s->out)
        for (int64_t j = 0; j < d; j++) s->out[place + j] = out[j] * inverse;
      else
        for (int64_t j = 0; j < d; j++) s->narrow_out[place + j] = mk_narrow(out[j] * inverse);
    }
}

// The first page that a query at `place`, or one after it, sees anything of.
static int64_t first_page(const mk_attention_rule *rule, int64_t place) {
  return place > rule->before ? (place - rule->before) / tokens : 0;
}

// Pages of a block of keys, counted from its first, that hold anything a query of a task sees.
typedef struct {
  int64_t begin, end;
} page_run;

// `first` is the first page that is seen, `end` the place behind the last.
static page_run pages_of(int64_t key, int64_t first, int64_t end) {
  int64_t before = first - key / tokens, left = end - key;
  return (page_run){before > 0 ? before : 0, left < block_keys ? (left + tokens - 1) / tokens : block_pages};
}

typedef struct {
  float *q, *scores, *out, *highest, *sums;
  // The same in bf16 for products.
  uint16_t *narrow_q, *narrow_scores;
} room;

// Memory for `rows` rows, everything found so far set to nothing.
MK_INLINE room room_for(int64_t rows, int64_t d) {
  float *memory = mk_scratch(3, (size_t)(rows * (3 * d + 2 * block_keys + 2)) * sizeof(float));
  room r = {.q = memory, .scores = memory + rows * d, .out = memory + rows * (d + block_keys)};
  r.highest = r.out + rows * d, r.sums = r.highest + rows;
  r.narrow_q = (uint16_t *)(r.sums + rows), r.narrow_scores = r.narrow_q + 2 * rows * d;
  for (int64_t i = 0; i < rows; i++) r.highest[i] = -INFINITY, r.sums[i] = 0;
  for (int64_t i = 0; i < rows * d; i++) r.q[i] = r.out[i] = 0;
  return r;
}

MK_KERNEL(
  attend_wide, (const cached *c, const mk_cached_sequence *s, int64_t kv, int64_t begin, int64_t end),
  (c, s, kv, begin, end)) {
  const mk_attention_rule *rule = c->rule;
  int64_t d = c->shape->dimension, group = group_of(c), rows = (end - begin) * group;
  room r = room_for(rows, d);
  gather_queries(c, s, kv, begin, end, r.q);
  int64_t first = first_page(rule, s->past + begin);
  for (int64_t key = first / block_pages * block_keys; key < s->past + end; key += block_keys) {
    page_run run = pages_of(key, first, s->past + end);
    for (int64_t p = run.begin; p < run.end; p++) {
      const float *keys = (const float *)head_of(c, s, key / tokens + p, kv);
      mk_blocks(rows, tokens, d, rule->scale, r.q, d, 1, keys, tokens, 0, r.scores + p * tokens, block_keys);
    }
    for (int64_t i = 0; i < rows; i++) {
      float *row = r.scores + i * block_keys;
      key_range seen = visible_keys(rule, s->past + begin + i / group, key, run.end * tokens);
      if (rule->softcap != 0) mk_cap_values(row + seen.begin, seen.end - seen.begin, rule->softcap, NULL);
      weigh(row, seen, run.end * tokens, r.highest + i, r.sums + i, r.out + i * d, d);
    }
    for (int64_t p = run.begin; p < run.end; p++) {
      const float *values = (const float *)(head_of(c, s, key / tokens + p, kv) + key_bytes(c->shape));
      mk_blocks(rows, d, tokens, 1, r.scores + p * tokens, block_keys, 1, values, padded(d), 1, r.out, d);
    }
  }
  scatter(c, s, kv, begin, end, r.out, r.sums);
}

#if !defined(MK_NO_DOT_UNIT)
// How many pages ahead a few queries ask for keys: memory is what they wait for, and pages lie anywhere.
enum { pages_ahead = 3 };

MK_INLINE void fetch(const char *from, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(from + at);
}

MK_DOT_UNIT static void attend_narrow(
  const cached *c, const mk_cached_sequence *s, int64_t kv, int64_t begin, int64_t end) {
  const mk_attention_rule *rule = c->rule;
  int64_t d = c->shape->dimension, group = group_of(c), rows = (end - begin) * group;
  // Products take four rows as fast as one.
  int64_t whole = rows == 1 ? 1 : (rows + 3) / 4 * 4;
  int64_t first = first_page(rule, s->past + begin), all_pages = (s->past + end + tokens - 1) / tokens;
  bool fetches = rows <= 16;
  for (int64_t p = first; fetches && p < first + pages_ahead && p < all_pages; p++)
    fetch(head_of(c, s, p, kv), key_bytes(c->shape));
  room r = room_for(whole, d);
  gather_queries(c, s, kv, begin, end, r.q);
  for (int64_t i = 0; i < whole * d; i++) r.narrow_q[i] = mk_narrow(r.q[i]);
  const uint32_t *q = (const uint32_t *)r.narrow_q, *weights = (const uint32_t *)r.narrow_scores;
  for (int64_t i = rows * block_keys; i < whole * block_keys; i++) r.narrow_scores[i] = 0;
  for (int64_t key = first / block_pages * block_keys; key < s->past + end; key += block_keys) {
    page_run run = pages_of(key, first, s->past + end);
    for (int64_t p = run.begin; p < run.end; p++) {
      const uint32_t *keys = (const uint32_t *)head_of(c, s, key / tokens + p, kv);
      if (fetches) {
        int64_t later = key / tokens + p + pages_ahead;
        fetch((const char *)keys + key_bytes(c->shape), value_bytes(c->shape));
        if (later < all_pages) fetch(head_of(c, s, later, kv), key_bytes(c->shape));
      }
      mk_dot_blocks(
        whole, tokens, d / 2, rule->scale, q, d / 2, 1, keys, tokens, false, r.scores + p * tokens, block_keys);
    }
    for (int64_t i = 0; i < rows; i++) {
      float *row = r.scores + i * block_keys;
      uint16_t *narrow = r.narrow_scores + i * block_keys;
      key_range seen = visible_keys(rule, s->past + begin + i / group, key, run.end * tokens);
      if (rule->softcap != 0) mk_cap_values(row + seen.begin, seen.end - seen.begin, rule->softcap, NULL);
      weigh(row, seen, run.end * tokens, r.highest + i, r.sums + i, r.out + i * d, d);
      for (int64_t j = 0; j < run.end * tokens; j++) narrow[j] = mk_narrow(row[j]);
    }
    for (int64_t p = run.begin; p < run.end; p++) {
      const uint32_t *values = (const uint32_t *)(head_of(c, s, key / tokens + p, kv) + key_bytes(c->shape));
      mk_dot_blocks(
        whole, d, tokens / 2, 1, weights + p * tokens / 2, block_keys / 2, 1, values, d, true, r.out, d);
    }
  }
  scatter(c, s, kv, begin, end, r.out, r.sums);
}
#else
#define attend_narrow attend_wide
#endif

// --- Both, over the team ----------------------------------------------------------------------------------

// Blocks of a sequence's queries.
static int64_t blocks_of(const cached *c, const mk_cached_sequence *s) { return (s->queries + c->block - 1) / c->block; }

// The sequence and the block of its queries that a place among all blocks means.
static const mk_cached_sequence *block_at(const cached *c, int64_t *place) {
  const mk_cached_sequence *s = c->sequences;
  for (;; s++) {
    int64_t blocks = blocks_of(c, s);
    if (*place < blocks) return s;
    *place -= blocks;
  }
}

static void keep(void *context, int64_t block) {
  const cached *c = context;
  const mk_cached_sequence *s = block_at(c, &block);
  if (blocks_of(c, s) == 1) return;
  int64_t begin = block * c->block, end = begin + c->block;
  keep_rows(c, s, 0, c->shape->kv_heads, begin, end < s->queries ? end : s->queries);
}

static void attend(void *context, int64_t task) {
  const cached *c = context;
  int64_t kv = task % c->shape->kv_heads, block = task / c->shape->kv_heads;
  const mk_cached_sequence *s = block_at(c, &block);
  int64_t begin = block * c->block, end = begin + c->block;
  if (end > s->queries) end = s->queries;
  // Nobody else needs what it keeps.
  if (blocks_of(c, s) == 1) keep_rows(c, s, kv, kv + 1, begin, end);
  (c->shape->type == MK_BF16 ? attend_narrow : attend_wide)(c, s, kv, begin, end);
}

cached_attention cached_attention_of(
  const mk_attention_rule *rule, const mk_cache_shape *shape, const mk_cached_sequence *sequences, int64_t count,
  int64_t layer_offset, const float *cosines, const float *sines) {
  int64_t group = rule->heads / rule->kv_heads;
  return (cached_attention){
    rule, shape, sequences, count, layer_offset, cosines, sines, group > most_rows ? 1 : most_rows / group};
}

int64_t cached_attention_stages(const cached_attention *c, mk_stage *stages) {
  int64_t blocks = 0, found = 0;
  bool keeps_first = false;
  for (int64_t i = 0; i < c->count; i++) {
    int64_t own = blocks_of(c, c->sequences + i);
    blocks += own;
    keeps_first |= own > 1;
  }
  void *context = (void *)c;
  if (keeps_first) stages[found++] = (mk_stage){.tasks = blocks, .body = keep, .context = context};
  stages[found++] = (mk_stage){.tasks = blocks * c->shape->kv_heads, .body = attend, .context = context};
  return found;
}

void mk_attention_cached(
  const mk_attention_rule *rule, const mk_cache_shape *shape, const mk_cached_sequence *sequences, int64_t count,
  int64_t layer_offset, const float *cosines, const float *sines) {
  cached c = cached_attention_of(rule, shape, sequences, count, layer_offset, cosines, sines);
  mk_stage stages[2];
  mk_parallel_stages(stages, cached_attention_stages(&c, stages));
}

void mk_page_read(const mk_cache_shape *shape, const void *layer, int64_t slot, float *keys, float *values) {
  int64_t d = shape->dimension;
  for (int64_t kv = 0; kv < shape->kv_heads; kv++) {
    const char *head = (const char *)layer + kv * (key_bytes(shape) + value_bytes(shape));
    for (int64_t j = 0; j < d; j++) {
      if (shape->type == MK_BF16) {
        keys[kv * d + j] = mk_widen(((const uint16_t *)head)[j / 2 * 2 * tokens + 2 * slot + j % 2]);
        const uint16_t *v = (const uint16_t *)(head + key_bytes(shape));
        values[kv * d + j] = mk_widen(v[slot / 2 * 2 * d + 2 * j + slot % 2]);
      } else {
        keys[kv * d + j] = ((const float *)head)[j * tokens + slot];
        values[kv * d + j] = ((const float *)(head + key_bytes(shape)))[slot * padded(d) + j];
      }
    }
  }
}

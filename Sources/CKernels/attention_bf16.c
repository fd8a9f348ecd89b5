// Rotary attention of whole sequences in bf16 with f32 sums, for processors with the dot-product unit. The formulas
// stand in attention.c.
#include <float.h>

#include "attention_bf16.h"

#if !defined(MK_NO_DOT_UNIT)
enum { key_block = 128 };

bool mk_attention_bf16_fits(int64_t dimension) { return mk_has_dot_unit() && dimension % 32 == 0; }

// --- Rotation -------------------------------------------------------------------------------------------

typedef struct {
  const mk_attention_batch *batch;
  const float *qkv;
} rotation;

MK_DOT_UNIT static void rotate(void *context, int64_t begin, int64_t end) {
  const rotation *r = context;
  const mk_attention_batch *p = r->batch;
  int64_t d = p->rule.dimension, width = mk_attention_width(p), turned = (p->rule.heads + p->rule.kv_heads) * d;
  for (int64_t row = begin; row < end; row++) {
    const float *cosines = p->cosines + p->positions[row] * (d / 2), *sines = p->sines + p->positions[row] * (d / 2);
    const float *from = r->qkv + row * width;
    uint16_t *to = p->rotated + row * width;
    for (int64_t j = 0; j < turned; j += d) mk_rotate_head(from + j, cosines, sines, 1, 1, d, to + j);
    for (int64_t j = turned; j < width; j += 32) _mm512_storeu_si512(to + j, mk_narrowed_at(from + j));
  }
}

// --- Attention ------------------------------------------------------------------------------------------

typedef struct {
  const mk_attention_batch *batch;
  // Each sequence's values in pairs along the keys, [kv_heads][⌈rows/2⌉][dimension], and where they begin.
  uint32_t *values;
  int64_t *firsts;
} attention;

static int64_t value_pairs(const mk_attention_batch *p, int64_t sequence) { return (p->spans[sequence].rows + 1) / 2; }

static const uint32_t *values_of(const attention *a, int64_t sequence, int64_t kv) {
  const mk_attention_batch *p = a->batch;
  return a->values + (a->firsts[sequence] * p->rule.kv_heads + kv * value_pairs(p, sequence)) * p->rule.dimension;
}

MK_DOT_UNIT static void pair_values(void *context, int64_t task) {
  const attention *a = context;
  const mk_attention_batch *p = a->batch;
  int64_t sequence = task / p->rule.kv_heads, kv = task % p->rule.kv_heads;
  int64_t d = p->rule.dimension, width = mk_attention_width(p);
  mk_span span = p->spans[sequence];
  const uint16_t *values = p->rotated + span.first * width + (p->rule.heads + p->rule.kv_heads + kv) * d;
  mk_pair_rows(values, width, span.rows, d, (uint32_t *)values_of(a, sequence, kv));
}

typedef struct {
  _Alignas(64) float highest[query_block], sum[query_block], correction[query_block];
} softmax;

// Two keys' scores become probabilities, in pairs. With `masked`, query i sees the first of the keys if i ≥ `place`.
MK_DOT_INLINE void weigh_pair(
  const float *scores, __m512 factor, const __m512 *top, int64_t place, const bool masked, __m512 *sum,
  uint32_t *pairs) {
  static const uint16_t order[32] = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23,
                                     8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i interleave = _mm512_loadu_si512(order);
  for (int h = 0; h < 2; h++) {
    __m512 e[2];
    for (int i = 0; i < 2; i++) {
      __m512 score = _mm512_loadu_ps(scores + i * query_block + 16 * h);
      e[i] = mk_power_of_two(_mm512_fmsub_ps(score, factor, top[h]));
      if (masked) e[i] = _mm512_maskz_mov_ps(mk_lanes_from(place + i - 16 * h), e[i]);
    }
    sum[h] = _mm512_add_ps(sum[h], _mm512_add_ps(e[0], e[1]));
    _mm512_storeu_si512(pairs + 16 * h, _mm512_permutexvar_epi16(interleave, mk_narrowed(e[0], e[1])));
  }
}

// Scores [key][query_block] of `seen` keys, of which the first `all_see` are visible to every query and later ones
// to each from its own on, become pairs of probabilities along the keys.
MK_DOT_INLINE void weigh(const float *scores, int64_t all_see, int64_t seen, float scale, softmax *s, uint32_t *pairs) {
  const __m512 factor = _mm512_set1_ps(scale), least = _mm512_set1_ps(-FLT_MAX);
  // Every other key has a vector of its own, that one need not wait for the next.
  __m512 even[2] = {least, least}, odd[2] = {least, least}, top[2], sum[2];
  for (int64_t k = 0; k < all_see; k += 2)
    for (int h = 0; h < 2; h++) {
      const float *from = scores + k * query_block + 16 * h;
      even[h] = _mm512_max_ps(even[h], _mm512_loadu_ps(from));
      odd[h] = _mm512_max_ps(odd[h], _mm512_loadu_ps(from + query_block));
    }
  for (int64_t k = all_see; k < seen; k++)
    for (int h = 0; h < 2; h++) {
      __m512 score = _mm512_loadu_ps(scores + k * query_block + 16 * h);
      even[h] = _mm512_mask_max_ps(even[h], mk_lanes_from(k - all_see - 16 * h), even[h], score);
    }
  for (int h = 0; h < 2; h++) {
    __m512 before = _mm512_load_ps(s->highest + 16 * h);
    top[h] = _mm512_max_ps(before, _mm512_mul_ps(_mm512_max_ps(even[h], odd[h]), factor));
    // Exactly 1 where nothing is to be corrected, so that nothing is.
    __m512 correction = _mm512_mask_mov_ps(
      mk_power_of_two(_mm512_sub_ps(before, top[h])), _mm512_cmp_ps_mask(before, top[h], _CMP_EQ_OQ), _mm512_set1_ps(1));
    sum[h] = _mm512_mul_ps(_mm512_load_ps(s->sum + 16 * h), correction);
    _mm512_store_ps(s->highest + 16 * h, top[h]);
    _mm512_store_ps(s->correction + 16 * h, correction);
  }
  for (int64_t k = 0; k < all_see; k += 2)
    weigh_pair(scores + k * query_block, factor, top, 0, false, sum, pairs + k / 2 * query_block);
  for (int64_t k = all_see; k < seen; k += 2)
    weigh_pair(scores + k * query_block, factor, top, k - all_see, true, sum, pairs + k / 2 * query_block);
  for (int h = 0; h < 2; h++) _mm512_store_ps(s->sum + 16 * h, sum[h]);
}

MK_DOT_UNIT static void attend_block(const attention *a, int64_t sequence, int64_t head, int64_t begin, int64_t end) {
  const mk_attention_batch *p = a->batch;
  int64_t d = p->rule.dimension, width = mk_attention_width(p), rows = end - begin, first = p->spans[sequence].first;
  int64_t kv = head / (p->rule.heads / p->rule.kv_heads);
  const uint32_t *keys = (const uint32_t *)(p->rotated + first * width + (p->rule.heads + kv) * d);
  const uint32_t *values = values_of(a, sequence, kv);
  float *scores = mk_scratch(2, (size_t)(query_block * (key_block + key_block / 2 + d + d / 2)) * sizeof(float));
  uint32_t *pairs = (uint32_t *)(scores + query_block * key_block);
  float *out = (float *)(pairs + query_block * key_block / 2);
  uint32_t *queries = (uint32_t *)(out + query_block * d);
  // Where the result goes is written at the end and would be waited for there.
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < d; j += 32)
      __builtin_prefetch(p->out + ((first + begin + i) * p->rule.heads + head) * d + j, 1);
  mk_turn_pairs(p->rotated + (first + begin) * width + head * d, width, rows, d, queries, query_block);
  softmax s;
  for (int i = 0; i < query_block; i++) s.highest[i] = -FLT_MAX, s.sum[i] = 0;
  for (int64_t key = 0; key < end; key += key_block) {
    int64_t seen = mk_smaller(end - key, key_block), all_see = mk_smaller(begin - key, key_block);
    mk_score(keys + key * (width / 2), width / 2, mk_smaller(seen, all_see + 16), seen, d / 2, queries, scores);
    weigh(scores, all_see, seen, mk_power_scale(p), &s, pairs);
    if (key > 0)
      for (int64_t i = 0; i < rows; i++)
        if (s.correction[i] != 1)
          for (int64_t j = 0; j < d; j++) out[i * d + j] *= s.correction[i];
    for (int64_t i = 0; i < rows; i += 8)
      mk_dot_blocks(
        mk_smaller(rows - i, 8), d, (mk_smaller(seen, all_see + i + 8) + 1) / 2, 1, pairs + i, 1, query_block,
        values + key / 2 * d, d, key > 0, out + i * d, d);
  }
  for (int64_t i = 0; i < rows; i++) {
    int64_t row = first + begin + i;
    __m512 inverse = _mm512_set1_ps(1 / s.sum[i]);
    uint16_t *to = p->out + (row * p->rule.heads + head) * d;
    for (int64_t j = 0; j < d; j += 32) {
      __m512 low = _mm512_loadu_ps(out + i * d + j), high = _mm512_loadu_ps(out + i * d + j + 16);
      _mm512_storeu_si512(to + j, mk_narrowed(_mm512_mul_ps(low, inverse), _mm512_mul_ps(high, inverse)));
    }
    if (p->log_sums) p->log_sums[head * p->rows + row] = s.highest[i] * 0.693147180559945309f + logf(s.sum[i]);
  }
}

static void attend(void *context, int64_t task) {
  const attention *a = context;
  const mk_attention_batch *p = a->batch;
  int64_t head = task % p->rule.heads, block = task / p->rule.heads, sequence = 0;
  for (;; sequence++) {
    int64_t blocks = (p->spans[sequence].rows + query_block - 1) / query_block;
    if (block < blocks) break;
    block -= blocks;
  }
  int64_t begin = block * query_block;
  attend_block(a, sequence, head, begin, mk_smaller(begin + query_block, p->spans[sequence].rows));
}

int64_t mk_attention_bf16_workspace(const mk_attention_batch *p, bool is_backward) {
  if (is_backward) return mk_whole_lines(p->count * p->rule.kv_heads) + 2 * p->rows * p->rule.heads * p->rule.dimension;
  int64_t pairs = 0;
  for (int64_t i = 0; i < p->count; i++) pairs += value_pairs(p, i);
  return mk_whole_lines(2 * p->count) + pairs * p->rule.kv_heads * p->rule.dimension;
}

void mk_attention_bf16(const mk_attention_batch *p, const float *qkv, float *workspace) {
  rotation turn = {p, qkv};
  mk_parallel_ranges(p->rows, 8, rotate, &turn);
  attention a = {p, (uint32_t *)workspace + mk_whole_lines(2 * p->count), (int64_t *)workspace};
  int64_t blocks = 0, pairs = 0;
  for (int64_t i = 0; i < p->count; i++) {
    a.firsts[i] = pairs;
    pairs += value_pairs(p, i);
    blocks += (p->spans[i].rows + query_block - 1) / query_block;
  }
  mk_parallel_tasks(p->count * p->rule.kv_heads, pair_values, &a);
  mk_parallel_tasks(blocks * p->rule.heads, attend, &a);
}
#else
// Nobody calls what the first of these refuses.
bool mk_attention_bf16_fits(int64_t dimension) { return (void)dimension, false; }

int64_t mk_attention_bf16_workspace(const mk_attention_batch *p, bool is_backward) {
  return (void)p, (void)is_backward, 0;
}

void mk_attention_bf16(const mk_attention_batch *p, const float *qkv, float *workspace) {
  (void)p, (void)qkv, (void)workspace;
}
#endif

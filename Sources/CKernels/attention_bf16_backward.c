// Rotary attention of whole sequences in bf16, backward. The formulas stand in attention.c.
#include "attention_bf16.h"

#if !defined(MK_NO_DOT_UNIT)
// A block's queries against as many keys.
enum { back_block = 128 };

// The gradient of a head before rotation, from that of the head over the scale.
MK_DOT_INLINE void rotate_back(const mk_attention_batch *p, int64_t row, const float *from, uint16_t *to) {
  int64_t d = p->rule.dimension, angle = p->positions[row] * (d / 2);
  mk_rotate_head(from, p->cosines + angle, p->sines + angle, p->rule.scale, -1, d, to);
}

typedef struct {
  const mk_attention_batch *batch;
  const float *dy;
  // Gradients of the keys and values as each query head has them, [heads][rows][dimension].
  float *dk, *dv;
  uint16_t *dqkv;
  // For each sequence's key/value heads how many of their query heads are not done.
  atomic_int *left;
} backward;

// What a head's products read and its queries' gradients. Turned: pairs along the dimension, in blocks
// [dimension/2][query_block]. Paired: pairs along the rows, [rows/2][dimension]. Zeros behind the last row.
typedef struct {
  uint32_t *turned_queries, *turned_slopes, *paired_queries, *paired_slopes, *paired_keys;
  float *log_sums, *dots, *dq;
} head_rows;

// A block's gradients of the output in bf16, to `turned` and `paired`, and their products with it, to `dots`.
MK_DOT_INLINE void lay_out_slopes(
  const float *dy, const uint16_t *y, int64_t stride, int64_t rows, int64_t d, uint32_t *turned, uint32_t *paired,
  float *dots) {
  uint16_t *narrow = mk_scratch(3, (size_t)(query_block * d) * sizeof(uint16_t));
  for (int64_t i = 0; i < rows; i++) {
    __m512 low = _mm512_setzero_ps(), high = low;
    for (int64_t j = 0; j < d; j += 32) {
      const float *from = dy + i * stride + j;
      // As in mk_pair_rows.
      __builtin_prefetch(from + 16 * stride), __builtin_prefetch(from + 16 * stride + 16);
      __builtin_prefetch(y + (i + 16) * stride + j);
      __m512i out = _mm512_loadu_si512(y + i * stride + j);
      __m512i left = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(out)), 16);
      __m512i right = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(out, 1)), 16);
      low = _mm512_fmadd_ps(_mm512_loadu_ps(from), (__m512)left, low);
      high = _mm512_fmadd_ps(_mm512_loadu_ps(from + 16), (__m512)right, high);
      _mm512_storeu_si512(narrow + i * d + j, mk_narrowed_at(from));
    }
    dots[i] = _mm512_reduce_add_ps(_mm512_add_ps(low, high));
  }
  mk_turn_pairs(narrow, d, rows, d, turned, query_block);
  mk_pair_rows(narrow, d, rows, d, paired);
}

MK_DOT_UNIT static head_rows lay_out_head(const backward *b, mk_span span, int64_t head) {
  const mk_attention_batch *p = b->batch;
  int64_t d = p->rule.dimension, width = mk_attention_width(p), stride = p->rule.heads * d;
  int64_t kv = head / (p->rule.heads / p->rule.kv_heads);
  int64_t room = (span.rows + query_block - 1) / query_block * query_block, size = room / 2 * d;
  head_rows to;
  to.turned_queries = mk_scratch(4, (size_t)(7 * size + 2 * room) * sizeof(float));
  to.turned_slopes = to.turned_queries + size;
  to.paired_queries = to.turned_slopes + size;
  to.paired_slopes = to.paired_queries + size;
  to.paired_keys = to.paired_slopes + size;
  to.dq = (float *)(to.paired_keys + size);
  to.log_sums = to.dq + 2 * size;
  to.dots = to.log_sums + room;
  const uint16_t *q = p->rotated + span.first * width + head * d;
  mk_pair_rows(p->rotated + span.first * width + (p->rule.heads + kv) * d, width, span.rows, d, to.paired_keys);
  mk_pair_rows(q, width, span.rows, d, to.paired_queries);
  for (int64_t i = 0; i < room; i++) {
    float log_sum = i < span.rows ? p->log_sums[head * p->rows + span.first + i] : 0;
    to.log_sums[i] = log_sum * 1.44269504088896341f;
    to.dots[i] = 0;
  }
  for (int64_t i = 0; i < span.rows; i += query_block) {
    int64_t rows = mk_smaller(span.rows - i, query_block), from = (span.first + i) * stride + head * d;
    mk_turn_pairs(q + i * width, width, rows, d, to.turned_queries + i * (d / 2), query_block);
    lay_out_slopes(
      b->dy + from, p->out + from, stride, rows, d, to.turned_slopes + i * (d / 2), to.paired_slopes + i * (d / 2),
      to.dots + i);
  }
  return to;
}

// Probabilities of a block and the gradients of its scores, as the products after them read these.
typedef struct {
  // Pairs along the queries, [key][back_block/2].
  uint32_t probability[back_block * back_block / 2], slope[back_block * back_block / 2];
  // Pairs along the keys, [key/2][back_block].
  uint32_t turned_slope[back_block * back_block / 2];
  // What they are made of, of query_block queries at a time.
  float scores[back_block * query_block], slopes[back_block * query_block];
} weights;

// Two keys against query_block queries: columns of the weights. With `masked`, query i sees the first of the keys if
// i ≥ `place`.
MK_DOT_INLINE void weigh_pair(
  const float *scores, const float *slopes, __m512 factor, const __m512 *log_sum, const __m512 *dot, int64_t place,
  const bool masked, uint32_t *probability, uint32_t *slope, uint32_t *turned_slope) {
  __m512i ds[2];
  for (int i = 0; i < 2; i++) {
    __m512 e[2], de[2];
    for (int h = 0; h < 2; h++) {
      int64_t from = i * query_block + 16 * h;
      __mmask16 mask = masked ? mk_lanes_from(place + i - 16 * h) : 0xFFFF;
      e[h] = mk_power_of_two(_mm512_fmsub_ps(_mm512_loadu_ps(scores + from), factor, log_sum[h]));
      e[h] = _mm512_maskz_mov_ps(mask, e[h]);
      de[h] = _mm512_maskz_mul_ps(mask, e[h], _mm512_sub_ps(_mm512_loadu_ps(slopes + from), dot[h]));
    }
    ds[i] = mk_narrowed(de[0], de[1]);
    _mm512_storeu_si512(probability + i * (back_block / 2), mk_narrowed(e[0], e[1]));
    _mm512_storeu_si512(slope + i * (back_block / 2), ds[i]);
  }
  mk_interleave(ds[0], ds[1], turned_slope);
}

// The weights of one block of queries against one of keys.
MK_DOT_UNIT static void weigh_block(
  const backward *b, mk_span span, int64_t head, const head_rows *own, int64_t key, int64_t begin, weights *to) {
  const mk_attention_batch *p = b->batch;
  int64_t d = p->rule.dimension, width = mk_attention_width(p), kv = head / (p->rule.heads / p->rule.kv_heads);
  int64_t rows = mk_smaller(span.rows - begin, back_block), keys = mk_smaller(span.rows - key, back_block);
  const uint32_t *first = (const uint32_t *)(p->rotated + (span.first + key) * width + (p->rule.heads + kv) * d);
  __m512 factor = _mm512_set1_ps(mk_power_scale(p));
  for (int64_t i = 0; i < rows; i += query_block) {
    // The first of these queries sees keys up to `diagonal`, the one after it one more.
    int64_t diagonal = begin + i - key, place = (begin + i) * (d / 2);
    int64_t seen = mk_smaller(keys, diagonal + query_block), common = mk_smaller(seen, diagonal + 16);
    mk_score(first, width / 2, common, seen, d / 2, own->turned_queries + place, to->scores);
    mk_score(first + p->rule.kv_heads * d / 2, width / 2, common, seen, d / 2, own->turned_slopes + place, to->slopes);
    __m512 log_sum[2], dot[2];
    for (int h = 0; h < 2; h++) {
      log_sum[h] = _mm512_loadu_ps(own->log_sums + begin + i + 16 * h);
      dot[h] = _mm512_loadu_ps(own->dots + begin + i + 16 * h);
    }
    for (int64_t k = 0; k < seen; k += 2) {
      const float *scores = to->scores + k * query_block, *slopes = to->slopes + k * query_block;
      int64_t at = (k * back_block + i) / 2;
      uint32_t *probability = to->probability + at, *slope = to->slope + at;
      uint32_t *turned = to->turned_slope + k / 2 * back_block + i;
      if (k < diagonal) weigh_pair(scores, slopes, factor, log_sum, dot, 0, false, probability, slope, turned);
      else weigh_pair(scores, slopes, factor, log_sum, dot, k - diagonal, true, probability, slope, turned);
    }
  }
}

MK_DOT_UNIT static void add_products(
  const weights *w, int64_t rows, int64_t keys, int64_t d, bool is_diagonal, bool is_first, const uint32_t *queries,
  const uint32_t *slopes, const uint32_t *paired_keys, float *dq, float *dk, float *dv) {
  // On the diagonal in parts of 8, without what no query of a part sees.
  int64_t step = is_diagonal ? 8 : back_block, pairs = (rows + 1) / 2;
  for (int64_t k = 0; k < keys; k += step) {
    int64_t skip = is_diagonal ? k / 2 : 0, count = mk_smaller(keys - k, step), from = k * (back_block / 2) + skip;
    const uint32_t *probability = w->probability + from, *slope = w->slope + from;
    mk_dot_blocks(
      count, d, pairs - skip, 1, probability, back_block / 2, 1, slopes + skip * d, d, !is_diagonal, dv + k * d, d);
    mk_dot_blocks(
      count, d, pairs - skip, 1, slope, back_block / 2, 1, queries + skip * d, d, !is_diagonal, dk + k * d, d);
  }
  for (int64_t i = 0; i < rows; i += step) {
    int64_t seen = is_diagonal ? mk_smaller(keys, i + step) : keys;
    mk_dot_blocks(
      mk_smaller(rows - i, step), d, (seen + 1) / 2, 1, w->turned_slope + i, 1, back_block, paired_keys, d, !is_first,
      dq + i * d, d);
  }
}

// A key/value head's gradient is the sum over the query heads that share it.
MK_DOT_UNIT static void sum_group(const backward *b, mk_span span, int64_t kv) {
  const mk_attention_batch *p = b->batch;
  int64_t d = p->rule.dimension, width = mk_attention_width(p), between = p->rows * d;
  int64_t group = p->rule.heads / p->rule.kv_heads;
  float *sum = mk_scratch(3, (size_t)d * sizeof(float));
  for (int64_t row = span.first; row < span.first + span.rows; row++)
    for (int is_value = 0; is_value < 2; is_value++) {
      const float *parts = (is_value ? b->dv : b->dk) + kv * group * between + row * d;
      uint16_t *to = b->dqkv + row * width + (p->rule.heads + (is_value ? p->rule.kv_heads : 0) + kv) * d;
      for (int64_t j = 0; j < d; j += 16) {
        __builtin_prefetch(to + 8 * width + j, 1);
        __m512 total = _mm512_loadu_ps(parts + j);
        for (int64_t i = 1; i < group; i++) total = _mm512_add_ps(total, _mm512_loadu_ps(parts + i * between + j));
        _mm512_storeu_ps(sum + j, total);
      }
      if (is_value)
        for (int64_t j = 0; j < d; j += 32) _mm512_storeu_si512(to + j, mk_narrowed_at(sum + j));
      else rotate_back(p, row, sum, to);
    }
}

MK_DOT_UNIT static void attend_back(void *context, int64_t task) {
  const backward *b = context;
  const mk_attention_batch *p = b->batch;
  int64_t sequence = task / p->rule.heads, head = task % p->rule.heads, d = p->rule.dimension;
  mk_span span = p->spans[sequence];
  head_rows own = lay_out_head(b, span, head);
  weights *w = mk_scratch(2, sizeof(weights));
  float *dk = b->dk + (head * p->rows + span.first) * d, *dv = b->dv + (head * p->rows + span.first) * d;
  for (int64_t key = 0; key < span.rows; key += back_block)
    for (int64_t begin = key; begin < span.rows; begin += back_block) {
      int64_t place = begin * (d / 2), rows = mk_smaller(span.rows - begin, back_block);
      weigh_block(b, span, head, &own, key, begin, w);
      add_products(
        w, rows, mk_smaller(span.rows - key, back_block), d, begin == key, key == 0, own.paired_queries + place,
        own.paired_slopes + place, own.paired_keys + key * (d / 2), own.dq + begin * d, dk + key * d, dv + key * d);
    }
  for (int64_t i = 0; i < span.rows; i++) {
    int64_t row = span.first + i;
    rotate_back(p, row, own.dq + i * d, b->dqkv + row * mk_attention_width(p) + head * d);
  }
  // Whoever is last of a group finds most of it in its cache.
  int64_t group = p->rule.heads / p->rule.kv_heads, kv = head / group;
  if (atomic_fetch_sub(b->left + sequence * p->rule.kv_heads + kv, 1) == 1) sum_group(b, span, kv);
}

void mk_attention_backward_bf16(const mk_attention_batch *p, const float *dy, float *workspace, uint16_t *dqkv) {
  int64_t each = p->rows * p->rule.heads * p->rule.dimension, groups = p->count * p->rule.kv_heads;
  float *rest = workspace + mk_whole_lines(groups);
  backward b = {p, dy, rest, rest + each, dqkv, (atomic_int *)workspace};
  for (int64_t i = 0; i < groups; i++) atomic_init(b.left + i, (int)(p->rule.heads / p->rule.kv_heads));
  mk_parallel_tasks(p->count * p->rule.heads, attend_back, &b);
}
#else
void mk_attention_backward_bf16(const mk_attention_batch *p, const float *dy, float *workspace, uint16_t *dqkv) {
  (void)p, (void)dy, (void)workspace, (void)dqkv;
}
#endif

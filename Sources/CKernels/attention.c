// Attention over packed sequences by blocks (Dao 2023, arXiv 2307.08691): no T×T matrix is ever held.
// S = s·Q·Kᵀ over the keys that the rule lets a query see, P = softmax(S), O = P·V; grouped queries share a key/value
// head (Ainslie et al. 2023, 2305.13245). With a softcap c, S becomes c·tanh(S/c) (Gemma Team 2024, 2408.00118, §2).
// Backward, with L = log Σ exp(S) and D = Σ dO·O by row: P = exp(S - L), dV = Pᵀ·dO, dS = s·P·(dO·Vᵀ - D), times
// 1 - tanh² with a softcap, dQ = dS·K, dK = dSᵀ·Q.
#include "attention_rule.h"
#include "microkernel.h"
#include "softcap.h"

enum { query_block = 32, key_block = 128 };

// --- Forward ------------------------------------------------------------------------------------------

typedef struct {
  const mk_attention_rule *rule;
  const mk_sequence *sequences;
} attention;

// Rows of B transposed into [columns of a panel]: kt[d][width] from `keys` rows of k.
MK_INLINE void transpose_keys(
  const float *restrict k, int64_t stride, int64_t keys, int64_t width, int64_t dimension, float *restrict kt) {
  for (int64_t d = 0; d < dimension; d++) {
    for (int64_t j = 0; j < keys; j++) kt[d * width + j] = k[j * stride + d];
    for (int64_t j = keys; j < width; j++) kt[d * width + j] = 0;
  }
}

// Columns that a product may read: whole vectors.
MK_INLINE int64_t padded_width(int64_t columns) { return (columns + 15) / 16 * 16; }

// A row-major B operand whose rows can be read in whole vectors: `x` itself, or a copy with zeros behind.
MK_INLINE const float *readable(
  const float *restrict x, int64_t *stride, int64_t rows, int64_t dimension, float *restrict copy) {
  int64_t width = padded_width(dimension), from = *stride;
  if (width == dimension) return x;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < width; j++) copy[i * width + j] = j < dimension ? x[i * from + j] : 0;
  *stride = width;
  return copy;
}

// One query block of one head.
MK_KERNEL(
  attend_block, (const attention *p, const mk_sequence *s, int64_t head, int64_t begin, int64_t end),
  (p, s, head, begin, end)) {
  const mk_attention_rule *rule = p->rule;
  int64_t d = rule->dimension, kv = head / (rule->heads / rule->kv_heads), rows = end - begin;
  float scale = rule->scale, softcap = rule->softcap;
  int64_t panel = padded_width(d) * key_block;
  float *kt = mk_scratch(2, (size_t)(2 * panel + query_block * (key_block + d)) * sizeof(float));
  float *copy = kt + panel, *scores = copy + panel, *out = scores + query_block * key_block;
  float highest[query_block], sum[query_block];
  for (int64_t i = 0; i < rows; i++) highest[i] = -INFINITY, sum[i] = 0;
  for (int64_t i = 0; i < rows * d; i++) out[i] = 0;
  int64_t first = begin - rule->before, last = end + rule->after;
  int64_t keys_end = last < s->queries ? last : s->queries;
  for (int64_t key = first > 0 ? first : 0; key < keys_end; key += key_block) {
    int64_t keys = keys_end - key < key_block ? keys_end - key : key_block, width = padded_width(keys);
    transpose_keys(s->k + key * s->kv_stride + kv * d, s->kv_stride, keys, width, d, kt);
    mk_blocks(
      rows, width, d, scale, s->q + begin * s->q_stride + head * d, s->q_stride, 1, kt, width, 0, scores, key_block);
    for (int64_t i = 0; i < rows; i++) {
#pragma clang fp reassociate(on) contract(fast)
      key_range seen = visible_keys(rule, begin + i, key, keys);
      float *restrict whole = scores + i * key_block, *restrict row = whole + seen.begin;
      int64_t visible = seen.end - seen.begin;
      if (softcap != 0) mk_cap_values(row, visible, softcap, NULL);
      float top = highest[i];
      for (int64_t j = 0; j < visible; j++) top = row[j] > top ? row[j] : top;
      float correction = visible == 0 ? 1 : mk_expf(highest[i] - top), total = 0;
      for (int64_t j = 0; j < visible; j++) {
        row[j] = mk_expf(row[j] - top);
        total += row[j];
      }
      for (int64_t j = 0; j < seen.begin; j++) whole[j] = 0;
      for (int64_t j = seen.end; j < keys; j++) whole[j] = 0;
      sum[i] = sum[i] * correction + total;
      highest[i] = top;
      if (correction != 1)
        for (int64_t j = 0; j < d; j++) out[i * d + j] *= correction;
    }
    int64_t stride = s->kv_stride;
    const float *v = readable(s->v + key * stride + kv * d, &stride, keys, d, copy);
    mk_blocks(rows, d, keys, 1, scores, key_block, 1, v, stride, 1, out, d);
  }
  for (int64_t i = 0; i < rows; i++) {
    int64_t place = (begin + i) * s->out_stride + head * d;
    float inverse = 1 / sum[i];
    if (s->out)
      for (int64_t j = 0; j < d; j++) s->out[place + j] = out[i * d + j] * inverse;
    else
      for (int64_t j = 0; j < d; j++) s->narrow_out[place + j] = mk_narrow(out[i * d + j] * inverse);
    if (s->log_sum) s->log_sum[head * s->queries + begin + i] = highest[i] + logf(sum[i]);
  }
}

static void attend(void *context, int64_t task) {
  const attention *p = context;
  int64_t head = task % p->rule->heads, block = task / p->rule->heads;
  const mk_sequence *s = p->sequences;
  for (;; s++) {
    int64_t blocks = (s->queries + query_block - 1) / query_block;
    if (block < blocks) break;
    block -= blocks;
  }
  int64_t begin = block * query_block, end = begin + query_block;
  attend_block(p, s, head, begin, end < s->queries ? end : s->queries);
}

void mk_attention(const mk_attention_rule *rule, const mk_sequence *sequences, int64_t count) {
  attention p = {rule, sequences};
  int64_t blocks = 0;
  for (int64_t i = 0; i < count; i++) blocks += (sequences[i].queries + query_block - 1) / query_block;
  mk_parallel_tasks(blocks * rule->heads, attend, &p);
}

// --- Backward -----------------------------------------------------------------------------------------

typedef struct {
  const mk_attention_rule *rule;
  const mk_sequence_backward *sequences;
} attention_backward;

// One key/value head of one sequence: every block of queries against every block of keys it sees.
MK_KERNEL(attend_backward, (const attention_backward *p, const mk_sequence_backward *s, int64_t kv), (p, s, kv)) {
  const mk_attention_rule *rule = p->rule;
  int64_t d = rule->dimension, group = rule->heads / rule->kv_heads, stride = s->qkv_stride;
  float scale = rule->scale, softcap = rule->softcap, slopes[key_block];
  int64_t panel = padded_width(d) * key_block;
  float *kt = mk_scratch(2, (size_t)(4 * panel + 2 * query_block * key_block) * sizeof(float));
  float *vt = kt + panel, *k_copy = vt + panel, *row_copy = k_copy + panel, *probability = row_copy + panel;
  float *dscores = probability + query_block * key_block;
  for (int64_t i = 0; i < s->queries; i++) {
    for (int64_t j = 0; j < group * d; j++) s->dq[i * stride + kv * group * d + j] = 0;
    for (int64_t j = 0; j < d; j++) s->dk[i * stride + kv * d + j] = s->dv[i * stride + kv * d + j] = 0;
  }
  for (int64_t key = 0; key < s->queries; key += key_block) {
    int64_t keys = s->queries - key < key_block ? s->queries - key : key_block, width = padded_width(keys);
    const float *k = s->k + key * stride + kv * d, *v = s->v + key * stride + kv * d;
    transpose_keys(k, stride, keys, width, d, kt);
    transpose_keys(v, stride, keys, width, d, vt);
    int64_t k_stride = stride;
    const float *k_rows = readable(k, &k_stride, keys, d, k_copy);
    // The queries that see any of them.
    int64_t first = key > rule->after ? (key - rule->after) / query_block * query_block : 0;
    int64_t last = key + keys + rule->before < s->queries ? key + keys + rule->before : s->queries;
    for (int64_t head = kv * group; head < (kv + 1) * group; head++)
      for (int64_t begin = first; begin < last; begin += query_block) {
        int64_t rows = s->queries - begin < query_block ? s->queries - begin : query_block;
        const float *q = s->q + begin * stride + head * d;
        const float *dout = s->dout + begin * s->out_stride + head * d;
        int64_t place = begin * s->out_stride + head * d;
        // What is behind all that a row of the block sees is not computed.
        int64_t reach = begin + rows + rule->after - key, seen = reach < keys ? reach : keys;
        int64_t columns = padded_width(seen);
        mk_blocks(rows, columns, d, scale, q, stride, 1, kt, width, 0, probability, key_block);
        mk_blocks(rows, columns, d, 1, dout, s->out_stride, 1, vt, width, 0, dscores, key_block);
        for (int64_t i = 0; i < rows; i++) {
#pragma clang fp reassociate(on) contract(fast)
          key_range own = visible_keys(rule, begin + i, key, seen);
          float *restrict pwhole = probability + i * key_block, *restrict dwhole = dscores + i * key_block;
          float *restrict prow = pwhole + own.begin, *restrict drow = dwhole + own.begin;
          int64_t visible = own.end - own.begin;
          if (softcap != 0) mk_cap_values(prow, visible, softcap, slopes);
          float log_sum = s->log_sum[head * s->queries + begin + i], dot = 0;
          const float *restrict slope = dout + i * s->out_stride;
          int64_t from = place + i * s->out_stride;
          if (s->out)
            for (int64_t j = 0; j < d; j++) dot += slope[j] * s->out[from + j];
          else
            for (int64_t j = 0; j < d; j++) dot += slope[j] * mk_widen(s->narrow_out[from + j]);
          for (int64_t j = 0; j < visible; j++) {
            prow[j] = mk_expf(prow[j] - log_sum);
            drow[j] = prow[j] * (drow[j] - dot) * scale;
          }
          if (softcap != 0)
            for (int64_t j = 0; j < visible; j++) drow[j] *= slopes[j];
          for (int64_t j = 0; j < own.begin; j++) pwhole[j] = dwhole[j] = 0;
          for (int64_t j = own.end; j < seen; j++) pwhole[j] = dwhole[j] = 0;
        }
        float *dk = s->dk + key * stride + kv * d, *dv = s->dv + key * stride + kv * d;
        float *dq = s->dq + begin * stride + head * d;
        int64_t dout_stride = s->out_stride, q_stride = stride;
        const float *dout_rows = readable(dout, &dout_stride, rows, d, row_copy);
        mk_blocks(seen, d, rows, 1, probability, 1, key_block, dout_rows, dout_stride, 1, dv, stride);
        const float *q_rows = readable(q, &q_stride, rows, d, row_copy);
        mk_blocks(seen, d, rows, 1, dscores, 1, key_block, q_rows, q_stride, 1, dk, stride);
        mk_blocks(rows, d, seen, 1, dscores, key_block, 1, k_rows, k_stride, 1, dq, stride);
      }
  }
}

static void attend_back(void *context, int64_t task) {
  const attention_backward *p = context;
  attend_backward(p, p->sequences + task / p->rule->kv_heads, task % p->rule->kv_heads);
}

void mk_attention_backward(const mk_attention_rule *rule, const mk_sequence_backward *sequences, int64_t count) {
  attention_backward p = {rule, sequences};
  mk_parallel_tasks(count * rule->kv_heads, attend_back, &p);
}

// Rotary attention of whole sequences in bf16 with f32 sums, for processors with the dot-product unit. The formulas
// stand in attention.c; here every operand of a product is laid out in pairs along its sum first, once for all
// heads and blocks that read it.
#include "dot.h"

enum { query_block = 32, key_block = 128 };

static int64_t width_of(const mk_attention_batch *p) { return (p->heads + 2 * p->kv_heads) * p->dimension; }

// --- Rotation, to and from bf16 -------------------------------------------------------------------------

typedef struct {
  const mk_attention_batch *batch;
  const float *qkv;
  // Backward: gradients of each head's queries, keys and values, [rows][heads·dimension] each.
  const float *dq, *dk, *dv;
  uint16_t *to;
} rotation;

MK_KERNEL(rotate_to_bf16, (const rotation *r, int64_t begin, int64_t end), (r, begin, end)) {
  const mk_attention_batch *p = r->batch;
  int64_t d = p->dimension, half = d / 2, width = width_of(p), turned = p->heads + p->kv_heads;
  for (int64_t row = begin; row < end; row++) {
    const float *restrict cosine = p->cosines + p->positions[row] * half;
    const float *restrict sine = p->sines + p->positions[row] * half;
    for (int64_t head = 0; head < turned; head++) {
      const float *restrict a = r->qkv + row * width + head * d;
      uint16_t *restrict to = r->to + row * width + head * d;
      for (int64_t j = 0; j < half; j++) {
        to[j] = mk_narrow(a[j] * cosine[j] - a[half + j] * sine[j]);
        to[half + j] = mk_narrow(a[half + j] * cosine[j] + a[j] * sine[j]);
      }
    }
    const float *restrict v = r->qkv + row * width + turned * d;
    uint16_t *restrict to = r->to + row * width + turned * d;
    for (int64_t j = 0; j < p->kv_heads * d; j++) to[j] = mk_narrow(v[j]);
  }
}

MK_KERNEL(rotate_back_to_bf16, (const rotation *r, int64_t begin, int64_t end), (r, begin, end)) {
  const mk_attention_batch *p = r->batch;
  int64_t d = p->dimension, half = d / 2, width = width_of(p), group = p->heads / p->kv_heads;
  float *sum = mk_scratch(4, (size_t)d * sizeof(float));
  for (int64_t row = begin; row < end; row++) {
    const float *restrict cosine = p->cosines + p->positions[row] * half;
    const float *restrict sine = p->sines + p->positions[row] * half;
    for (int64_t head = 0; head < p->heads + 2 * p->kv_heads; head++) {
      uint16_t *restrict to = r->to + row * width + head * d;
      const float *restrict from;
      if (head < p->heads) {
        from = r->dq + (row * p->heads + head) * d;
      } else {
        // A key/value head's gradient is the sum over the query heads that share it.
        bool is_key = head < p->heads + p->kv_heads;
        int64_t first = (head - p->heads - (is_key ? 0 : p->kv_heads)) * group;
        const float *restrict parts = (is_key ? r->dk : r->dv) + (row * p->heads + first) * d;
        for (int64_t j = 0; j < d; j++) sum[j] = parts[j];
        for (int64_t i = 1; i < group; i++)
          for (int64_t j = 0; j < d; j++) sum[j] += parts[i * d + j];
        from = sum;
        if (!is_key) {
          for (int64_t j = 0; j < d; j++) to[j] = mk_narrow(sum[j]);
          continue;
        }
      }
      for (int64_t j = 0; j < half; j++) {
        to[j] = mk_narrow(from[j] * cosine[j] + from[half + j] * sine[j]);
        to[half + j] = mk_narrow(from[half + j] * cosine[j] - from[j] * sine[j]);
      }
    }
  }
}

static void rotate(void *r, int64_t begin, int64_t end) { rotate_to_bf16(r, begin, end); }
static void rotate_back(void *r, int64_t begin, int64_t end) { rotate_back_to_bf16(r, begin, end); }

bool mk_attention_bf16_fits(int64_t dimension) { return mk_has_dot_unit() && dimension % 32 == 0; }

// --- Keys and values in pairs ---------------------------------------------------------------------------

// What one key/value head of one sequence is laid out in: tiles of key_block keys, zeros behind the last key.
// turned: pairs along the dimension, [dimension/2][key_block]; paired: pairs along the keys, [key_block/2][dimension].
typedef struct {
  uint32_t *turned_keys, *paired_keys, *turned_values, *paired_values;
} layout;

typedef struct {
  const mk_attention_batch *batch;
  const float *dy;
  float *dq, *dk, *dv;
  uint32_t *tiles;
  // For each sequence the tiles of the sequences before it.
  int64_t *firsts;
  bool is_backward;
} attention;

static int64_t tiles_of(int64_t rows) { return (rows + key_block - 1) / key_block; }

static int64_t tile_size(const mk_attention_batch *p) { return key_block / 2 * p->dimension; }

// Forward lays out keys turned and values paired; backward keys both ways and values turned.
static layout layout_of(const attention *a, int64_t sequence, int64_t kv) {
  const mk_attention_batch *p = a->batch;
  int64_t kinds = a->is_backward ? 3 : 2, tiles = tiles_of(p->spans[sequence].rows), size = tiles * tile_size(p);
  uint32_t *first = a->tiles + (a->firsts[sequence] * p->kv_heads + kv * tiles) * tile_size(p) * kinds;
  if (a->is_backward) return (layout){first, first + size, first + 2 * size, NULL};
  return (layout){first, NULL, NULL, first + size};
}

MK_DOT_UNIT static void turn_tile(const uint16_t *x, int64_t stride, int64_t keys, int64_t d, uint32_t *to) {
  mk_turn_pairs(x, stride, keys, d, to, key_block);
}

MK_DOT_UNIT static void pair_tile(const uint16_t *x, int64_t stride, int64_t keys, int64_t d, uint32_t *to) {
  int64_t i = 0;
  for (; i < keys; i += 2)
    mk_pair_narrow_rows(x + i * stride, i + 1 < keys ? x + (i + 1) * stride : NULL, d, to + i / 2 * d);
  memset(to + i / 2 * d, 0, (size_t)((key_block - i) / 2 * d) * sizeof(uint32_t));
}

static void lay_out(void *context, int64_t task) {
  const attention *a = context;
  const mk_attention_batch *p = a->batch;
  int64_t sequence = task / p->kv_heads, kv = task % p->kv_heads, d = p->dimension, width = width_of(p);
  mk_span span = p->spans[sequence];
  const uint16_t *keys = p->rotated + span.first * width + (p->heads + kv) * d, *values = keys + p->kv_heads * d;
  layout to = layout_of(a, sequence, kv);
  for (int64_t tile = 0; tile < tiles_of(span.rows); tile++) {
    int64_t first = tile * key_block, place = tile * tile_size(p);
    int64_t count = span.rows - first < key_block ? span.rows - first : key_block;
    turn_tile(keys + first * width, width, count, d, to.turned_keys + place);
    if (to.paired_keys) pair_tile(keys + first * width, width, count, d, to.paired_keys + place);
    if (to.turned_values) turn_tile(values + first * width, width, count, d, to.turned_values + place);
    if (to.paired_values) pair_tile(values + first * width, width, count, d, to.paired_values + place);
  }
}

static int64_t count_tiles(const mk_attention_batch *p, int64_t *firsts) {
  int64_t tiles = 0;
  for (int64_t i = 0; i < p->count; i++) {
    if (firsts) firsts[i] = tiles;
    tiles += tiles_of(p->spans[i].rows);
  }
  return tiles;
}

// --- Forward --------------------------------------------------------------------------------------------

MK_DOT_UNIT static void attend_block(
  const attention *a, int64_t sequence, int64_t head, int64_t begin, int64_t end) {
#pragma clang fp reassociate(on) contract(fast)
  const mk_attention_batch *p = a->batch;
  int64_t d = p->dimension, width = width_of(p), rows = end - begin, first = p->spans[sequence].first;
  layout tiles = layout_of(a, sequence, head / (p->heads / p->kv_heads));
  const uint32_t *q = (const uint32_t *)(p->rotated + (first + begin) * width + head * d);
  float scale = 1 / sqrtf((float)d);
  float *scores = mk_scratch(2, (size_t)(query_block * (key_block + d)) * sizeof(float) + query_block * key_block * 2);
  float *out = scores + query_block * key_block;
  uint16_t *probability = (uint16_t *)(out + query_block * d);
  float highest[query_block], sum[query_block];
  for (int64_t i = 0; i < rows; i++) highest[i] = -INFINITY, sum[i] = 0;
  for (int64_t i = 0; i < rows * d; i++) out[i] = 0;
  for (int64_t key = 0; key < end; key += key_block) {
    int64_t seen = end - key < key_block ? end - key : key_block, columns = (seen + 15) & ~(int64_t)15;
    int64_t place = key / key_block * tile_size(p);
    mk_dot_blocks(rows, columns, d / 2, scale, q, width / 2, 1, tiles.turned_keys + place, key_block, false, scores, key_block);
    for (int64_t i = 0; i < rows; i++) {
      float *restrict row = scores + i * key_block;
      uint16_t *restrict narrow = probability + i * key_block;
      int64_t visible = begin + i + 1 - key;
      if (visible > seen) visible = seen;
      if (visible < 0) visible = 0;
      float top = mk_highest(row, visible);
      top = top > highest[i] ? top : highest[i];
      float correction = visible == 0 ? 1 : mk_expf(highest[i] - top), total = 0;
      // Whole vectors: what is not visible counts nothing.
#pragma clang loop vectorize_width(16) interleave_count(1)
      for (int64_t j = 0; j < columns; j++) {
        float e = j < visible ? mk_expf(row[j] - top) : 0;
        total += e;
        narrow[j] = mk_narrow(e);
      }
      sum[i] = sum[i] * correction + total;
      highest[i] = top;
      if (correction != 1)
        for (int64_t j = 0; j < d; j++) out[i * d + j] *= correction;
    }
    mk_dot_blocks(
      rows, d, columns / 2, 1, (const uint32_t *)probability, key_block / 2, 1, tiles.paired_values + place, d, true, out, d);
  }
  for (int64_t i = 0; i < rows; i++) {
    int64_t row = first + begin + i;
    float inverse = 1 / sum[i];
    uint16_t *restrict to = p->out + (row * p->heads + head) * d;
    for (int64_t j = 0; j < d; j++) to[j] = mk_narrow(out[i * d + j] * inverse);
    if (p->log_sums) p->log_sums[head * p->rows + row] = highest[i] + logf(sum[i]);
  }
}

static void attend(void *context, int64_t task) {
  const attention *a = context;
  const mk_attention_batch *p = a->batch;
  int64_t head = task % p->heads, block = task / p->heads, sequence = 0;
  for (;; sequence++) {
    int64_t blocks = (p->spans[sequence].rows + query_block - 1) / query_block;
    if (block < blocks) break;
    block -= blocks;
  }
  int64_t begin = block * query_block, end = begin + query_block, rows = p->spans[sequence].rows;
  attend_block(a, sequence, head, begin, end < rows ? end : rows);
}

int64_t mk_attention_bf16_workspace(const mk_attention_batch *p, bool is_backward) {
  int64_t tiles = count_tiles(p, NULL) * p->kv_heads * tile_size(p) * (is_backward ? 3 : 2);
  return tiles + p->count * 2 + (is_backward ? 3 * p->rows * p->heads * p->dimension : 0);
}

static attention begin_attention(const mk_attention_batch *p, float *workspace, bool is_backward) {
  attention a = {.batch = p, .is_backward = is_backward, .firsts = (int64_t *)workspace};
  int64_t each = p->rows * p->heads * p->dimension;
  count_tiles(p, a.firsts);
  float *rest = workspace + p->count * 2;
  if (is_backward) a.dq = rest, a.dk = rest + each, a.dv = rest + 2 * each, rest += 3 * each;
  a.tiles = (uint32_t *)rest;
  return a;
}

void mk_attention_bf16(const mk_attention_batch *p, const float *qkv, float *workspace) {
  rotation turn = {.batch = p, .qkv = qkv, .to = p->rotated};
  mk_parallel_ranges(p->rows, 8, rotate, &turn);
  attention a = begin_attention(p, workspace, false);
  mk_parallel_tasks(p->count * p->kv_heads, lay_out, &a);
  int64_t blocks = 0;
  for (int64_t i = 0; i < p->count; i++) blocks += (p->spans[i].rows + query_block - 1) / query_block;
  mk_parallel_tasks(blocks * p->heads, attend, &a);
}

// --- Backward -------------------------------------------------------------------------------------------

// A head's queries and output gradients in the layouts that its products read.
typedef struct {
  uint32_t *paired_queries, *paired_slopes;
  uint16_t *slopes;
  float *dots;
} head_rows;

MK_DOT_UNIT static head_rows lay_out_head(const attention *a, mk_span span, int64_t head) {
#pragma clang fp reassociate(on) contract(fast)
  const mk_attention_batch *p = a->batch;
  int64_t d = p->dimension, width = width_of(p), pairs = (span.rows + query_block) / 2 + 1;
  head_rows to;
  to.paired_queries = mk_scratch(4, (size_t)(pairs * d * 3) * sizeof(uint32_t) + (size_t)(2 * pairs) * sizeof(float));
  to.paired_slopes = to.paired_queries + pairs * d;
  to.slopes = (uint16_t *)(to.paired_slopes + pairs * d);
  to.dots = (float *)(to.slopes + 2 * pairs * d);
  const uint16_t *q = p->rotated + span.first * width + head * d;
  const uint16_t *y = p->out + (span.first * p->heads + head) * d;
  const float *dy = a->dy + (span.first * p->heads + head) * d;
  int64_t stride = p->heads * d;
  for (int64_t i = 0; i < span.rows; i += 2) {
    bool both = i + 1 < span.rows;
    mk_pair_rows(dy + i * stride, both ? dy + (i + 1) * stride : NULL, d, to.paired_slopes + i / 2 * d);
    mk_pair_narrow_rows(q + i * width, both ? q + (i + 1) * width : NULL, d, to.paired_queries + i / 2 * d);
  }
  for (int64_t i = 0; i < span.rows; i++)
    for (int64_t j = 0; j < d; j++) to.slopes[i * d + j] = mk_narrow(dy[i * stride + j]);
  for (int64_t i = 0; i < span.rows; i++) {
    float dot = 0;
    for (int64_t j = 0; j < d; j++) dot += dy[i * stride + j] * mk_widen(y[i * stride + j]);
    to.dots[i] = dot;
  }
  return to;
}

// One query block against one tile of keys, of one head.
MK_DOT_UNIT static void attend_back_tile(
  const attention *a, mk_span span, int64_t head, layout tiles, const head_rows *own, int64_t key, int64_t begin) {
#pragma clang fp reassociate(on) contract(fast)
  const mk_attention_batch *p = a->batch;
  int64_t d = p->dimension, width = width_of(p), stride = p->heads * d;
  int64_t rows = span.rows - begin < query_block ? span.rows - begin : query_block;
  int64_t keys = span.rows - key < key_block ? span.rows - key : key_block;
  int64_t seen = begin + rows - key < keys ? begin + rows - key : keys, columns = (seen + 15) & ~(int64_t)15;
  int64_t place = key / key_block * tile_size(p), first = span.first;
  float scale = 1 / sqrtf((float)d);
  enum { area = query_block * key_block };
  float *scores = mk_scratch(2, area * (2 * sizeof(float) + sizeof(uint32_t) + sizeof(uint16_t)));
  float *slopes = scores + area;
  uint32_t *paired_p = (uint32_t *)(slopes + area), *paired_ds = paired_p + area / 2;
  uint16_t *ds = (uint16_t *)(paired_ds + area / 2);
  const uint32_t *q = (const uint32_t *)(p->rotated + (first + begin) * width + head * d);
  mk_dot_blocks(rows, columns, d / 2, scale, q, width / 2, 1, tiles.turned_keys + place, key_block, false, scores, key_block);
  mk_dot_blocks(
    rows, columns, d / 2, 1, (const uint32_t *)(own->slopes + begin * d), d / 2, 1, tiles.turned_values + place,
    key_block, false, slopes, key_block);
  for (int64_t i = 0; i < rows; i++) {
    float *restrict prow = scores + i * key_block, *restrict drow = slopes + i * key_block;
    uint16_t *restrict narrow = ds + i * key_block;
    int64_t visible = begin + i + 1 - key;
    if (visible > seen) visible = seen;
    if (visible < 0) visible = 0;
    float log_sum = p->log_sums[head * p->rows + first + begin + i], dot = own->dots[begin + i];
#pragma clang loop vectorize_width(16) interleave_count(1)
    for (int64_t j = 0; j < columns; j++) {
      float e = j < visible ? mk_expf(prow[j] - log_sum) : 0;
      prow[j] = e;
      drow[j] = j < visible ? e * (drow[j] - dot) * scale : 0;
    }
#pragma clang loop vectorize_width(16) interleave_count(1)
    for (int64_t j = 0; j < columns; j++) narrow[j] = mk_narrow(drow[j]);
  }
  for (int64_t i = 0; i < rows; i += 2) {
    const float *from = scores + i * key_block, *slope = slopes + i * key_block;
    bool both = i + 1 < rows;
    mk_pair_rows(from, both ? from + key_block : NULL, columns, paired_p + i / 2 * key_block);
    mk_pair_rows(slope, both ? slope + key_block : NULL, columns, paired_ds + i / 2 * key_block);
  }
  int64_t pairs = (rows + 1) / 2, from = begin / 2 * d;
  float *dk = a->dk + (first + key) * stride + head * d, *dv = a->dv + (first + key) * stride + head * d;
  float *dq = a->dq + (first + begin) * stride + head * d;
  mk_dot_blocks(seen, d, pairs, 1, paired_p, 1, key_block, own->paired_slopes + from, d, true, dv, stride);
  mk_dot_blocks(seen, d, pairs, 1, paired_ds, 1, key_block, own->paired_queries + from, d, true, dk, stride);
  mk_dot_blocks(
    rows, d, columns / 2, 1, (const uint32_t *)ds, key_block / 2, 1, tiles.paired_keys + place, d, key > 0, dq, stride);
}

static void attend_back(void *context, int64_t task) {
  const attention *a = context;
  const mk_attention_batch *p = a->batch;
  int64_t sequence = task / p->heads, head = task % p->heads, d = p->dimension, stride = p->heads * d;
  mk_span span = p->spans[sequence];
  layout tiles = layout_of(a, sequence, head / (p->heads / p->kv_heads));
  head_rows own = lay_out_head(a, span, head);
  for (int64_t i = span.first; i < span.first + span.rows; i++) {
    memset(a->dk + i * stride + head * d, 0, (size_t)d * sizeof(float));
    memset(a->dv + i * stride + head * d, 0, (size_t)d * sizeof(float));
  }
  for (int64_t key = 0; key < span.rows; key += key_block)
    for (int64_t begin = key; begin < span.rows; begin += query_block)
      attend_back_tile(a, span, head, tiles, &own, key, begin);
}

void mk_attention_backward_bf16(const mk_attention_batch *p, const float *dy, float *workspace, uint16_t *dqkv) {
  attention a = begin_attention(p, workspace, true);
  a.dy = dy;
  mk_parallel_tasks(p->count * p->kv_heads, lay_out, &a);
  mk_parallel_tasks(p->count * p->heads, attend_back, &a);
  rotation turn = {.batch = p, .dq = a.dq, .dk = a.dk, .dv = a.dv, .to = dqkv};
  mk_parallel_ranges(p->rows, 8, rotate_back, &turn);
}

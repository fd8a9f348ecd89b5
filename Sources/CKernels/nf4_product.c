// Products with an NF4 matrix: unpacked by pieces that fit the cache, each multiplied by the thread that unpacked it,
// so that no wide form of the matrix is held. A few rows are multiplied straight from the codes.
#include <stdatomic.h>

#include "nf4.h"
#include "packed.h"

typedef struct {
  const mk_nf4 *parts;
  int64_t count, k, n, m;
  bool is_back, accumulate;
  // x in bf16.
  const uint16_t *x;
  float *y;
  // Blocks of 64 columns of a task, the tasks that take all rows, and the tasks that share the rows of a block.
  int64_t blocks, whole, sharing;
  atomic_int failed;
} product;

// Many rows: a task takes some columns. Blocks that do not spread evenly over the threads are shared by rows.
static void multiply_slice(void *context, int64_t task) {
  product *p = context;
  int64_t block = task * p->blocks, blocks = p->blocks, row = 0, rows = p->m;
  if (task >= p->whole) {
    int64_t share = (task - p->whole) % p->sharing, size = (p->m + p->sharing - 1) / p->sharing;
    block = p->whole * p->blocks + (task - p->whole) / p->sharing, blocks = 1;
    row = share * size, rows = p->m - row < size ? p->m - row : size;
    if (rows <= 0) return;
  }
  int64_t first = 64 * block, columns = p->n - first < 64 * blocks ? p->n - first : 64 * blocks;
  // Whole blocks, the last padded with zeros: oneDNN lays narrower matrices out otherwise.
  mk_blocks_of_64 slice;
  if (!mk_slice_layout(p->k, (columns + 63) / 64 * 64, &slice)) {
    p->failed = 1;
    return;
  }
  slice.data = mk_scratch(1, (size_t)(slice.n / 64 * slice.column_stride * 2));
  mk_nf4_fill(p->parts, p->count, p->is_back, first, &slice, false);
  float *y = p->y + row * p->n + first;
  if (mk_slice_multiply(&slice, p->x + row * p->k, rows, columns, y, p->n, p->accumulate)) p->failed = 1;
}

static int multiply_slices(product *p) {
  // A slice and what is read of x beside it stay in a cache of 1 MB.
  int64_t blocks = (p->n + 63) / 64, threads = mk_threads(), most = (512 << 10) / (p->k * 128);
  int64_t even = blocks / threads * threads, group = most < 1 ? 1 : most > 4 ? 4 : most;
  while (group > 1 && even % (group * threads)) group--;
  p->blocks = group, p->whole = even / group;
  p->sharing = p->m >= 16 * threads ? threads : 1;
  mk_parallel_tasks(p->whole + (blocks - even) * p->sharing, multiply_slice, p);
  return p->failed;
}

#if !defined(MK_NO_DOT_UNIT)
enum { few = 8 };

// y[rows][begin..<end] by dot products along the inputs.
MK_DOT_INLINE void dot_rows(
  const int rows, const product *p, const uint16_t *x, float *y, int64_t begin, int64_t end) {
  for (int64_t j = begin; j < end; j++) {
    int64_t own;
    const mk_nf4 *w = mk_nf4_part(p->parts, p->count, j, &own);
    __m512 sum[4];
    for (int r = 0; r < rows; r++) sum[r] = _mm512_setzero_ps();
    for (int64_t i = 0, at = own * p->k; i < p->k; i += 64, at += 64) {
      __m512i table = mk_nf4_table(w, at);
      __m512i near = mk_nf4_look_up(w, at, table), far = mk_nf4_look_up(w, at + 32, table);
      for (int r = 0; r < rows; r++) {
        sum[r] = MK_DOT(sum[r], near, _mm512_loadu_si512(x + r * p->k + i));
        sum[r] = MK_DOT(sum[r], far, _mm512_loadu_si512(x + r * p->k + i + 32));
      }
    }
    for (int r = 0; r < rows; r++) {
      float *to = y + r * p->n + j;
      *to = (p->accumulate ? *to : 0) + _mm512_reduce_add_ps(sum[r]);
    }
  }
}

MK_DOT_UNIT static void multiply_few(void *context, int64_t begin, int64_t end) {
  const product *p = context;
  for (int64_t row = 0; row < p->m;) {
    const uint16_t *x = p->x + row * p->k;
    float *y = p->y + row * p->n;
    int64_t left = p->m - row;
    if (left >= 4) dot_rows(4, p, x, y, begin, end), row += 4;
    else if (left >= 2) dot_rows(2, p, x, y, begin, end), row += 2;
    else dot_rows(1, p, x, y, begin, end), row += 1;
  }
}

// Only where many rows are multiplied in bf16 too: a row's result is then the same however many go with it.
static bool is_few(const product *p) {
  mk_blocks_of_64 slice;
  return mk_has_dot_unit() && !p->is_back && p->m <= few && p->k % MK_NF4_BLOCK == 0 &&
    mk_slice_layout(p->k, 64, &slice);
}
#else
static bool is_few(const product *p) { return false; }
static void multiply_few(void *context, int64_t begin, int64_t end) {}
#endif

// Without units for bf16: some rows of W at a time in f32.
static void multiply_wide(const product *p, const float *x) {
  int64_t inputs = p->parts->inputs, outputs = p->is_back ? p->k : p->n, first = 0;
  int64_t rows = (2 << 20) / (inputs * 4);
  rows = rows < 64 ? 64 : rows / 32 * 32;
  if (rows > outputs) rows = outputs;
  float *w = mk_scratch(5, (size_t)(rows * inputs) * sizeof(float));
  if (p->is_back && !p->accumulate) memset(p->y, 0, (size_t)(p->m * inputs) * sizeof(float));
  for (int64_t part = 0; part < p->count; first += p->parts[part++].outputs) {
    const mk_nf4 *own = p->parts + part;
    for (int64_t row = 0; row < own->outputs; row += rows) {
      int64_t count = own->outputs - row < rows ? own->outputs - row : rows;
      mk_nf4_unpack(own, row * inputs, count * inputs, w);
      if (p->is_back)
        mk_gemm(p->m, inputs, count, 1, x + first + row, outputs, 1, w, inputs, 1, 1, p->y, inputs);
      else
        mk_gemm(
          p->m, count, inputs, 1, x, inputs, 1, w, 1, inputs, p->accumulate ? 1 : 0, p->y + first + row, outputs);
    }
  }
}

int mk_nf4_multiply(
  const mk_nf4 *parts, int64_t count, bool is_back, const void *x, int x_type, int64_t m, float *y, bool accumulate) {
  if (m <= 0 || count <= 0) return 0;
  int64_t outputs = 0;
  for (int64_t p = 0; p < count; p++) outputs += parts[p].outputs;
  product p = {
    .parts = parts, .count = count, .k = is_back ? outputs : parts->inputs, .n = is_back ? parts->inputs : outputs,
    .m = m, .is_back = is_back, .accumulate = accumulate, .x = x, .y = y};
  mk_blocks_of_64 slice;
  bool is_narrow = is_few(&p) || mk_slice_layout(p.k, 64, &slice);
  if (is_narrow == (x_type != MK_BF16)) {
    void *converted = mk_scratch(7, (size_t)(m * p.k) * (is_narrow ? sizeof(uint16_t) : sizeof(float)));
    if (is_narrow) mk_to_bf16(x, converted, m * p.k);
    else mk_from_bf16(x, converted, m * p.k);
    x = converted;
  }
  if (!is_narrow) return multiply_wide(&p, x), 0;
  p.x = x;
  if (!is_few(&p)) return multiply_slices(&p);
  mk_parallel_ranges(p.n, 16, multiply_few, &p);
  return 0;
}

// Packed products by oneDNN: the only file that includes dnnl.h. Builds with oneDNN 2 and 3, whose C interfaces
// differ in how descriptors are made.
//
// oneDNN is held to one thread. A product is cut into tasks for our team (team.c), by rows where there are many
// and by columns where there are few, and each thread computes its tasks with primitives of its own.
#if defined(MOTET_ONEDNN)
#include <dnnl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "dot.h"
#include "packed.h"

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t descriptor;
#else
typedef dnnl_memory_desc_t *descriptor;
#endif

struct mk_packed {
  int type;
  int64_t k, n;
  dnnl_memory_t memory;
  // The packed values, and behind them, of 8-bit ones, the columns' scales and sums.
  char *data;
  int64_t bytes;
  float *scales, *flatten;
  int32_t *sums;
  // Columns of a block of the layout and the elements from one block to the next, when a run of whole blocks is a
  // matrix of its own; else 0. Where oneDNN leaves the matrix row-major, any columns are.
  int64_t block, block_stride;
  bool is_row_major;
};

// The engine is shared; a thread has its own stream.
static dnnl_engine_t engine;
static _Thread_local dnnl_stream_t stream;

static int failed(dnnl_status_t status, const char *what) {
  if (status == dnnl_success) return 0;
  // The status by which oneDNN says that it has no kernel for this processor and type.
  if (status == dnnl_unimplemented)
    mk_set_error("oneDNN could not %s: this processor has no kernel for this precision", what);
  else
    mk_set_error("oneDNN could not %s (status %d)", what, (int)status);
  return 1;
}

void omp_set_num_threads(int count);

// Makes the calling thread ready for oneDNN. The first call is the compute thread's, alone.
static int prepare(void) {
  if (stream) return 0;
  omp_set_num_threads(1);
  return (!engine && failed(dnnl_engine_create(&engine, dnnl_cpu, 0), "start on this processor")) ||
    failed(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "make a stream");
}

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t const_layout;
#else
typedef const dnnl_memory_desc_t *const_layout;
#endif

// Of the weights, of x and of what a product writes.
static dnnl_data_type_t element(int type) {
  return type == MK_BF16 ? dnnl_bf16 : type == MK_S8 ? dnnl_s8 : dnnl_f32;
}
static dnnl_data_type_t input_element(int type) { return type == MK_S8 ? dnnl_u8 : element(type); }
static dnnl_data_type_t output_element(int type) { return type == MK_S8 ? dnnl_s32 : dnnl_f32; }
static int64_t element_size(int type) { return type == MK_BF16 ? 2 : type == MK_S8 ? 1 : 4; }

// How a layout steps through rows (axis 0) and columns (axis 1).
enum { max_blocks = 6 };
typedef struct {
  int count;
  int64_t strides[2], blocks[max_blocks], axes[max_blocks];
} blocking;

// --- What differs between the versions: descriptors of memory and of a product ------------------------

#if DNNL_VERSION_MAJOR >= 3
static int describe(descriptor *d, int64_t rows, int64_t columns, dnnl_data_type_t type, int64_t rs, int64_t cs) {
  dnnl_dims_t dims = {rows, columns}, strides = {rs, cs};
  return failed(dnnl_memory_desc_create_with_strides(d, 2, dims, type, strides), "describe a matrix");
}
static int describe_any(descriptor *d, int64_t rows, int64_t columns, dnnl_data_type_t type) {
  dnnl_dims_t dims = {rows, columns};
  return failed(dnnl_memory_desc_create_with_tag(d, 2, dims, type, dnnl_format_tag_any), "describe a matrix");
}
static void forget(descriptor d) { dnnl_memory_desc_destroy(d); }
static int product_of(
  dnnl_primitive_desc_t *pd, descriptor x, descriptor w, descriptor y, const_dnnl_primitive_attr_t attributes) {
  return failed(dnnl_matmul_primitive_desc_create(pd, engine, x, w, NULL, y, attributes), "plan a product");
}
static const_dnnl_memory_desc_t layout_of(const_dnnl_memory_t memory) {
  const_dnnl_memory_desc_t d = NULL;
  dnnl_memory_get_memory_desc(memory, &d);
  return d;
}
static size_t size_of(const_dnnl_memory_desc_t d) { return dnnl_memory_desc_get_size(d); }
static bool blocking_of(const_dnnl_memory_desc_t d, blocking *b) {
  // The result of such a query is a pointer into the descriptor.
  const dnnl_dims_t *strides, *blocks, *axes;
  if (dnnl_memory_desc_query(d, dnnl_query_inner_nblks_s32, &b->count) != dnnl_success || b->count > max_blocks ||
      dnnl_memory_desc_query(d, dnnl_query_strides, &strides) != dnnl_success)
    return false;
  if (b->count && (dnnl_memory_desc_query(d, dnnl_query_inner_blks, &blocks) != dnnl_success ||
                   dnnl_memory_desc_query(d, dnnl_query_inner_idxs, &axes) != dnnl_success))
    return false;
  for (int i = 0; i < 2; i++) b->strides[i] = (*strides)[i];
  for (int i = 0; i < b->count; i++) b->blocks[i] = (*blocks)[i], b->axes[i] = (*axes)[i];
  return true;
}
static dnnl_status_t append_sum(dnnl_post_ops_t ops) {
  return dnnl_post_ops_append_sum(ops, 1, 0, dnnl_data_type_undef);
}
#else
static int describe(descriptor *d, int64_t rows, int64_t columns, dnnl_data_type_t type, int64_t rs, int64_t cs) {
  dnnl_dims_t dims = {rows, columns}, strides = {rs, cs};
  *d = malloc(sizeof **d);
  if (!*d) mk_set_error("out of memory");
  return !*d || failed(dnnl_memory_desc_init_by_strides(*d, 2, dims, type, strides), "describe a matrix");
}
static int describe_any(descriptor *d, int64_t rows, int64_t columns, dnnl_data_type_t type) {
  dnnl_dims_t dims = {rows, columns};
  *d = malloc(sizeof **d);
  if (!*d) mk_set_error("out of memory");
  return !*d || failed(dnnl_memory_desc_init_by_tag(*d, 2, dims, type, dnnl_format_tag_any), "describe a matrix");
}
static void forget(descriptor d) { free(d); }
static int product_of(
  dnnl_primitive_desc_t *pd, const dnnl_memory_desc_t *x, const dnnl_memory_desc_t *w, const dnnl_memory_desc_t *y,
  const_dnnl_primitive_attr_t attributes) {
  dnnl_matmul_desc_t operation;
  return failed(dnnl_matmul_desc_init(&operation, x, w, NULL, y), "describe a product") ||
    failed(dnnl_primitive_desc_create(pd, &operation, attributes, engine, NULL), "plan a product");
}
static const dnnl_memory_desc_t *layout_of(const_dnnl_memory_t memory) {
  const dnnl_memory_desc_t *d = NULL;
  dnnl_memory_get_memory_desc(memory, &d);
  return d;
}
static size_t size_of(const dnnl_memory_desc_t *d) { return dnnl_memory_desc_get_size(d); }
static bool blocking_of(const dnnl_memory_desc_t *d, blocking *b) {
  const dnnl_blocking_desc_t *own = &d->format_desc.blocking;
  if (d->format_kind != dnnl_blocked || own->inner_nblks > max_blocks) return false;
  b->count = own->inner_nblks;
  for (int i = 0; i < 2; i++) b->strides[i] = own->strides[i];
  for (int i = 0; i < b->count; i++) b->blocks[i] = own->inner_blks[i], b->axes[i] = own->inner_idxs[i];
  return true;
}
static dnnl_status_t append_sum(dnnl_post_ops_t ops) { return dnnl_post_ops_append_sum(ops, 1); }
#endif

static int product_attributes(dnnl_primitive_attr_t *attributes, bool accumulate) {
  // With the scratch memory ours, threads share nothing inside oneDNN.
  if (failed(dnnl_primitive_attr_create(attributes), "make attributes") ||
      failed(dnnl_primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user), "set attributes"))
    return 1;
  if (!accumulate) return 0;
  dnnl_post_ops_t ops;
  if (failed(dnnl_post_ops_create(&ops), "make a sum")) return 1;
  int bad = failed(append_sum(ops), "make a sum") ||
    failed(dnnl_primitive_attr_set_post_ops(*attributes, ops), "add a sum");
  dnnl_post_ops_destroy(ops);
  return bad;
}

static int reorder(dnnl_memory_t from, dnnl_memory_t to) {
  dnnl_primitive_desc_t pd = NULL;
  dnnl_primitive_t primitive = NULL;
  int bad =
    failed(dnnl_reorder_primitive_desc_create(&pd, layout_of(from), engine, layout_of(to), engine, NULL), "plan a reorder") ||
    failed(dnnl_primitive_create(&primitive, pd), "build a reorder");
  if (!bad) {
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    bad = failed(dnnl_primitive_execute(primitive, stream, 2, arguments), "reorder") ||
      failed(dnnl_stream_wait(stream), "reorder");
  }
  if (primitive) dnnl_primitive_destroy(primitive);
  if (pd) dnnl_primitive_desc_destroy(pd);
  return bad;
}

// --- Packing ------------------------------------------------------------------------------------------

// The layout of B[k,n] in a product.
// Its rows are `row_stride` elements apart, or as oneDNN likes with 0.
static int plan_layout(
  int type, int64_t m, int64_t k, int64_t n, int64_t row_stride, dnnl_primitive_desc_t *pd) {
  descriptor x = NULL, w = NULL, y = NULL;
  int bad = describe(&x, m, k, input_element(type), k, 1) ||
    (row_stride ? describe(&w, k, n, element(type), row_stride, 1) : describe_any(&w, k, n, element(type))) ||
    describe(&y, m, n, output_element(type), n, 1) || product_of(pd, x, w, y, NULL);
  if (x) forget(x);
  if (w) forget(w);
  if (y) forget(y);
  return bad;
}

static bool is_same(const blocking *a, const blocking *b) {
  if (a->count != b->count || a->strides[0] != b->strides[0] || a->strides[1] != b->strides[1]) return false;
  for (int i = 0; i < a->count; i++)
    if (a->blocks[i] != b->blocks[i] || a->axes[i] != b->axes[i]) return false;
  return true;
}

static int allocate(mk_packed *matrix) {
  dnnl_primitive_desc_t pd = NULL;
  // Asked with a typical number of rows: the layout hangs on k and n.
  int bad = plan_layout(matrix->type, 256, matrix->k, matrix->n, 0, &pd);
  if (!bad) {
    const_layout layout = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    int64_t values = ((int64_t)size_of(layout) + 63) / 64 * 64;
    matrix->bytes = values + (matrix->type == MK_S8 ? 8 * matrix->n + 4 * matrix->k : 0);
    void *memory = NULL;
    if (posix_memalign(&memory, 64, (size_t)matrix->bytes) != 0) {
      mk_set_error("out of memory for a matrix of %lld by %lld", (long long)matrix->n, (long long)matrix->k);
      bad = 1;
    } else {
      // Padding inside the blocks is part of the fingerprint: make it zero.
      memset(memory, 0, (size_t)matrix->bytes);
      matrix->data = memory;
      if (matrix->type == MK_S8) {
        matrix->scales = (float *)(matrix->data + values);
        matrix->sums = (int32_t *)(matrix->scales + matrix->n);
        matrix->flatten = (float *)(matrix->sums + matrix->n);
      }
      bad = failed(dnnl_memory_create(&matrix->memory, layout, engine, memory), "wrap a packed matrix");
    }
  }
  if (pd) dnnl_primitive_desc_destroy(pd);
  blocking b;
  if (bad) return bad;
  if (!blocking_of(layout_of(matrix->memory), &b)) {
    mk_set_error("oneDNN chose a layout of weights that is not blocked");
    return 1;
  }
  int64_t columns = 1;
  for (int i = 0; i < b.count; i++) columns *= b.axes[i] == 1 ? b.blocks[i] : 1;
  // Column blocks are outermost when the step between them leaves room for all rows.
  if (b.strides[1] >= matrix->k * columns && b.strides[0] < b.strides[1])
    matrix->block = columns, matrix->block_stride = b.strides[1];
  else if (b.count == 0 && b.strides[0] == matrix->n && b.strides[1] == 1)
    matrix->block = matrix->block_stride = 16, matrix->is_row_major = true;
  return 0;
}

int mk_packed_refill(mk_packed *matrix, const void *weights, int64_t brs, int64_t bcs) {
  descriptor plain = NULL;
  dnnl_memory_t source = NULL;
  int bad = prepare() || describe(&plain, matrix->k, matrix->n, element(matrix->type), brs, bcs) ||
    failed(dnnl_memory_create(&source, plain, engine, (void *)weights), "wrap a matrix") ||
    reorder(source, matrix->memory);
  if (source) dnnl_memory_destroy(source);
  if (plain) forget(plain);
  return bad;
}

mk_packed *mk_packed_create(
  const void *weights, int type, int64_t k, int64_t n, int64_t brs, int64_t bcs, const float *flatten) {
  if (prepare()) return NULL;
  if (type == MK_S8 && !mk_int8_is_exact()) {
    // Without the unit, sums of two products saturate at 16 bits and come out wrong.
    mk_set_error("this processor has no 8-bit dot-product unit");
    return NULL;
  }
  mk_packed *matrix = calloc(1, sizeof *matrix);
  if (!matrix) {
    mk_set_error("out of memory");
    return NULL;
  }
  matrix->type = type, matrix->k = k, matrix->n = n;
  int8_t *narrow = NULL;
  int bad = allocate(matrix);
  if (!bad && type == MK_S8) {
    narrow = malloc((size_t)(k * n));
    if (!narrow) mk_set_error("out of memory for a matrix of %lld by %lld", (long long)n, (long long)k);
    bad = !narrow;
    for (int64_t i = 0; i < k; i++) matrix->flatten[i] = flatten ? flatten[i] : 1;
    if (!bad) mk_quantize_columns(weights, k, n, brs, bcs, matrix->flatten, narrow, matrix->scales, matrix->sums);
    weights = narrow, brs = 1, bcs = k;
  }
  if (!bad) bad = mk_packed_refill(matrix, weights, brs, bcs);
  free(narrow);
  if (!bad) return matrix;
  mk_packed_destroy(matrix);
  return NULL;
}

void mk_packed_destroy(mk_packed *matrix) {
  if (!matrix) return;
  if (matrix->memory) dnnl_memory_destroy(matrix->memory);
  free(matrix->data);
  free(matrix);
}

int64_t mk_packed_columns(const mk_packed *matrix) { return matrix->n; }

const void *mk_packed_bytes(const mk_packed *matrix, int64_t *count) {
  *count = matrix->bytes;
  return matrix->data;
}

int mk_packed_unpack(const mk_packed *matrix, void *weights) {
  descriptor plain = NULL;
  dnnl_memory_t target = NULL;
  int8_t *narrow = NULL;
  float *wide = weights;
  if (matrix->type == MK_S8) {
    weights = narrow = malloc((size_t)(matrix->k * matrix->n));
    if (!narrow) {
      mk_set_error("out of memory for a matrix of %lld by %lld", (long long)matrix->n, (long long)matrix->k);
      return 1;
    }
  }
  int bad = prepare() || describe(&plain, matrix->k, matrix->n, element(matrix->type), matrix->n, 1) ||
    failed(dnnl_memory_create(&target, plain, engine, weights), "wrap a matrix") || reorder(matrix->memory, target);
  if (target) dnnl_memory_destroy(target);
  if (plain) forget(plain);
  if (narrow && !bad)
    for (int64_t i = 0; i < matrix->k; i++)
      for (int64_t j = 0; j < matrix->n; j++)
        wide[i * matrix->n + j] = matrix->scales[j] * matrix->flatten[i] * (float)narrow[i * matrix->n + j];
  free(narrow);
  return bad;
}

// Where element (i, j) of a blocked layout lies: inner blocks nest, the last is the innermost.
static int64_t place(const blocking *b, int64_t i, int64_t j) {
  int64_t index[2] = {i, j}, at = 0, size = 1;
  for (int inner = b->count - 1; inner >= 0; inner--) {
    int64_t axis = b->axes[inner];
    at += index[axis] % b->blocks[inner] * size;
    index[axis] /= b->blocks[inner];
    size *= b->blocks[inner];
  }
  return at + index[0] * b->strides[0] + index[1] * b->strides[1];
}

void mk_packed_column(const mk_packed *matrix, int64_t j, float *column) {
  blocking b;
  // Layouts asked for by oneDNN's matrix products are blocked: allocate() has read this one.
  if (!blocking_of(layout_of(matrix->memory), &b)) return;
  for (int64_t i = 0; i < matrix->k; i++) {
    int64_t at = place(&b, i, j);
    if (matrix->type == MK_F32) column[i] = ((const float *)matrix->data)[at];
    else if (matrix->type == MK_BF16) column[i] = mk_widen(((const uint16_t *)matrix->data)[at]);
    else column[i] = matrix->scales[j] * matrix->flatten[i] * (float)((const int8_t *)matrix->data)[at];
  }
}

// --- Turning ------------------------------------------------------------------------------------------

// Whether the layout is the one that mk_turn_blocks knows.
static bool blocks_of_64(const mk_packed *matrix, mk_blocks_of_64 *to) {
  blocking b;
  int64_t group = matrix->type == MK_BF16 ? 2 : 4;
  if (matrix->type == MK_F32 || !blocking_of(layout_of(matrix->memory), &b)) return false;
  if (b.count != 3 || b.blocks[0] != 16 || b.blocks[1] != 64 || b.blocks[2] != group) return false;
  if (b.axes[0] != 0 || b.axes[1] != 1 || b.axes[2] != 0) return false;
  *to = (mk_blocks_of_64){matrix->data, matrix->k, matrix->n, group, b.strides[0], b.strides[1]};
  return true;
}

bool mk_packed_blocks(const mk_packed *matrix, mk_blocks_of_64 *blocks, const float **scales, const float **flatten) {
  // oneDNN has matrix tiles to multiply with where the processor has.
  int isa = (int)dnnl_get_effective_cpu_isa();
  bool has_tiles = (isa & dnnl_cpu_isa_avx512_core_amx) == dnnl_cpu_isa_avx512_core_amx;
  if (has_tiles || !mk_has_dot_unit() || !blocks_of_64(matrix, blocks)) return false;
  *scales = matrix->scales, *flatten = matrix->flatten;
  return true;
}

mk_packed *mk_packed_turned(const mk_packed *matrix, mk_packed *reused) {
  mk_blocks_of_64 from, to;
  if (!blocks_of_64(matrix, &from)) {
    mk_set_error("this layout is not turned");
    return NULL;
  }
  mk_packed *turned = reused;
  if (!turned) {
    if (prepare() || !(turned = calloc(1, sizeof *turned))) return NULL;
    turned->type = MK_BF16, turned->k = matrix->n, turned->n = matrix->k;
    if (allocate(turned)) {
      mk_packed_destroy(turned);
      return NULL;
    }
  }
  if (turned->k != matrix->n || turned->n != matrix->k || !blocks_of_64(turned, &to)) {
    mk_set_error("this layout is not turned");
    if (!reused) mk_packed_destroy(turned);
    return NULL;
  }
  mk_turn_blocks(&from, matrix->scales, matrix->flatten, &to);
  return turned;
}

// --- Products -----------------------------------------------------------------------------------------

// A primitive is bound to its shapes; matrices of one shape share it. Each thread keeps a table of its own,
// emptied when full.
typedef struct {
  int64_t k, n, m;
  // For a part of a matrix, how it lies within the whole: the columns of a block and the elements to the next.
  int64_t block, stride;
  int type;
  bool accumulate, used;
  dnnl_primitive_t primitive;
  dnnl_memory_t x, w, y, scratch;
} plan;

enum { plan_slots = 2048, plan_limit = 1024 };
static _Thread_local plan *plans;
static _Thread_local int plan_count;

static void forget_plan(plan *p) {
  if (p->primitive) dnnl_primitive_destroy(p->primitive);
  if (p->x) dnnl_memory_destroy(p->x);
  if (p->w) dnnl_memory_destroy(p->w);
  if (p->y) dnnl_memory_destroy(p->y);
  if (p->scratch) dnnl_memory_destroy(p->scratch);
  *p = (plan){0};
}

// `p` says the shape; the weights lie as `layout` says.
static int build_plan(plan *p, const_layout layout) {
  descriptor x = NULL, y = NULL;
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_primitive_desc_t pd = NULL;
  int bad = describe(&x, p->m, p->k, input_element(p->type), p->k, 1) ||
    describe(&y, p->m, p->n, output_element(p->type), p->n, 1) ||
    product_attributes(&attributes, p->accumulate) || product_of(&pd, x, (descriptor)layout, y, attributes) ||
    failed(dnnl_primitive_create(&p->primitive, pd), "build a product") ||
    failed(dnnl_memory_create(&p->x, x, engine, DNNL_MEMORY_NONE), "wrap a matrix") ||
    failed(dnnl_memory_create(&p->w, layout, engine, DNNL_MEMORY_NONE), "wrap a matrix") ||
    failed(dnnl_memory_create(&p->y, y, engine, DNNL_MEMORY_NONE), "wrap a matrix") ||
    failed(
      dnnl_memory_create(
        &p->scratch, dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0), engine, DNNL_MEMORY_ALLOCATE),
      "allocate scratch memory");
  if (pd && getenv("MOTET_VERBOSE_PRODUCTS")) {
    const char *name = NULL;
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
    fprintf(
      stderr, "motet: product m=%lld n=%lld k=%lld type=%d: %s\n", (long long)p->m, (long long)p->n,
      (long long)p->k, p->type, name ? name : "?");
  }
  if (pd) dnnl_primitive_desc_destroy(pd);
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  if (x) forget(x);
  if (y) forget(y);
  return bad;
}

// The plan for m rows and `columns` columns of the matrix: all of them, or some blocks of its layout. Without a
// primitive when oneDNN wants another layout for so few columns.
static plan *find_plan(const mk_packed *matrix, int64_t m, int64_t columns, bool accumulate) {
  if (prepare()) return NULL;
  if (!plans && !(plans = calloc(plan_slots, sizeof *plans))) {
    mk_set_error("out of memory");
    return NULL;
  }
  bool is_part = columns < matrix->n;
  int64_t block = is_part ? matrix->block : 0;
  int64_t stride = !is_part ? 0 : matrix->is_row_major ? matrix->n : matrix->block_stride;
  uint64_t hash = ((uint64_t)matrix->k * 31 + (uint64_t)columns) * 1000003 + (uint64_t)m * 4 +
    (uint64_t)matrix->type * 2 + accumulate + (uint64_t)(block + stride) * 7919;
  hash = (hash ^ (hash >> 29)) * 0x9E3779B97F4A7C15u;
  uint64_t slot = hash >> 53;
  for (; plans[slot % plan_slots].used; slot++) {
    plan *p = &plans[slot % plan_slots];
    if (p->k == matrix->k && p->n == columns && p->m == m && p->type == matrix->type &&
        p->accumulate == accumulate && p->block == block && p->stride == stride)
      return p;
  }
  if (plan_count >= plan_limit) {
    for (int i = 0; i < plan_slots; i++) forget_plan(&plans[i]);
    plan_count = 0;
    return find_plan(matrix, m, columns, accumulate);
  }
  plan made = {
    .k = matrix->k, .n = columns, .m = m, .block = block, .stride = stride, .type = matrix->type,
    .accumulate = accumulate, .used = true};
  dnnl_primitive_desc_t part = NULL;
  const_layout layout = layout_of(matrix->memory);
  int bad = 0;
  bool fits = true;
  if (is_part) {
    bad = plan_layout(matrix->type, m, matrix->k, columns, matrix->is_row_major ? matrix->n : 0, &part);
    blocking whole, own;
    if (!bad) {
      layout = dnnl_primitive_desc_query_md(part, dnnl_query_weights_md, 0);
      fits = blocking_of(layout_of(matrix->memory), &whole) && blocking_of(layout, &own) && is_same(&whole, &own);
    }
  }
  if (!bad && fits) bad = build_plan(&made, layout);
  if (part) dnnl_primitive_desc_destroy(part);
  if (bad) {
    forget_plan(&made);
    return NULL;
  }
  plan_count++;
  plans[slot % plan_slots] = made;
  return &plans[slot % plan_slots];
}

static int run(plan *p, const void *x, const void *w, void *y) {
  dnnl_memory_set_data_handle(p->x, (void *)x);
  dnnl_memory_set_data_handle(p->w, (void *)w);
  dnnl_memory_set_data_handle(p->y, y);
  dnnl_exec_arg_t arguments[] = {
    {DNNL_ARG_SRC, p->x}, {DNNL_ARG_WEIGHTS, p->w}, {DNNL_ARG_DST, p->y}, {DNNL_ARG_SCRATCHPAD, p->scratch}};
  return failed(dnnl_primitive_execute(p->primitive, stream, 4, arguments), "multiply") ||
    failed(dnnl_stream_wait(stream), "multiply");
}

typedef struct {
  const mk_packed *matrix;
  const void *weights, *x;
  int x_type;
  // x in the matrix's element type, when the tasks share all of its rows; the rows' scales, of 8-bit ones.
  const void *narrow;
  const float *row_scales;
  float *y;
  int64_t m, rows, columns;
  bool accumulate;
  atomic_int failed;
} product;

// Rows of x from `begin` on, in the matrix's element type.
static const void *narrowed(const product *p, int64_t begin, int64_t rows, int slot) {
  int64_t k = p->matrix->k;
  if (p->x_type == MK_BF16) return (const uint16_t *)p->x + begin * k;
  const float *x = (const float *)p->x + begin * k;
  if (p->matrix->type != MK_BF16) return x;
  uint16_t *narrow = mk_scratch(slot, (size_t)(rows * k) * sizeof(uint16_t));
  mk_to_bf16(x, narrow, rows * k);
  return narrow;
}

// Rows in 8 bits, their scales behind them.
static uint8_t *quantized(const product *p, int64_t begin, int64_t rows, uint8_t *to, float **scales) {
  int64_t k = p->matrix->k, size = p->x_type == MK_BF16 ? 2 : 4;
  *scales = (float *)(to + (rows * k + 63) / 64 * 64);
  mk_quantize_rows((const char *)p->x + begin * k * size, p->x_type, rows, k, p->matrix->flatten, to, *scales);
  return to;
}

static size_t quantized_bytes(int64_t rows, int64_t k) { return (size_t)((rows * k + 63) / 64 * 64 + rows * 64); }

static int multiply_rows_s8(product *p, int64_t begin, int64_t rows, plan *own) {
  const mk_packed *matrix = p->matrix;
  size_t bytes = quantized_bytes(rows, matrix->k);
  char *scratch = mk_scratch(1, bytes + (size_t)(rows * matrix->n) * sizeof(int32_t));
  int32_t *sums = (int32_t *)(scratch + bytes);
  float *scales;
  uint8_t *x = quantized(p, begin, rows, (uint8_t *)scratch, &scales);
  if (run(own, x, p->weights, sums)) return 1;
  mk_dequantize(
    sums, scales, matrix->scales, matrix->sums, rows, matrix->n, p->accumulate, p->y + begin * matrix->n, matrix->n);
  return 0;
}

static void multiply_rows(void *context, int64_t task) {
  product *p = context;
  const mk_packed *matrix = p->matrix;
  int64_t begin = task * p->rows, rows = p->m - begin < p->rows ? p->m - begin : p->rows;
  if (matrix->type == MK_S8) {
    plan *own = find_plan(matrix, rows, matrix->n, false);
    if (!own || multiply_rows_s8(p, begin, rows, own)) p->failed = 1;
    return;
  }
  plan *own = find_plan(matrix, rows, matrix->n, p->accumulate);
  if (!own || run(own, narrowed(p, begin, rows, 1), p->weights, p->y + begin * matrix->n)) p->failed = 1;
}

// The first n of rows that are `width` long to their place, or added to what is there.
static void put(
  const float *from, int64_t width, int64_t rows, int64_t n, bool accumulate, float *y, int64_t stride) {
  for (int64_t i = 0; i < rows; i++, y += stride, from += width) {
    if (accumulate)
      for (int64_t j = 0; j < n; j++) y[j] += from[j];
    else
      memcpy(y, from, (size_t)n * sizeof(float));
  }
}

static void multiply_columns(void *context, int64_t task) {
  product *p = context;
  const mk_packed *matrix = p->matrix;
  int64_t begin = task * p->columns, n = matrix->n - begin < p->columns ? matrix->n - begin : p->columns;
  plan *own = find_plan(matrix, p->m, n, false);
  // oneDNN's best products write dense rows: into scratch, and from there to their place.
  float *part = mk_scratch(1, (size_t)(p->m * n) * sizeof(float));
  int64_t offset = begin / matrix->block * matrix->block_stride * element_size(matrix->type);
  if (!own || run(own, p->narrow, (const char *)p->weights + offset, part)) {
    p->failed = 1;
    return;
  }
  if (matrix->type == MK_S8)
    return mk_dequantize(
      (const int32_t *)part, p->row_scales, matrix->scales + begin, matrix->sums + begin, p->m, n, p->accumulate,
      p->y + begin, matrix->n);
  put(part, n, p->m, n, p->accumulate, p->y + begin, matrix->n);
}

// Columns of a task: whole blocks, some tasks for each thread, the scratch for a part within the cache.
static int64_t columns_of_task(const mk_packed *matrix, int64_t m) {
  int64_t tasks = 2 * mk_threads(), widest = 32768 / m, block = matrix->block;
  int64_t columns = (matrix->n + tasks - 1) / tasks;
  if (columns > widest) columns = widest;
  columns = (columns + block - 1) / block * block;
  return columns < matrix->n ? columns : matrix->n;
}

// Rows of a task: about a hundred (fewer read the weights too often, more wait too long for the last), the same
// number of tasks for each thread.
static int64_t rows_of_task(int64_t m) {
  int64_t threads = mk_threads(), tasks = (m + 95) / 96;
  tasks = (tasks + threads - 1) / threads * threads;
  return ((m + tasks - 1) / tasks + 7) / 8 * 8;
}

static bool can_cut(const mk_packed *matrix, int64_t m, int64_t columns) {
  if (columns >= matrix->n) return false;
  plan *whole = find_plan(matrix, m, columns, false);
  if (!whole || !whole->primitive) return false;
  plan *last = matrix->n % columns ? find_plan(matrix, m, matrix->n % columns, false) : whole;
  return last && last->primitive;
}

int mk_packed_multiply(const mk_packed *matrix, const void *x, int x_type, int64_t m, float *y, bool accumulate) {
  if (m <= 0) return 0;
  if (x_type == MK_BF16 && matrix->type == MK_F32) {
    mk_set_error("bf16 inputs are not for f32 matrices");
    return 1;
  }
  product p = {
    .matrix = matrix, .weights = matrix->data, .x = x, .x_type = x_type, .y = y, .m = m, .accumulate = accumulate};
  int threads = mk_threads();
  // By columns where there are few rows, and where the weights are so many that each thread should read its own.
  bool is_long = m <= 256 && matrix->n > matrix->k && matrix->n * matrix->k > 8 << 20;
  if (threads > 1 && (m < 32 * threads || is_long) && matrix->block) p.columns = columns_of_task(matrix, m);
  if (p.columns && can_cut(matrix, m, p.columns)) {
    if (matrix->type == MK_S8) {
      float *scales;
      p.narrow = quantized(&p, 0, m, mk_scratch(7, quantized_bytes(m, matrix->k)), &scales);
      p.row_scales = scales;
    } else {
      p.narrow = narrowed(&p, 0, m, 7);
    }
    mk_parallel_tasks((matrix->n + p.columns - 1) / p.columns, multiply_columns, &p);
  } else {
    p.rows = rows_of_task(m);
    mk_parallel_tasks((m + p.rows - 1) / p.rows, multiply_rows, &p);
  }
  return p.failed;
}

// --- Slices -------------------------------------------------------------------------------------------

// Matrices without values: the layouts of slices. Each thread keeps its own, by k and n.
enum { most_shapes = 64 };
static _Thread_local mk_packed *shapes[most_shapes];

static mk_packed *slice_shape(int64_t k, int64_t n) {
  int at = 0;
  for (; at < most_shapes && shapes[at]; at++)
    if (shapes[at]->k == k && shapes[at]->n == n) return shapes[at];
  if (!mk_bf16_is_fast() || prepare()) return NULL;
  if (at == most_shapes) mk_packed_destroy(shapes[at = 0]);
  mk_packed *made = calloc(1, sizeof *made);
  if (!made) return NULL;
  made->type = MK_BF16, made->k = k, made->n = n;
  dnnl_primitive_desc_t pd = NULL;
  int bad = plan_layout(MK_BF16, 256, k, n, 0, &pd) ||
    failed(
      dnnl_memory_create(
        &made->memory, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0), engine, DNNL_MEMORY_NONE),
      "lay out a slice");
  if (pd) dnnl_primitive_desc_destroy(pd);
  if (bad) {
    mk_packed_destroy(made);
    made = NULL;
  }
  return shapes[at] = made;
}

bool mk_slice_layout(int64_t k, int64_t n, mk_blocks_of_64 *slice) {
  const mk_packed *shape = slice_shape(k, n);
  return shape && blocks_of_64(shape, slice);
}

int mk_slice_multiply(
  const mk_blocks_of_64 *slice, const uint16_t *x, int64_t m, int64_t columns, float *y, int64_t stride,
  bool accumulate) {
  const mk_packed *shape = slice_shape(slice->k, slice->n);
  plan *own = shape ? find_plan(shape, m, slice->n, false) : NULL;
  float *part = mk_scratch(2, (size_t)(m * slice->n) * sizeof(float));
  if (!own || run(own, x, slice->data, part)) return 1;
  put(part, slice->n, m, columns, accumulate, y, stride);
  return 0;
}

const char *mk_backend_name(void) {
  static char name[32];
  const dnnl_version_t *version = dnnl_version();
  snprintf(name, sizeof name, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
  return name;
}

bool mk_int8_is_exact(void) {
  int isa = (int)dnnl_get_effective_cpu_isa();
  return (isa & dnnl_cpu_isa_avx512_core_vnni) == dnnl_cpu_isa_avx512_core_vnni;
}

bool mk_bf16_is_fast(void) {
  int isa = (int)dnnl_get_effective_cpu_isa();
  return (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}
#endif

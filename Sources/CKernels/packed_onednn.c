// Packed products by oneDNN: the only file that includes dnnl.h. Builds with oneDNN 2 and 3, whose C interfaces
// differ in how descriptors are made.
#if defined(MOTET_ONEDNN)
#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>

#include "dispatch.h"

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t descriptor;
#else
typedef dnnl_memory_desc_t *descriptor;
#endif

struct mk_packed {
  int type;
  int64_t k, n;
  dnnl_memory_t memory;
};

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static int failed(dnnl_status_t status, const char *what) {
  if (status == dnnl_success) return 0;
  if (status == dnnl_unimplemented) {
    mk_set_error("oneDNN could not %s: this processor lacks it in this precision; use f32", what);
    return 1;
  }
  mk_set_error("oneDNN could not %s (status %d)", what, (int)status);
  return 1;
}

void omp_set_num_threads(int count);
void omp_set_dynamic(int dynamic);

static int prepare(void) {
  if (stream) return 0;
  // MOTET_THREADS holds for oneDNN's loops too, and its team must be as large as it planned for.
  omp_set_num_threads(mk_threads());
  omp_set_dynamic(0);
  return failed(dnnl_engine_create(&engine, dnnl_cpu, 0), "start on this processor") ||
    failed(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "make a stream");
}

static dnnl_data_type_t element(int type) { return type == MK_BF16 ? dnnl_bf16 : dnnl_f32; }

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
static int sum_attributes(dnnl_primitive_attr_t *attributes, bool accumulate) {
  if (failed(dnnl_primitive_attr_create(attributes), "make attributes")) return 1;
  if (!accumulate) return 0;
  dnnl_post_ops_t ops;
  if (failed(dnnl_post_ops_create(&ops), "make a sum")) return 1;
  int bad = failed(dnnl_post_ops_append_sum(ops, 1, 0, dnnl_data_type_undef), "make a sum") ||
    failed(dnnl_primitive_attr_set_post_ops(*attributes, ops), "add a sum");
  dnnl_post_ops_destroy(ops);
  return bad;
}
#else
static int describe(descriptor *d, int64_t rows, int64_t columns, dnnl_data_type_t type, int64_t rs, int64_t cs) {
  dnnl_dims_t dims = {rows, columns}, strides = {rs, cs};
  *d = malloc(sizeof **d);
  return !*d || failed(dnnl_memory_desc_init_by_strides(*d, 2, dims, type, strides), "describe a matrix");
}
static int describe_any(descriptor *d, int64_t rows, int64_t columns, dnnl_data_type_t type) {
  dnnl_dims_t dims = {rows, columns};
  *d = malloc(sizeof **d);
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
static int sum_attributes(dnnl_primitive_attr_t *attributes, bool accumulate) {
  if (failed(dnnl_primitive_attr_create(attributes), "make attributes")) return 1;
  if (!accumulate) return 0;
  dnnl_post_ops_t ops;
  if (failed(dnnl_post_ops_create(&ops), "make a sum")) return 1;
  int bad = failed(dnnl_post_ops_append_sum(ops, 1), "make a sum") ||
    failed(dnnl_primitive_attr_set_post_ops(*attributes, ops), "add a sum");
  dnnl_post_ops_destroy(ops);
  return bad;
}
#endif

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

// The layout oneDNN likes for B, asked with a typical number of rows.
static int packed_layout(int type, int64_t k, int64_t n, dnnl_memory_t *memory) {
  descriptor x = NULL, w = NULL, y = NULL;
  dnnl_primitive_desc_t pd = NULL;
  int64_t m = 256;
  int bad = describe(&x, m, k, element(type), k, 1) || describe_any(&w, k, n, element(type)) ||
    describe(&y, m, n, dnnl_f32, n, 1) || product_of(&pd, x, w, y, NULL);
  if (!bad)
    bad = failed(
      dnnl_memory_create(
        memory, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0), engine, DNNL_MEMORY_ALLOCATE),
      "allocate a packed matrix");
  if (pd) dnnl_primitive_desc_destroy(pd);
  if (x) forget(x);
  if (w) forget(w);
  if (y) forget(y);
  return bad;
}

mk_packed *mk_packed_create(const void *weights, int type, int64_t k, int64_t n, int64_t brs, int64_t bcs) {
  if (prepare()) return NULL;
  mk_packed *matrix = calloc(1, sizeof *matrix);
  if (!matrix) return NULL;
  matrix->type = type, matrix->k = k, matrix->n = n;
  descriptor plain = NULL;
  dnnl_memory_t source = NULL;
  int bad = packed_layout(type, k, n, &matrix->memory);
  if (!bad) {
    // Padding inside the blocks is part of the fingerprint: make it zero.
    void *data = NULL;
    dnnl_memory_get_data_handle(matrix->memory, &data);
    memset(data, 0, size_of(layout_of(matrix->memory)));
    bad = describe(&plain, k, n, element(type), brs, bcs) ||
      failed(dnnl_memory_create(&source, plain, engine, (void *)weights), "wrap a matrix") ||
      reorder(source, matrix->memory);
  }
  if (source) dnnl_memory_destroy(source);
  if (plain) forget(plain);
  if (!bad) return matrix;
  mk_packed_destroy(matrix);
  return NULL;
}

void mk_packed_destroy(mk_packed *matrix) {
  if (matrix && matrix->memory) dnnl_memory_destroy(matrix->memory);
  free(matrix);
}

const void *mk_packed_bytes(const mk_packed *matrix, int64_t *count) {
  void *data = NULL;
  dnnl_memory_get_data_handle(matrix->memory, &data);
  *count = (int64_t)size_of(layout_of(matrix->memory));
  return data;
}

int mk_packed_unpack(const mk_packed *matrix, void *weights) {
  descriptor plain = NULL;
  dnnl_memory_t target = NULL;
  int bad = describe(&plain, matrix->k, matrix->n, element(matrix->type), matrix->n, 1) ||
    failed(dnnl_memory_create(&target, plain, engine, weights), "wrap a matrix") || reorder(matrix->memory, target);
  if (target) dnnl_memory_destroy(target);
  if (plain) forget(plain);
  return bad;
}

// --- Products -----------------------------------------------------------------------------------------

// Primitives are bound to their shapes; matrices of one shape share them. The table is emptied when full.
typedef struct {
  int64_t k, n, m;
  int type;
  bool accumulate, used;
  dnnl_primitive_t primitive;
  dnnl_memory_t x, y;
} plan;

enum { plan_slots = 2048, plan_limit = 1024 };
static plan plans[plan_slots];
static int plan_count;

static void forget_plans(void) {
  for (int i = 0; i < plan_slots; i++)
    if (plans[i].used) {
      dnnl_primitive_destroy(plans[i].primitive);
      dnnl_memory_destroy(plans[i].x);
      dnnl_memory_destroy(plans[i].y);
    }
  memset(plans, 0, sizeof plans);
  plan_count = 0;
}

static int build_plan(plan *p, const mk_packed *matrix) {
  descriptor x = NULL, y = NULL;
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_primitive_desc_t pd = NULL;
  int bad = describe(&x, p->m, p->k, element(p->type), p->k, 1) || describe(&y, p->m, p->n, dnnl_f32, p->n, 1) ||
    sum_attributes(&attributes, p->accumulate) ||
    product_of(&pd, x, (descriptor)layout_of(matrix->memory), y, attributes) ||
    failed(dnnl_primitive_create(&p->primitive, pd), "build a product") ||
    failed(dnnl_memory_create(&p->x, x, engine, DNNL_MEMORY_NONE), "wrap a matrix") ||
    failed(dnnl_memory_create(&p->y, y, engine, DNNL_MEMORY_NONE), "wrap a matrix");
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

static plan *find_plan(const mk_packed *matrix, int64_t m, bool accumulate) {
  uint64_t hash = ((uint64_t)matrix->k * 31 + (uint64_t)matrix->n) * 1000003 + (uint64_t)m * 4 +
    (uint64_t)matrix->type * 2 + accumulate;
  hash = (hash ^ (hash >> 29)) * 0x9E3779B97F4A7C15u;
  for (uint64_t slot = hash >> 53;; slot++) {
    plan *p = &plans[slot % plan_slots];
    if (!p->used) {
      if (plan_count >= plan_limit) {
        forget_plans();
        return find_plan(matrix, m, accumulate);
      }
      plan made = {.k = matrix->k, .n = matrix->n, .m = m, .type = matrix->type, .accumulate = accumulate};
      if (build_plan(&made, matrix)) return NULL;
      made.used = true;
      *p = made;
      plan_count++;
      return p;
    }
    if (p->k == matrix->k && p->n == matrix->n && p->m == m && p->type == matrix->type &&
        p->accumulate == accumulate)
      return p;
  }
}

int mk_packed_multiply(const mk_packed *matrix, const float *x, int64_t m, float *y, bool accumulate) {
  if (m <= 0) return 0;
  plan *p = find_plan(matrix, m, accumulate);
  if (!p) return 1;
  const void *source = x;
  if (matrix->type == MK_BF16) {
    uint16_t *narrow = mk_scratch(1, (size_t)(m * matrix->k) * sizeof(uint16_t));
    mk_to_bf16(x, narrow, m * matrix->k);
    source = narrow;
  }
  dnnl_memory_set_data_handle(p->x, (void *)source);
  dnnl_memory_set_data_handle(p->y, y);
  dnnl_exec_arg_t arguments[] = {
    {DNNL_ARG_SRC, p->x}, {DNNL_ARG_WEIGHTS, matrix->memory}, {DNNL_ARG_DST, p->y}};
  return failed(dnnl_primitive_execute(p->primitive, stream, 3, arguments), "multiply") ||
    failed(dnnl_stream_wait(stream), "multiply");
}

const char *mk_backend_name(void) {
  static char name[32];
  const dnnl_version_t *version = dnnl_version();
  snprintf(name, sizeof name, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
  return name;
}

bool mk_bf16_is_fast(void) {
  int isa = (int)dnnl_get_effective_cpu_isa();
  return (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}
#endif

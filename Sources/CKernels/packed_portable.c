// Packed products in portable C, for machines without oneDNN: panels of 32 columns in f32, bf16 or 8 bits, widened
// to f32 as they are read. 8-bit weights keep their rounding; rows of x need none here.
#if !defined(MOTET_ONEDNN)
#include <stdlib.h>

#include "microkernel.h"
#include "packed.h"

struct mk_packed {
  int type;
  int64_t k, n, panels, bytes;
  void *data;  // [panels][k][32], and behind it the columns' scales of 8-bit ones
  float *scales, *flatten;
};

static int64_t element_size(int type) { return type == MK_F32 ? 4 : type == MK_BF16 ? 2 : 1; }

static mk_packed *allocate(int type, int64_t k, int64_t n) {
  mk_packed *matrix = calloc(1, sizeof *matrix);
  if (!matrix) return NULL;
  *matrix = (mk_packed){.type = type, .k = k, .n = n, .panels = (n + 31) / 32};
  int64_t values = matrix->panels * k * 32 * element_size(type);
  matrix->bytes = values + (type == MK_S8 ? (matrix->panels * 32 + k) * 4 : 0);
  if (posix_memalign(&matrix->data, 64, (size_t)matrix->bytes) != 0) {
    mk_set_error("out of memory for a matrix of %lld by %lld", (long long)n, (long long)k);
    free(matrix);
    return NULL;
  }
  memset(matrix->data, 0, (size_t)matrix->bytes);
  if (type == MK_S8) {
    matrix->scales = (float *)((char *)matrix->data + values);
    matrix->flatten = matrix->scales + matrix->panels * 32;
  }
  return matrix;
}

static int64_t place(const mk_packed *matrix, int64_t i, int64_t j) { return (j / 32 * matrix->k + i) * 32 + j % 32; }

mk_packed *mk_packed_create(
  const void *weights, int type, int64_t k, int64_t n, int64_t brs, int64_t bcs, const float *flatten) {
  mk_packed *matrix = allocate(type, k, n);
  if (!matrix) return NULL;
  int8_t *narrow = NULL;
  int32_t *sums = NULL;
  if (type == MK_S8) {
    narrow = malloc((size_t)(k * n)), sums = malloc((size_t)n * sizeof(int32_t));
    if (!narrow || !sums) {
      mk_set_error("out of memory for a matrix of %lld by %lld", (long long)n, (long long)k);
      free(narrow), free(sums);
      mk_packed_destroy(matrix);
      return NULL;
    }
    for (int64_t i = 0; i < k; i++) matrix->flatten[i] = flatten ? flatten[i] : 1;
    mk_quantize_columns(weights, k, n, brs, bcs, matrix->flatten, narrow, matrix->scales, sums);
    weights = narrow, brs = 1, bcs = k;
  }
  mk_packed_refill(matrix, weights, brs, bcs);
  free(narrow), free(sums);
  return matrix;
}

int mk_packed_refill(mk_packed *matrix, const void *weights, int64_t brs, int64_t bcs) {
  int64_t element = element_size(matrix->type);
  for (int64_t i = 0; i < matrix->k; i++)
    for (int64_t j = 0; j < matrix->n; j++)
      memcpy(
        (char *)matrix->data + place(matrix, i, j) * element, (const char *)weights + (i * brs + j * bcs) * element,
        (size_t)element);
  return 0;
}

void mk_packed_destroy(mk_packed *matrix) {
  if (matrix) free(matrix->data);
  free(matrix);
}

int64_t mk_packed_columns(const mk_packed *matrix) { return matrix->n; }

const void *mk_packed_bytes(const mk_packed *matrix, int64_t *count) {
  *count = matrix->bytes;
  return matrix->data;
}

MK_INLINE float value(const mk_packed *matrix, int64_t i, int64_t j) {
  int64_t at = place(matrix, i, j);
  if (matrix->type == MK_F32) return ((const float *)matrix->data)[at];
  if (matrix->type == MK_BF16) return mk_widen(((const uint16_t *)matrix->data)[at]);
  return matrix->scales[j] * matrix->flatten[i] * (float)((const int8_t *)matrix->data)[at];
}

int mk_packed_unpack(const mk_packed *matrix, void *weights) {
  for (int64_t i = 0; i < matrix->k; i++)
    for (int64_t j = 0; j < matrix->n; j++) {
      int64_t at = i * matrix->n + j;
      if (matrix->type == MK_BF16)
        ((uint16_t *)weights)[at] = ((const uint16_t *)matrix->data)[place(matrix, i, j)];
      else
        ((float *)weights)[at] = value(matrix, i, j);
    }
  return 0;
}

void mk_packed_column(const mk_packed *matrix, int64_t j, float *column) {
  for (int64_t i = 0; i < matrix->k; i++) column[i] = value(matrix, i, j);
}

bool mk_packed_blocks(const mk_packed *matrix, mk_blocks_of_64 *blocks, const float **scales, const float **flatten) {
  (void)matrix, (void)blocks, (void)scales, (void)flatten;
  return false;
}

mk_packed *mk_packed_turned(const mk_packed *matrix, mk_packed *reused) {
  mk_packed *turned = reused ? reused : allocate(MK_BF16, matrix->n, matrix->k);
  if (!turned) return NULL;
  for (int64_t i = 0; i < matrix->k; i++)
    for (int64_t j = 0; j < matrix->n; j++)
      ((uint16_t *)turned->data)[place(turned, j, i)] = mk_narrow(value(matrix, i, j));
  return turned;
}

typedef struct {
  const mk_packed *matrix;
  const float *x;
  float *y;
  int64_t m;
  float beta;
} product;

MK_KERNEL(packed_panels, (const product *p, int64_t begin, int64_t end), (p, begin, end)) {
  const mk_packed *matrix = p->matrix;
  int64_t k = matrix->k;
  float *wide = matrix->type == MK_F32 ? NULL : mk_scratch(1, (size_t)(k * 32) * sizeof(float));
  for (int64_t panel = begin; panel < end; panel++) {
    const float *b = (const float *)matrix->data + panel * k * 32;
    if (wide && matrix->type == MK_BF16) {
      const uint16_t *narrow = (const uint16_t *)matrix->data + panel * k * 32;
      for (int64_t i = 0; i < k * 32; i++) wide[i] = mk_widen(narrow[i]);
    } else if (wide) {
      const int8_t *narrow = (const int8_t *)matrix->data + panel * k * 32;
      for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < 32; j++) 
          wide[i * 32 + j] = matrix->scales[panel * 32 + j] * matrix->flatten[i] * (float)narrow[i * 32 + j];
    }
    if (wide) b = wide;
    int64_t n = matrix->n - panel * 32 < 32 ? matrix->n - panel * 32 : 32;
    for (int64_t i = 0; i < p->m; i += 8)
      mk_block(
        p->m - i < 8 ? p->m - i : 8, n, k, 1, p->x + i * k, k, 1, b, 32, p->beta,
        p->y + i * matrix->n + panel * 32, matrix->n);
  }
}

static void panels(void *context, int64_t begin, int64_t end) { packed_panels(context, begin, end); }

int mk_packed_multiply(const mk_packed *matrix, const void *x, int x_type, int64_t m, float *y, bool accumulate) {
  const float *wide = x;
  if (x_type == MK_BF16 && m > 0) {
    float *copy = mk_scratch(7, (size_t)(m * matrix->k) * sizeof(float));
    mk_from_bf16(x, copy, m * matrix->k);
    wide = copy;
  }
  product p = {matrix, wide, y, m, accumulate ? 1 : 0};
  if (m > 0) mk_parallel_ranges(matrix->panels, 1, panels, &p);
  return 0;
}

// There are no units for bf16 to lay a slice out for.
bool mk_slice_layout(int64_t k, int64_t n, mk_blocks_of_64 *slice) { return false; }
int mk_slice_multiply(
  const mk_blocks_of_64 *slice, const uint16_t *x, int64_t m, int64_t columns, float *y, int64_t stride,
  bool accumulate) {
  return 1;
}

const char *mk_backend_name(void) { return "portable"; }
bool mk_bf16_is_fast(void) { return false; }
bool mk_int8_is_exact(void) { return true; }
#endif

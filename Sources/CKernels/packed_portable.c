// Packed products in portable C, for machines without oneDNN: panels of 32 columns, f32 or bf16, widened to f32
// as they are read.
#if !defined(MOTET_ONEDNN)
#include <stdlib.h>

#include "microkernel.h"

struct mk_packed {
  int type;
  int64_t k, n, panels, bytes;
  void *data;  // [panels][k][32]
};


mk_packed *mk_packed_create(const void *weights, int type, int64_t k, int64_t n, int64_t brs, int64_t bcs) {
  mk_packed *matrix = calloc(1, sizeof *matrix);
  if (!matrix) return NULL;
  int64_t element = type == MK_F32 ? 4 : 2;
  *matrix = (mk_packed){.type = type, .k = k, .n = n, .panels = (n + 31) / 32};
  matrix->bytes = matrix->panels * k * 32 * element;
  if (posix_memalign(&matrix->data, 64, (size_t)matrix->bytes) != 0) {
    mk_set_error("out of memory for a matrix of %lld by %lld", (long long)n, (long long)k);
    free(matrix);
    return NULL;
  }
  memset(matrix->data, 0, (size_t)matrix->bytes);
  for (int64_t p = 0; p < matrix->panels; p++)
    for (int64_t i = 0; i < k; i++)
      for (int64_t j = 0; j < 32 && p * 32 + j < n; j++)
        memcpy(
          (char *)matrix->data + ((p * k + i) * 32 + j) * element,
          (const char *)weights + (i * brs + (p * 32 + j) * bcs) * element, (size_t)element);
  return matrix;
}

void mk_packed_destroy(mk_packed *matrix) {
  if (matrix) free(matrix->data);
  free(matrix);
}

const void *mk_packed_bytes(const mk_packed *matrix, int64_t *count) {
  *count = matrix->bytes;
  return matrix->data;
}

int mk_packed_unpack(const mk_packed *matrix, void *weights) {
  int64_t element = matrix->type == MK_F32 ? 4 : 2;
  for (int64_t i = 0; i < matrix->k; i++)
    for (int64_t j = 0; j < matrix->n; j++)
      memcpy(
        (char *)weights + (i * matrix->n + j) * element,
        (const char *)matrix->data + ((j / 32 * matrix->k + i) * 32 + j % 32) * element, (size_t)element);
  return 0;
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
  float *wide = matrix->type == MK_BF16 ? mk_scratch(1, (size_t)(k * 32) * sizeof(float)) : NULL;
  for (int64_t panel = begin; panel < end; panel++) {
    const float *b = (const float *)matrix->data + panel * k * 32;
    if (wide) {
      const uint16_t *narrow = (const uint16_t *)matrix->data + panel * k * 32;
      for (int64_t i = 0; i < k * 32; i++) {
        union { uint32_t i; float f; } bits = {.i = (uint32_t)narrow[i] << 16};
        wide[i] = bits.f;
      }
      b = wide;
    }
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

const char *mk_backend_name(void) { return "portable"; }
bool mk_bf16_is_fast(void) { return false; }
#endif

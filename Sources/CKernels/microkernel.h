// The register-blocked product that mk_gemm, the portable packed product and attention share.
#pragma once

#include "dispatch.h"

// The vectors never cross a real call: everything here is inlined into code of one vector level.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float mk_v16 __attribute__((vector_size(64), aligned(4)));

MK_INLINE mk_v16 mk_load16(const float *p) { return *(const mk_v16 *)p; }
MK_INLINE void mk_store16(float *p, mk_v16 v) { *(mk_v16 *)p = v; }
MK_INLINE mk_v16 mk_splat16(float x) { return (mk_v16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }

// C[mr, 16·nv] = beta·C + alpha·A·B for small constant mr and nv; B's rows are ldb apart, contiguous within.
MK_INLINE void mk_micro(
  const int mr, const int nv, int64_t k, float alpha, const float *a, int64_t ars, int64_t acs, const float *b,
  int64_t ldb, float beta, float *c, int64_t ldc) {
#pragma clang fp contract(fast)
  mk_v16 sum[8][2];
  for (int i = 0; i < mr; i++)
    for (int j = 0; j < nv; j++) sum[i][j] = mk_splat16(0);
  for (int64_t p = 0; p < k; p++) {
    mk_v16 row[2];
    for (int j = 0; j < nv; j++) row[j] = mk_load16(b + p * ldb + 16 * j);
    for (int i = 0; i < mr; i++) {
      mk_v16 x = mk_splat16(a[i * ars + p * acs]);
      for (int j = 0; j < nv; j++) sum[i][j] += x * row[j];
    }
  }
  mk_v16 scale = mk_splat16(alpha);
  for (int i = 0; i < mr; i++)
    for (int j = 0; j < nv; j++) {
      float *out = c + i * ldc + 16 * j;
      mk_v16 value = sum[i][j] * scale;
      mk_store16(out, beta != 0 ? mk_load16(out) + value : value);
    }
}

#define MK_MICRO_CASE(rows, nv) \
  case rows: mk_micro(rows, nv, k, alpha, a, ars, acs, b, ldb, beta, c, ldc); break;

// The same for any m of 1..8 and n of 1..32 (n beyond whole vectors goes through a padded copy of C; B's rows
// must be readable up to the next multiple of 16).
MK_INLINE void mk_block(
  int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t ars, int64_t acs, const float *b,
  int64_t ldb, float beta, float *c, int64_t ldc) {
  float padded[8 * 32];
  float *target = c;
  int64_t target_ldc = ldc;
  int nv = n > 16 ? 2 : 1;
  if (n % 16 != 0) {
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < 16 * nv; j++) padded[i * 32 + j] = beta != 0 && j < n ? c[i * ldc + j] : 0;
    c = padded, ldc = 32;
  }
  if (nv == 2) {
    switch (m) {
      MK_MICRO_CASE(1, 2) MK_MICRO_CASE(2, 2) MK_MICRO_CASE(3, 2) MK_MICRO_CASE(4, 2)
      MK_MICRO_CASE(5, 2) MK_MICRO_CASE(6, 2) MK_MICRO_CASE(7, 2) MK_MICRO_CASE(8, 2)
    }
  } else {
    switch (m) {
      MK_MICRO_CASE(1, 1) MK_MICRO_CASE(2, 1) MK_MICRO_CASE(3, 1) MK_MICRO_CASE(4, 1)
      MK_MICRO_CASE(5, 1) MK_MICRO_CASE(6, 1) MK_MICRO_CASE(7, 1) MK_MICRO_CASE(8, 1)
    }
  }
  if (c == padded)
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j++) target[i * target_ldc + j] = padded[i * 32 + j];
}

// All of C[m,n] over B with readable padding, on this thread.
MK_INLINE void mk_blocks(
  int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t ars, int64_t acs, const float *b,
  int64_t ldb, float beta, float *c, int64_t ldc) {
  for (int64_t j = 0; j < n; j += 32)
    for (int64_t i = 0; i < m; i += 8)
      mk_block(
        m - i < 8 ? m - i : 8, n - j < 32 ? n - j : 32, k, alpha, a + i * ars, ars, acs, b + j, ldb, beta,
        c + i * ldc + j, ldc);
}

// Copies n (at most 32) columns of B(p,j) = b[p·brs + j·bcs] into rows of `width` values, zeros behind.
MK_INLINE void mk_pack_panel(
  int64_t k, int64_t n, const float *b, int64_t brs, int64_t bcs, int64_t width, float *panel) {
  if (bcs == 1) {
    for (int64_t p = 0; p < k; p++)
      for (int64_t j = 0; j < width; j++) panel[p * width + j] = j < n ? b[p * brs + j] : 0;
    return;
  }
  for (int64_t j = 0; j < width; j++)
    for (int64_t p = 0; p < k; p++) panel[p * width + j] = j < n ? b[p * brs + j * bcs] : 0;
}

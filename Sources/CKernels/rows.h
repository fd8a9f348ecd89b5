// Rows of an operator, for those who have them among other work.
#pragma once

#include "dispatch.h"

// RMSNorm of rows in f32 to bf16.
void rms_norm_rows(
  const float *x, const float *weight, float epsilon, uint16_t *y, int64_t rows, int64_t columns);
// SwiGLU of some rows, [rows][2·columns] to [rows][columns] in bf16.
void swiglu_narrow(const float *gate_up, uint16_t *y, int64_t rows, int64_t columns);
// A gated activation of some rows, as swiglu_narrow has its own.
void activate_narrow(int kind, const float *gate_up, uint16_t *y, int64_t rows, int64_t columns);
// y += b for each of some rows.
void add_bias_rows(float *y, const float *b, int64_t rows, int64_t columns);
// RMSNorm of groups of columns, all rows, nothing kept.
void rms_norm_groups_rows(const mk_norm_groups *p);
// y = x + scale·z, z in f32 or in bf16. y may be x.
void sum_scaled_values(
  const float *x, const float *z, const uint16_t *narrow_z, float scale, float *y, int64_t count);
// f32 from bf16.
void widen_values(const uint16_t *x, float *y, int64_t count);
